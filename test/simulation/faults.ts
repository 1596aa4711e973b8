// `npm run simulate:faults`: shows that each rule can fail. A planted fault is a patch of product code in faults/, with a head
// of `name: value` lines: its area, the rules of which at least one must find it, and what it breaks. Each is applied to a
// copy of the tree and simulated until a seed finds it; one that no longer applies or compiles fails the run, for then
// nobody knows whether the simulation still looks.
//
// `--only NAME` runs one; `--types` asks the compiler too, which takes longer than most faults.
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
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
  const head = readFileSync(patch, "utf8").split(/^diff --git /m, 1)[0] ?? "";
  const field = (key: string): string => {
    const value = new RegExp(`^${key}: (.+)$`, "m").exec(head)?.[1];
    if (value === undefined) throw new Error(`${file} has no line "${key}: …" before its diff`);
    return value.trim();
  };
  const rules = field("rules").split(", ");
  return { name: basename(file, ".patch"), patch, area: field("area"), rules, breaks: field("breaks") };
}

function copyTree(copy: string): void {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", ...COPIED], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
  for (const path of listed.stdout.split("\0")) {
    if (path === "" || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    copyFileSync(join(ROOT, path), join(copy, path));
  }
  for (const folder of SHARED) symlinkSync(join(ROOT, folder), join(copy, folder));
}

/** @returns why it does not apply. */
function applyPatch(copy: string, { patch }: Fault, options: readonly string[]): string | undefined {
  const { status, stderr } = spawnSync("git", ["apply", ...options, patch], {
    cwd: copy,
    encoding: "utf8",
    // Also where the copy lies inside somebody's repository.
    env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(copy) },
  });
  return status === 0 ? undefined : stderr.trim().split("\n")[0];
}

/** @returns the first complaint about a file that the patch changes. */
function typeErrors(copy: string, { patch }: Fault): string | undefined {
  const changed = [...readFileSync(patch, "utf8").matchAll(/^\+\+\+ b\/(.+)$/gm)].map((match) => match[1] ?? "");
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "--noEmit", "-p", "."], { cwd: copy, encoding: "utf8" });
  return stdout.split("\n").find((line) => changed.some((file) => line.startsWith(`${file}(`)));
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
  const applied = applyPatch(copy, fault, []);
  if (applied !== undefined) return found(`does not apply: ${applied}`);
  try {
    const wrong = withTypes ? typeErrors(copy, fault) : undefined;
    if (wrong !== undefined) return found(`does not compile: ${wrong}`);
    const output = await runSeeds(copy);
    const [, seed, rule, sentence] = /^seed (\d+): ([^:]+): (.+)$/m.exec(output) ?? [];
    if (seed === undefined || rule === undefined)
      return found(`no seed up to ${mostSeeds} finds it: ${output.slice(-300)}`);
    if (fault.rules.includes(rule)) return found(undefined, rule, Number(seed), sentence);
    return found(`found by another rule, ${rule}, at seed ${seed}: ${sentence}`, rule, Number(seed));
  } finally {
    applyPatch(copy, fault, ["--reverse"]);
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
      copyTree(copy);
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
