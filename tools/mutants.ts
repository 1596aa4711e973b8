// `npm run mutants`: breaks each promise on purpose and sees its test go red.
//
// A mutant is a patch in test/mutants with a head of `name: value` lines: which promise it breaks, the test that must fail
// by its own assertion (neither by a time-out nor because something no longer loads), and a sibling that must stay green.
// It is applied to a copy of the tree. A patch that no longer applies, or no longer compiles, fails the run: then nobody
// knows whether the test still tests. `--only NAME` runs one; `--no-baseline` trusts that all is green without a patch.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

import { applyPatch, copyTree, headOf, ROOT, typeErrors } from "./patched-copy.ts";

const MUTANTS = join(ROOT, "test", "mutants");
/** Not tracked, needed, and never changed by a patch; the cache is that of the test servers. */
const SHARED = ["node_modules", "build", ".cache"] as const;
const TEST_TIMEOUT_MS = 300_000;
/** Between the words for a test: its file, the titles of what it stands in, its own; vitest joins titles by it too. */
const separator = " > ";

interface NamedTest {
  readonly file: string;
  /** Titles of what it stands in, and its own, with " > " between. */
  readonly title: string;
}

interface Mutant {
  readonly name: string;
  readonly patch: string;
  readonly promise: string;
  readonly breaks: string;
  readonly test: NamedTest;
  readonly sibling: NamedTest;
}

interface Outcome {
  readonly status: string;
  /** First line of what it failed with. */
  readonly failure: string;
}

interface Verdict {
  readonly mutant: Mutant;
  readonly problem: string | undefined;
  readonly seconds: number;
  /** What the test said when it went red. */
  readonly said: string;
}

