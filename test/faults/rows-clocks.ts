// Clocks that are wrong: of machines, by an hour and across the end of summer time, and of stations that begin in 1970.
import { join } from "node:path";

import type { TxEndLine } from "../../bench/fleet/journal-format.ts";
import { readJournal } from "../../bench/fleet/journal.ts";
import { startFleet } from "../harness/fleet.ts";
import { projectRoot } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";
import type { FaultWorld } from "./fault-world.ts";
import { fleetWords, targetOf } from "./load.ts";
import type { Injection, Row } from "./row.ts";

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
  async inject(injection) {
    const { world, prefix, load, injected, heals, must, afterwards } = injection;
    const wrong: Readonly<Record<string, Record<string, string>>> = {
      "gateway-1": shiftedBy(hourMs),
      "gateway-2": endsSummerTime(),
      "processor-1": shiftedBy(-hourMs),
      "processor-2": endsSummerTime(),
      "projector-1": shiftedBy(hourMs),
      "api-1": shiftedBy(-hourMs),
    };
    await ofEach(injection, async (name) => {
      await world.cluster.end(name, "SIGTERM");
      await world.cluster.start(name, wrong[name]);
      injected(`${name}: its clock is wrong`);
    });
    await chargeByWrongClocks(injection);
    heals();
    await ofEach(injection, (name) => world.cluster.restart(name, "SIGTERM"));
    await sleep(1_000);
    afterwards(async () => {
      const { compared, wrong: wrongs } = await durations(world, `${prefix}DST`, load.clocksApart);
      must(`only ${compared} durations could be compared`, compared > 10);
      for (const sentence of wrongs) must(sentence, false);
    });
  },
};

/** Every process: one after the other, in the quick form all at once. */
async function ofEach({ world, size }: Injection, work: (name: string) => Promise<void>): Promise<void> {
  const names = world.cluster.processes.map(({ name }) => name);
  if (size === "quick") await Promise.all(names.map(work));
  else for (const name of names) await work(name);
}

/** Stations in 1970, which are sent commands, and stations at the end of summer time. */
async function chargeByWrongClocks({ world, size, prefix, load, injected, must }: Injection): Promise<void> {
  const own = { offline: 0, disorder: 0, journal: load.clocksApart, seconds: size === "quick" ? 10 : 30, stations: 12 };
  const { commands: _, ...silent } = fleetWords;
  const target = targetOf(world);
  const begun = {
    "in 1970": startFleet(target, { ...fleetWords, ...own, prefix: `${prefix}OLD`, seed: 8 }, since1970),
    "at the end of summer time": startFleet(
      target,
      { ...silent, ...own, prefix: `${prefix}DST`, seed: 7 },
      endsSummerTime(),
    ),
  };
  for (const [when, fleet] of Object.entries(begun)) {
    injected(`stations ${when}`);
    const { sessionsSettled, unanswered } = await fleet.summary(120_000);
    must(`${sessionsSettled} sessions of stations ${when}`, sessionsSettled > 0);
    must(`${unanswered} messages of stations ${when} stayed unanswered`, unanswered === 0);
  }
}

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
