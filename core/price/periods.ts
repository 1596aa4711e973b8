// Charging periods: slices joined for as long as the active price components and the charging state stay the same
// (OCPI 2.2.1, module CDRs, ChargingPeriod).
import type { Moment } from "./restrictions.ts";
import { isParking, type ChargingState } from "./session.ts";
import type { Slice } from "./slices.ts";
import type { Candidate, Candidates, Component } from "./tariff.ts";

export type Part = "session" | "RESERVATION" | "RESERVATION_EXPIRES";

/** Volumes are deltas of the period. Mutable until step_size has had its say. */
export interface Period {
  readonly part: Part;
  readonly start: number;
  end: number;
  readonly state: ChargingState | "reserved";
  energyMwh: number;
  /** How it stood when the period began: restrictions were held against this. */
  readonly moment: Moment;
  /** Active components; null: there is none, the dimension is free. */
  readonly energy: Component | null;
  /** TIME, or PARKING_TIME while the vehicle asks for no power. */
  readonly time: Component | null;
  /** Due once, when it first becomes active. */
  readonly flat: Component | null;
  /** What is billed: as used, and what step_size adds to the last one of a dimension. */
  billedMwh: number;
  billedMs: number;
}

/** First in the tariff's order whose restrictions match (5.3.1 Tariff object). */
export function activeOf(candidates: readonly Candidate[], moment: Moment): Component | null {
  for (const { component, checks } of candidates) if (checks.every((check) => check.holds(moment))) return component;
  return null;
}

export function periodsOf(part: Part, slices: readonly Slice[], candidates: Candidates): Period[] {
  const periods: Period[] = [];
  let current: Period | undefined;
  let isFlatDue = candidates.FLAT.length > 0;
  for (const slice of slices) {
    const energy = activeOf(candidates.ENERGY, slice);
    const time = activeOf(isParking(slice.state) ? candidates.PARKING_TIME : candidates.TIME, slice);
    const flat = isFlatDue ? activeOf(candidates.FLAT, slice) : null;
    if (flat) isFlatDue = false;
    if (current && !flat && current.state === slice.state && current.energy === energy && current.time === time) {
      current.end = slice.until;
      current.energyMwh += slice.energyUntil - slice.energyMwh;
      continue;
    }
    current = {
      part,
      start: slice.at,
      end: slice.until,
      state: slice.state,
      energyMwh: slice.energyUntil - slice.energyMwh,
      moment: slice,
      energy,
      time,
      flat,
      billedMwh: 0,
      billedMs: 0,
    };
    periods.push(current);
  }
  for (const period of periods) {
    period.billedMwh = period.energy ? period.energyMwh : 0;
    period.billedMs = period.time ? period.end - period.start : 0;
  }
  return periods;
}
