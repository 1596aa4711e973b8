// A station's own time is data (rule T1): read with tolerance, used where it can be true.
export interface PlausibleTime {
  readonly at: number;
  /** false: it is the log time, for the station gave none that can be true. */
  readonly trusted: boolean;
  /** What the station's clock said, epoch ms, true or not; null: nothing that is a time. */
  readonly own: number | null;
  /** It lies so far after the log's time that the station's clock must be ahead: what happened is never logged before. */
  readonly ahead: boolean;
}

const earliestPlausible = Date.UTC(2020, 0, 1);
const aheadMs = 3_600_000;
/** What clocks of machines that are looked after differ by, and more. */
const unsteadyMs = 5 * 60_000;
/** Two times that lie further apart are not those of one session: the clock was set in between. */
export const longestSessionMs = 31 * 86_400_000;

// RFC 3339 and what the field makes of it: a blank for the T, no zone (Growatt; read as UTC), +03, +0300, fractions of
// any length.
const pattern =
  /^\s*(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?\s*$/;

/** @returns epoch ms; null where it is no time. */
export function parseStationTime(value: unknown): number | null {
  if (typeof value !== "string") return null;
  const match = pattern.exec(value);
  if (!match) return null;
  const [, year, month, day, hour, minute, second, fraction, , sign, zoneHours, zoneMinutes] = match;
  const ms = fraction ? Math.floor(Number(`0.${fraction}`) * 1000) : 0;
  const local = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second ?? 0),
    ms,
  );
  if (!Number.isFinite(local)) return null;
  const zoneMs = (Number(zoneHours ?? 0) * 60 + Number(zoneMinutes ?? 0)) * 60_000;
  return sign === "-" ? local + zoneMs : local - zoneMs;
}

export function isPlausible(at: number | null, logTime: number): at is number {
  return at !== null && at >= earliestPlausible && at <= logTime + aheadMs;
}

/** The station's time where it can be true, else the log's. */
export function stationTimeOr(value: unknown, logTime: number): PlausibleTime {
  const at = parseStationTime(value);
  if (!isPlausible(at, logTime)) return { at: logTime, trusted: false, own: at, ahead: false };
  return { at, trusted: true, own: at, ahead: at > logTime + unsteadyMs };
}

/** What a start tells of the clock that timed it. */
export function ownClock(
  value: unknown,
  logTime: number,
): { readonly trusted: boolean; readonly ownTime: number | null } {
  const { trusted, own } = stationTimeOr(value, logTime);
  return { trusted, ownTime: trusted ? null : own };
}

/**
 * A clock that is wrong still goes: what lies between two of its times is true as long as nothing set it in between. The
 * caller knows of no boot.
 * @returns ms; null where the two cannot be of one clock that goes: it stands still, goes back, or says 0001.
 */
export function betweenOwn(start: number | null, stop: number | null): number | null {
  if (start === null || stop === null || start < 0) return null;
  const ms = stop - start;
  return ms > 0 && ms <= longestSessionMs ? ms : null;
}
