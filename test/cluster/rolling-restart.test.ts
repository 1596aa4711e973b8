// Who folds which partition while processors come, go and freeze: read from the table of assignments through time.
//
// They are seen failing by test/mutants/restart-gives-away.patch and zombie-goes-on.patch.
import { expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { startFleet, type FleetRun } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { eventually, lastAnswer, sleep } from "../harness/wait.ts";
import { holdFolds } from "./held-folds.ts";
import { useOwnCluster } from "./own-cluster.ts";
import { ownersNow, watchOwners, type Owners } from "./owners.ts";

const processors = ["processor-1", "processor-2", "processor-3"];
const partitions = 9;
const cluster = useOwnCluster({
  roles: ["gateway", "processor", "processor", "processor", "projector", "api"],
  partitions,
});

function fleetOf(journal: string, seconds: number, prefix: string): FleetRun {
  return startFleet(
    { ocppUrl: cluster().gateways[0]!, httpUrl: cluster().processes.consoleUrl, token: cluster().processes.token },
    { stations: 24, seconds, prefix, protocol: "mixed", speed: 300, seed: 31, commands: 2, journal, reconnect: 0.05 },
  );
}

async function expectClean(journal: string): Promise<void> {
  const { code, stdout, stderr } = await runCommand(["verify", "--journal", journal, "--settle", "60"], {
    env: cluster().environment,
    timeoutMs: 150_000,
  });
  expect(code, `${stdout}\n${stderr}`).toBe(0);
}

/** One partition changes hands a second, and a process that came late was missed for a lease. */
const sharedWithin = { timeoutMs: 60_000 };

/** Each of the three has three. */
function shared(): Promise<ReadonlyMap<number, string>> {
  return eventually(
    "nine partitions to be shared by three",
    async () => {
      const owners = await ownersNow(cluster());
      const shares = processors.map((name) => [...owners.values()].filter((owner) => owner === name).length);
      return shares.every((share) => share === partitions / 3) ? owners : undefined;
    },
    sharedWithin,
  );
}

/** Nobody may miss a process so long after its end: memberLeaseMs of assign.ts, less the age of its last beat. */
const unmissedMs = 7_000;

/** @returns what the table said while the process was away and after; where it came back late, only until it was missed. */
async function restarted(name: string): Promise<readonly Owners[]> {
  await using watch = watchOwners(cluster());
  const stoppedAt = performance.now();
  await cluster().processes.restart(name, "SIGTERM");
  const isLate = performance.now() - stoppedAt > unmissedMs;
  await sleep(1_500);
  const looks = await watch.end();
  return looks.filter(({ at }) => !isLate || at - stoppedAt < unmissedMs).map(({ owners }) => owners);
}

test("processors restarted one after the other get back what they had, and nothing of the others moves", async () => {
  using journal = tempFolder("rolling-journal");
  await shared();
  const fleet = fleetOf(journal.path, 12, "R");
  await sleep(1_000);
  for (const name of processors) {
    const before = await shared();
    const seen = await restarted(name);
    expect(seen.length, "looks at the table").toBeGreaterThan(10);
    for (const owners of seen) expect(owners).toEqual(before);
  }
  expect((await fleet.summary(120_000)).sessionsSettled).toBeGreaterThan(10);
  await expectClean(journal.path);
}, 240_000);

test("a processor frozen past its lease loses its own partitions only, is stopped by the position row, and joins again", async () => {
  using journal = tempFolder("zombie-journal");
  const before = await shared();
  const lost = [...before].filter(([, owner]) => owner === "processor-2").map(([partition]) => partition);
  await using watch = watchOwners(cluster());
  const held = await holdFolds(cluster());
  const fleet = fleetOf(journal.path, 25, "Z");
  try {
    const isHeld = async () => (await held.waiting()) >= partitions - 2;
    await eventually("nearly all folds to have a batch in hand", isHeld, { timeoutMs: 60_000 });
    cluster().freeze("processor-2");
  } finally {
    await held.end();
  }
  try {
    const stood = await positionsOf(lost);
    await eventually(
      "the others to fold on",
      async () => (await positionsOf(lost)).every((next, i) => next > stood[i]!),
      { timeoutMs: 40_000 },
    );
  } finally {
    cluster().thaw("processor-2");
  }
  const seen = (await watch.end()).map(({ owners }) => owners);
  const others = (owners: Owners): Owners => new Map([...owners].filter(([partition]) => !lost.includes(partition)));
  for (const owners of seen) expect(others(owners)).toEqual(others(before));
  expect(lost.map((partition) => seen.at(-1)!.get(partition))).not.toContain("processor-2");
  // It goes on with what it had in hand, and finds that the position row has moved (rule F3).
  const isTold = () =>
    cluster()
      .words()
      .split("\n")
      .some((line) => line.startsWith("processor-2") && line.includes("fold/zombie"));
  expect(await lastAnswer(async () => isTold(), Boolean), "the zombie was stopped by the position row").toBe(true);
  expect((await shared()).size).toBe(partitions);
  expect((await fleet.summary(90_000)).sessionsSettled).toBeGreaterThan(10);
  await expectClean(journal.path);
}, 240_000);

async function positionsOf(of: readonly number[]): Promise<number[]> {
  const rows = await cluster().query(
    "select partition, next from position where role = 'processor' and topic like 'ocpp.frames%'",
  );
  const next = new Map(rows.map((row) => [Number(row["partition"]), Number(row["next"])]));
  return of.map((partition) => next.get(partition) ?? 0);
}
