// A station's own time is data (rule T1): read with tolerance, used where it can be true.
export interface PlausibleTime {
  readonly at: number;
  /** false: it is the log time, for the station gave none that can be true. */
  readonly trusted: boolean;
}

const earliestPlausible = Date.UTC(2020, 0, 1);
const aheadMs = 3_600_000;

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
  return isPlausible(at, logTime) ? { at, trusted: true } : { at: logTime, trusted: false };
}
