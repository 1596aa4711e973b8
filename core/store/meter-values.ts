// The readings of one event as the one row that they share: JSON, an array for each, in the order they came.
import type { Reading } from "../records/domain-event.ts";

type Packed = [
  at: number | null,
  measurand: string,
  context: string,
  phase: string | null,
  location: string | null,
  unit: string | null,
  value: string,
  energyMwh: number | null,
];

export function packReadings(readings: readonly Reading[]): string {
  return JSON.stringify(
    readings.map((r): Packed => [r.at, r.measurand, r.context, r.phase, r.location, r.unit, r.value, r.energyMwh]),
  );
}

export function unpackReadings(text: string): Reading[] {
  return (JSON.parse(text) as Packed[]).map(
    ([at, measurand, context, phase, location, unit, value, energyMwh]): Reading => ({
      at,
      measurand,
      context,
      phase,
      location,
      unit,
      value,
      energyMwh,
    }),
  );
}
