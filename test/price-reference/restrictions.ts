// TariffRestrictions: whether an element is active at a moment. Minimum and start inclusive, maximum and end exclusive.
import { compare, decimal, type Fraction } from "./fraction.ts";
import { dayNumber, minuteOfDay, type WallMinute } from "./local-clock.ts";
import { DAYS, type Restrictions } from "./model.ts";

/** What restrictions ask for, at one moment. */
export interface Moment {
  readonly wall: WallMinute;
  readonly kwh: Fraction;
  /** null: not known, so that no restriction on it holds. */
  readonly currentA: Fraction | null;
  readonly powerKw: Fraction | null;
  readonly seconds: Fraction;
}

type Check<Facts> = (limits: Restrictions, facts: Facts) => boolean;
type ClockName = "start_time" | "end_time" | "start_date" | "end_date" | "day_of_week";
type MeterName = Exclude<keyof Restrictions, ClockName | "reservation">;
export type RestrictionName = ClockName | MeterName;

/** `start_time` and `end_time` are one window: they hold together or not at all. */
const CLOCK: Readonly<Record<ClockName, Check<WallMinute>>> = {
  start_time: (limits, wall) => isInWindow(limits, wall.minuteOfDay),
  end_time: (limits, wall) => isInWindow(limits, wall.minuteOfDay),
  start_date: ({ start_date: date }, wall) => date === undefined || wall.day >= dayNumber(date),
  end_date: ({ end_date: date }, wall) => date === undefined || wall.day < dayNumber(date),
  day_of_week: ({ day_of_week: days = [] }, wall) => {
    const today = DAYS[wall.weekday];
    return days.length === 0 || (today !== undefined && days.includes(today));
  },
};

const METER: Readonly<Record<MeterName, Check<Moment>>> = {
  min_kwh: (limits, { kwh }) => isAtLeast(kwh, limits.min_kwh),
  max_kwh: (limits, { kwh }) => isBelow(kwh, limits.max_kwh),
  min_current: (limits, { currentA }) => isAtLeast(currentA, limits.min_current),
  max_current: (limits, { currentA }) => isBelow(currentA, limits.max_current),
  min_power: (limits, { powerKw }) => isAtLeast(powerKw, limits.min_power),
  max_power: (limits, { powerKw }) => isBelow(powerKw, limits.max_power),
  min_duration: (limits, { seconds }) => isAtLeast(seconds, limits.min_duration),
  max_duration: (limits, { seconds }) => isBelow(seconds, limits.max_duration),
};

function isAtLeast(value: Fraction | null, limit: number | undefined): boolean {
  return limit === undefined || (value !== null && compare(value, decimal(limit)) >= 0);
}

function isBelow(value: Fraction | null, limit: number | undefined): boolean {
  return limit === undefined || (value !== null && compare(value, decimal(limit)) < 0);
}

/** `end_time` before `start_time` wraps around midnight; `00:00` as end is the end of the day. */
function isInWindow({ start_time: start, end_time: end }: Restrictions, minute: number): boolean {
  const from = start === undefined ? 0 : minuteOfDay(start);
  const until = end === undefined || end === "00:00" ? 1_440 : minuteOfDay(end);
  return until < from ? minute >= from || minute < until : minute >= from && minute < until;
}

const isClockName = (name: string): name is ClockName => name in CLOCK;
const isMeterName = (name: string): name is MeterName => name in METER;

/** The restrictions that an element has, but for `reservation`. */
export function namesOf(restrictions: Restrictions): RestrictionName[] {
  return Object.keys(restrictions).filter((name) => isClockName(name) || isMeterName(name));
}

/** Whether one restriction of an element holds. */
export function holds(name: RestrictionName, restrictions: Restrictions, moment: Moment): boolean {
  return isClockName(name) ? CLOCK[name](restrictions, moment.wall) : METER[name](restrictions, moment);
}

/** Whether all restrictions of an element hold, but for `reservation`. */
export function allHold(restrictions: Restrictions, moment: Moment): boolean {
  return namesOf(restrictions).every((name) => holds(name, restrictions, moment));
}

/** Whether those restrictions hold that look at the clock on the wall. */
export function clockHolds(restrictions: Restrictions, wall: WallMinute): boolean {
  return Object.keys(restrictions)
    .filter(isClockName)
    .every((name) => CLOCK[name](restrictions, wall));
}

export function looksAtClock(restrictions: Restrictions): boolean {
  return Object.keys(restrictions).some(isClockName);
}
