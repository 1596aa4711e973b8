// A role that is started before the cluster is ready for it.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { shareCluster } from "../harness/cluster-system.ts";
import { postgresDatabase } from "../harness/postgres.ts";
import { startTimeoutMs } from "../harness/system.ts";

let missing: string | undefined;
let env: Readonly<Record<string, string>>;
let empty: Awaited<ReturnType<typeof postgresDatabase>> | undefined;

beforeAll(async () => {
  const found = await shareCluster();
  if ("missing" in found) return void (missing = found.missing);
  env = { ...found.environment, WATTLOG_ADMIN_PORT: "0" };
  empty = await postgresDatabase(found.environment["DATABASE_URL"]!);
}, startTimeoutMs);

afterAll(() => empty?.drop());

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

test("a role without the schema, or without the topics, says in one sentence what to run, with exit code 2", async () => {
  const withoutSchema = await runCommand(["projector"], { env: { ...env, DATABASE_URL: empty!.url } });
  expect(withoutSchema.stderr).toContain("wattlog migrate");
  expect(withoutSchema.code).toBe(2);
  const otherPartitions = await runCommand(["projector"], { env: { ...env, WATTLOG_PARTITIONS: "7" } });
  expect(otherPartitions.stderr).toContain("WATTLOG_PARTITIONS");
  expect(otherPartitions.code).toBe(2);
}, 60_000);
