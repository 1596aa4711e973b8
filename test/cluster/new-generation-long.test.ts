// Rule B4 on a whole cluster: the log goes on in a generation with more partitions while a fleet charges.
import { afterAll, expect, test } from "vitest";

import { firstOffsetOf, topicsOfGeneration } from "../../core/log/generations.ts";
import type { Topic } from "../../core/log/log.ts";
import { eager } from "../faults/retention.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet, type FleetRun } from "../harness/fleet.ts";
import { commandFile, tempFolder } from "../harness/paths.ts";
import { Child, cleanEnvironment } from "../harness/process.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { parseMetrics } from "../harness/wattlog.ts";
import { useOwnCluster } from "./own-cluster.ts";

const archive = tempFolder("generation-archive");
// After the cluster's own end.
afterAll(() => archive[Symbol.dispose]());
const cluster = useOwnCluster({
  roles: ["gateway", "processor", "projector", "api", "archiver"],
  partitions: 3,
  settings: { ...eager, WATTLOG_ARCHIVE: archive.path },
});

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
} as const;

/** Every fleet's own stations and ledger. */
function fleetOf(prefix: string, seconds: number, journal: string): FleetRun {
  const { gateways, processes } = cluster();
  const target = { ocppUrl: gateways[0]!, httpUrl: processes.consoleUrl, token: processes.token };
  return startFleet(target, { ...fleetWords, prefix, seconds, journal });
}

async function expectClean(fleet: FleetRun, journal: string): Promise<void> {
  const summary = await fleet.summary(120_000);
  expect(summary.unanswered).toBe(0);
  expect(summary.sessionsSettled).toBeGreaterThan(5);
  const words = ["verify", "--journal", journal, "--settle", "60"];
  const verified = await runCommand(words, { env: cluster().environment, timeoutMs: 150_000 });
  expect(verified.code, `the ledger: ${verified.stdout}`).toBe(0);
}

/** First offset that Kafka still holds, and one past what the archive holds, by partition. */
async function trimmed(topic: Topic) {
  const { adminUrl } = cluster().processes.of("archiver-1");
  const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const metrics = parseMetrics(await response.text());
  return Array.from({ length: topic.partitions }, (_, partition) => {
    const labels = `{topic="${topic.name}",partition="${partition}"}`;
    const [start, archived] = ["wattlog_log_trimmed_offset", "wattlog_archived_offset"].map((name) =>
      metrics.get(name + labels),
    );
    return { first: firstOffsetOf(topic), start: start ?? 0, archived };
  });
}

/** Those that any processor has folded something of. */
async function generationsFolded(): Promise<number[]> {
  const rows = await cluster().query(
    "select distinct generation from position where role = 'processor' and applied > 0 order by generation",
  );
  return rows.map((row) => Number(row["generation"]));
}

test("B4: two generations open one after the other under load, each with more partitions, and the ledger is clean over all three on a cluster", async () => {
  using journal = tempFolder("generation-journal");
  const { environment: env } = cluster();
  const fleet = fleetOf("GEN", 30, journal.path);
  for (const partitions of [5, 8]) {
    await sleep(5_000);
    const opened = await runCommand(["topics", "--new-generation", "--partitions", String(partitions)], { env });
    expect(opened.code, `the next generation did not open: ${opened.stderr}`).toBe(0);
    expect(opened.stderr + opened.stdout).toMatch(/every fold stood at the end of generation/);
  }
  await expectClean(fleet, journal.path);
  expect(await generationsFolded()).toEqual([1, 2, 3]);
  // Generations that have ended give up all that they hold, and the ledger is as clean through the archive (rule B2).
  await eventually("all frames of ended generations to be given up", async () => {
    const ended = [topicsOfGeneration(1, 3), topicsOfGeneration(2, 5)].map(({ frames }) => frames);
    const kept = (await Promise.all(ended.map(trimmed))).flat();
    return kept.every(({ first, start, archived }) => start > first && start === archived);
  });
  const again = await runCommand(["rebuild", "--compare-only"], { env });
  expect(again.code, `compared through the archive: ${again.stdout}${again.stderr}`).toBe(0);
  const fewer = await runCommand(["topics", "--new-generation", "--partitions", "7"], { env });
  expect(fewer.code).toBe(2);
  expect(fewer.stderr).toMatch(/--partitions 7 is fewer than the 8 of now/);
}, 300_000);

test("B4: chargers and folds move to a generation whose command was killed as soon as it was open on a cluster", async () => {
  using journal = tempFolder("generation-journal");
  const before = await generationsFolded();
  const fleet = fleetOf("KIL", 20, journal.path);
  await sleep(3_000);
  // So that the folds cannot be at their ends while the command lives.
  cluster().freeze("processor-1");
  await sleep(1_500);
  const command = new Child(process.execPath, [commandFile, "topics", "--new-generation"], {
    env: cleanEnvironment(cluster().environment),
  });
  try {
    await eventually("the next generation to be open", () => /is open/.test(command.words()), { timeoutMs: 60_000 });
  } finally {
    command.signal("SIGKILL");
    await command.exited;
    cluster().thaw("processor-1");
  }
  const next = (before.at(-1) ?? 0) + 1;
  await eventually("the next generation to be folded", async () => (await generationsFolded()).includes(next), {
    timeoutMs: 90_000,
  });
  await expectClean(fleet, journal.path);
}, 300_000);
