// `npm run simulate:seeds`: exit code 0 only if every rule was looked at and held in every seed; 1: not so; 2: wrong use. The
// last line counts seeds, as every suite's does.
import { readOptions, usage, WrongUse, type Options } from "./options.ts";
import { simulate } from "./run.ts";
import { count, newTotals, reportOf, rules, runSeeds, type Report, type Totals } from "./seeds.ts";

/** Fewer may miss a rule by chance. */
const telling = 100;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printFailure({ seed, violations }: Report): void {
  for (const { rule, sentence } of violations) print(`seed ${seed}: ${rule}: ${sentence}`);
  print(`  npm run simulate:seeds -- --seed ${seed} --trace`);
}

async function one(seed: number, trace: boolean): Promise<Totals> {
  const verdict = await simulate(seed, trace ? print : undefined);
  const totals = newTotals();
  count(totals, reportOf(verdict));
  print(`seed ${seed}: ${verdict.steps} events, trace ${verdict.digest}`);
  for (const report of totals.failed) printFailure(report);
  return totals;
}

async function many(options: Options): Promise<Totals> {
  print(`simulation: seeds ${options.first} to ${options.first + options.seeds - 1}, ${options.workers} threads`);
  const started = performance.now();
  const totals = await runSeeds(options, (report) => {
    if (report.violations.length > 0) printFailure(report);
  });
  const seconds = (performance.now() - started) / 1000;
  const perSeed = Math.round(totals.steps / totals.seeds);
  print(`${totals.seeds} seeds in ${seconds.toFixed(1)} s, ${perSeed} events each`);
  return totals;
}

function conclude(totals: Totals): number {
  print(`looked at: ${[...totals.checks].map(([rule, times]) => `${rule} ${times}`).join(", ")}`);
  const missed = totals.seeds < telling ? [] : rules.filter((rule) => !totals.checks.has(rule));
  for (const rule of missed) print(`problem: nothing was held to ${rule}`);
  const failed = totals.failed.length;
  print(`${totals.seeds - failed} passed, ${failed + missed.length} failed, 0 skipped`);
  return failed === 0 && missed.length === 0 && totals.seeds > 0 ? 0 : 1;
}

try {
  const options = readOptions(process.argv.slice(2));
  process.exitCode = conclude(options.seeds === 1 ? await one(options.first, options.trace) : await many(options));
} catch (error) {
  const wrong = error instanceof WrongUse;
  process.stderr.write(
    wrong ? `${error.message}\n\n${usage}` : `${error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = wrong ? 2 : 1;
}
