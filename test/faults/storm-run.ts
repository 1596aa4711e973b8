// A fleet that behaves badly, a wattlog that is killed under it, and the ledger check: as a function for tests and as a
// command with any size. The fleet is a process of its own; its journal is synced before each frame leaves.
import { parseArgs } from "node:util";

import type { Summary } from "../../bench/fleet/report.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";

export interface StormOptions {
  readonly stations: number;
  readonly seconds: number;
  /** `kill -9` and a new start on the same folder and ports, spread over the run. */
  readonly kills: number;
  /** Time between them, drawn anew each time; else even shares of the run, jittered. */
  readonly killEveryMs?: readonly [number, number];
  readonly repeat: number;
  readonly reconnect: number;
  readonly disorder: number;
  readonly offline: number;
  readonly commandsPerSecond: number;
  readonly graceSeconds: number;
  readonly protocol?: string;
  readonly speed?: number;
  readonly seed?: number;
}

export interface StormReport {
  readonly seed: number;
  readonly kills: number;
  readonly fleet: Summary;
  readonly verify: { readonly code: number | null; readonly words: string; readonly lines: unknown };
}

/** CDRs settle after two seconds here. */
const settleMs = 2_500;

/** Runs the storm to its end and checks the ledger. Never throws for a dirty ledger: that is in the report. */
export async function stormRun(options: StormOptions): Promise<StormReport> {
  using folder = tempFolder("storm-data");
  using journal = tempFolder("storm-journal");
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  console.log(`storm: seed ${seed}, ${options.stations} stations, ${options.seconds} s, ${options.kills} kills`);
  let running = await startWattlog({ folder: folder.path, env: storedEnvironment });
  const address = running.sameAddress;
  try {
    const fleet = startFleet(running, { ...fleetWords(options, seed), journal: journal.path });
    for (let kill = 0; kill < options.kills; kill++) {
      await sleep(pauseMs(options));
      await running.kill9();
      running = await startWattlog({ folder: folder.path, env: { ...storedEnvironment, ...address } });
    }
    const budgetMs = (options.seconds + options.graceSeconds) * 1000 + 30_000 + options.kills * 3_000;
    const summary = await fleet.summary(budgetMs);
    const { seconds, sessionsSettled, unanswered, lostConnections } = summary;
    console.log(
      `storm: fleet took ${seconds} s, ${sessionsSettled} sessions, ${lostConnections} lines lost, ${unanswered} unanswered`,
    );
    await sleep(settleMs);
    return { seed, kills: options.kills, fleet: summary, verify: await verify(running, journal.path) };
  } finally {
    await running.stop();
  }
}

const storedEnvironment = { WATTLOG_SETTLE_AFTER_SECONDS: "2", WATTLOG_LOG_LEVEL: "error" } as const;

function fleetWords(options: StormOptions, seed: number): Record<string, string | number> {
  const { stations, seconds, repeat, reconnect, disorder, offline, commandsPerSecond, graceSeconds } = options;
  return {
    stations,
    seconds,
    repeat,
    reconnect,
    disorder,
    offline,
    seed,
    protocol: options.protocol ?? "mixed",
    speed: options.speed ?? 300,
    grace: graceSeconds,
    "message-timeout": 5,
    "retry-interval": 0.2,
    ...(commandsPerSecond > 0 ? { commands: commandsPerSecond } : {}),
  };
}

function pauseMs({ killEveryMs, seconds, kills }: StormOptions): number {
  const share = (seconds * 1000) / (kills + 1);
  const [least, most] = killEveryMs ?? [share * 0.6, share * 1.2];
  return least + Math.random() * (most - least);
}

/** `wattlog verify` on the folder of a wattlog that runs. */
export async function verify(running: Running, journal: string): Promise<StormReport["verify"]> {
  const env = { WATTLOG_DATA_DIR: running.folder };
  const { code, stdout, stderr } = await runCommand(["verify", "--journal", journal, "--json"], {
    env,
    timeoutMs: 120_000,
  });
  let lines: unknown = null;
  try {
    lines = JSON.parse(stdout) as unknown;
  } catch {
    // The words say why.
  }
  return {
    code,
    lines,
    words: `${stdout.slice(-8000)}\n${stderr.slice(-4000)}\n--- wattlog\n${running.child.words()}`,
  };
}

async function main(): Promise<number> {
  const number = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      stations: number,
      seconds: number,
      kills: number,
      commands: number,
      grace: number,
      seed: number,
      speed: number,
    },
  });
  const given = (name: keyof typeof values, otherwise: number): number => Number(values[name] ?? otherwise);
  const report = await stormRun({
    stations: given("stations", 300),
    seconds: given("seconds", 60),
    kills: given("kills", 3),
    commandsPerSecond: given("commands", 5),
    graceSeconds: given("grace", 60),
    speed: given("speed", 300),
    repeat: 0.05,
    reconnect: 0.05,
    disorder: 0.05,
    offline: 0.05,
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
  });
  console.log(JSON.stringify(report.fleet));
  console.log(report.verify.words);
  const ok = report.verify.code === 0;
  console.log(`storm: 1 run, ledger ${ok ? "clean" : "NOT clean"}, seed ${report.seed}`);
  console.log(`${ok ? 1 : 0} passed, ${ok ? 0 : 1} failed, 0 skipped`);
  return ok ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
