// MeterValues of every version as readings: value as sent, energy registers in integer milliwatt-hours beside it.
import { mwhOf } from "../../core/metering/energy.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import { digestOf, fieldsOf, listOf, numberOf, textOf, type Fields } from "../payload.ts";
import { parseStationTime } from "../station-time.ts";

export const energyRegister = "Energy.Active.Import.Register";

/** Contexts of the two registers that 1.6 sends outside of meter values. */
export const meterStartContext = "StartTransaction.meterStart";
export const meterStopContext = "StopTransaction.meterStop";

/** @returns null where it is no energy that a register can show (quirks 7 and 9: empty text, -1). */
export function toMwh(value: unknown, unit: string, multiplier = 0): number | null {
  const number = numberOf(value);
  return number === null ? null : mwhOf(number, unit, multiplier);
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value.trim() : (textOf(value) ?? "");
}

function reading(sample: Fields, at: number | null): Reading {
  const measurand = textOf(sample["measurand"]) ?? energyRegister;
  // 2.x has {unit, multiplier}, 1.6 the unit alone.
  const measure = fieldsOf(sample["unitOfMeasure"]);
  const unit = textOf(sample["unit"]) ?? textOf(measure["unit"]);
  const isEnergy = measurand.startsWith("Energy.");
  const multiplier = numberOf(measure["multiplier"]) ?? 0;
  const energyMwh = isEnergy ? toMwh(sample["value"], unit ?? "Wh", multiplier) : null;
  return {
    at,
    context: textOf(sample["context"]) ?? "Sample.Periodic",
    measurand,
    phase: textOf(sample["phase"]),
    location: textOf(sample["location"]),
    // As sent, beside the value as sent; 1.6 and 2.x alike leave out Wh.
    unit: isEnergy ? (unit ?? "Wh") : multipliedUnit(unit, multiplier),
    value: valueText(sample["value"]),
    energyMwh,
  };
}

/** 2.x: 7.4 with unit W and multiplier 3 must not read as 7.4 W. */
function multipliedUnit(unit: string | null, multiplier: number): string | null {
  return unit === null || multiplier === 0 ? unit : `10^${multiplier} ${unit}`;
}

/** In thousandths of the base unit (W, A): integers. null: another unit, or no number. */
export function toThousandths({ unit, value }: Pick<Reading, "unit" | "value">, base: "W" | "A"): number | null {
  const number = numberOf(value);
  const match = /^(?:10\^(-?\d) )?(k?)([A-Za-z]+)$/.exec(unit ?? base);
  if (number === null || match?.[3] !== base) return null;
  const thousandths = Math.round(number * (match[2] === "k" ? 1e6 : 1e3) * 10 ** Number(match[1] ?? 0));
  return Number.isSafeInteger(thousandths) ? thousandths : null;
}

/** @param meterValues `meterValue` of either version, or 1.6 `transactionData`. Signed values are calibration/'s. */
export function readingsOf(meterValues: unknown): readonly Reading[] {
  const readings: Reading[] = [];
  for (const element of listOf(meterValues)) {
    const fields = fieldsOf(element);
    const at = parseStationTime(fields["timestamp"]);
    for (const sample of listOf(fields["sampledValue"])) {
      const sampled = fieldsOf(sample);
      if (textOf(sampled["format"]) === "SignedData") continue;
      readings.push(reading(sampled, at));
    }
  }
  return readings;
}

/** A register that 1.6 sends as a field of its message, kept with the readings so that they alone give the energy. */
export function meterFieldReading(context: string, value: unknown, at: number): Reading {
  const energyMwh = toMwh(value, "Wh");
  return {
    at,
    context,
    measurand: energyRegister,
    phase: null,
    location: null,
    unit: "Wh",
    value: valueText(value),
    energyMwh,
  };
}

/** What two messages with the same readings have in common (quirk 5: the same data again at every reconnect). */
export function readingsDigest(readings: readonly Reading[]): number {
  let text = "";
  for (const r of readings) text += `${r.at}|${r.context}|${r.measurand}|${r.phase}|${r.location}|${r.value};`;
  return digestOf(text);
}
