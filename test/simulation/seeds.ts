// Many seeds, over some threads, and what came of them.
import { Worker } from "node:worker_threads";
import type { Violation } from "./journal.ts";
import type { Options } from "./options.ts";
import type { Verdict } from "./run.ts";

/** What goes through a message; the checks as pairs. */
export interface Report {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly digest: string;
  readonly steps: number;
  readonly checks: readonly (readonly [rule: string, count: number])[];
}

export interface Totals {
  seeds: number;
  steps: number;
  readonly failed: Report[];
  /** By rule. */
  readonly checks: Map<string, number>;
}

/** What every run of some hundred seeds must have looked at, or it says nothing. */
export const rules: readonly string[] = [
  ["promise 1", "promise 2", "promise 4", "outage", "batcher"],
  ["I2", "I4", "I6", "T1", "T3", "F3", "F5", "F6", "C1", "C2", "C3", "C4"],
  ["L1", "L2", "L3", "L4", "L5"],
].flat();

export function newTotals(): Totals {
  return { seeds: 0, steps: 0, failed: [], checks: new Map() };
}

export function reportOf({ checks, ...verdict }: Verdict): Report {
  return { ...verdict, violations: verdict.violations.slice(0, 5), checks: [...checks] };
}

export function count(totals: Totals, report: Report): void {
  totals.seeds++;
  totals.steps += report.steps;
  if (report.violations.length > 0) totals.failed.push(report);
  for (const [rule, times] of report.checks) totals.checks.set(rule, (totals.checks.get(rule) ?? 0) + times);
}

/** Each thread takes the next seed that nobody has taken. */
export async function runSeeds(
  { first, seeds, workers, stop }: Options,
  onReport: (report: Report) => void,
): Promise<Totals> {
  const totals = newTotals();
  let next = first;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    const { promise: over, resolve, reject } = Promise.withResolvers<void>();
    const give = (): void => {
      if (next >= first + seeds || (stop && totals.failed.length > 0)) resolve();
      else worker.postMessage(next++);
    };
    worker.on("error", reject);
    worker.on("exit", () => reject(new Error("a thread of the simulation ended by itself")));
    worker.on("message", (report: Report) => {
      count(totals, report);
      onReport(report);
      give();
    });
    give();
    try {
      await over;
    } finally {
      worker.removeAllListeners("exit");
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, seeds) }, work));
  return totals;
}
