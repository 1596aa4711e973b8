// A processor that stands still for longer than its lease, with a batch in hand, and then goes on.
//
// That the position row stops it (rule F3), whenever it hears of its new owner, is held by processors/zombie.test.ts on PostgreSQL,
// which test/mutants/zombie-goes-on.patch makes fail.
import { expect, test } from "vitest";

import { tempFolder } from "../harness/paths.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { holdFolds } from "./held-folds.ts";
import type { Owners } from "./owners.ts";
import { watchOwners } from "./owners.ts";
import { useThreeProcessors } from "./three-processors.ts";

const { cluster, partitions, fleetOf, expectClean, shared } = useThreeProcessors();

test("a processor frozen past its lease loses its own partitions only, is stopped, and joins again", async () => {
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
  // It goes on with what it had in hand, and finds that the position row has moved (rule F3); or it hears of the new owner
  // before that answer comes.
  const stopped = ["fold/zombie", "another process has this partition now"];
  const isTold = () =>
    cluster()
      .words()
      .split("\n")
      .some((line) => line.startsWith("processor-2") && stopped.some((words) => line.includes(words)));
  expect(await lastAnswer(async () => isTold(), Boolean), "the zombie was stopped").toBe(true);
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
