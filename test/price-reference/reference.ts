// The price of a session under an OCPI tariff (mod_tariffs, mod_cdrs of 2.2.1 and 2.3.0): find the component of each
// dimension in each piece of time, round the totals up to their steps, add, apply the limits, round once.
import {
  compare,
  decimal,
  type Fraction,
  larger,
  minus,
  ONE,
  over,
  plus,
  roundUpTo,
  smaller,
  sum,
  times,
  toDecimal,
  toText,
  ZERO,
} from "./fraction.ts";
import type { Dimension, Limit, PriceComponent, Session, Tariff, TariffElement, Total } from "./model.ts";
import { allHold } from "./restrictions.ts";
import { chargingPieces, type Piece, reservationPieces } from "./timeline.ts";

/** What the project decided (docs/decisions/0016): a thousandth, but what a card pays at once in the currency's smallest coin. */
const PLACES = 3;
const COINS: Readonly<Record<string, number>> = { EUR: 2, USD: 2, JPY: 0, KWD: 3 };
const DIMENSIONS: readonly Dimension[] = ["FLAT", "ENERGY", "TIME", "PARKING_TIME"];

/** A use of one dimension under one component. */
export interface Use {
  readonly phase: "charging" | "reservation";
  readonly dimension: Dimension;
  /** Index in the tariff's `elements`. */
  readonly element: number;
  readonly component: PriceComponent;
  /** Wh, seconds or times. */
  readonly quantity: Fraction;
  /** What `step_size` adds. */
  readonly excess: Fraction;
}

/** Before (excl.) and after (incl.) taxes, exact. */
export interface Amount {
  readonly excl: Fraction;
  readonly incl: Fraction;
}

export interface Explained {
  readonly total: Total;
  readonly exact: Amount;
  readonly beforeLimits: Amount;
  readonly uses: readonly Use[];
  readonly reservation: readonly Piece[];
  readonly charging: readonly Piece[];
}

/** The total as decimal strings. Throws a RangeError on input that no price belongs to: a falling meter, an end before its start. */
export function price(tariff: Tariff, session: Session): Total {
  return explain(tariff, session).total;
}

export function explain(tariff: Tariff, session: Session): Explained {
  const expired = isExpired(session);
  const reservation = reservationPieces(tariff, session);
  const charging = expired ? [] : chargingPieces(tariff, session);
  const uses = [
    ...withSteps(
      reservation.length === 0 ? [] : usesIn("reservation", reservation, reservationElements(tariff, expired)),
    ),
    ...withSteps(usesIn("charging", charging, chargingElements(tariff))),
  ];
  const costs = uses.map((use) => costOf(use, tariff));
  const beforeLimits = { excl: sum(costs.map(({ excl }) => excl)), incl: sum(costs.map(({ incl }) => incl)) };
  const exact = expired ? beforeLimits : withLimits(beforeLimits, tariff);
  const places = tariff.type === "AD_HOC_PAYMENT" ? (COINS[tariff.currency] ?? 2) : PLACES;
  const total = { exclVat: toDecimal(exact.excl, places), inclVat: toDecimal(exact.incl, places) };
  return { total, exact, beforeLimits, uses, reservation, charging };
}

/** Whether there was a reservation and no charging session: as it says, or, where it says nothing, because nothing was sampled. */
export function isExpired({ reservation, samples }: Session): boolean {
  return reservation !== undefined && (reservation.expired ?? samples.length === 0);
}

/** An element with its place in the tariff, in the order in which elements are looked through. */
export interface Placed {
  readonly index: number;
  readonly element: TariffElement;
}

export function chargingElements(tariff: Tariff): Placed[] {
  return placed(tariff).filter(({ element }) => element.restrictions?.reservation === undefined);
}

/** For an expired reservation those of RESERVATION_EXPIRES come first (ReservationRestrictionType, note). */
export function reservationElements(tariff: Tariff, expired: boolean): Placed[] {
  const of = (kind: string): Placed[] =>
    placed(tariff).filter(({ element }) => element.restrictions?.reservation === kind);
  return expired ? [...of("RESERVATION_EXPIRES"), ...of("RESERVATION")] : of("RESERVATION");
}

function placed(tariff: Tariff): Placed[] {
  return tariff.elements.map((element, index) => ({ index, element }));
}

/** The first element that has the dimension and whose restrictions hold in a piece (Tariff object). */
export function activeComponent(
  dimension: Dimension,
  elements: readonly Placed[],
  piece: Piece,
): { index: number; component: PriceComponent } | null {
  for (const { index, element } of elements) {
    const component = element.price_components.find(({ type }) => type === dimension);
    if (component && allHold(element.restrictions ?? {}, piece.middle)) return { index, component };
  }
  return null;
}

/** FLAT once, by whichever component is active first; of the others all that flowed and passed under a component. */
function usesIn(phase: Use["phase"], pieces: readonly Piece[], elements: readonly Placed[]): Use[] {
  const uses: Use[] = [];
  for (const piece of pieces) {
    for (const dimension of DIMENSIONS) {
      const quantity = quantityIn(piece, dimension);
      if (compare(quantity, ZERO) === 0) continue;
      if (dimension === "FLAT" && uses.some((use) => use.dimension === "FLAT")) continue;
      const active = activeComponent(dimension, elements, piece);
      if (active) {
        const { index: element, component } = active;
        uses.push({ phase, dimension, element, component, quantity, excess: ZERO });
      }
    }
  }
  return uses;
}

