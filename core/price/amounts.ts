// From billed volumes to money: lines, taxes, limits, totals. Everything is exact until `rounded`.
import {
  compare,
  dividedBy,
  inUnits,
  minus,
  plus,
  textOf,
  textOfUnits,
  times,
  zero,
  type Fraction,
} from "./fraction.ts";
import { isParking } from "./session.ts";
import type { Part, Period } from "./periods.ts";
import { shownDecimals } from "./rounding.ts";
import type { Component, ReadyTariff } from "./tariff.ts";

export interface Amount {
  readonly excl: Fraction;
  readonly incl: Fraction;
}

/** All that one component costs in one part of the session. */
export interface ExactLine {
  readonly part: Part;
  readonly component: Component;
  /** mWh, ms, or 1. */
  volume: number;
}

const mwhPerKwh = 1_000_000n;
const msPerHour = 3_600_000n;
export const noAmount: Amount = { excl: zero, incl: zero };

/** In kWh, hours, or once. */
export function volumeOf({ dimension }: Pick<Component, "dimension">, volume: number): Fraction {
  if (dimension === "FLAT") return { n: BigInt(volume), d: 1n };
  return { n: BigInt(volume), d: dimension === "ENERGY" ? mwhPerKwh : msPerHour };
}

export function amountOf(component: Component, volume: number, taxIncluded: ReadyTariff["taxIncluded"]): Amount {
  const stated = times(component.price, volumeOf(component, volume));
  switch (taxIncluded) {
    case "NO":
      return { excl: stated, incl: component.vatText === null ? stated : times(stated, component.vatFactor) };
    case "YES":
      // Without a rate nobody can say what of it is tax.
      return { excl: component.vatText === null ? stated : dividedBy(stated, component.vatFactor), incl: stated };
    case "N/A":
      return { excl: stated, incl: stated };
  }
}

export function added(a: Amount, b: Amount): Amount {
  return { excl: plus(a.excl, b.excl), incl: plus(a.incl, b.incl) };
}

/** One line a component and part, in the order in which they first were active. */
export function linesOf(periods: readonly Period[]): ExactLine[] {
  const lines: ExactLine[] = [];
  const add = (part: Part, component: Component | null, volume: number): void => {
    if (!component || volume === 0) return;
    const line = lines.find((l) => l.component === component && l.part === part);
    if (line) line.volume += volume;
    else lines.push({ part, component, volume });
  };
  for (const period of periods) {
    add(period.part, period.flat, 1);
    add(period.part, period.energy, period.billedMwh);
    add(period.part, period.time, period.billedMs);
  }
  return lines;
}

export function costOf(period: Period, tariff: ReadyTariff): Amount {
  let cost = noAmount;
  const { flat, energy, time, billedMwh, billedMs } = period;
  if (flat) cost = added(cost, amountOf(flat, 1, tariff.taxIncluded));
  if (energy && billedMwh > 0) cost = added(cost, amountOf(energy, billedMwh, tariff.taxIncluded));
  if (time && billedMs > 0) cost = added(cost, amountOf(time, billedMs, tariff.taxIncluded));
  return cost;
}

export type Limited = "min_price" | "max_price";

/**
 * 5.3.1, min_price and max_price: apart for the price without and with taxes. A limit that states only the price without
 * bounds only that; a minimum also the price with taxes by the same amount, and a maximum where there are no taxes.
 */
export function limited(sum: Amount, { min, max }: ReadyTariff): { amount: Amount; by: readonly Limited[] } {
  let { excl, incl } = sum;
  const by: Limited[] = [];
  if (min) {
    excl = larger(excl, min.excl);
    incl = larger(incl, min.incl ?? min.excl);
    if (excl !== sum.excl || incl !== sum.incl) by.push("min_price");
  }
  const raised = { excl, incl };
  if (max) {
    const most = max.incl ?? (compare(excl, incl) === 0 ? max.excl : undefined);
    excl = smaller(excl, max.excl);
    if (most) incl = smaller(incl, most);
    if (excl !== raised.excl || incl !== raised.incl) by.push("max_price");
  }
  return { amount: { excl, incl }, by };
}

function larger(a: Fraction, b: Fraction): Fraction {
  return compare(a, b) < 0 ? b : a;
}

function smaller(a: Fraction, b: Fraction): Fraction {
  return compare(a, b) > 0 ? b : a;
}

/** OCPI 2.3.0, types: TaxAmount. */
export interface Tax {
  readonly name: "VAT";
  /** Decimal text. */
  readonly percentage: string;
  readonly amount: string;
}

export interface Money {
  readonly exclVat: string;
  readonly inclVat: string;
}

/** Rounds, once: the totals and the taxes, which are their difference to the last digit. */
export function rounded(
  lines: readonly ExactLine[],
  amount: Amount,
  tariff: ReadyTariff,
): { total: Money; taxes: Tax[] } {
  const { decimals, atLeast } = tariff.rounding;
  const excl = inUnits(amount.excl, decimals);
  const incl = inUnits(amount.incl, decimals);
  const text = (units: bigint): string => textOfUnits(units, decimals, atLeast);
  return {
    total: { exclVat: text(excl), inclVat: text(incl) },
    taxes: taxesOf(lines, tariff, incl - excl).map(([percentage, units]) => ({
      name: "VAT",
      percentage,
      amount: text(units),
    })),
  };
}

/** The whole tax, shared out over its rates by what each rate came to; the last rate has what rounding leaves. */
function taxesOf(lines: readonly ExactLine[], { taxIncluded }: ReadyTariff, whole: bigint): [string, bigint][] {
  const byRate = new Map<string, Fraction>();
  if (taxIncluded === "N/A") return [];
  for (const { component, volume } of lines) {
    if (component.vatText === null) continue;
    const { excl, incl } = amountOf(component, volume, taxIncluded);
    byRate.set(component.vatText, plus(byRate.get(component.vatText) ?? zero, minus(incl, excl)));
  }
  const sum = [...byRate.values()].reduce(plus, zero);
  let left = whole;
  return [...byRate].map(([rate, tax], at): [string, bigint] => {
    const share =
      at === byRate.size - 1 || sum.n === 0n ? left : inUnits(times({ n: whole, d: 1n }, dividedBy(tax, sum)), 0);
    left -= share;
    return [rate, share];
  });
}

export function shownAmount({ excl, incl }: Amount): Money {
  return { exclVat: textOf(excl, shownDecimals), inclVat: textOf(incl, shownDecimals) };
}

/** The dimension of OCPI that the time of a period is. */
export function timeDimension({ state }: Period): "TIME" | "PARKING_TIME" {
  return isParking(state) ? "PARKING_TIME" : "TIME";
}
