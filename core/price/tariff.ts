// A tariff made ready: read once, checked once, then priced by integers alone.
import type { TariffDoc } from "../registry/entities.ts";
import { decimalOf, fractionOf, scaled } from "./decimal.ts";
import { faultText, isFields, type Fault, type Fields } from "./faults.ts";
import type { Fraction } from "./fraction.ts";
import { checksOf, minuteOf, type Check } from "./restrictions.ts";
import { roundingOf, type Rounding } from "./rounding.ts";
import { tariffFaults } from "./tariff-faults.ts";

/** ISO 4217 for none: where there is no tariff, nothing is asked for in any. */
export const noCurrency = "XXX";

export type Dimension = "FLAT" | "ENERGY" | "TIME" | "PARKING_TIME";

/** OCPI 2.2.1, 5.4.2 PriceComponent. */
export interface Component {
  /** Number of its element in the tariff, from 0. */
  readonly element: number;
  readonly dimension: Dimension;
  /** For 1 kWh, 1 hour, or once. */
  readonly price: Fraction;
  readonly priceText: string;
  /** Percent; null: none stated, which OCPI tells from 0. */
  readonly vatText: string | null;
  /** 1 + VAT / 100. */
  readonly vatFactor: Fraction;
  /** In mWh or ms; 0: none. */
  readonly step: number;
  readonly stepSize: number;
}

export interface Element {
  readonly index: number;
  readonly checks: readonly Check[];
  readonly reservation: "RESERVATION" | "RESERVATION_EXPIRES" | null;
  readonly components: readonly Component[];
}

/** For one dimension: the components in the tariff's order, of which the first whose element matches is active. */
export interface Candidate {
  readonly component: Component;
  readonly checks: readonly Check[];
}

export type Candidates = Readonly<Record<Dimension, readonly Candidate[]>>;

export interface Limit {
  readonly excl: Fraction;
  readonly incl: Fraction | null;
}

export interface ReadyTariff {
  readonly id: string;
  readonly currency: string;
  readonly session: Candidates;
  readonly reserved: Candidates;
  readonly expired: Candidates;
  /** Minutes of the day at which a restriction may change its answer, in order. */
  readonly clockMinutes: readonly number[];
  /** Session durations (ms) and energies (mWh) at which one may, in order. */
  readonly durations: readonly number[];
  readonly energies: readonly number[];
  /** Some element has restrictions, on the clock, on current. */
  readonly asks: { readonly anything: boolean; readonly clock: boolean; readonly current: boolean };
  /** 2.3.0: prices include taxes (YES), do not (NO, and 2.2.1), or there are none (N/A). */
  readonly taxIncluded: "YES" | "NO" | "N/A";
  readonly min: Limit | undefined;
  readonly max: Limit | undefined;
  readonly rounding: Rounding;
}

export type Readied =
  | { readonly result: "ready"; readonly tariff: ReadyTariff }
  | { readonly result: "invalid"; readonly faults: readonly Fault[]; readonly why: string };

const mwhPerWh = 1_000;
const msPerSecond = 1_000;
const mwhPerKwh = 1_000_000;
const dimensions: readonly Dimension[] = ["FLAT", "ENERGY", "TIME", "PARKING_TIME"];
const readied = new WeakMap<TariffDoc, Readied>();

/** Once for each document. The document must not be changed afterwards. */
export function readyTariff(doc: TariffDoc): Readied {
  const known = readied.get(doc);
  if (known) return known;
  const faults = tariffFaults(doc);
  const made: Readied =
    faults.length > 0
      ? { result: "invalid", faults, why: faultText("tariff", faults[0]!) }
      : { result: "ready", tariff: madeReady(doc) };
  readied.set(doc, made);
  return made;
}

