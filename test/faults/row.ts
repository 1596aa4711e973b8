// One row of the fault matrix: its name, what is injected, and what must hold meanwhile. `runRow` puts the load around it:
// a fleet that keeps its ledger, the fault, the healing, and the ledger check L1 to L5 over all of it.
import { inspect } from "node:util";

import { Rng } from "../../bench/fleet/rng.ts";
import type { Summary } from "../../bench/fleet/report.ts";
import type { VerifyReport } from "../../bench/verify/report.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { eventually, sleep } from "../harness/wait.ts";
import type { FaultWorld } from "./fault-world.ts";

/** `quick`: each fault once, as short as it still shows. `full`: as long and as often as the matrix says. */
export type Size = "quick" | "full";

export interface Injection {
  readonly world: FaultWorld;
  readonly rng: Rng;
  readonly size: Size;
  /** The stations of the row begin so. */
  readonly prefix: string;
  /** Stations of the fleet. */
  readonly stations: number;
  /** The folder of its ledger. */
  readonly journal: string;
  /** One more fault was injected. */
  readonly injected: (what: string) => void;
  /** A fault is about to end: recovery counts from the last of these. */
  readonly heals: () => void;
  /** What must hold and does not becomes a problem of the row; it goes on, so that it heals. */
  readonly must: (what: string, holds: boolean) => void;
  /** Looked at when the ledger has been checked. */
  readonly afterwards: (check: (verified: VerifyReport) => Promise<void> | void) => void;
}

export interface Row {
  /** As in the first column of the matrix, letter by letter. */
  readonly name: string;
  readonly stations?: number;
  /** Words of `wattlog simulate` beside the usual ones. */
  readonly fleet?: Readonly<Record<string, string | number>>;
  /** A fleet whose clock is not ours. */
  readonly fleetEnvironment?: Readonly<Record<string, string>>;
  /** Why it cannot be had in this world, in the words of a skip. */
  readonly missing?: (world: FaultWorld) => string | undefined;
  /** Injects and heals. */
  readonly inject: (injection: Injection) => Promise<void>;
}

export interface RowReport {
  readonly row: string;
  readonly seed: number;
  readonly injections: readonly string[];
  /** CALLs that were answered; of these, not in the log, or more than once. */
  readonly acked: number;
  readonly lost: number;
  readonly duplicated: number;
  /** In the log though their station never learned so. */
  readonly recovered: number;
  /** Records that stand in the log again, dropped by every reader. */
  readonly rawRepeats: number;
  readonly sessions: number;
  readonly commands: number;
  /** From the end of the last fault until every role is ready and every station is connected. */
  readonly recoverySeconds: number;
  readonly seconds: number;
  readonly problems: readonly string[];
}

/** Usual patience of stations is 30 s and more; this fleet's keeps a row short. */
export const fleetWords = {
  protocol: "mixed",
  // Stations wait for each answer: much faster, and on a busy machine their queues grow for as long as a row lasts.
  speed: 120,
  commands: 2,
  "command-timeout": 5,
  repeat: 0.05,
  reconnect: 0.05,
  disorder: 0.05,
  offline: 0.05,
  // Above the hold: a station must not give up on an answer that still comes.
  "message-timeout": 12,
  "retry-interval": 0.2,
  "reconnect-max": 1,
  "retry-after-max": 1,
  grace: 120,
} as const;
/** The fleet goes on until it is told to end. */
const longestSeconds = 7_200;
const usualStations = 24;
const flowMs: Readonly<Record<Size, number>> = { quick: 1_500, full: 4_000 };
const connectedWithinMs = 60_000;
const verifyMs = 240_000;
let runs = 0;

