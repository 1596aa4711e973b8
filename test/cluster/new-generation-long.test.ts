// Rule B4 on a whole cluster: the log goes on in a generation with more partitions while a fleet charges.
import { expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";
import { useOwnCluster } from "./own-cluster.ts";

const cluster = useOwnCluster({ roles: ["gateway", "processor", "projector", "api"], partitions: 3 });

/** Stations are patient elsewhere; here nothing may wait for minutes. */
const fleetWords = {
  protocol: "mixed",
  stations: 12,
  speed: 120,
  commands: 2,
  "command-timeout": 5,
  repeat: 0.05,
  reconnect: 0.05,
  "message-timeout": 12,
  "retry-interval": 0.2,
  "reconnect-max": 1,
  "retry-after-max": 1,
  grace: 60,
  seed: 4,
  prefix: "GEN",
} as const;

test("B4: two generations open one after the other under load, each with more partitions, and the ledger is clean over all three on a cluster", async () => {
  using journal = tempFolder("generation-journal");
  const { environment: env, gateways, processes } = cluster();
  const target = { ocppUrl: gateways[0]!, httpUrl: processes.consoleUrl, token: processes.token };
  const fleet = startFleet(target, { ...fleetWords, seconds: 30, journal: journal.path });
  for (const partitions of [5, 8]) {
    await sleep(5_000);
    const opened = await runCommand(["topics", "--new-generation", "--partitions", String(partitions)], { env });
    expect(opened.code, `the next generation did not open: ${opened.stderr}`).toBe(0);
    expect(opened.stderr + opened.stdout).toMatch(/every fold stood at the end of generation/);
  }
  const summary = await fleet.summary(120_000);
  expect(summary.unanswered).toBe(0);
  expect(summary.sessionsSettled).toBeGreaterThan(10);
  const folded = await cluster().query(
    "select generation, count(*) as n from position where role = 'processor' and applied > 0 group by generation order by generation",
  );
  expect(folded.map((row) => Number(row["generation"]))).toEqual([1, 2, 3]);
  const words = ["verify", "--journal", journal.path, "--settle", "60"];
  const verified = await runCommand(words, { env, timeoutMs: 150_000 });
  expect(verified.code, `the ledger: ${verified.stdout}`).toBe(0);
  const fewer = await runCommand(["topics", "--new-generation", "--partitions", "7"], { env });
  expect(fewer.code).toBe(2);
  expect(fewer.stderr).toMatch(/--partitions 7 is fewer than the 8 of now/);
}, 300_000);