function madeReady(doc: TariffDoc): ReadyTariff {
  const taxIncluded = doc["tax_included"] === "YES" || doc["tax_included"] === "N/A" ? doc["tax_included"] : "NO";
  const elements = doc.elements.map((element, index): Element => {
    const restrictions: Fields = isFields(element.restrictions) ? element.restrictions : {};
    const reservation = (restrictions["reservation"] ?? null) as Element["reservation"];
    const components = element.price_components.map((c) => componentOf(c, index));
    return { index, checks: checksOf(restrictions), reservation, components };
  });
  const all = doc.elements.map((element): Fields => (isFields(element.restrictions) ? element.restrictions : {}));
  return {
    id: doc.id,
    currency: doc.currency,
    session: candidatesOf(elements.filter((e) => e.reservation === null)),
    reserved: candidatesOf(elements.filter((e) => e.reservation === "RESERVATION")),
    // 5.4.3: where both price the time of a reservation that expired, RESERVATION_EXPIRES does, wherever it stands.
    expired: candidatesOf([
      ...elements.filter((e) => e.reservation === "RESERVATION_EXPIRES"),
      ...elements.filter((e) => e.reservation === "RESERVATION"),
    ]),
    clockMinutes: clockMinutesOf(all),
    durations: limitsOf(all, ["min_duration", "max_duration"], msPerSecond),
    energies: limitsOf(all, ["min_kwh", "max_kwh"], mwhPerKwh),
    asks: {
      anything: elements.some(({ checks }) => checks.length > 0),
      clock: clockMinutesOf(all).length > 0,
      current: all.some((r) => r["min_current"] !== undefined || r["max_current"] !== undefined),
    },
    taxIncluded,
    min: limitOf(doc["min_price"]),
    max: limitOf(doc["max_price"]),
    rounding: roundingOf(doc),
  };
}

function componentOf(doc: TariffDoc["elements"][number]["price_components"][number], element: number): Component {
  const price = decimalOf(doc.price)!;
  const vat = doc.vat === undefined ? null : decimalOf(doc.vat)!;
  const unit = doc.type === "ENERGY" ? mwhPerWh : msPerSecond;
  return {
    element,
    dimension: doc.type,
    price: fractionOf(price),
    priceText: price.toFixed(),
    vatText: vat?.toFixed() ?? null,
    vatFactor: fractionOf((vat ?? decimalOf(0)!).div(100).plus(1)),
    step: doc.type === "FLAT" ? 0 : doc.step_size * unit,
    stepSize: doc.step_size,
  };
}

function candidatesOf(elements: readonly Element[]): Candidates {
  const of = (dimension: Dimension): readonly Candidate[] =>
    elements.flatMap(({ components, checks }) =>
      components.filter((c) => c.dimension === dimension).map((component) => ({ component, checks })),
    );
  return Object.fromEntries(dimensions.map((dimension) => [dimension, of(dimension)])) as unknown as Candidates;
}

function clockMinutesOf(all: readonly Fields[]): readonly number[] {
  const minutes = new Set<number>();
  for (const { start_time: start, end_time: end, start_date: from, end_date: until, day_of_week: days } of all) {
    for (const time of [start, end]) if (typeof time === "string") minutes.add(minuteOf(time));
    // A time alone ends, or begins, with the day.
    const hasOne = (start === undefined) !== (end === undefined);
    if (hasOne || from !== undefined || until !== undefined || days !== undefined) minutes.add(0);
  }
  return [...minutes].sort((a, b) => a - b);
}

function limitsOf(all: readonly Fields[], names: readonly string[], scale: number): readonly number[] {
  const values = new Set<number>();
  for (const restrictions of all) {
    for (const name of names) if (restrictions[name] !== undefined) values.add(scaled(restrictions[name], scale)!);
  }
  return [...values].sort((a, b) => a - b);
}

/** Price of 2.2.1 or PriceLimit of 2.3.0. */
function limitOf(limit: unknown): Limit | undefined {
  if (!isFields(limit)) return undefined;
  const excl = limit["before_taxes"] ?? limit["excl_vat"];
  const incl = limit["before_taxes"] === undefined ? limit["incl_vat"] : limit["after_taxes"];
  return {
    excl: fractionOf(decimalOf(excl)!),
    incl: incl === undefined ? null : fractionOf(decimalOf(incl)!),
  };
}
