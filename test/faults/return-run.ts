// A fleet that comes back at once (reliability.md, storms): all links are cut at one moment, every station reconnects at the next,
// all from one address, some with wrong passwords. As a function for tests, and as a command with any size.
//
//     node test/faults/return-run.ts --stations 15000 --processes 3
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { Child } from "../../bench/load/process.ts";
import type { Returned, ReturningStations } from "../../bench/load/returning.ts";
import { openLogReadOnly } from "../../core/log/log-embedded.ts";
import { framesOf } from "../harness/gateway.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";

export interface ReturnOptions {
  readonly stations: number;
  /** One process may have so many sockets as `ulimit -n` says. */
  readonly processes: number;
}

export interface Round {
  readonly what: string;
  readonly seconds: number;
  readonly good: number;
  readonly back: number;
  readonly wrong: number;
  readonly wrongLetIn: number;
  readonly mostAttempts: number;
  /** Upgrades of good stations that were refused as if they were not, by status. */
  readonly goodBlamed: ReadonlyMap<number, number>;
  /** Good stations by how many upgrades they asked for. */
  readonly byAttempts: ReadonlyMap<number, number>;
  /** What stations saw of their upgrades, by status. */
  readonly seen: ReadonlyMap<number, number>;
  /** What the gateway counted meanwhile, by result. */
  readonly counted: ReadonlyMap<string, number>;
}

export interface ReturnReport {
  readonly rounds: readonly Round[];
  /** Answers that stations got. */
  readonly answered: number;
  /** Of those, not in the log. */
  readonly lost: number;
  /** Of the gateway's process at the end, MiB. */
  readonly rssMiB: number;
}

const password = "0123456789abcdef";
/** Every twentieth, five in a hundred; of these every other one is a station that nobody registered. */
const wrongEvery = 20;
const importAtOnce = 500;
/** Wrong password, too many failures. */
const blaming = new Set([401, 429]);
const results = ["accepted", "unauthorized", "tooManyFailures"] as const;

const idOf = (n: number): string => `RET${String(n).padStart(6, "0")}`;
const isWrong = (n: number): boolean => n % wrongEvery === 0;
const isUnknown = (n: number): boolean => n % (2 * wrongEvery) === 0;

export async function returnRun({ stations, processes }: ReturnOptions): Promise<ReturnReport> {
  await using running = await startWattlog({ env: { WATTLOG_UNKNOWN_STATIONS: "reject" } });
  await register(running, stations);
  const all = Array.from({ length: stations }, (_, n) => n);
  const share = Math.ceil(stations / processes);
  await using children = new AsyncDisposableStack();
  const generators: Child<ReturningStations>[] = [];
  for (let from = 0; from < stations; from += share) {
    const own = all.slice(from, from + share);
    const generator = new Child<ReturningStations>("./returning-stations.ts");
    children.defer(() => generator.stop());
    generators.push(generator);
    const wrong = own.flatMap((n, at) => (isWrong(n) ? [at] : []));
    await generator.ask("begin", { url: running.ocppUrl, ids: own.map(idOf), password, wrong });
  }
  const rounds: Round[] = [];
  for (const what of ["all connect", "all come back"]) {
    const before = await countedBy(running);
    const parts = await Promise.all(generators.map((generator) => generator.ask("comeBack")));
    rounds.push(roundOf(what, parts, before, await countedBy(running), all));
  }
  const rssMiB = Math.round(rssKilobytes(running.pid) / 1_024);
  const lost = await lostOf(running, rounds.length, all);
  const answered = rounds.reduce((sum, { back }) => sum + back, 0);
  return { rounds, answered, lost, rssMiB };
}

async function register({ rest }: Running, stations: number): Promise<void> {
  const known = Array.from({ length: stations }, (_, n) => n).filter((n) => !isUnknown(n));
  for (let from = 0; from < known.length; from += importAtOnce) {
    const rows = known
      .slice(from, from + importAtOnce)
      .map((n) => ({ id: idOf(n), securityProfile: 1, password, acceptance: "accepted" }));
    const { rows: verdicts } = await rest.post<{ rows: readonly { result: string; reason?: string }[] }>(
      "/stations/import",
      rows,
    );
    const refused = verdicts.find(({ result }) => result !== "created");
    if (refused) throw new Error(`a station could not be registered: ${refused.reason ?? refused.result}`);
  }
}

async function countedBy(running: Running): Promise<ReadonlyMap<string, number>> {
  const metrics = await running.metrics();
  return new Map(
    results.map((result) => [result, metrics.get(`ocpp_gateway_upgrades_total{result="${result}"}`) ?? 0]),
  );
}

function roundOf(
  what: string,
  parts: readonly Returned[],
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  all: readonly number[],
): Round {
  const attempts = parts.flatMap((part) => part.attempts);
  const sum = (of: (part: Returned) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const seen = parts.flatMap(({ refusals }) => refusals);
  return {
    what,
    seconds: Math.max(...parts.map(({ seconds }) => seconds)),
    good: attempts.length,
    back: sum(({ back }) => back),
    wrong: all.filter(isWrong).length,
    wrongLetIn: sum(({ wrongLetIn }) => wrongLetIn),
    mostAttempts: attempts.reduce((most, one) => Math.max(most, one), 0),
    goodBlamed: tally(parts.flatMap(({ goodRefusals }) => goodRefusals.filter((status) => blaming.has(status)))),
    byAttempts: tally(attempts),
    seen: new Map([[101, sum(({ accepted }) => accepted)], ...tally(seen)]),
    counted: new Map(results.map((result) => [result, after.get(result)! - before.get(result)!])),
  };
}

function tally(values: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values.toSorted((a, b) => a - b)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** @returns how many answers to good stations have no CALL in the log. */
async function lostOf({ folder }: Running, rounds: number, all: readonly number[]): Promise<number> {
  const log = openLogReadOnly(folder);
  try {
    const logged = new Set(
      (await framesOf(log)).flatMap((record) => (record.kind === "exchange" ? [record.messageId] : [])),
    );
    const answered = all
      .filter((n) => !isWrong(n))
      .flatMap((n) => Array.from({ length: rounds }, (_, round) => `${idOf(n)}-${round + 1}`));
    return answered.filter((id) => !logged.has(id)).length;
  } finally {
    await log.close();
  }
}

function rssKilobytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}

const listed = (counts: ReadonlyMap<unknown, number>): string =>
  [...counts].map(([key, count]) => `${String(key)}: ${count}`).join(", ");

/** The table of a run. */
export function linesOf({ rounds, answered, lost, rssMiB }: ReturnReport): string[] {
  const lines = rounds.flatMap(({ what, seconds, good, back, wrong, wrongLetIn, byAttempts, seen, counted }) => [
    `${what}: ${back} of ${good} back within ${seconds.toFixed(1)} s; ${wrongLetIn} of ${wrong} with wrong passwords let in`,
    `    stations by attempts   ${listed(byAttempts)}`,
    `    upgrades as seen       ${listed(seen)}`,
    `    upgrades as counted    ${listed(counted)}`,
  ]);
  return [...lines, `${answered} answers, ${lost} of them not in the log; the gateway's process has ${rssMiB} MiB`];
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { stations: { type: "string" }, processes: { type: "string" } } });
  const report = await returnRun({
    stations: Number(values.stations ?? 15_000),
    processes: Number(values.processes ?? 3),
  });
  for (const line of linesOf(report)) console.log(line);
}

if (import.meta.main) await main();
