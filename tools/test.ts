// `npm test`: every suite in turn, then one closing line that counts them all.
//
// Arguments go to vitest (`npm test -- core/ocpp -t "a promise"`), and narrow the run to its suites. The exit code is 0
// only if at least one test passed, none failed, and each skipped one says why; with CI=true no skip may be due to a
// missing server or tool. `--full` adds what takes too long for every commit.
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePrepared } from "./prepare.ts";
import { sweepServers } from "./servers/ensure.ts";
import { adapterTable, REQUIRED } from "./test-adapters.ts";
import { SYSTEM_TEST_FOLDERS } from "./test-folders.ts";
import { SUMMARY_FILE_VARIABLE } from "./test-reporter.ts";
import { closingLine, judge, parseClosingLine, type Summary } from "./test-summary.ts";

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
  { name: "storm", command: process.execPath, args: ["test/faults/storm-run.ts"] },
  { name: "mutants", command: process.execPath, args: ["tools/mutants.ts"] },
  { name: "newcomer", command: "bash", args: ["test/newcomer.sh"] },
];

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** The longest teardown: a whole cluster and its servers end in it. */
const teardownMs = 90_000;
const BROKEN: Summary = { passed: 0, failed: 1, skipped: [], adapters: [] };

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
  await stage("unit", () => runVitest("unit", args));
  if (hasSystemTests()) await stage("system", () => runVitest("system", args));
  if (full) await stage("server-faults", () => runVitest("server-faults", args));
  const inCi = full || process.env["CI"] === "true";
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
  const verdict = judge(stages, { strict: process.env["CI"] === "true", filtered });
  for (const problem of verdict.problems) console.log(`problem: ${problem}`);
  console.log(closingLine(verdict.counts));
  return verdict.ok ? 0 : 1;
}

function countsOf({ passed, failed, skipped }: Summary): { passed: number; failed: number; skipped: number } {
  return { passed, failed, skipped: skipped.length };
}

/** Runs one vitest project in a process of its own; a run that leaves no summary or lies about it counts as failed. */
async function runVitest(project: string, args: readonly string[]): Promise<Summary> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-test-"));
  try {
    const file = join(folder, "summary.json");
    const manifest = createRequire(import.meta.url).resolve("vitest/package.json");
    const vitest = join(dirname(manifest), "vitest.mjs");
    const code = await run(process.execPath, [vitest, "run", "--project", project, "--passWithNoTests", ...args], {
      env: { ...process.env, [SUMMARY_FILE_VARIABLE]: file },
      isOver: () => existsSync(file),
    });
    const summary = readSummary(file);
    if (summary === null) return BROKEN;
    return code.status !== 0 && summary.failed === 0 ? { ...summary, failed: 1 } : summary;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runCommand({ command, args }: CommandSuite): Promise<Summary> {
  const { status, output } = await run(command, args, { capture: true });
  const counts = parseClosingLine(output);
  if (counts === null) return BROKEN;
  const skipped = Array.from({ length: counts.skipped }, (_, i) => ({
    name: `${command} #${i + 1}`,
    reason: "see its output",
  }));
  const failed = status !== 0 && counts.failed === 0 ? 1 : counts.failed;
  return { passed: counts.passed, failed, skipped, adapters: [] };
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

function readSummary(file: string): Summary | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Summary;
  } catch {
    console.error("vitest ended without a summary");
    return null;
  }
}

function hasSystemTests(): boolean {
  return SYSTEM_TEST_FOLDERS.some((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: ROOT }).length > 0);
}

process.exitCode = await main();