/** Never throws for a row that does not hold: that is in the report. */
export async function runRow(world: FaultWorld, row: Row, seed: number, size: Size): Promise<RowReport> {
  using journal = tempFolder("row-journal");
  const begun = performance.now();
  const rng = new Rng(seed);
  const { stations = usualStations } = row;
  const prefix = `R${++runs}X`;
  const target = { ocppUrl: world.parts.front.url, httpUrl: world.cluster.consoleUrl, token: world.cluster.token };
  const own = { prefix, stations, seed, journal: journal.path, seconds: longestSeconds };
  const fleet = startFleet(target, { ...fleetWords, ...own, ...row.fleet }, row.fleetEnvironment);
  const endFleet = (): void => fleet.child.signal("SIGKILL");
  // Whatever ends this process: a fleet would go on for hours.
  process.once("exit", endFleet);
  const injections: string[] = [];
  const problems: string[] = [];
  const checks: Parameters<Injection["afterwards"]>[0][] = [];
  let recoverySeconds = 0;
  let healsAt = 0;
  let summary: Summary | undefined;
  try {
    await connected(world, stations);
    await sleep(flowMs[size]);
    await row.inject({
      world,
      rng,
      size,
      prefix,
      stations,
      journal: journal.path,
      injected: (what) => injections.push(what),
      heals: () => void (healsAt = performance.now()),
      must: (what, holds) => void (holds || problems.push(what)),
      afterwards: (check) => checks.push(check),
    });
    await recovered(world, stations);
    recoverySeconds = (performance.now() - healsAt) / 1_000;
    await sleep(flowMs[size]);
    fleet.child.signal("SIGTERM");
    summary = await fleet.summary(180_000);
  } catch (error) {
    problems.push(inspect(error, { depth: 2 }));
  } finally {
    endFleet();
    process.off("exit", endFleet);
  }
  const verified = summary && (await verify(world, journal.path, problems, row.fleetEnvironment !== undefined));
  for (const check of verified ? checks : []) {
    await Promise.resolve(check(verified!)).catch((error: unknown) => problems.push(inspect(error, { depth: 2 })));
  }
  problems.push(...verdict(injections, healsAt, summary));
  const counts = verified?.checks.find(({ id }) => id === "L1")?.counts ?? {};
  const count = (name: string): number => counts[name] ?? 0;
  return {
    row: row.name,
    seed,
    injections,
    acked: count("ok") + count("lost"),
    lost: count("lost"),
    duplicated: count("duplicated"),
    recovered: count("recovered"),
    rawRepeats: count("rawRepeats"),
    sessions: summary?.sessionsSettled ?? 0,
    commands: summary?.commandsDone ?? 0,
    recoverySeconds,
    seconds: (performance.now() - begun) / 1_000,
    problems,
  };
}

/** A row that injected nothing, or whose fleet did nothing, has shown nothing. */
function verdict(injections: readonly string[], healsAt: number, summary: Summary | undefined): string[] {
  const problems: string[] = [];
  if (injections.length === 0 || healsAt === 0) problems.push("nothing was injected, or nothing healed");
  if (!summary) return problems;
  if (summary.sessionsSettled === 0) problems.push("no session was settled");
  if (summary.commandsDone === 0) problems.push("no command ended");
  if (summary.unanswered > 0) problems.push(`${summary.unanswered} messages of stations stayed unanswered`);
  return problems;
}

async function recovered(world: FaultWorld, stations: number): Promise<void> {
  await world.ready();
  await connected(world, stations);
}

/** A station may be offline by its own will: nine of ten count as all. */
export async function connected(world: FaultWorld, stations: number): Promise<void> {
  await eventually(
    `${stations} stations to be connected`,
    async () => (await world.metric("gateway", "ocpp_gateway_connections{")) >= stations * 0.9,
    { timeoutMs: connectedWithinMs, everyMs: 100 },
  );
}

async function verify(
  world: FaultWorld,
  journal: string,
  problems: string[],
  clocksApart: boolean,
): Promise<VerifyReport | undefined> {
  const words = [
    "verify",
    "--journal",
    journal,
    "--settle",
    "90",
    "--json",
    ...(clocksApart ? ["--clocks-apart"] : []),
  ];
  const { stdout, stderr, code } = await runCommand(words, { env: world.parts.environment, timeoutMs: verifyMs });
  let report: VerifyReport;
  try {
    report = JSON.parse(stdout) as VerifyReport;
  } catch {
    problems.push(`the ledger could not be checked: ${stderr.slice(-2_000)}`);
    return undefined;
  }
  for (const check of report.checks) for (const problem of check.problems) problems.push(`${check.id} ${problem}`);
  if (!report.ok || code !== 0) problems.push("the ledger is not clean");
  return report;
}
