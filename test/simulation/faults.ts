// `npm run simulate:faults`: shows that each rule can fail. A planted fault is a patch of product code in faults/, with a head
// of `name: value` lines: its area, the rules of which at least one must find it, and what it breaks. Each is applied to a
// copy of the tree and simulated until a seed finds it; one that no longer applies or compiles fails the run, for then
// nobody knows whether the simulation still looks.
//
// `--only NAME` runs one; `--types` asks the compiler too, which takes longer than most faults.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

import { applyPatch, copyTree, headOf, ROOT, typeErrors } from "../../tools/patched-copy.ts";

const FAULTS = join(ROOT, "test", "simulation", "faults");
/** What a run of the simulation needs of the tree. */
const COPIED = [
  "core",
  "gateway",
  "processors",
  "projections",
  "deploy",
  "test/simulation",
  "package.json",
  "tsconfig.json",
];
/** Not tracked, needed, and never changed by a patch. */
const SHARED = ["node_modules", "build"];
const areas = ["batcher", "ownership", "commands", "fold"] as const;
const fewestOfArea = 3;
/** By which each must be found. */
const mostSeeds = 2_000;
const longestMs = 240_000;

interface Fault {
  readonly name: string;
  readonly patch: string;
  readonly area: string;
  readonly rules: readonly string[];
  readonly breaks: string;
}

interface Found {
  readonly fault: Fault;
  readonly problem: string | undefined;
  readonly rule: string;
  readonly seed: number;
  readonly sentence: string;
  readonly seconds: number;
}

function readFault(file: string): Fault {
  const patch = join(FAULTS, file);
  const field = headOf(patch);
  const rules = field("rules").split(", ");
  return { name: basename(file, ".patch"), patch, area: field("area"), rules, breaks: field("breaks") };
}

function runSeeds(copy: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const args = ["test/simulation/simulate.ts", "--seeds", String(mostSeeds), "--workers", "1", "--stop"];
  const child = spawn(process.execPath, args, { cwd: copy, stdio: ["ignore", "pipe", "pipe"], timeout: longestMs });
  let output = "";
  const keep = (text: string): void => void (output += text);
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  child.on("error", (error) => resolve(error.message));
  child.on("close", () => resolve(output));
  return promise;
}

async function tryFault(copy: string, fault: Fault, withTypes: boolean): Promise<Found> {
  const started = performance.now();
  const found = (problem: string | undefined, rule = "", seed = 0, sentence = ""): Found => {
    return { fault, problem, rule, seed, sentence, seconds: (performance.now() - started) / 1000 };
  };
  const applied = applyPatch(copy, fault.patch, []);
  if (applied !== undefined) return found(`does not apply: ${applied}`);
  try {
    const wrong = withTypes ? typeErrors(copy, fault.patch) : undefined;
    if (wrong !== undefined) return found(`does not compile: ${wrong}`);
    const output = await runSeeds(copy);
    const [, seed, rule, sentence] = /^seed (\d+): ([^:]+): (.+)$/m.exec(output) ?? [];
    if (seed === undefined || rule === undefined)
      return found(`no seed up to ${mostSeeds} finds it: ${output.slice(-300)}`);
    if (fault.rules.includes(rule)) return found(undefined, rule, Number(seed), sentence);
    return found(`found by another rule, ${rule}, at seed ${seed}: ${sentence}`, rule, Number(seed));
  } finally {
    applyPatch(copy, fault.patch, ["--reverse"]);
  }
}

function report(all: readonly Found[], isWhole: boolean): number {
  const width = Math.max(...all.map(({ fault }) => fault.name.length));
  console.log("");
  for (const { fault, problem, rule, seed, sentence } of all) {
    const what = problem === undefined ? `${rule} at seed ${seed}: ${sentence.slice(0, 90)}` : `NOT FOUND: ${problem}`;
    console.log(`${fault.area.padEnd(9)}  ${fault.name.padEnd(width)}  ${what}`);
  }
  const thin = isWhole
    ? areas.filter((area) => all.filter(({ fault }) => fault.area === area).length < fewestOfArea)
    : [];
  for (const area of thin) console.log(`problem: fewer than ${fewestOfArea} faults of ${area}`);
  const missed = all.filter(({ problem }) => problem !== undefined).length + thin.length;
  console.log(`${all.length - missed} passed, ${missed} failed, 0 skipped`);
  return missed === 0 && all.length > 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: "string" }, types: { type: "boolean" } } });
  const files = readdirSync(FAULTS).filter((file) => file.endsWith(".patch"));
  const faults = files.toSorted().map(readFault);
  const chosen = faults.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    console.error(`There is no such fault; there are: ${faults.map(({ name }) => name).join(", ")}.`);
    return 2;
  }
  const waiting = [...chosen];
  const all: Found[] = [];
  const work = async (): Promise<void> => {
    const copy = mkdtempSync(join(tmpdir(), "wattlog-simulation-"));
    try {
      copyTree(copy, ["--cached", "--others", "--exclude-standard", ...COPIED], SHARED);
      for (let fault = waiting.shift(); fault; fault = waiting.shift()) {
        const found = await tryFault(copy, fault, values.types === true);
        const word = found.problem === undefined ? "found " : "MISSED";
        console.log(`${word}  ${fault.name}, ${found.rule} at seed ${found.seed} (${found.seconds.toFixed(1)} s)`);
        all.push(found);
      }
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), chosen.length) }, work));
  const order = (found: Found): number => areas.indexOf(found.fault.area as (typeof areas)[number]);
  return report(
    all.toSorted((a, b) => order(a) - order(b) || a.fault.name.localeCompare(b.fault.name)),
    values.only === undefined,
  );
}

process.exitCode = await main();