/** Time in which the vehicle does not ask for power is PARKING_TIME (CdrDimensionType); reserved time is TIME. */
function quantityIn(piece: Piece, dimension: Dimension): Fraction {
  if (dimension === "FLAT") return ONE;
  if (dimension === "ENERGY") return piece.energyWh;
  const parked = piece.state === "suspended_ev" || piece.state === "idle";
  return parked === (dimension === "PARKING_TIME") ? piece.seconds : ZERO;
}

/** `step_size`: once for ENERGY; once for the times, where parking, if it was used, is all that is rounded (CDR object). */
function withSteps(uses: readonly Use[]): Use[] {
  const parked = uses.some(({ dimension }) => dimension === "PARKING_TIME");
  const rounded = new Set<Dimension>(["ENERGY", parked ? "PARKING_TIME" : "TIME"]);
  return uses.map((use, index) => {
    const isLast = uses.findLastIndex(({ dimension }) => dimension === use.dimension) === index;
    const step = BigInt(use.component.step_size ?? 0);
    if (!isLast || !rounded.has(use.dimension) || step <= 0n) return use;
    const total = sum(uses.filter(({ dimension }) => dimension === use.dimension).map(({ quantity }) => quantity));
    return { ...use, excess: minus(roundUpTo(step, total), total) };
  });
}

/** Prices are per kWh, per hour, or for once. */
const UNIT: Readonly<Record<Dimension, Fraction>> = {
  FLAT: ONE,
  ENERGY: decimal(1_000),
  TIME: decimal(3_600),
  PARKING_TIME: decimal(3_600),
};

function costOf({ quantity, excess, dimension, component }: Use, tariff: Tariff): Amount {
  const amount = times(over(plus(quantity, excess), UNIT[dimension]), decimal(component.price));
  const taxed = plus(ONE, over(decimal(component.vat ?? 0), decimal(100)));
  switch (tariff.tax_included ?? "NO") {
    case "NO":
      return { excl: amount, incl: times(amount, taxed) };
    case "YES":
      return { excl: over(amount, taxed), incl: amount };
    case "N/A":
      return { excl: amount, incl: amount };
  }
}

/** Both limits bound the total before and after taxes apart (Tariff object, notes). */
function withLimits(cost: Amount, { min_price: min, max_price: max }: Tariff): Amount {
  const raised = min ? raisedTo(amountsOf(min), cost) : cost;
  return max ? cappedAt(amountsOf(max), raised) : raised;
}

/** What is paid after taxes is no less than a minimum that is stated before taxes alone (README, S21). */
function raisedTo({ before, after = before }: LimitAmounts, cost: Amount): Amount {
  return { excl: larger(cost.excl, decimal(before)), incl: larger(cost.incl, decimal(after)) };
}

/** A maximum that is stated before taxes alone leaves the total after taxes as it is, unless there are no taxes (README, S21). */
function cappedAt({ before, after: stated }: LimitAmounts, cost: Amount): Amount {
  const isUntaxed = compare(cost.excl, cost.incl) === 0;
  const after = stated ?? (isUntaxed ? before : undefined);
  const incl = after === undefined ? cost.incl : smaller(cost.incl, decimal(after));
  return { excl: smaller(cost.excl, decimal(before)), incl };
}

interface LimitAmounts {
  readonly before: number;
  readonly after: number | undefined;
}

function amountsOf(limit: Limit): LimitAmounts {
  return "before_taxes" in limit
    ? { before: limit.before_taxes, after: limit.after_taxes }
    : { before: limit.excl_vat, after: limit.incl_vat };
}

/** Line by line what the total is made of. */
export function describe({ total, exact, beforeLimits, uses, charging, reservation }: Explained): string[] {
  return [
    ...[...reservation, ...charging].map((piece) => {
      const at = (ms: Fraction): string => new Date(Number(ms.n / ms.d)).toISOString();
      const { kwh, currentA, powerKw } = piece.middle;
      const facts = `${toText(piece.energyWh)} Wh, then ${toText(kwh)} kWh, ${currentA ? toText(currentA) : "?"} A, ${powerKw ? toText(powerKw) : "?"} kW`;
      return `${at(piece.from)} to ${at(piece.to)} ${piece.state ?? "reserved"}: ${toText(piece.seconds)} s, ${facts}`;
    }),
    ...uses.map(
      ({ phase, dimension, element, component, quantity, excess }) =>
        `${phase} ${dimension} ${toText(quantity)} + ${toText(excess)} at ${component.price} (vat ${component.vat ?? "none"}) of element ${element}`,
    ),
    `before limits ${toText(beforeLimits.excl)} / ${toText(beforeLimits.incl)}, exact ${toText(exact.excl)} / ${toText(exact.incl)}`,
    `total ${total.exclVat} / ${total.inclVat}`,
  ];
}
