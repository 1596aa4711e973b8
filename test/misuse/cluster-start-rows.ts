// What people get wrong about a cluster's servers and settings, a row each.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer as createWebServer } from "node:http";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { TLSSocket } from "node:tls";

import { certificate } from "../../tools/servers/tls.ts";
import { tempFolder } from "../harness/paths.ts";
import type { ClusterServers, Environment } from "./cluster-servers.ts";

export interface Row {
  readonly what: string;
  readonly role: string;
  readonly env: (servers: ClusterServers) => Environment | Promise<Environment>;
  /** 2: the exit code. Else which of its parts is not ready meanwhile. */
  readonly ends: 2 | "waits" | "goes on without";
  /** Each must stand in what it says. */
  readonly names: readonly string[];
  /** It ends before it has asked any server: what that takes is what loading takes on this machine now. */
  readonly asksNobody?: true;
}

const listeners: Server[] = [];
const folder = tempFolder("misuse-cluster");

/** What the rows have opened and made. */
export function endRows(): void {
  for (const listener of listeners) listener.close();
  folder[Symbol.dispose]();
}

async function listening(server: Server): Promise<string> {
  listeners.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const silent = () => listening(createServer(() => {}));
const web = () => listening(createWebServer((_, response) => response.end("hello")));

/** A Postgres that speaks TLS and nothing else, in front of the one that does not. */
export async function byTls(databaseUrl: string, authority?: string): Promise<string> {
  const { certFile, keyFile } = await certificate();
  const to = Number(new URL(databaseUrl).port);
  const options = { isServer: true, cert: readFileSync(certFile), key: readFileSync(keyFile) } as const;
  const door = createServer((client) => {
    // Its first words ask whether TLS is spoken here.
    client.once("data", () => {
      const inside = new TLSSocket(client, options);
      const server = connect(to, "127.0.0.1");
      for (const socket of [client, inside, server]) socket.on("error", () => undefined);
      inside.pipe(server).pipe(inside);
      client.write("S");
    });
  });
  const address = await listening(door);
  return changed(databaseUrl, (url) => {
    url.host = address;
    url.searchParams.set("sslmode", "verify-full");
    if (authority !== undefined) url.searchParams.set("sslrootcert", authority);
  });
}

export const changed = (address: string, change: (url: URL) => void): string => {
  const url = new URL(address);
  change(url);
  return url.href;
};

const sasl = ({ kafka: { server } }: ClusterServers, more: Environment = {}): Environment => ({
  KAFKA_BROKERS: server.saslBrokers.join(","),
  KAFKA_SASL_USERNAME: server.user,
  KAFKA_SASL_PASSWORD: "wrong-secret",
  ...more,
});

/** A user of the database with so much right, in a database that is provisioned. */
async function user(servers: ClusterServers, name: string, rights: string): Promise<Environment> {
  await servers.sql(`create role ${name} login password 'wrong-secret'; ${rights.replaceAll("$user", name)}`);
  return {
    DATABASE_URL: changed(servers.databaseUrl, (url) => {
      [url.username, url.password] = [name, "wrong-secret"];
    }),
  };
}

export const rows: readonly Row[] = [
  // --- Kafka ---
  {
    what: "nothing listens where Kafka should be",
    role: "gateway",
    env: () => ({ KAFKA_BROKERS: "127.0.0.1:1" }),
    ends: "waits",
    names: ["Nothing listens at 127.0.0.1:1", "KAFKA_BROKERS"],
  },
  {
    what: "what listens there is a web server",
    role: "processor",
    env: async () => ({ KAFKA_BROKERS: await web() }),
    ends: "waits",
    names: ["does not answer as Kafka does", "KAFKA_BROKERS"],
  },
  {
    what: "what listens there says nothing",
    role: "projector",
    env: async () => ({ KAFKA_BROKERS: await silent() }),
    ends: "waits",
    names: ["does not answer as Kafka does", "KAFKA_BROKERS"],
  },
  {
    what: "a name that leads nowhere",
    role: "api",
    env: () => ({ KAFKA_BROKERS: "kafka.invalid:9092" }),
    ends: "waits",
    names: ["kafka.invalid:9092 leads nowhere", "KAFKA_BROKERS"],
  },
  {
    what: "a broker without its port",
    role: "gateway",
    env: () => ({ KAFKA_BROKERS: "localhost" }),
    ends: 2,
    names: ["KAFKA_BROKERS", "host:port"],
    asksNobody: true,
  },
  {
    what: "a wrong password of Kafka",
    role: "gateway",
    env: (servers) => sasl(servers),
    ends: 2,
    names: ["KAFKA_SASL_PASSWORD"],
  },
  {
    what: "a wrong password of Kafka by SCRAM",
    role: "processor",
    env: (servers) => sasl(servers, { KAFKA_SASL_MECHANISM: "scram-sha-512" }),
    ends: 2,
    names: ["KAFKA_SASL_PASSWORD"],
  },
  {
    what: "no login where Kafka wants one",
    role: "projector",
    env: ({ kafka }) => ({ KAFKA_BROKERS: kafka.server.saslBrokers.join(",") }),
    ends: "waits",
    names: ["KAFKA_SASL_*"],
  },
  {
    what: "TLS towards a plain Kafka",
    role: "gateway",
    env: () => ({ KAFKA_SSL: "true" }),
    ends: "waits",
    names: ["does not speak TLS", "KAFKA_SSL=false"],
  },
  {
    what: "plain towards a Kafka with TLS",
    role: "gateway",
    env: ({ kafka }) => ({ KAFKA_BROKERS: kafka.server.tlsBrokers.join(",") }),
    ends: 2,
    names: ["wants TLS", "KAFKA_SSL=true"],
  },
  {
    what: "a Kafka whose authority nobody knows",
    role: "api",
    env: ({ kafka }) => ({ KAFKA_BROKERS: kafka.server.tlsBrokers.join(","), KAFKA_SSL: "true" }),
    ends: 2,
    names: ["not trusted", "KAFKA_SSL_CA_FILE"],
  },
  {
    what: "a file of an authority that is not there",
    role: "gateway",
    env: () => ({ KAFKA_SSL_CA_FILE: "/nowhere/ca.pem" }),
    ends: 2,
    names: ["KAFKA_SSL_CA_FILE", "/nowhere/ca.pem"],
    asksNobody: true,
  },
  // --- Redis ---
  {
    what: "nothing listens where Redis should be, for a gateway",
    role: "gateway",
    env: () => ({ REDIS_URL: "redis://127.0.0.1:1" }),
    ends: "goes on without",
    names: ["Redis at 127.0.0.1:1", "Chargers go on"],
  },
  {
    what: "nothing listens where Redis should be, for an api",
    role: "api",
    env: () => ({ REDIS_URL: "redis://127.0.0.1:1" }),
    ends: "waits",
    names: ["Redis at 127.0.0.1:1", "commands fail until it is back"],
  },
  {
    what: "a wrong password of Redis",
    role: "gateway",
    env: ({ redis }) => ({
      REDIS_URL: changed(redis.server.url, (url) => ([url.username, url.password] = ["someone", "wrong-secret"])),
    }),
    ends: 2,
    names: ["REDIS_URL", "password"],
  },
  {
    what: "TLS towards a plain Redis",
    role: "api",
    env: ({ redis }) => ({ REDIS_URL: redis.server.url.replace("redis:", "rediss:") }),
    ends: "waits",
    names: ["Where it has no TLS, write redis://"],
  },
  {
    what: "plain towards a Redis with TLS",
    role: "api",
    env: ({ redis }) => ({ REDIS_URL: redis.server.tlsUrl.replace("rediss:", "redis:") }),
    ends: "waits",
    names: ["rediss://"],
  },
  {
    what: "a Redis whose authority nobody knows",
    role: "processor",
    env: ({ redis }) => ({ REDIS_URL: redis.server.tlsUrl }),
    ends: 2,
    names: ["not trusted", "caFile="],
  },
  {
    what: "a replica of Redis",
    role: "gateway",
    env: ({ redis }) => ({ REDIS_URL: `redis://${redis.node("replica").address}` }),
    ends: 2,
    names: ["is a replica", "REDIS_URL must lead to the primary"],
  },
  {
    what: "a Redis that evicts",
    role: "api",
    // The master behind the Sentinels, as a server by itself: nobody else here uses it.
    env: ({ redis }) => ({ REDIS_URL: `redis://${redis.node("master").address}` }),
    ends: 2,
    names: ["allkeys-lru", "noeviction"],
  },
  {
    what: "an address of Redis that is none",
    role: "gateway",
    env: () => ({ REDIS_URL: "localhost:6379" }),
    ends: 2,
    names: ["REDIS_URL must be redis://"],
  },
  // --- Postgres ---
  {
    what: "nothing listens where Postgres should be",
    role: "processor",
    env: ({ databaseUrl }) => ({ DATABASE_URL: changed(databaseUrl, (url) => (url.port = "1")) }),
    ends: "waits",
    names: ["Postgres at 127.0.0.1:1", "cannot be used now"],
  },
  {
    what: "a wrong password of Postgres",
    role: "projector",
    env: ({ databaseUrl }) => ({ DATABASE_URL: changed(databaseUrl, (url) => (url.password = "wrong-secret")) }),
    ends: 2,
    names: ["DATABASE_URL", "password"],
  },
  {
    what: "a database that is not there",
    role: "api",
    env: ({ databaseUrl }) => ({ DATABASE_URL: changed(databaseUrl, (url) => (url.pathname = "/nowhere")) }),
    ends: 2,
    names: ["no database nowhere", "DATABASE_URL"],
  },
  {
    what: "TLS towards a plain Postgres",
    role: "api",
    env: ({ databaseUrl }) => ({
      DATABASE_URL: changed(databaseUrl, (url) => url.searchParams.set("sslmode", "verify-full")),
    }),
    ends: 2,
    names: ["does not speak TLS", "DATABASE_URL"],
  },
  {
    what: "a Postgres whose authority nobody knows",
    role: "processor",
    env: async ({ databaseUrl }) => ({ DATABASE_URL: await byTls(databaseUrl) }),
    ends: 2,
    names: ["not trusted", "sslrootcert=", "DATABASE_URL"],
  },
  {
    what: "a Postgres whose authority cannot be read",
    role: "projector",
    env: async ({ databaseUrl }) => ({ DATABASE_URL: await byTls(databaseUrl, "/nowhere/ca.pem") }),
    ends: 2,
    names: ["sslrootcert", "/nowhere/ca.pem", "DATABASE_URL"],
  },
  {
    what: "a Postgres that takes no writes",
    role: "processor",
    env: ({ databaseUrl }) => ({
      DATABASE_URL: changed(databaseUrl, (url) =>
        url.searchParams.set("options", "-c default_transaction_read_only=on"),
      ),
    }),
    ends: "waits",
    names: ["read-only", "DATABASE_URL must lead to the primary"],
  },
  {
    what: "a user of Postgres that may only read",
    role: "processor",
    env: (servers) => user(servers, "only_reads", "grant select on all tables in schema public to $user"),
    ends: 2,
    names: ["only_reads", "grant"],
  },
  {
    what: "a Postgres without a connection left",
    role: "projector",
    env: (servers) => user(servers, "one_too_many", "alter role $user connection limit 0"),
    ends: "waits",
    names: ["no connection left", "max_connections"],
  },
  {
    what: "a database without tables",
    role: "api",
    env: async (servers) => ({ DATABASE_URL: await servers.database() }),
    ends: 2,
    names: ["wattlog migrate"],
  },
  {
    what: "tables of an older wattlog",
    role: "projector",
    env: (servers) => versioned(servers, 1),
    ends: 2,
    names: ["schema version 1", "wattlog migrate"],
  },
  {
    what: "tables of a newer wattlog",
    role: "processor",
    env: (servers) => versioned(servers, 999),
    ends: 2,
    names: ["schema version 999", "newer wattlog"],
  },
  // --- settings ---
  {
    what: "no servers at all",
    role: "projector",
    env: () => ({ KAFKA_BROKERS: "", DATABASE_URL: "" }),
    ends: 2,
    names: ["KAFKA_BROKERS and DATABASE_URL", "wattlog all"],
    asksNobody: true,
  },
  {
    what: "no token of an administrator",
    role: "api",
    env: () => ({ WATTLOG_ADMIN_TOKEN: "" }),
    ends: 2,
    names: ["WATTLOG_ADMIN_TOKEN"],
    asksNobody: true,
  },
  {
    what: "an unknown setting",
    role: "gateway",
    env: () => ({ WATTLOG_NODE: "gateway-1" }),
    ends: 2,
    names: ["WATTLOG_NODE ", "wattlog config"],
    asksNobody: true,
  },
  {
    what: "the data folder of a wattlog in one process",
    role: "processor",
    env: () => {
      writeFileSync(join(folder.path, "log.db"), "");
      return { WATTLOG_DATA_DIR: folder.path };
    },
    ends: 2,
    names: ["WATTLOG_DATA_DIR", "wattlog all"],
    asksNobody: true,
  },
];

async function versioned(servers: ClusterServers, version: number): Promise<Environment> {
  const url = await servers.database();
  await servers.sql(
    `create table schema_version (version integer); insert into schema_version values (${version})`,
    url,
  );
  return { DATABASE_URL: url };
}
