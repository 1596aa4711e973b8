// The price of a charging session by an OCPI tariff. Pure: decimals in, decimal text out; no clock, no registry.
import { Decimal } from "decimal.js";

import type { CdrLine, Price } from "../records/domain-event.ts";
import type { PriceComponentDoc, TariffDoc } from "../registry/entities.ts";

/** What is sold. TIME is sold by charging time, PARKING_TIME by the time in which the vehicle asks for no power. */
export interface Usage {
  readonly energyMwh: number;
  readonly chargingMs: number;
  readonly parkingMs: number;
}

export type PriceResult =
  | { readonly result: "priced"; readonly total: Price; readonly lines: readonly CdrLine[] }
  /** A restricted element could decide a dimension's price, and restrictions are not evaluated. */
  | { readonly result: "unsupported"; readonly dimension: Dimension }
  /** The tariff is not one: a price that is no number, a step that is no positive one. */
  | { readonly result: "invalid"; readonly why: string };

type Dimension = PriceComponentDoc["type"];

/**
 * The one policy of rounding: lines and sums are exact, each of the two totals is rounded once, at the end, to a tenth of
 * a cent, half up. The specification's own examples (0.031 for 0.03125) ask for three decimals.
 */
export const rounding = { decimals: 3, atLeastDecimals: 2, mode: Decimal.ROUND_HALF_UP } as const;

/** Lines show volumes and sums to this many decimals; nothing is computed from what they show. */
const shownDecimals = 6;

// 40 digits: a third of an hour at any price is exact far beyond what is rounded.
const Exact = Decimal.clone({ precision: 40 });
const mwhPerKwh = 1_000_000;
const mwhPerWh = 1_000;
const msPerHour = 3_600_000;
const msPerSecond = 1_000;

const dimensions: readonly Dimension[] = ["FLAT", "ENERGY", "TIME", "PARKING_TIME"];

interface Chosen {
  readonly dimension: Dimension;
  readonly price: Decimal;
  /** Percent; null: none stated. */
  readonly vat: Decimal | null;
  readonly step: Decimal;
}

/** OCPI 2.2.1, Tariffs: the first element that has the dimension decides it; none: it is free. */
export function price(tariff: TariffDoc, usage: Usage): PriceResult {
  const chosen: Chosen[] = [];
  for (const dimension of dimensions) {
    const element = tariff.elements.find((e) => e.price_components.some((c) => c.type === dimension));
    if (!element) continue;
    if (isRestricted(element.restrictions)) return { result: "unsupported", dimension };
    const component = element.price_components.find((c) => c.type === dimension)!;
    const read = readComponent(component);
    if (typeof read === "string") return { result: "invalid", why: read };
    chosen.push(read);
  }
  const min = readLimit(tariff.min_price);
  const max = readLimit(tariff.max_price);
  if (min === "invalid" || max === "invalid") return { result: "invalid", why: "min_price or max_price is no price" };
  return { result: "priced", ...priced(chosen, usage, min, max) };
}

function isRestricted(restrictions: Readonly<Record<string, unknown>> | undefined): boolean {
  return restrictions !== undefined && Object.keys(restrictions).length > 0;
}

function decimalOf(value: number | string): Decimal | undefined {
  try {
    const decimal = new Exact(value);
    return decimal.isFinite() ? decimal : undefined;
  } catch {
    return undefined;
  }
}

/** @returns a sentence where the component is none. */
function readComponent(component: PriceComponentDoc): Chosen | string {
  const amount = decimalOf(component.price);
  const vat = component.vat === undefined ? null : decimalOf(component.vat);
  const step = decimalOf(component.step_size ?? 1);
  if (!amount) return `the price of ${component.type} is no number`;
  if (vat === undefined) return `the VAT of ${component.type} is no number`;
  // A step of 0 is common and means none; OCPI has 1 for that.
  if (!step || step.isNegative()) return `the step_size of ${component.type} is no number from 0`;
  return { dimension: component.type, price: amount, vat, step };
}

interface Limit {
  readonly excl: Decimal;
  readonly incl: Decimal | null;
}

function readLimit(limit: TariffDoc["min_price"]): Limit | undefined | "invalid" {
  if (limit === undefined) return undefined;
  const excl = decimalOf(limit.excl_vat);
  const incl = limit.incl_vat === undefined ? null : decimalOf(limit.incl_vat);
  return excl && incl !== undefined ? { excl, incl } : "invalid";
}

interface Line extends Chosen {
  readonly volume: Decimal;
  readonly exclVat: Decimal;
  readonly inclVat: Decimal;
}

function priced(chosen: readonly Chosen[], usage: Usage, min: Limit | undefined, max: Limit | undefined) {
  const hasParking = usage.parkingMs > 0 && chosen.some((c) => c.dimension === "PARKING_TIME");
  const lines = chosen.map((component): Line => {
    const volume = volumeOf(component, usage, hasParking);
    const exclVat = component.price.times(volume);
    const factor = component.vat ? component.vat.div(100).plus(1) : new Exact(1);
    return { ...component, volume, exclVat, inclVat: exclVat.times(factor) };
  });
  const used = lines.filter((line) => !line.volume.isZero());
  const sum = (key: "exclVat" | "inclVat") => used.reduce((total, line) => total.plus(line[key]), new Exact(0));
  const total = {
    exclVat: rounded(limited(sum("exclVat"), min?.excl, max?.excl)),
    inclVat: rounded(limited(sum("inclVat"), min?.incl ?? min?.excl, max?.incl ?? undefined)),
  };
  return { total, lines: used.map(shown) };
}

/** In the unit that the price is for: kWh, hours, once. */
function volumeOf({ dimension, step }: Chosen, usage: Usage, hasParking: boolean): Decimal {
  switch (dimension) {
    case "FLAT":
      return new Exact(1);
    case "ENERGY":
      return stepped(usage.energyMwh, step.times(mwhPerWh)).div(mwhPerKwh);
    case "TIME":
      // Of TIME and PARKING_TIME only one is rounded: parking, where there was any.
      return (hasParking ? new Exact(usage.chargingMs) : stepped(usage.chargingMs, step.times(msPerSecond))).div(
        msPerHour,
      );
    case "PARKING_TIME":
      return stepped(usage.parkingMs, step.times(msPerSecond)).div(msPerHour);
  }
}

/** Up to the next whole step; 0 stays 0. */
function stepped(amount: number, step: Decimal): Decimal {
  const exact = new Exact(amount);
  return step.isZero() ? exact : exact.div(step).ceil().times(step);
}

function limited(sum: Decimal, min: Decimal | undefined, max: Decimal | undefined): Decimal {
  const raised = min ? Exact.max(sum, min) : sum;
  return max ? Exact.min(raised, max) : raised;
}

function rounded(amount: Decimal): string {
  const decimal = amount.toDecimalPlaces(rounding.decimals, rounding.mode);
  return decimal.toFixed(Math.max(rounding.atLeastDecimals, decimal.decimalPlaces()));
}

function shown(line: Line): CdrLine {
  const text = (amount: Decimal) => amount.toDecimalPlaces(shownDecimals, rounding.mode).toFixed();
  return {
    dimension: line.dimension,
    volume: text(line.volume),
    unitPrice: line.price.toFixed(),
    vat: line.vat?.toFixed() ?? null,
    total: { exclVat: text(line.exclVat), inclVat: text(line.inclVat) },
  };
}
