// `wattlog rebuild`: every table again from the log, beside whatever runs; `--compare-only` is the proof alone, `--restored`
// and `--lost` are of a log that was restored (rebuild-restored.ts).
import { compareWithRebuild, type Comparison } from "../roles/compare.ts";
import type { TableComparison } from "../roles/compare-tables.ts";
import type { RebuildProgress } from "../roles/rebuild-progress.ts";
import { abandonSource, rebuildSource, type Rebuilt } from "../roles/rebuild.ts";
import { sourceOf } from "../roles/source.ts";
import { goBehindOthers } from "../roles/thread-priority.ts";
import { exitCodes, flag, WrongUse, type Invocation, type Run } from "./command.ts";
import { printJson, printTable, Progress, say } from "./output.ts";
import { rebuildRestored, showLost } from "./rebuild-restored.ts";

const shownDigits = 12;

const ways: Readonly<Record<string, Run>> = {
  "compare-only": compareOnly,
  abandon: abandonRebuild,
  restored: (invocation) => rebuildRestored(invocation, lineOf),
  lost: showLost,
};

export const runRebuild: Run = async (invocation) => {
  const asked = Object.keys(ways).filter((name) => flag(invocation, name));
  if (asked.length > 1) throw new WrongUse(`\`--${asked[0]}\` or \`--${asked[1]}\`, not both.`);
  const way = ways[asked[0] ?? ""] ?? rebuildAll;
  if (flag(invocation, "csv") && asked[0] !== "restored" && asked[0] !== "lost") {
    throw new WrongUse("`--csv` belongs to `--restored` and `--lost`.");
  }
  return way(invocation);
};

async function rebuildAll(invocation: Invocation): Promise<number> {
  goBehindOthers();
  // Hours on a large log: whoever reads a log file sees it move too.
  const progress = new Progress({ elsewhereEveryMs: 10_000 });
  const rebuilt = await rebuildSource(sourceOf(invocation.settings), (at) => progress.show(lineOf(at))).finally(() =>
    progress.clear(),
  );
  if (flag(invocation, "json")) printJson(rebuilt);
  else printRebuilt(rebuilt);
  return exitCodes.done;
}

async function abandonRebuild({ settings }: Invocation): Promise<number> {
  const removed = await abandonSource(sourceOf(settings));
  if (removed === undefined) say("There is no unfinished rebuild.");
  else say(`The unfinished rebuild is given up; ${removed} rows of its own are removed.`);
  return exitCodes.done;
}

async function compareOnly(invocation: Invocation): Promise<number> {
  const progress = new Progress();
  const comparison = await compareWithRebuild({
    source: sourceOf(invocation.settings),
    onProgress: (line) => progress.show(line),
  }).finally(() => progress.clear());
  if (flag(invocation, "json")) printJson(comparison);
  else print(comparison);
  return comparison.ok ? exitCodes.done : exitCodes.failed;
}

function lineOf({ doing, percent, recordsPerSecond, secondsLeft }: RebuildProgress): string {
  const left = secondsLeft === null ? "" : `, ${timeOf(secondsLeft)} left`;
  return `${percent} % of all, ${recordsPerSecond} records/s${left}: ${doing}`;
}

function timeOf(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

function printTables(tables: readonly TableComparison[], ifNot: string): void {
  printTable(tables, {
    table: (row) => row.table,
    "rows live": (row) => row.live.rows,
    "rows rebuilt": (row) => row.rebuilt.rows,
    checksum: (row) => row.rebuilt.sha256.slice(0, shownDigits),
    equal: (row) => (row.equal ? "yes" : ifNot),
  });
}

function printRebuilt({ tables, partitions, tableSet, removed, resumed }: Rebuilt): void {
  printTables(tables, "no, healed");
  if (resumed) say("An earlier run had begun this rebuild; it was gone on with.");
  say(
    `${partitions} partitions of folds and projections are live in table set ${tableSet}; ${removed} rows of former sets are removed.`,
  );
}

function print(comparison: Comparison): void {
  printTables(comparison.tables, "NO");
  const { checked, events } = comparison.chains;
  process.stdout.write(`event chains of ${checked} stations, ${events} events compared\n`);
  for (const problem of comparison.problems) say(problem);
}
