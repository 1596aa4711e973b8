// One row of the fault matrix: its name, what is injected, and what must hold meanwhile. `runRow` puts a load of its own
// around it and has the ledger checked; `injectRow` injects it into a load that goes on.
import { inspect } from "node:util";

import { Rng } from "../../bench/fleet/rng.ts";
import { sleep } from "../harness/wait.ts";
import type { FaultWorld } from "./fault-world.ts";
import { Load, type Ended } from "./load.ts";

/** `quick`: each fault once, as short as it still shows. `full`: as long and as often as the matrix says. */
export type Size = "quick" | "full";

export interface Injection {
  readonly world: FaultWorld;
  readonly rng: Rng;
  readonly size: Size;
  /** Stations of the row's own, beside the fleet, begin so. */
  readonly prefix: string;
  /** The fleet, and where its ledger is kept. */
  readonly load: Load;
  /** One more fault was injected. */
  readonly injected: (what: string) => void;
  /** A fault is about to end: recovery counts from the last of these. */
  readonly heals: () => void;
  /** What must hold and does not becomes a problem of the row; it goes on, so that it heals. */
  readonly must: (what: string, holds: boolean) => void;
  /** Looked at when the fleet has ended and the ledger has been checked. */
  readonly afterwards: (check: () => Promise<void>) => void;
}

export interface Row {
  /** As in the first column of the matrix, letter by letter. */
  readonly name: string;
  readonly stations?: number;
  /** Words of `wattlog simulate` beside the usual ones, where the row has a load of its own. */
  readonly fleet?: Readonly<Record<string, string | number>>;
  /** Why it cannot be had in this world, in the words of a skip. */
  readonly missing?: (world: FaultWorld) => string | undefined;
  /** Injects and heals. */
  readonly inject: (injection: Injection) => Promise<void>;
}

export interface RowReport {
  readonly row: string;
  readonly seed: number;
  readonly injections: readonly string[];
  /** CALLs that were answered; of these, not in the log, or more than once. */
  readonly acked: number;
  readonly lost: number;
  readonly duplicated: number;
  /** In the log though their station never learned so. */
  readonly recovered: number;
  /** Records that stand in the log again, dropped by every reader. */
  readonly rawRepeats: number;
  readonly sessions: number;
  readonly commands: number;
  /** From the end of the last fault until every role is ready and every station is connected. */
  readonly recoverySeconds: number;
  readonly seconds: number;
  readonly problems: readonly string[];
}

const usualStations = 24;
const flowMs: Readonly<Record<Size, number>> = { quick: 1_500, full: 4_000 };
let runs = 0;

/** What came of an injection, and what is to be looked at when its load has ended. */
export interface Injected {
  readonly injections: readonly string[];
  readonly problems: string[];
  readonly recoverySeconds: number;
  readonly afterwards: () => Promise<void>;
}

/** Never throws for a row that does not hold: that is in its problems. Its fault has healed, or a problem says that it has not. */
export async function injectRow(
  row: Row,
  load: Load,
  on: Pick<Injection, "world" | "rng" | "size">,
): Promise<Injected> {
  const { world } = on;
  const injections: string[] = [];
  const problems: string[] = [];
  const checks: (() => Promise<void>)[] = [];
  let recoverySeconds = 0;
  let healsAt = 0;
  try {
    await row.inject({
      ...on,
      prefix: `R${++runs}P`,
      load,
      injected: (what) => injections.push(what),
      heals: () => void (healsAt = performance.now()),
      must: (what, holds) => void (holds || problems.push(what)),
      afterwards: (check) => checks.push(check),
    });
  } catch (error) {
    problems.push(inspect(error, { depth: 2 }));
  }
  await told(problems, async () => {
    await world.ready();
    await load.connected();
    recoverySeconds = (performance.now() - healsAt) / 1_000;
  });
  if (injections.length === 0 || healsAt === 0) problems.push("nothing was injected, or nothing healed");
  const afterwards = async () => {
    for (const check of checks) await told(problems, check);
  };
  return { injections, problems, recoverySeconds, afterwards };
}

/** Does not throw: what it would throw is a problem. */
async function told(problems: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    problems.push(inspect(error, { depth: 2 }));
  }
}

/** Under a load of its own. Never throws for a row that does not hold: that is in the report. */
export async function runRow(world: FaultWorld, row: Row, seed: number, size: Size): Promise<RowReport> {
  const begun = performance.now();
  const { stations = usualStations, fleet: words = {} } = row;
  using load = new Load(world, { prefix: `R${++runs}X`, stations, seed, words });
  const before: string[] = [];
  await told(before, async () => {
    await load.connected();
    await sleep(flowMs[size]);
  });
  const { injections, problems, recoverySeconds, afterwards } = await injectRow(row, load, {
    world,
    rng: new Rng(seed),
    size,
  });
  await sleep(flowMs[size]);
  let ended: Ended | undefined;
  await told(problems, async () => void (ended = await load.end()));
  await afterwards();
  return {
    row: row.name,
    seed,
    injections,
    ...countsOf(ended),
    recoverySeconds,
    seconds: (performance.now() - begun) / 1_000,
    problems: [...before, ...problems, ...(ended?.problems ?? [])],
  };
}

/** How much the ledger holds, and what came of it. */
export function countsOf(ended: Ended | undefined) {
  const counts = ended?.verified?.checks.find(({ id }) => id === "L1")?.counts ?? {};
  const count = (name: string): number => counts[name] ?? 0;
  return {
    acked: count("ok") + count("lost"),
    lost: count("lost"),
    duplicated: count("duplicated"),
    recovered: count("recovered"),
    rawRepeats: count("rawRepeats"),
    sessions: ended?.summary?.sessionsSettled ?? 0,
    commands: ended?.summary?.commandsDone ?? 0,
  };
}
