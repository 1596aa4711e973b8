// `npm run price:reference`: the engine against the reference. Ends with exit code 1 on any disagreement or missed feature.
import { campaign, smallest } from "./campaign.ts";
import { disagreement } from "./compare.ts";
import { wattlog } from "./engine.ts";
import { generate } from "./generate.ts";
import { toKeep } from "./kept.ts";
import { type Options, readOptions, usage, WrongUse } from "./options.ts";
import { describe, explain } from "./reference.ts";

const PROGRESS_EVERY = 10_000;

function run({ cases, seed }: Options): boolean {
  print(`price: ${cases} cases of seed ${seed}`);
  const started = performance.now();
  const {
    done: last,
    found,
    reached,
    missed,
  } = campaign(wattlog, { cases, seed }, (done) => {
    if (done % PROGRESS_EVERY === 0) print(`${done} cases, ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  });
  for (const [feature, count] of reached) print(`${String(count).padStart(8)}  ${feature}`);
  for (const feature of missed) print(`problem: fewer than 1 case of 100 reached: ${feature}`);
  for (const each of found) {
    print(`case ${each.number}: reference ${JSON.stringify(each.reference)}, engine ${JSON.stringify(each.engine)}`);
    if (each.smallest) print(toKeep(each.smallest));
  }
  print(
    `${last - found.length} cases agree, ${found.length} do not, ${missed.length} of ${reached.size} features missed`,
  );
  if (last < cases) print(`ended after ${last} cases: too many disagree`);
  const failed = found.length + missed.length;
  // Closing line of a suite (tools/test-summary.ts): agreeing and reaching everything are a test each.
  print(`${(found.length === 0 ? 1 : 0) + (missed.length === 0 ? 1 : 0)} passed, ${failed} failed, 0 skipped`);
  return failed === 0;
}

/** One case as both explain it, and smaller if they disagree. */
function replay(seed: number, number: number): boolean {
  const { tariff, session } = generate(seed, number);
  print(JSON.stringify({ tariff, session }, null, 2));
  for (const line of describe(explain(tariff, session))) print(line);
  const difference = disagreement(wattlog, { tariff, session });
  if (!difference) return true;
  print(`engine ${JSON.stringify(difference.engine)}`);
  print(toKeep(smallest(wattlog, { tariff, session })));
  return false;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  const options = readOptions(process.argv.slice(2));
  const ok = options.replay === null ? run(options) : replay(options.seed, options.replay);
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  if (!(error instanceof WrongUse)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
