// Who folds which partition while processors come and go: read from the table of assignments through time.
//
// It is seen failing by test/mutants/restart-gives-away.patch.
import { expect, test } from "vitest";

import { tempFolder } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";
import { watchOwners, type Owners } from "./owners.ts";
import { processors, useThreeProcessors } from "./three-processors.ts";

const { cluster, fleetOf, expectClean, shared } = useThreeProcessors();

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
  expect((await fleet.summary(180_000)).sessionsSettled).toBeGreaterThan(10);
  await expectClean(journal.path);
}, 480_000);
