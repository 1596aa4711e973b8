// Random sessions: lengths from nothing to four days, on days of clock change, with every state, and with what meters do.
import { changesClock, dayNumber, offsetMinutes } from "./local-clock.ts";
import type { Reservation, Sample, Session, State } from "./model.ts";
import type { Random } from "./random.ts";

/** Clocks change at night, at midnight, by half an hour, on the other half of the year, or never. */
export const ZONES = [
  "Europe/Amsterdam",
  "Europe/Lisbon",
  "America/New_York",
  "America/St_Johns",
  "America/Santiago",
  "Africa/Cairo",
  "Asia/Kathmandu",
  "Asia/Kolkata",
  "Asia/Tokyo",
  "Australia/Lord_Howe",
  "Pacific/Chatham",
  "UTC",
] as const;

/** A session, and what of its making does not show in it. */
export interface MadeSession {
  readonly session: Session;
  readonly phases: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const FIRST_DAY = dayNumber("2025-01-01");
const DAYS = 730;

const iso = (at: number): string => new Date(at).toISOString();

export function randomSession(random: Random): MadeSession {
  const timeZone = random.pick(ZONES);
  const grain = random.weighted([
    [55, MINUTE_MS],
    [30, SECOND_MS],
    [15, 1],
  ]);
  const length = roundTo(grain, randomLength(random));
  const start = roundTo(grain, randomStart(random, timeZone, length));
  const end = start + length;
  const phases = random.int(1, 3);
  const session = { timeZone, start: iso(start), end: iso(end), samples: samples(random, start, end, grain, phases) };
  return { session: random.chance(0.2) ? withReservation(random, session, start) : session, phases };
}

const roundTo = (grain: number, value: number): number => Math.floor(value / grain) * grain;

/** Some while before the clocks change, or at any time. */
function randomStart(random: Random, zone: string, length: number): number {
  const changes = clockChanges(zone);
  if (changes.length > 0 && random.chance(0.3)) return random.pick(changes) - random.int(0, length);
  return (FIRST_DAY + random.int(0, DAYS - 1)) * DAY_MS + random.int(0, DAY_MS - 1);
}

const knownChanges = new Map<string, readonly number[]>();

/** When the zone's clocks are put forward or back, in ms. */
function clockChanges(zone: string): readonly number[] {
  let known = knownChanges.get(zone);
  if (!known) {
    const days = Array.from({ length: DAYS }, (_, index) => FIRST_DAY + index).filter((day) => changesClock(zone, day));
    known = days.flatMap((day) => {
      const minutes = Array.from({ length: 1_440 }, (_, index) => day * 1_440 + index + 1);
      return minutes
        .filter((minute) => offsetMinutes(zone, minute) !== offsetMinutes(zone, minute - 1))
        .map((minute) => minute * MINUTE_MS);
    });
    knownChanges.set(zone, known);
  }
  return known;
}

function randomLength(random: Random): number {
  const [from, to] = random.weighted<readonly [number, number]>([
    [4, [0, 0]],
    [4, [1, MINUTE_MS]],
    [32, [MINUTE_MS, 90 * MINUTE_MS]],
    [45, [HOUR_MS, 12 * HOUR_MS]],
    [13, [12 * HOUR_MS, 30 * HOUR_MS]],
    [2, [30 * HOUR_MS, 100 * HOUR_MS]],
  ]);
  return random.int(from, to);
}

function samples(random: Random, start: number, end: number, grain: number, phases: number): Sample[] {
  if (random.chance(0.02)) return [];
  const hasCurrent = random.chance(0.7);
  const hasPower = random.chance(0.4);
  // Tenths of a Wh, so that readings are short decimals.
  const unit = random.weighted([
    [40, 1_000],
    [35, 10],
    [25, 1],
  ]);
  let reading = random.chance(0.5) ? 0 : random.int(0, 20_000_000);
  let before: { at: number; state: State } | null = null;
  return sampleTimes(random, start, end, grain).map((at): Sample => {
    if (before) reading += roundTo(unit, randomEnergy(random, at - before.at, before.state));
    const state = random.weighted<State>([
      [55, "charging"],
      [17, "suspended_ev"],
      [13, "suspended_evse"],
      [15, "idle"],
    ]);
    before = { at, state };
    const sample = { time: iso(at), energyWh: reading / 10, state };
    const flows = state === "charging" || random.chance(0.1);
    return {
      ...sample,
      ...(hasCurrent && random.chance(0.92) ? { currentA: flows ? randomCurrent(random, phases) : 0 } : {}),
      ...(hasPower && random.chance(0.92) ? { powerW: flows ? random.int(14, 1_500) * 100 : 0 } : {}),
    };
  });
}

/** The sum over the phases, to a tenth of an ampere. */
function randomCurrent(random: Random, phases: number): number {
  let tenths = 0;
  for (let phase = 0; phase < phases; phase++)
    tenths += random.chance(0.5) ? random.int(6, 32) * 10 : random.int(60, 320);
  return tenths / 10;
}

function sampleTimes(random: Random, start: number, end: number, grain: number): number[] {
  const times = [random.chance(0.88) ? start : start + roundTo(grain, random.int(0, end - start))];
  for (let left = random.int(0, 8); left > 0; left--) {
    const between = start + roundTo(grain, random.int(0, end - start));
    times.push(random.chance(0.1) ? times.at(-1)! : between);
  }
  if (random.chance(0.8)) times.push(end);
  return times.toSorted((a, b) => a - b);
}

/** Tenths of a Wh between two samples: at rest, at a pace, or a trickle while parked; now and then at one moment. */
function randomEnergy(random: Random, ms: number, state: State): number {
  if (ms === 0) return random.chance(0.4) ? random.int(1, 30_000) : 0;
  const rests = random.chance(state === "charging" ? 0.12 : 0.85);
  if (rests) return 0;
  const kw = random.weighted([
    [60, random.int(1, 22)],
    [40, random.int(22, 150)],
  ]);
  return (kw * 10_000 * ms) / HOUR_MS;
}

function withReservation(random: Random, session: Session, start: number): Session {
  const from = start - random.int(1, 7_200) * SECOND_MS;
  const reservation: Reservation = {
    start: iso(from),
    ...(random.chance(0.3) ? { end: iso(from + random.int(0, start - from)) } : {}),
  };
  if (random.chance(0.55)) return { ...session, reservation };
  const expired: Reservation = { ...reservation, expired: true };
  if (random.chance(0.1)) return { ...session, reservation: expired };
  return { ...session, end: session.start, samples: [], reservation: expired };
}
