// `npm test`: every suite in turn, then one closing line that counts them all.
//
// Arguments go to vitest (`npm test -- core/ocpp -t "a promise"`), and narrow the run to its suites. The exit code is 0
// only if at least one test passed, none failed, and each skipped one says why; with CI=true no skip may be due to a
// missing server or tool. What failed is told again in the last lines. `--full` adds what takes too long for every commit.
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePrepared } from "./prepare.ts";
import { sweepServers } from "./servers/ensure.ts";
import { adapterTable, REQUIRED } from "./test-adapters.ts";
import { SYSTEM_LANES, SYSTEM_TEST_FOLDERS } from "./test-folders.ts";
import { SUMMARY_FILE_VARIABLE } from "./test-reporter.ts";
import {
  closingLine,
  judge,
  parseClosingLine,
  reasonsIn,
  sumOf,
  withSecondRun,
  worthASecondRun,
  type Failure,
  type FileSummary,
  type Summary,
} from "./test-summary.ts";

/** A command that ends with "N passed, N failed, N skipped", each of its skips having been explained in its output. */
interface CommandSuite {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** What a person at work need not wait for: CI and `npm run full` have them. */
const CI_SUITES: readonly CommandSuite[] = [
  { name: "fuzz", command: process.execPath, args: ["test/fuzz/fuzz.ts", "--frames", "200000"] },
  { name: "simulation", command: process.execPath, args: ["test/simulation/simulate.ts"] },
];

/** What takes too long for every commit; `npm run full` has them. */
const FULL_SUITES: readonly CommandSuite[] = [
  { name: "sim-faults", command: process.execPath, args: ["test/simulation/faults.ts", "--types"] },
  { name: "price", command: process.execPath, args: ["test/price-reference/run.ts", "--cases", "100000"] },
  { name: "matrix", command: process.execPath, args: ["test/faults/role-matrix.ts", "--check"] },
  { name: "storm", command: process.execPath, args: ["test/faults/storm-run.ts"] },
  { name: "mutants", command: process.execPath, args: ["tools/mutants.ts"] },
  { name: "newcomer", command: "bash", args: ["test/newcomer.sh"] },
];

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** The longest teardown: a whole cluster and its servers end in it. */
const teardownMs = 90_000;

function broken(message: string): FileSummary {
  return { file: null, passed: 0, failed: 1, skipped: [], adapters: [], failures: [{ name: "the run", message }] };
}

async function main(): Promise<number> {
  const full = process.argv.includes("--full");
  const args = process.argv.slice(2).filter((word) => word !== "--full");
  const filtered = args.length > 0;
  for (const line of await ensurePrepared()) console.log(`prepare: ${line}`);

  const stages: { name: string; summary: Summary; seconds: number }[] = [];
  const stage = async (name: string, work: () => Promise<Summary>): Promise<void> => {
    console.log(`\n== ${name}`);
    const started = performance.now();
    const summary = await work();
    const seconds = (performance.now() - started) / 1000;
    console.log(`== ${name}: ${seconds.toFixed(1)} s, ${closingLine(countsOf(summary))}`);
    stages.push({ name, summary, seconds });
  };
  const inCi = full || process.env["CI"] === "true";
  const unsteady: Failure[] = [];
  await stage("unit", async () => sumOf(await runVitest("unit", args)));
  if (hasSystemTests()) {
    await stage("system", async () => {
      const ran = inCi && !filtered ? await runWithSecondRun() : { files: await runSystem(args), unsteady: [] };
      unsteady.push(...ran.unsteady);
      return sumOf(ran.files);
    });
  }
  if (full) await stage("server-faults", async () => sumOf(await runVitest("server-faults", args)));
  if (inCi && !filtered) for (const suite of CI_SUITES) await stage(suite.name, () => runCommand(suite));
  if (full && !filtered) for (const suite of FULL_SUITES) await stage(suite.name, () => runCommand(suite));
  await sweepServers();

  const table = adapterTable(
    stages.flatMap(({ summary }) => summary.adapters),
    filtered ? {} : REQUIRED,
  );
  for (const line of ["", ...table, ""]) console.log(line);
  for (const { name, summary, seconds } of stages) {
    console.log(`${name.padEnd(10)} ${seconds.toFixed(1).padStart(7)} s   ${closingLine(countsOf(summary))}`);
  }
  for (const skip of stages.flatMap((s) => s.summary.skipped)) {
    if (skip.reason !== null) console.log(`skipped: ${skip.name}: ${skip.reason}`);
  }
  const told = (kind: string, { name, message }: Failure): void =>
    console.log(`${kind}: ${name}\n    ${message.replaceAll("\n", "\n    ")}`);
  for (const failure of unsteady) told("unsteady, passed in a second run", failure);
  for (const failure of stages.flatMap((s) => s.summary.failures)) told("failed", failure);
  const verdict = judge(stages, { strict: process.env["CI"] === "true", filtered });
  for (const problem of verdict.problems) console.log(`problem: ${problem}`);
  console.log(closingLine(verdict.counts));
  return verdict.ok ? 0 : 1;
}

function countsOf({ passed, failed, skipped }: Summary): { passed: number; failed: number; skipped: number } {
  return { passed, failed, skipped: skipped.length };
}

/** In two lanes, but where the run is narrowed by hand. */
async function runSystem(args: readonly string[]): Promise<readonly FileSummary[]> {
  if (args.length > 0) return runVitest("system", args);
  const lanes = SYSTEM_LANES.map((folders) =>
    runVitest(
      "system",
      folders.map((folder) => `${folder}/`),
    ),
  );
  return (await Promise.all(lanes)).flat();
}

/** As docs/decisions/0021 says. */
async function runWithSecondRun(): Promise<ReturnType<typeof withSecondRun>> {
  const first = await runSystem([]);
  const again = worthASecondRun(first);
  if (again.length === 0) return { files: first, unsteady: [] };
  console.log(`\n== system, the files that failed a second time: ${again.join(" ")}`);
  return withSecondRun(first, await runVitest("system", again));
}

/** Runs one vitest project in a process of its own; a run that leaves no summary or lies about it counts as failed. */
async function runVitest(project: string, args: readonly string[]): Promise<readonly FileSummary[]> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-test-"));
  try {
    const file = join(folder, "summary.json");
    const manifest = createRequire(import.meta.url).resolve("vitest/package.json");
    const vitest = join(dirname(manifest), "vitest.mjs");
    const code = await run(process.execPath, [vitest, "run", "--project", project, "--passWithNoTests", ...args], {
      env: { ...process.env, [SUMMARY_FILE_VARIABLE]: file },
      isOver: () => existsSync(file),
    });
    const files = readSummaries(file);
    if (files === null) return [broken(`vitest ended with ${code.status} and without a summary`)];
    const lies = code.status !== 0 && sumOf(files).failed === 0;
    return lies ? [...files, broken(`vitest ended with ${code.status} although no test failed`)] : files;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runCommand({ command, args }: CommandSuite): Promise<Summary> {
  const { status, output } = await run(command, args, { capture: true });
  const counts = parseClosingLine(output);
  if (counts === null)
    return broken(`${command} ${args.join(" ")} ended with ${status} and without a count\n${reasonsIn(output)}`);
  const skipped = Array.from({ length: counts.skipped }, (_, i) => ({
    name: `${command} #${i + 1}`,
    reason: "see its output",
  }));
  const failed = status !== 0 && counts.failed === 0 ? 1 : counts.failed;
  const failures = failed === 0 ? [] : [{ name: args[0] ?? command, message: reasonsIn(output) }];
  return { passed: counts.passed, failed, skipped, adapters: [], failures };
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly capture?: boolean;
  /** Whether it has done its work, so that only its teardown is left. */
  readonly isOver?: () => boolean;
}

async function run(
  command: string,
  args: readonly string[],
  { env = process.env, capture = false, isOver = () => false }: RunOptions,
): Promise<{ status: number; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; output: string }>();
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ["ignore", capture ? "pipe" : "inherit", "inherit"] });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    process.stdout.write(text);
    output += text;
  });
  child.on("error", (error) => {
    console.error(`${command}: ${error.message}`);
    resolve({ status: 127, output });
  });
  child.on("close", (status) => resolve({ status: status ?? 1, output }));
  const watch = setInterval(() => {
    if (!isOver()) return;
    clearInterval(watch);
    stuck = setTimeout(() => {
      console.error(
        "vitest has not ended after its last test: a process that a test started holds its output. Killed.",
      );
      child.kill("SIGKILL");
    }, teardownMs);
  }, 1_000);
  let stuck: NodeJS.Timeout | undefined;
  return promise.finally(() => {
    clearInterval(watch);
    clearTimeout(stuck);
  });
}

function readSummaries(file: string): readonly FileSummary[] | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as FileSummary[];
  } catch {
    return null;
  }
}

function hasSystemTests(): boolean {
  return SYSTEM_TEST_FOLDERS.some((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: ROOT }).length > 0);
}

process.exitCode = await main();
