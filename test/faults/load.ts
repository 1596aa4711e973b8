// The load under which faults happen: a fleet that keeps its ledger, and the check of that ledger, L1 to L5, after it.
import { readdirSync } from "node:fs";

import type { Summary } from "../../bench/fleet/report.ts";
import type { VerifyReport } from "../../bench/verify/report.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet, type FleetTarget } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { eventually } from "../harness/wait.ts";
import type { FaultWorld } from "./fault-world.ts";

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
const connectedWithinMs = 120_000;
const endsWithinMs = 180_000;
const verifyMs = 240_000;

export interface LoadOptions {
  /** Its stations begin so. */
  readonly prefix: string;
  readonly stations: number;
  readonly seed: number;
  /** Words of `wattlog simulate` beside the usual ones. */
  readonly words?: Readonly<Record<string, string | number>>;
}

/** What came of a load and its ledger. */
export interface Ended {
  readonly summary: Summary | undefined;
  readonly verified: VerifyReport | undefined;
  readonly problems: readonly string[];
}

export const targetOf = ({ parts, cluster }: FaultWorld): FleetTarget => ({
  ocppUrl: parts.front.url,
  httpUrl: cluster.consoleUrl,
  token: cluster.token,
});

export class Load implements Disposable {
  readonly prefix: string;
  readonly stations: number;
  /** The folder of its ledger. */
  readonly journal: string;
  /** The same for fleets whose clock is not ours: times are not compared. Empty where a row starts none. */
  readonly clocksApart: string;
  private readonly world: FaultWorld;
  private readonly fleet: ReturnType<typeof startFleet>;
  private readonly held = new DisposableStack();

  constructor(world: FaultWorld, { prefix, stations, seed, words }: LoadOptions) {
    this.world = world;
    this.prefix = prefix;
    this.stations = stations;
    this.journal = this.held.use(tempFolder("row-journal")).path;
    this.clocksApart = this.held.use(tempFolder("row-clocks-journal")).path;
    const own = { prefix, stations, seed, journal: this.journal, seconds: longestSeconds };
    this.fleet = startFleet(targetOf(world), { ...fleetWords, ...own, ...words });
    const end = (): void => this.fleet.child.signal("SIGKILL");
    // Whatever ends this process: a fleet would go on for hours.
    process.once("exit", end);
    this.held.defer(() => {
      end();
      process.off("exit", end);
    });
  }

  connected(): Promise<void> {
    return connected(this.world, this.stations);
  }

  /** Its stations end what they began, and its ledger is checked. @throws where the fleet does not end, or checking fails. */
  async end(): Promise<Ended> {
    this.fleet.child.signal("SIGTERM");
    const summary = await this.fleet.summary(endsWithinMs);
    const problems = problemsOf(summary);
    const verified = await verify(this.world, ["--journal", this.journal], problems);
    if (readdirSync(this.clocksApart).length > 0)
      await verify(this.world, ["--journal", this.clocksApart, "--clocks-apart"], problems);
    return { summary, verified, problems };
  }

  [Symbol.dispose](): void {
    this.held.dispose();
  }
}

/** A fleet that did nothing has shown nothing. */
function problemsOf(summary: Summary): string[] {
  const problems: string[] = [];
  if (summary.sessionsSettled === 0) problems.push("no session was settled");
  if (summary.commandsDone === 0) problems.push("no command ended");
  if (summary.unanswered > 0) problems.push(`${summary.unanswered} messages of stations stayed unanswered`);
  return problems;
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
  which: readonly string[],
  problems: string[],
): Promise<VerifyReport | undefined> {
  const words = ["verify", ...which, "--settle", "90", "--json"];
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
