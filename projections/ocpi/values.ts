// OCPI's data types (2.2.1, Types): times in UTC with a Z, numbers as JSON numbers, optional fields absent and never null.
import { invalid } from "./envelope.ts";

export type Members = Readonly<Record<string, unknown>>;

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const earliest = -62_135_596_800_000;
const latest = 253_402_300_799_999;

/** @param ms epoch; a station's clock can be anything, OCPI's years have four digits. */
export function utc(ms: number): string {
  return new Date(Math.min(latest, Math.max(earliest, ms))).toISOString();
}

// RFC 3339 in UTC; OCPI allows to leave out the Z and forbids an offset.
const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z?$/;

/** @returns epoch ms; undefined where it is no DateTime of OCPI. */
export function parseUtc(text: unknown): number | undefined {
  if (typeof text !== "string" || !dateTime.test(text)) return undefined;
  const ms = Date.parse(text.endsWith("Z") ? text : `${text}Z`);
  return Number.isFinite(ms) ? ms : undefined;
}

/** @throws OcpiError 2001 */
export function timeIn(members: Members, name: string): number {
  const ms = parseUtc(members[name]);
  if (ms === undefined) throw invalid(`${name} must be a UTC time such as 2026-01-31T12:00:00Z.`);
  return ms;
}

const mwhPerKwh = 1_000_000;
const msPerHour = 3_600_000;
const hourDecimals = 4;

/** kWh, exact: OCPI counts in kWh where OCPP counts in Wh. */
export function kwh(mwh: number): number {
  return mwh / mwhPerKwh;
}

export function hours(ms: number): number {
  return Number((ms / msPerHour).toFixed(hourDecimals));
}

/** @param decimal text or number of a document. */
export function numberOf(decimal: unknown): number | undefined {
  const number = typeof decimal === "string" && decimal.trim() !== "" ? Number(decimal) : decimal;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

/** Members that are absent or null are left out, at any depth: OCPI has no null. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null && item !== undefined).map(withoutNulls);
  if (!isMembers(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) =>
      item === null || item === undefined ? [] : [[name, withoutNulls(item)]],
    ),
  );
}

/** Names of fields, as a list to read. */
export function words(text: string): readonly string[] {
  return text.split(/\s+/);
}

/** Those of `names` that `from` has, in their order. */
export function pick(from: Members, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = withoutNulls(from[name]);
      return value === undefined || value === null ? [] : [[name, value]];
    }),
  );
}

/** @throws OcpiError 2001 @returns text of one to `max` characters */
export function textIn(members: Members, name: string, max: number): string {
  const value = members[name];
  if (typeof value === "string" && value !== "" && value.length <= max) return value;
  throw invalid(`${name} must be a text of 1 to ${max} characters.`);
}

/** @throws OcpiError 2001 @returns undefined where it is absent or null */
export function optionalTextIn(members: Members, name: string, max: number): string | undefined {
  const value = members[name];
  return value === undefined || value === null ? undefined : textIn(members, name, max);
}

/** OCPI's CiString: letter case does not matter. */
export function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
