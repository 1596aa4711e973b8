// npm `ocpp-ws-cli`: its conformance suites and its fuzzer, as a user would start them. Its exit code says nothing (0 with
// findings of any weight), so its report is read.
import { cpSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { tempFolder } from "../harness/paths.ts";
import { Child, cleanEnvironment } from "../harness/process.ts";
import { eventually, within } from "../harness/wait.ts";
import { installKit, kitFolder, runOrMissing, type Missing } from "./kit.ts";

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly severity: "HIGH" | "MEDIUM" | "LOW";
  readonly issue?: string;
  readonly durationMs: number;
}

export interface FuzzCounts {
  readonly anomaliesSent: number;
  /** CALLERRORs that it got. */
  readonly serverErrors: number;
  /** Sockets that the gateway closed. */
  readonly serverDrops: number;
  /** CALLRESULTs that it got. */
  readonly serverTolerated: number;
}

interface Report {
  readonly metrics: FuzzCounts;
  readonly testResults: readonly Check[];
}

const suitesTimeoutMs = 90_000;
/** A socket that is cut off resets: what is on its way either way is lost. */
const closingMs = 1_000;

/** @returns the kit's program, or the words of a skip. */
export async function wsCliKit(): Promise<{ readonly program: string } | Missing> {
  const files = ["ws-cli/package.json", "ws-cli/package-lock.json"];
  const kit = await installKit("ws-cli", files, async (folder) => {
    for (const file of files) cpSync(join(kitFolder, file), join(folder, file.replace("ws-cli/", "")));
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    await runOrMissing("npm", args, "needs npm and its registry to get ocpp-ws-cli once", { cwd: folder });
  });
  return "missing" in kit ? kit : { program: join(kit.folder, "node_modules", "ocpp-ws-cli", "dist", "index.js") };
}

/** @param suite of the kit: `all`, `rpc`. */
export async function runSuites(
  program: string,
  [endpoint, identity, protocol, suite]: readonly [string, string, string, string],
): Promise<readonly Check[]> {
  using folder = tempFolder("ws-cli");
  const report = ["--report", "json", "--report-dir", folder.path];
  const args = ["test", "-e", endpoint, "-i", identity, "-p", protocol, "--suite", suite, ...report];
  const kit = new Child(process.execPath, [program, ...args]);
  const exit = await within(suitesTimeoutMs, kit.exited);
  kit.signal("SIGKILL");
  if (exit === "nothing") throw new Error(`ocpp-ws-cli test has not ended\n${kit.words()}`);
  return reportIn(folder.path, kit).testResults;
}

/** Fuzzes on some connections at once, ten milliseconds from one anomaly to the next, until there were so many. */
export async function fuzz(program: string, endpoint: string, workers: number, anomalies: number): Promise<FuzzCounts> {
  using folder = tempFolder("ws-cli");
  const report = ["--report", "json", "--report-dir", folder.path];
  const args = ["fuzz", "-e", endpoint, "-w", String(workers), "--flood", ...report];
  const kit = new Child(process.execPath, [program, ...args], { env: asAtATerminal() });
  try {
    const sent = () => Number([...kit.stdout.matchAll(/Anomalies Sent:\s+(\d+)/g)].at(-1)?.[1] ?? 0);
    await eventually("the fuzzer to have sent enough", () => sent() >= anomalies, { timeoutMs: 60_000 });
    kit.signal("SIGINT");
    const { metrics } = await eventually("the fuzzer's report", () => reportIn(folder.path, kit));
    // After the report it closes its sockets, each after the answers on their way to it, and shows a menu for ever.
    await eventually("the fuzzer to have closed", () => kit.stdout.includes("Yielding back to interactive menu"));
    await sleep(closingMs);
    return metrics;
  } finally {
    kit.signal("SIGKILL");
    await kit.exited;
  }
}

/** Its screen, which says how much it has sent, is drawn once only where it thinks that nobody watches. */
function asAtATerminal(): NodeJS.ProcessEnv {
  const { CI: _, ...env } = cleanEnvironment();
  return env;
}

function reportIn(folder: string, kit: Child): Report {
  const [file] = globSync(join(folder, "*.json"));
  if (file === undefined) throw new Error(`ocpp-ws-cli has written no report\n${kit.words()}`);
  return JSON.parse(readFileSync(file, "utf8")) as Report;
}
