// A price as it explains itself: periods, the element that each dimension matched and why those before it did not, lines,
// step_size, limits, rounding, totals. Plain values, decimals as text, times RFC 3339: what `wattlog price --json` prints.
import type { CdrLine } from "../records/domain-event.ts";
import { timeDimension, volumeOf, type Limited, type Money, type Tax } from "./amounts.ts";
import { textOf } from "./fraction.ts";
import type { Period } from "./periods.ts";
import { periodCost, shownLines, type Priced } from "./price.ts";
import { shownDecimals, type Rounding } from "./rounding.ts";
import type { Candidates, Component, Dimension } from "./tariff.ts";

/** A restriction of an element, and what it was held against. */
export interface Held {
  readonly restriction: string;
  readonly limit: string;
  readonly actual: string;
}

/** An element that has the dimension and was passed over, by the first of its restrictions that did not hold. */
export interface Skipped extends Held {
  readonly element: number;
}

export interface ShownDimension {
  readonly dimension: Dimension;
  /** kWh, hours, or 1. */
  readonly volume: string;
  /** With what step_size adds. */
  readonly billed: string;
  /** null: no element's restrictions match, or none has the dimension: it is free. */
  readonly element: number | null;
  readonly unitPrice: string | null;
  /** Why the element matched: all of its restrictions. */
  readonly matched: readonly Held[];
  readonly skipped: readonly Skipped[];
}

export interface ShownPeriod {
  readonly start: string;
  readonly end: string;
  readonly state: string;
  readonly reservation?: "RESERVATION" | "RESERVATION_EXPIRES";
  readonly dimensions: readonly ShownDimension[];
  /** step_size included, limits not. */
  readonly cost: Money;
}

export interface ShownStep {
  readonly dimension: Dimension;
  readonly element: number;
  readonly stepSize: number;
  /** kWh or hours. */
  readonly used: string;
  readonly billed: string;
}

export interface ShownPrice {
  readonly tariffId: string;
  readonly currency: string;
  readonly total: Money;
  /** 2.3.0: the difference of the totals, by rate. */
  readonly taxes: readonly Tax[];
  readonly periods: readonly ShownPeriod[];
  readonly lines: readonly CdrLine[];
  readonly steps: readonly ShownStep[];
  /** Before min_price and max_price, to six decimals. */
  readonly sum: Money;
  readonly limitedBy: readonly Limited[];
  readonly rounding: Rounding;
}

export function shownPrice(priced: Priced): ShownPrice {
  const { tariff, periods, steps, sum, limitedBy, total, taxes } = priced;
  return {
    tariffId: tariff.id,
    currency: tariff.currency,
    total,
    taxes,
    periods: periods.map((period) => shownPeriod(period, priced)),
    lines: shownLines(priced),
    steps: steps.map(({ component, used, billed }) => ({
      dimension: component.dimension,
      element: component.element,
      stepSize: component.stepSize,
      used: shownVolume(component.dimension, used),
      billed: shownVolume(component.dimension, billed),
    })),
    sum,
    limitedBy,
    rounding: tariff.rounding,
  };
}

function shownVolume(dimension: Dimension, volume: number): string {
  return textOf(volumeOf({ dimension }, volume), shownDecimals);
}

function shownPeriod(period: Period, { tariff }: Priced): ShownPeriod {
  const { part, start, end, state, energyMwh, billedMwh, billedMs, flat, energy, time } = period;
  const candidates = { session: tariff.session, RESERVATION: tariff.reserved, RESERVATION_EXPIRES: tariff.expired }[
    part
  ];
  const shown = (dimension: Dimension, component: Component | null, used: number, billed: number): ShownDimension => ({
    dimension,
    volume: shownVolume(dimension, used),
    billed: shownVolume(dimension, billed),
    element: component?.element ?? null,
    unitPrice: component?.priceText ?? null,
    matched: matchedBy(candidates, dimension, component, period),
    skipped: skippedOf(candidates, dimension, component, period),
  });
  const dimensions: ShownDimension[] = [];
  if (flat) dimensions.push(shown("FLAT", flat, 1, 1));
  if (part === "session") dimensions.push(shown("ENERGY", energy, energyMwh, billedMwh));
  dimensions.push(shown(timeDimension(period), time, end - start, billedMs));
  return {
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
    state,
    ...(part === "session" ? {} : { reservation: part }),
    dimensions,
    cost: periodCost(period, tariff),
  };
}

function matchedBy(
  candidates: Candidates,
  dimension: Dimension,
  chosen: Component | null,
  { moment }: Period,
): readonly Held[] {
  const checks = candidates[dimension].find(({ component }) => component === chosen)?.checks ?? [];
  return checks.map((check) => ({ restriction: check.name, limit: check.limit, actual: check.actual(moment) }));
}

/** Those before the one that matched; all that have the dimension where none did. */
function skippedOf(
  candidates: Candidates,
  dimension: Dimension,
  chosen: Component | null,
  { moment }: Period,
): readonly Skipped[] {
  const skipped: Skipped[] = [];
  for (const { component, checks } of candidates[dimension]) {
    if (component === chosen) break;
    const failed = checks.find((check) => !check.holds(moment));
    if (!failed) continue;
    const { name, limit } = failed;
    skipped.push({ element: component.element, restriction: name, limit, actual: failed.actual(moment) });
  }
  return skipped;
}