function main(): number {
  const { values } = parseArgs({ options: { only: { type: "string" }, "no-baseline": { type: "boolean" } } });
  const mutants = readMutants().filter(({ name }) => values.only === undefined || name === values.only);
  if (mutants.length === 0) {
    console.error(
      `There is no such mutant; there are: ${readMutants()
        .map(({ name }) => name)
        .join(", ")}.`,
    );
    return 2;
  }
  const copy = mkdtempSync(join(tmpdir(), "wattlog-mutants-"));
  try {
    mkdirSync(join(ROOT, ".cache"), { recursive: true });
    copyTree(copy, [], SHARED);
    if (values["no-baseline"] !== true && !isGreen(copy, mutants)) return 1;
    const verdicts = mutants.map((mutant) => {
      const verdict = tryMutant(copy, mutant);
      console.log(
        `${verdict.problem === undefined ? "caught " : "MISSED "} ${mutant.name} (${verdict.seconds.toFixed(0)} s)`,
      );
      return verdict;
    });
    return printTable(verdicts);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function readMutants(): Mutant[] {
  const files = readdirSync(MUTANTS).filter((file) => file.endsWith(".patch"));
  return files.toSorted().map((file) => readMutant(join(MUTANTS, file)));
}

function readMutant(patch: string): Mutant {
  const name = basename(patch, ".patch");
  const field = headOf(patch);
  const named = (key: string): NamedTest => {
    const [file = "", ...titles] = field(key).split(separator);
    return { file, title: titles.join(separator) };
  };
  return {
    name,
    patch,
    promise: field("promise"),
    breaks: field("breaks"),
    test: named("test"),
    sibling: named("sibling"),
  };
}

/** Without any patch every test that a mutant names must be green, or its redness would prove nothing. */
function isGreen(copy: string, mutants: readonly Mutant[]): boolean {
  const tests = mutants.flatMap(({ test, sibling }) => [test, sibling]);
  console.log(`baseline: ${new Set(tests.map(({ title }) => title)).size} tests without a patch`);
  const outcomes = runTests(copy, tests);
  const red = tests.filter((test) => outcomes.get(test.title)?.status !== "passed");
  for (const test of red)
    console.error(`not green without a patch: ${test.file} > ${test.title}: ${saidBy(outcomes.get(test.title))}`);
  return red.length === 0;
}

function tryMutant(copy: string, mutant: Mutant): Verdict {
  const started = performance.now();
  const verdict = (problem: string | undefined, said = ""): Verdict => {
    return { mutant, problem, said, seconds: (performance.now() - started) / 1000 };
  };
  const applied = applyPatch(copy, mutant.patch, []);
  if (applied !== undefined) return verdict(`does not apply: ${applied}`);
  try {
    const wrong = typeErrors(copy, mutant.patch);
    if (wrong !== undefined) return verdict(`does not compile: ${wrong}`);
    const outcomes = runTests(copy, [mutant.test, mutant.sibling]);
    const red = outcomes.get(mutant.test.title);
    const sibling = outcomes.get(mutant.sibling.title);
    if (red?.status !== "failed") return verdict(`its test is ${red?.status ?? "not there"}`);
    if (!red.failure.startsWith("AssertionError")) return verdict(`its test fails by something else: ${red.failure}`);
    if (sibling?.status !== "passed") return verdict(`the sibling is not green: ${saidBy(sibling)}`);
    return verdict(undefined, red.failure);
  } finally {
    applyPatch(copy, mutant.patch, ["--reverse"]);
  }
}

/** Runs these tests and nothing else. @returns by title how each came out. */
function runTests(copy: string, tests: readonly NamedTest[]): Map<string, Outcome> {
  const output = join(copy, "mutants-result.json");
  rmSync(output, { force: true });
  const pattern = [...new Set(tests.map(({ title }) => `^${escaped(title)}$`))].join("|");
  const files = [...new Set(tests.map(({ file }) => file))];
  const args = [
    "run",
    "--project",
    "unit",
    "--project",
    "system",
    "--project",
    "server-faults",
    "--reporter=json",
    `--outputFile=${output}`,
    "-t",
    pattern,
    ...files,
  ];
  const run = spawnSync(process.execPath, [join(ROOT, "node_modules/vitest/vitest.mjs"), ...args], {
    cwd: copy,
    encoding: "utf8",
    timeout: TEST_TIMEOUT_MS,
    maxBuffer: 256 * 1024 * 1024,
  });
  if (!existsSync(output))
    throw new Error(`vitest left no result: ${run.stdout.slice(-2000)}${run.stderr.slice(-2000)}`);
  const report = JSON.parse(readFileSync(output, "utf8")) as VitestReport;
  const outcomes = new Map<string, Outcome>();
  for (const { assertionResults } of report.testResults) {
    for (const { ancestorTitles, title, status, failureMessages = [] } of assertionResults) {
      if (status === "passed" || status === "failed") {
        outcomes.set([...ancestorTitles, title].join(separator), {
          status,
          failure: (failureMessages[0] ?? "").split("\n")[0] ?? "",
        });
      }
    }
  }
  return outcomes;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

interface VitestReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

function saidBy(outcome: Outcome | undefined): string {
  return outcome === undefined ? "it did not run" : `${outcome.status} ${outcome.failure}`;
}

function printTable(verdicts: readonly Verdict[]): number {
  const promiseWidth = Math.max(...verdicts.map(({ mutant }) => mutant.promise.length));
  const nameWidth = Math.max(...verdicts.map(({ mutant }) => mutant.name.length));
  console.log("");
  for (const { mutant, problem, said } of verdicts) {
    const row = `${mutant.promise.padEnd(promiseWidth)}  ${mutant.name.padEnd(nameWidth)}`;
    console.log(`${row}  ${problem === undefined ? "red" : "NOT RED"}  ${problem ?? said.slice(0, 100)}`);
  }
  const missed = verdicts.filter(({ problem }) => problem !== undefined).length;
  console.log(`${verdicts.length - missed} passed, ${missed} failed, 0 skipped`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = main();
