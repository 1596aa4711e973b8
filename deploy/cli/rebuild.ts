// `wattlog rebuild --compare-only`: the proof that the tables follow from the log.
import { compareWithRebuild, type Comparison } from "../roles/compare.ts";
import { sourceOf } from "../roles/source.ts";
import { exitCodes, flag, WrongUse, type Run } from "./command.ts";
import { printJson, printTable, Progress, say } from "./output.ts";

const shownDigits = 12;

export const runRebuild: Run = async (invocation) => {
  if (!flag(invocation, "compare-only")) {
    throw new WrongUse(
      "The swap to rebuilt tables comes with a later version; `wattlog rebuild --compare-only` compares.",
    );
  }
  const progress = new Progress();
  const comparison = await compareWithRebuild({
    source: sourceOf(invocation.settings),
    onProgress: (line) => progress.show(line),
  }).finally(() => progress.clear());
  if (flag(invocation, "json")) printJson(comparison);
  else print(comparison);
  return comparison.ok ? exitCodes.done : exitCodes.failed;
};

function print(comparison: Comparison): void {
  printTable(comparison.tables, {
    table: (row) => row.table,
    "rows live": (row) => row.live.rows,
    "rows rebuilt": (row) => row.rebuilt.rows,
    checksum: (row) => row.live.sha256.slice(0, shownDigits),
    equal: (row) => (row.equal ? "yes" : "NO"),
  });
  const { checked, events } = comparison.chains;
  process.stdout.write(`event chains of ${checked} stations, ${events} events compared\n`);
  for (const problem of comparison.problems) say(problem);
}
