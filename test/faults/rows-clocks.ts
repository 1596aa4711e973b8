// Clocks that are wrong: of machines, by an hour and across the end of summer time, and of stations that begin in 1970.
import { join } from "node:path";

import type { TxEndLine } from "../../bench/fleet/journal-format.ts";
import { readJournal } from "../../bench/fleet/journal.ts";
import { startFleet } from "../harness/fleet.ts";
import { projectRoot } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";
import type { FaultWorld } from "./fault-world.ts";
import { fleetWords, type Row } from "./row.ts";

/** More than an hour, so that no rounding of zones hides it. */
const hourMs = 3_700_000;
/** Clocks in Germany go back from three to two. */
const endOfSummerTime = Date.UTC(2026, 9, 25, 1);
/** Times in frames have whole milliseconds, in some dialects whole seconds. */
const slackMs = 1_000;

function shiftedBy(shiftMs: number): Record<string, string> {
  const script = join(projectRoot, "test", "harness", "shifted-clock.ts");
  return { NODE_OPTIONS: `--import ${script}`, TEST_CLOCK_SHIFT_MS: String(shiftMs), TZ: "Europe/Berlin" };
}

/** A clock that shows the end of summer time a few seconds from now. */
const endsSummerTime = (): Record<string, string> => shiftedBy(endOfSummerTime - 6_000 - Date.now());

/** 1970 and some days: what a station without a battery shows after it was switched on. */
const since1970 = shiftedBy(5 * 86_400_000 - Date.now());

export const clocks: Row = {
  name: "clock ±1 h, DST, station clock at 1970",
  fleet: { offline: 0, disorder: 0 },
  fleetEnvironment: since1970,
  async inject({ world, size, prefix, journal, injected, heals, must, afterwards }) {
    const wrong = {
      "gateway-1": shiftedBy(hourMs),
      "gateway-2": endsSummerTime(),
      "processor-1": shiftedBy(-hourMs),
      "processor-2": endsSummerTime(),
      "projector-1": shiftedBy(hourMs),
      "api-1": shiftedBy(-hourMs),
    };
    injected("stations in 1970");
    for (const [name, environment] of Object.entries(wrong)) {
      await world.cluster.end(name, "SIGTERM");
      await world.cluster.start(name, environment);
      injected(`${name}: its clock is wrong`);
    }
    const target = { ocppUrl: world.parts.front.url, httpUrl: world.cluster.consoleUrl, token: world.cluster.token };
    const { commands: _, ...words } = { ...fleetWords, offline: 0, disorder: 0 };
    const seconds = size === "quick" ? 10 : 30;
    const more = { prefix: `${prefix}DST`, stations: 12, seed: 7, journal, seconds };
    const fleet = startFleet(target, { ...words, ...more }, endsSummerTime());
    injected("stations at the end of summer time");
    const summary = await fleet.summary(120_000);
    must(`${summary.sessionsSettled} sessions over the end of summer time`, summary.sessionsSettled > 0);
    heals();
    for (const name of Object.keys(wrong)) await world.cluster.restart(name, "SIGTERM");
    await sleep(1_000);
    afterwards(async () => {
      const { compared, wrong: wrongs } = await durations(world, `${prefix}DST`, journal);
      must(`only ${compared} durations could be compared`, compared > 10);
      for (const sentence of wrongs) must(sentence, false);
    });
  },
};

/**
 * How long sessions took, by the tables and by the stations' own clocks. Not of those in 1970: commands reset some of them, and over
 * a boot both ends are told by the log's time, so that what comes late makes them longer or shorter.
 */
async function durations(
  world: FaultWorld,
  prefix: string,
  journal: string,
): Promise<{ readonly compared: number; readonly wrong: readonly string[] }> {
  const ends: TxEndLine[] = [];
  for await (const line of readJournal(journal))
    if (line.kind === "txEnd" && line.answered && line.station.startsWith(prefix)) ends.push(line);
  const rows = await world.query(
    `select station, transaction_id, started_at, ended_at from live_session
     where station like '${prefix}%' and status = 'completed'`,
  );
  const msOf = new Map(
    rows.map((row) => [
      `${String(row["station"])} ${String(row["transaction_id"])}`,
      Number(row["ended_at"]) - Number(row["started_at"]),
    ]),
  );
  const wrong: string[] = [];
  let compared = 0;
  for (const { station, csmsTx, startedAt, endedAt } of ends) {
    const ms = msOf.get(`${station} ${String(csmsTx)}`);
    if (ms === undefined) continue;
    compared++;
    const own = Date.parse(endedAt) - Date.parse(startedAt);
    if (Math.abs(ms - own) > slackMs) wrong.push(`${station} charged for ${own} ms, its session took ${ms} ms`);
  }
  return { compared, wrong };
}
