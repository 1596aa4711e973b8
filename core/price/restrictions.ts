// Restrictions of a tariff element as checks on one moment of a session (OCPI 2.2.1, 5.4.6 TariffRestrictions). All must
// hold; each looks at the moment alone, so that they can change their answer during the session.
import { decimalOf, scaled } from "./decimal.ts";
import { isFields } from "./faults.ts";
import { weekdays } from "./restriction-faults.ts";
import type { ChargingState } from "./session.ts";

/** What restrictions are held against. */
export interface Moment {
  readonly at: number;
  /** Local minute of the day, 0-1439. */
  readonly minute: number;
  /** Local days since 1970-01-01. */
  readonly day: number;
  /** Used in the session so far. */
  readonly energyMwh: number;
  /** Since the session began, whatever it did since. */
  readonly elapsedMs: number;
  readonly state: ChargingState | "reserved";
  /** null: nobody knows. */
  readonly currentMa: number | null;
  readonly powerMw: number | null;
}

export interface Check {
  /** OCPI's name of the restriction. */
  readonly name: string;
  readonly limit: string;
  holds(moment: Moment): boolean;
  /** What it was instead, as a person reads it. */
  actual(moment: Moment): string;
}

const minutesPerDay = 1_440;
const daysPerWeek = 7;
/** 1970-01-01 was a Thursday. */
const weekdayOfDay0 = 4;
const dayMs = 86_400_000;
const perThousand = 1_000;
const mwhPerKwh = 1_000_000;
const mwPerKw = 1_000_000;

/** @param restrictions without faults. `reservation` is no check: it says which part of a session an element is about. */
export function checksOf(restrictions: unknown): readonly Check[] {
  if (!isFields(restrictions)) return [];
  const { start_time: start, end_time: end, start_date: from, end_date: until, day_of_week: days } = restrictions;
  return [
    ...timeChecks(start as string | undefined, end as string | undefined),
    ...(typeof from === "string" ? [dateCheck("start_date", from, (day, limit) => day >= limit)] : []),
    ...(typeof until === "string" ? [dateCheck("end_date", until, (day, limit) => day < limit)] : []),
    ...(Array.isArray(days) && days.length > 0 ? [weekdayCheck(days as readonly string[])] : []),
    ...rangeChecks("kwh", mwhPerKwh, restrictions, (m) => m.energyMwh),
    ...rangeChecks("current", perThousand, restrictions, (m) => m.currentMa),
    ...rangeChecks("power", mwPerKw, restrictions, (m) => m.powerMw),
    ...rangeChecks("duration", perThousand, restrictions, (m) => m.elapsedMs),
  ];
}

export function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

function timeText(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}

/** From start_time (inclusive) until end_time (exclusive); an end before the start is on the next day, 00:00 ends the day. */
function timeChecks(start: string | undefined, end: string | undefined): readonly Check[] {
  if (start === undefined && end === undefined) return [];
  const from = start === undefined ? 0 : minuteOf(start);
  const until = end === undefined || end === "00:00" ? minutesPerDay : minuteOf(end);
  const wraps = until < from;
  const check: Check = {
    name: start === undefined ? "end_time" : end === undefined ? "start_time" : "start_time, end_time",
    limit: `${start ?? "00:00"}-${end ?? "00:00"}`,
    holds: wraps ? ({ minute }) => minute >= from || minute < until : ({ minute }) => minute >= from && minute < until,
    actual: ({ minute }) => timeText(minute),
  };
  return [check];
}

function dateCheck(name: string, limit: string, holds: (day: number, limit: number) => boolean): Check {
  const limitDay = Date.parse(`${limit}T00:00:00Z`) / dayMs;
  return {
    name,
    limit,
    holds: ({ day }) => holds(day, limitDay),
    actual: ({ day }) => new Date(day * dayMs).toISOString().slice(0, 10),
  };
}

function weekdayOf(day: number): number {
  return (((day + weekdayOfDay0) % daysPerWeek) + daysPerWeek) % daysPerWeek;
}

/** The local calendar day at that moment: with a time that wraps, the morning after a Friday is a Saturday. */
function weekdayCheck(days: readonly string[]): Check {
  const wanted = weekdays.map((name) => days.includes(name));
  return {
    name: "day_of_week",
    limit: days.join(", "),
    holds: ({ day }) => wanted[weekdayOf(day)]!,
    actual: ({ day }) => weekdays[weekdayOf(day)]!,
  };
}

/** min_… inclusive, max_… exclusive. What nobody knows is within no limit. */
function rangeChecks(
  quantity: string,
  scale: number,
  restrictions: Readonly<Record<string, unknown>>,
  valueOf: (moment: Moment) => number | null,
): readonly Check[] {
  const actual = (moment: Moment): string => {
    const value = valueOf(moment);
    return value === null ? "not known" : String(value / scale);
  };
  const checks: Check[] = [];
  const min = restrictions[`min_${quantity}`];
  if (min !== undefined) {
    const limit = scaled(min, scale)!;
    const holds = (moment: Moment): boolean => {
      const value = valueOf(moment);
      return value !== null && value >= limit;
    };
    checks.push({ name: `min_${quantity}`, limit: decimalOf(min)!.toFixed(), holds, actual });
  }
  const max = restrictions[`max_${quantity}`];
  if (max !== undefined) {
    const limit = scaled(max, scale)!;
    const holds = (moment: Moment): boolean => {
      const value = valueOf(moment);
      return value !== null && value < limit;
    };
    checks.push({ name: `max_${quantity}`, limit: decimalOf(max)!.toFixed(), holds, actual });
  }
  return checks;
}
