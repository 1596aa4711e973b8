// `npm run simulate:seeds`: exit code 0 only if every rule was looked at and held in every seed; 1: not so; 2: wrong use. The
// last line counts seeds, as every suite's does.
import { openFindings } from "./open-findings.ts";
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

/** Seeds that broke the rule that they are known for, and sentences on those that did not. */
function openOnes(totals: Totals, { first, seeds }: Options): { readonly open: number; readonly problems: string[] } {
  const problems: string[] = [];
  let open = 0;
  for (const [seed, rule] of openFindings) {
    if (seeds === 1 || seed < first || seed >= first + seeds) continue;
    const broken = totals.failed.find((report) => report.seed === seed)?.violations ?? [];
    if (broken.length === 0) problems.push(`seed ${seed} breaks nothing any more: strike it from open-findings.ts`);
    else if (broken.every((violation) => violation.rule === rule)) {
      open++;
      print(`open: seed ${seed} breaks ${rule}, as open-findings.ts says; it counts as skipped`);
    }
  }
  return { open, problems };
}

function conclude(totals: Totals, options: Options): number {
  print(`looked at: ${[...totals.checks].map(([rule, times]) => `${rule} ${times}`).join(", ")}`);
  const missed = totals.seeds < telling ? [] : rules.filter((rule) => !totals.checks.has(rule));
  for (const rule of missed) print(`problem: nothing was held to ${rule}`);
  const { open, problems } = openOnes(totals, options);
  for (const problem of problems) print(`problem: ${problem}`);
  const broken = totals.failed.length;
  const failed = broken - open + missed.length + problems.length;
  print(`${totals.seeds - broken} passed, ${failed} failed, ${open} skipped`);
  return failed === 0 && totals.seeds > 0 ? 0 : 1;
}

try {
  const options = readOptions(process.argv.slice(2));
  const totals = options.seeds === 1 ? await one(options.first, options.trace) : await many(options);
  process.exitCode = conclude(totals, options);
} catch (error) {
  const wrong = error instanceof WrongUse;
  process.stderr.write(
    wrong ? `${error.message}\n\n${usage}` : `${error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = wrong ? 2 : 1;
}
