// What a run sees of the keeper that an earlier run has left: it may be about to end.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { beforeAll, beforeEach, expect, test } from "vitest";

import { serversForTests } from "./ensure.ts";

const childFile = fileURLToPath(new URL("./keeper-child.ts", import.meta.url));
let missing: string | undefined;

beforeAll(async () => {
  ({ missing } = await serversForTests(["redis"]));
}, 120_000);

beforeEach((context) => {
  if (missing) context.skip(missing);
});

async function run(how: string): Promise<string> {
  const env = { ...process.env, TEST_KEEPER: `test-${process.pid}`, REDIS_URL: "" };
  const { stdout } = await promisify(execFile)(process.execPath, [childFile, how], { env, timeout: 30_000 });
  return stdout.trim();
}

test("servers asked for while their keeper ends are started by the next one", async () => {
  expect(await run("first")).toBe("PONG");
  // One of the two hears that nobody holds anything and ends the keeper, while the other asks it for the servers.
  for (let round = 0; round < 3; round++) {
    expect(await Promise.all([run("sweep"), run("sweep")])).toEqual(["PONG", "PONG"]);
  }
}, 90_000);
