// Which restrictions are none, or can never all hold at once (OCPI 2.2.1, 5.4.6 TariffRestrictions).
import type { Decimal } from "decimal.js";

import { decimalOf } from "./decimal.ts";
import { isFields, type Fault, type Fields } from "./faults.ts";

/** In the order of JavaScript's and OCPI's week: local day 0 was a Thursday. */
export const weekdays = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"];
export const reservationKinds = ["RESERVATION", "RESERVATION_EXPIRES"];

const timeOfDay = /^([0-1][0-9]|2[0-3]):[0-5][0-9]$/;
const date = /^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$/;
const ranges = [
  ["min_kwh", "max_kwh"],
  ["min_current", "max_current"],
  ["min_power", "max_power"],
  ["min_duration", "max_duration"],
] as const;
const known = new Set<string>([
  "start_time",
  "end_time",
  "start_date",
  "end_date",
  "day_of_week",
  "reservation",
  ...ranges.flat(),
]);
const mostDays = 7;

export function restrictionFaults(restrictions: unknown, path: string): Fault[] {
  if (!isFields(restrictions)) return [{ path, reason: "is an object" }];
  const unknowns = Object.keys(restrictions).filter((name) => !known.has(name));
  return [
    // One that is not understood must not be passed over: the element would apply where it must not.
    ...unknowns.map((name) => ({ path: `${path}/${name}`, reason: "is no restriction of OCPI 2.2.1 or 2.3.0" })),
    ...clockFaults(restrictions, path),
    ...dayFaults(restrictions, path),
    ...ranges.flatMap(([min, max]) => rangeFaults(restrictions, min, max, path)),
  ];
}

function clockFaults({ start_time: start, end_time: end }: Fields, path: string): Fault[] {
  const faults: Fault[] = [];
  for (const [name, value] of Object.entries({ start_time: start, end_time: end })) {
    if (value !== undefined && !(typeof value === "string" && timeOfDay.test(value))) {
      faults.push({ path: `${path}/${name}`, reason: "is a time of day from 00:00 to 23:59" });
    }
  }
  // 00:00 to 00:00 is the whole day: 00:00 as an end is the end of the day.
  if (start !== undefined && start === end && end !== "00:00") {
    faults.push({ path: `${path}/end_time`, reason: "is the same as start_time: no time lies between them" });
  }
  return faults;
}

function dayFaults(restrictions: Fields, path: string): Fault[] {
  const { start_date: start, end_date: end, day_of_week: days, reservation } = restrictions;
  const faults: Fault[] = [];
  for (const [name, value] of Object.entries({ start_date: start, end_date: end })) {
    if (value !== undefined && !isDate(value)) faults.push({ path: `${path}/${name}`, reason: "is a date YYYY-MM-DD" });
  }
  if (isDate(start) && isDate(end) && end <= start) {
    faults.push({ path: `${path}/end_date`, reason: "is not after start_date: no day lies between them" });
  }
  const areDays =
    Array.isArray(days) && days.length <= mostDays && days.every((day) => weekdays.includes(day as string));
  if (days !== undefined && !areDays) {
    faults.push({ path: `${path}/day_of_week`, reason: "is a list of MONDAY to SUNDAY" });
  }
  if (reservation !== undefined && !reservationKinds.includes(reservation as string)) {
    faults.push({ path: `${path}/reservation`, reason: `is ${reservationKinds.join(" or ")}` });
  }
  return faults;
}

function isDate(value: unknown): value is string {
  if (typeof value !== "string" || !date.test(value)) return false;
  const at = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(value);
}

function rangeFaults(restrictions: Fields, minName: string, maxName: string, path: string): Fault[] {
  const faults: Fault[] = [];
  const read = (name: string): Decimal | undefined => {
    const value = restrictions[name];
    if (value === undefined) return undefined;
    const decimal = decimalOf(value);
    const isWhole = !name.endsWith("duration") || decimal?.isInteger() === true;
    if (decimal && !decimal.lt(0) && isWhole && decimal.lt(1e9)) return decimal;
    const what = name.endsWith("duration") ? "an integer of seconds" : "a decimal";
    faults.push({ path: `${path}/${name}`, reason: `is ${what} from 0 on, below 1000000000` });
    return undefined;
  };
  const [min, max] = [read(minName), read(maxName)];
  if (min && max?.lte(min)) {
    faults.push({ path: `${path}/${maxName}`, reason: `is not above ${minName}: nothing lies between them` });
  }
  if (max?.isZero()) faults.push({ path: `${path}/${maxName}`, reason: "is 0: nothing lies below it" });
  return faults;
}
