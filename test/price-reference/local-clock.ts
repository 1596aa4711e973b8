// What a clock on the wall in some time zone shows, from the time zone database of the runtime.

const MINUTES_A_DAY = 1_440;

/** A minute as the clock on the wall shows it. On a day of clock change one may come twice, or never. */
export interface WallMinute {
  /** Days since 1970-01-01, of the local date. */
  readonly day: number;
  /** 0 to 1439. */
  readonly minuteOfDay: number;
  /** 0 is Monday. */
  readonly weekday: number;
}

/** Days since 1970-01-01 of a date `YYYY-MM-DD`. */
export const dayNumber = remembered((date) => Date.parse(`${date}T00:00:00Z`) / 86_400_000);

/** The date `YYYY-MM-DD` of a number of days since 1970-01-01. */
export function dateOfDay(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}

/** Minutes since 00:00 of `HH:MM`. */
export const minuteOfDay = remembered((time) => {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
});

/** Restrictions are asked for every minute of a session, and there are only so many times of day and dates. */
function remembered(read: (text: string) => number): (text: string) => number {
  const known = new Map<string, number>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) known.set(text, (value = read(text)));
    return value;
  };
}

/** What the wall shows in the `minute`th minute since 1970 (UTC). */
export function wallMinute(zone: string, minute: number): WallMinute {
  const local = minute + offsetMinutes(zone, minute);
  const day = Math.floor(local / MINUTES_A_DAY);
  return { day, minuteOfDay: local - day * MINUTES_A_DAY, weekday: (((day + 3) % 7) + 7) % 7 };
}

/** Whether the zone's clocks are put forward or back between 00:00 and 24:00 UTC of a day since 1970. */
export function changesClock(zone: string, utcDay: number): boolean {
  return askedOffset(zone, utcDay * MINUTES_A_DAY) !== askedOffset(zone, (utcDay + 1) * MINUTES_A_DAY);
}

/** Local time less UTC. No zone changes its clocks twice within a day, so only days of change are looked at by the minute. */
export function offsetMinutes(zone: string, minute: number): number {
  const day = Math.floor(minute / MINUTES_A_DAY);
  return askedOffset(zone, changesClock(zone, day) ? minute : day * MINUTES_A_DAY);
}

const formats = new Map<string, Intl.DateTimeFormat>();
const asked = new Map<string, Map<number, number>>();

function askedOffset(zone: string, minute: number): number {
  let known = asked.get(zone);
  if (!known) asked.set(zone, (known = new Map<number, number>()));
  let offset = known.get(minute);
  if (offset === undefined) known.set(minute, (offset = ask(zone, minute)));
  return offset;
}

function ask(zone: string, minute: number): number {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      calendar: "iso8601",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
    });
    formats.set(zone, format);
  }
  const shown = new Map(format.formatToParts(minute * 60_000).map((part) => [part.type, Number(part.value)]));
  const of = (type: Intl.DateTimeFormatPartTypes): number => shown.get(type) ?? Number.NaN;
  const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute")) / 60_000;
  if (Number.isNaN(local)) throw new RangeError(`no local time for ${zone}`);
  return local - minute;
}
