// Certificates towards servers are renewed in their files while a process runs: each client takes them with its next connection.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { expect, test } from "vitest";

import { serversForTests } from "../../tools/servers/ensure.ts";
import { authorityAt, issued } from "../../test/harness/certificates.ts";
import { tempFolder } from "../../test/harness/paths.ts";
import { eventually } from "../../test/harness/wait.ts";
import { defaultTimes, RedisClient } from "../bus/redis-client.ts";
import { parseRedisUrl } from "../bus/redis-url.ts";
import { readKafkaSettings } from "../config/kafka-connection.ts";
import { PostgresPool } from "../store/postgres-connection.ts";
import { clientOf, makeCluster } from "./kafkajs-client.ts";
import { Brokers } from "./platformatic-client.ts";

test("Kafka's clients trust a renewed authority with their next connection", async (context) => {
  const found = await serversForTests(["kafka"]);
  if (found.missing) return context.skip(found.missing);
  const { tlsBrokers, caFile } = found.servers.kafka!;
  using folder = tempFolder("kafka-authority");
  const path = join(folder.path, "ca.crt");
  writeFileSync(path, (await authorityAt()).certificate);
  const settings = readKafkaSettings({ KAFKA_BROKERS: tlsBrokers.join(","), KAFKA_SSL_CA_FILE: path })!;
  const connection = { clientId: "wattlog-test", ...settings };
  const admin = clientOf(connection, 0).admin();
  const cluster = makeCluster(connection, 0);
  const brokers = new Brokers(connection, 10_000, 0);
  try {
    const asked = await Promise.allSettled([admin.connect(), cluster.connect(), brokers.learn([])]);
    expect(asked.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    writeFileSync(path, readFileSync(caFile));
    await admin.connect();
    expect((await admin.describeCluster()).brokers.length).toBeGreaterThan(0);
    await cluster.connect();
    expect((await brokers.learn([])).nodes.size).toBeGreaterThan(0);
  } finally {
    brokers.close();
    await Promise.allSettled([admin.disconnect(), cluster.disconnect()]);
  }
});

const quick = { ...defaultTimes, connectMs: 2_500, reconnectMaxMs: 100 };

test("Redis' client trusts a renewed authority with its next connection", async (context) => {
  const found = await serversForTests(["redis"]);
  if (found.missing) return context.skip(found.missing);
  const { tlsUrl, caFile } = found.servers.redis!;
  using folder = tempFolder("redis-authority");
  const path = join(folder.path, "ca.crt");
  writeFileSync(path, (await authorityAt()).certificate);
  let connected = 0;
  const client = new RedisClient(parseRedisUrl(`${tlsUrl}?caFile=${encodeURIComponent(path)}`), quick, () => {
    connected++;
  });
  try {
    await expect(client.ready()).rejects.toThrow(/is not trusted/);
    expect(connected).toBe(0);
    writeFileSync(path, readFileSync(caFile));
    await eventually("a connection", () => connected > 0);
  } finally {
    client.close();
  }
});

test("Postgres' client trusts a renewed authority with its next connection", async () => {
  using folder = tempFolder("postgres-authority");
  const path = join(folder.path, "ca.crt");
  const [authority, other] = [await authorityAt(), await authorityAt()];
  const { certificate: cert, key } = await issued(authority, "CN=postgres", 10, "127.0.0.1");
  let trusted = 0;
  // Says yes to TLS, as the server does, and no more once the client has trusted it.
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("S");
      const secure = new TLSSocket(socket, { isServer: true, cert, key });
      secure.on("error", () => {});
      secure.once("data", () => {
        trusted++;
        secure.destroy();
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  writeFileSync(path, other.certificate);
  const url = `postgres://u:p@127.0.0.1:${port}/d?sslmode=verify-full&sslrootcert=${encodeURIComponent(path)}`;
  const pool = new PostgresPool({ url, connections: 1, readOnly: true });
  try {
    await expect(pool.take()).rejects.toThrow(/DATABASE_URL|Postgres/);
    expect(trusted).toBe(0);
    writeFileSync(path, authority.certificate);
    await expect(pool.take()).rejects.toThrow(/DATABASE_URL|Postgres/);
    expect(trusted).toBe(1);
  } finally {
    await pool.close();
    server.close();
  }
});
