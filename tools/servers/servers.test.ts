import { connect } from "node:net";

import { beforeAll, beforeEach, expect, test } from "vitest";

import { ensureServers, ownServer, serversForTests } from "./ensure.ts";

let missing: string | undefined;

beforeAll(async () => {
  ({ missing } = await serversForTests(["redis"]));
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
