// A fleet that behaves badly, a wattlog that is killed under it, and the ledger check: as a function for tests, wherever
// the wattlog runs, and as a command with any size. The fleet is a process of its own, one at each gateway; its journal is
// synced before each frame leaves.
import { parseArgs } from "node:util";

import type { Summary } from "../../bench/fleet/report.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";
import { startOneProcess } from "../harness/one-process.ts";
import type { System } from "../harness/system.ts";

export interface StormOptions {
  readonly stations: number;
  /** At least; longer where the kills take longer. */
  readonly seconds: number;
  /** `kill -9` and a new start at the same address, spread over the run: each process in its turn. */
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
  /** The sums of the fleets. */
  readonly fleet: Pick<Summary, "sessionsSettled" | "commandsDone" | "lostConnections" | "unanswered">;
  readonly verify: { readonly code: number | null; readonly words: string; readonly lines: unknown };
}

/** The fleet goes on until it is told to end, so that no kill comes when nobody is there; on a slow machine they take long. */
const longestSeconds = 3_600;
/** Whole sessions after the last kill. */
const afterKillsMs = 3_000;
/** CDRs settle after two seconds here. */
const settleMs = 2_500;

/** Runs the storm to its end and checks the ledger. Never throws for a dirty ledger: that is in the report. */
export async function stormRun(system: System, options: StormOptions): Promise<StormReport> {
  using journal = tempFolder("storm-journal");
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const { stations, seconds, kills, graceSeconds } = options;
  console.log(`storm on ${system.place}: seed ${seed}, ${stations} stations, ${seconds} s, ${kills} kills`);
  const { gateways, httpUrl, token } = system;
  const fleets = gateways.map(({ url: ocppUrl }, i) => {
    const own = { prefix: `STORM${i + 1}`, journal: journal.path, stations: Math.ceil(stations / gateways.length) };
    return startFleet({ ocppUrl, httpUrl, token }, { ...fleetWords(options, seed + i), ...own });
  });
  const startedAt = performance.now();
  for (let kill = 0; kill < kills; kill++) {
    await sleep(pauseMs(options));
    await system.restart(system.processes[kill % system.processes.length]!, "SIGKILL");
  }
  await sleep(Math.max(afterKillsMs, seconds * 1000 - (performance.now() - startedAt)));
  for (const { child } of fleets) child.signal("SIGTERM");
  const fleet = sumOf(await Promise.all(fleets.map((one) => one.summary(graceSeconds * 1000 + 30_000))));
  const { sessionsSettled, unanswered, lostConnections } = fleet;
  console.log(`storm: ${sessionsSettled} sessions, ${lostConnections} lines lost, ${unanswered} unanswered`);
  await sleep(settleMs);
  return { seed, kills, fleet, verify: await verify(system, journal.path) };
}

function sumOf(summaries: readonly Summary[]): StormReport["fleet"] {
  const sum = (name: keyof StormReport["fleet"]): number => summaries.reduce((total, one) => total + one[name], 0);
  return {
    sessionsSettled: sum("sessionsSettled"),
    commandsDone: sum("commandsDone"),
    lostConnections: sum("lostConnections"),
    unanswered: sum("unanswered"),
  };
}

function fleetWords(options: StormOptions, seed: number): Record<string, string | number> {
  const { repeat, reconnect, disorder, offline, commandsPerSecond, graceSeconds } = options;
  return {
    seconds: longestSeconds,
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
    // Killed every second, a station that backs off for eight, or that obeys a Retry-After, would be there for none of it.
    "reconnect-max": 1,
    "retry-after-max": 1,
    // One that is lost with the process that sent it holds up the end of the run by so much.
    "command-timeout": 5,
    ...(commandsPerSecond > 0 ? { commands: commandsPerSecond } : {}),
  };
}

function pauseMs({ killEveryMs, seconds, kills }: StormOptions): number {
  const share = (seconds * 1000) / (kills + 1);
  const [least, most] = killEveryMs ?? [share * 0.6, share * 1.2];
  return least + Math.random() * (most - least);
}

/** `wattlog verify` beside a wattlog that runs. */
export async function verify(
  system: Pick<System, "environment" | "words">,
  journal: string,
): Promise<StormReport["verify"]> {
  const { code, stdout, stderr } = await runCommand(["verify", "--journal", journal, "--json", "--settle", "120"], {
    env: system.environment,
    timeoutMs: 240_000,
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
    words: `${stdout.slice(-8000)}\n${stderr.slice(-4000)}\n--- wattlog\n${await system.words()}`,
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
  await using system = await startOneProcess();
  const report = await stormRun(system, {
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
