import { connect } from "node:net";

import { Client } from "pg";
import { beforeAll, beforeEach, expect, test } from "vitest";

import { ensureServers, ownServer, serversForTests } from "./ensure.ts";

let missing: string | undefined;

beforeAll(async () => {
  ({ missing } = await serversForTests(["redis", "postgres"]));
}, 120_000);

beforeEach((context) => {
  if (missing) context.skip(missing);
});

function ask(address: string, command: string): Promise<string> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    socket.on("error", reject);
    socket.setEncoding("utf8").once("data", (answer: unknown) => {
      socket.destroy();
      resolve(String(answer));
    });
    socket.write(`${command}\r\n`);
  });
}

test("servers that are asked for again are the same ones", async () => {
  const [first, second] = await Promise.all([ensureServers(["redis"]), ensureServers(["redis"])]);
  expect(second).toEqual(first);
  expect(await ask(new URL(first.redis!.url).host, "PING")).toContain("PONG");
});

test("a server of one's own is another one, comes back on its port after a kill, and goes with its owner", async () => {
  const shared = (await ensureServers(["redis"])).redis!;
  const own = await ownServer("redis");
  const { address, pid } = own.node("redis");
  expect(own.server.url).not.toBe(shared.url);
  process.kill(pid, "SIGKILL");
  await own.restart("redis");
  expect(own.node("redis")).toMatchObject({ address });
  expect(own.node("redis").pid).not.toBe(pid);
  expect(await ask(address, "PING")).toContain("PONG");
  await own.end();
  await expect(ask(address, "PING")).rejects.toThrow("ECONNREFUSED");
});

test("PostgreSQL is there again when it answers a query, not when its port opens", async () => {
  const own = await ownServer("postgres");
  const query = async (text: string): Promise<unknown[]> => {
    const client = new Client({ connectionString: own.server.url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  await query("create table many as select n, repeat('x', 200) as text from generate_series(1, 300000) as n");
  // Ends at once and leaves all of that to recovery, during which the port is open and queries are refused.
  process.kill(own.node("postgres").pid, "SIGQUIT");
  await own.restart("postgres");
  expect(await query("select count(*)::int as count from many")).toEqual([{ count: 300_000 }]);
  await own.end();
}, 60_000);
