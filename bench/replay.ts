// Frames that lie in the log become rows: processor and projector alone, as after a rebuild or a long pause.
import { join } from "node:path";

import { Child } from "./load/process.ts";
import { median } from "./load/samples.ts";
import type { Replay, Replayed } from "./load/targets.ts";
import { atLeast, figure, InvalidRun, type Outcome } from "./report.ts";

const frames = 100_000;
const runsEach = 3;
const goalFolded = 15_000;
const goalInMemory = 250_000;

async function once(folder: string, stations: number): Promise<Replayed> {
  const child = new Child<Replay>("./replay-server.ts");
  try {
    const replayed = await child.ask("replay", { folder, frames, stations });
    // Each frame has two readings; stations send full rounds.
    if (replayed.meterValues < frames * 2) throw new InvalidRun(`Only ${replayed.meterValues} readings became rows.`);
    return replayed;
  } finally {
    await child.stop();
  }
}

const perCore = ({ frames: count, cpuMicros }: { readonly frames: number; readonly cpuMicros: number }): number =>
  (count * 1e6) / cpuMicros;

export async function replay(folder: string): Promise<Outcome> {
  const outcome = { goals: [], figures: [] } as {
    goals: Outcome["goals"][number][];
    figures: Outcome["figures"][number][];
  };
  for (const stations of [50, 2_000]) {
    const taken: Replayed[] = [];
    for (let n = 0; n < runsEach; n++) taken.push(await once(join(folder, `${stations}-${n}`), stations));
    const folded = median(taken.map(perCore));
    const inMemory = median(taken.map((run) => perCore(run.inMemory)));
    outcome.goals.push(
      atLeast(`${stations} stations: frames folded and projected per core-second`, goalFolded, folded, "1/s", taken),
      atLeast(`${stations} stations: parsed and folded in memory per core-second`, goalInMemory, inMemory, "1/s", []),
    );
    outcome.figures.push(
      figure(`${stations} stations: folded and projected, CPU`, 1e6 / folded, "µs/frame"),
      figure(
        `${stations} stations: frames from log to rows`,
        median(taken.map((run) => run.frames / run.seconds)),
        "1/s",
      ),
    );
  }
  return outcome;
}
