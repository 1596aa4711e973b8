// Random tariffs for a session: restrictions are drawn around what the session does, so that they change within it.
import { dateOfDay, wallMinute } from "./local-clock.ts";
import {
  type DayOfWeek,
  DAYS,
  type Dimension,
  instant,
  type Limit,
  type PriceComponent,
  type Restrictions,
  type Session,
  type Tariff,
  type TariffElement,
} from "./model.ts";
import type { Random } from "./random.ts";

const STEPS: Readonly<Record<Dimension, readonly number[]>> = {
  FLAT: [1, 0],
  ENERGY: [1, 1, 0, 25, 100, 500, 1_000, 10_000],
  TIME: [1, 1, 0, 60, 300, 600, 900, 1_800, 3_600],
  PARKING_TIME: [1, 1, 0, 60, 300, 600, 900, 1_800, 3_600],
};
const DIMENSIONS: readonly Dimension[] = ["FLAT", "ENERGY", "TIME", "PARKING_TIME"];

export function randomTariff(random: Random, session: Session): Tariff {
  const taxIncluded = random.weighted<Tariff["tax_included"] | null>([
    [30, null],
    [40, "NO"],
    [20, "YES"],
    [10, "N/A"],
  ]);
  const isTaxed = taxIncluded !== "N/A";
  const elements = Array.from({ length: random.int(1, 6) }, () => randomElement(random, session, isTaxed));
  if (session.reservation ? random.chance(0.95) : random.chance(0.05)) {
    addReservation(random, session, isTaxed, elements);
  }
  return {
    country_code: "DE",
    party_id: "ALL",
    id: "1",
    currency: random.pick(["EUR", "EUR", "USD", "JPY", "KWD"]),
    ...(random.chance(0.15) ? { type: "AD_HOC_PAYMENT" as const } : {}),
    elements,
    ...limits(random),
    ...(taxIncluded ? { tax_included: taxIncluded } : {}),
    last_updated: "2025-01-01T00:00:00Z",
  };
}

function randomElement(random: Random, session: Session, isTaxed: boolean): TariffElement {
  const price_components = someDimensions(random).map((dimension) => randomComponent(random, dimension, isTaxed));
  return random.chance(0.3) ? { price_components } : { price_components, restrictions: restrictions(random, session) };
}

function someDimensions(random: Random): Dimension[] {
  const some = DIMENSIONS.filter(() => random.chance(0.45));
  return some.length > 0 ? some : [random.pick(DIMENSIONS)];
}

function randomComponent(random: Random, type: Dimension, isTaxed: boolean): PriceComponent {
  const price = random.weighted([
    [8, 0],
    [2, random.int(-50, -1) / 100],
    [60, random.int(1, 600) / 100],
    [30, random.int(1, 60_000) / 10_000],
  ]);
  const vat = isTaxed ? random.pick([null, null, 0, 5.2, 7.7, 10, 10, 19, 20, 25]) : null;
  return { type, price, ...(vat === null ? {} : { vat }), step_size: random.pick(STEPS[type]) };
}

/** Reservation elements have FLAT and TIME only (TariffRestrictions, `reservation`). */
function addReservation(random: Random, session: Session, isTaxed: boolean, elements: TariffElement[]): void {
  for (let left = random.int(1, 3); left > 0; left--) {
    const dimensions = random.pick<readonly Dimension[]>([["FLAT"], ["TIME"], ["TIME"], ["FLAT", "TIME"]]);
    const reservation = random.pick(["RESERVATION", "RESERVATION_EXPIRES"] as const);
    const more = random.chance(0.4) ? reservationRestriction(random, session) : {};
    elements.splice(random.int(0, elements.length), 0, {
      price_components: dimensions.map((dimension) => randomComponent(random, dimension, isTaxed)),
      restrictions: { ...more, reservation },
    });
  }
}

/** Mostly what may change while the reservation lasts; of the rest, whether it holds without energy and current. */
function reservationRestriction(random: Random, session: Session): Restrictions {
  const from = instant(session.reservation?.start ?? session.start);
  const seconds = Math.floor((instant(session.reservation?.end ?? session.start) - from) / 1_000);
  return random.weighted<() => Restrictions>([
    [55, () => clockRestriction(random, session, random.int(from, from + seconds * 1_000))],
    [35, () => minOrMax(random, "min_duration", "max_duration", () => random.int(1, Math.max(2, seconds)))],
    [10, () => random.pick([{ min_kwh: 1 }, { max_kwh: 1 }, { max_current: 6 }, { min_power: 1 }, { max_power: 1 }])],
  ])();
}

/** One to three restrictions that something may satisfy together. */
function restrictions(random: Random, session: Session): Restrictions {
  const kinds = random.weighted([
    [65, 1],
    [25, 2],
    [10, 3],
  ]);
  let all: Restrictions = {};
  for (let left = kinds; left > 0; left--) {
    const more = { ...all, ...randomRestriction(random, session) };
    if (isPossible(more)) all = more;
  }
  return all;
}

/** What contradicts itself the engine refuses. */
function isPossible(all: Restrictions): boolean {
  const { start_time: start, end_time: end, start_date: first = "", end_date: last = "9" } = all;
  const ranges = [
    [all.min_kwh, all.max_kwh],
    [all.min_current, all.max_current],
    [all.min_power, all.max_power],
    [all.min_duration, all.max_duration],
  ];
  const hasWindow = start === undefined || start !== end || start === "00:00";
  return hasWindow && first < last && ranges.every(([min = 0, max = Infinity]) => min < max);
}

function randomRestriction(random: Random, session: Session): Restrictions {
  return random.weighted<() => Restrictions>([
    [42, () => clockRestriction(random, session, someMoment(random, session))],
    [18, () => minOrMax(random, "min_kwh", "max_kwh", () => someKwh(random, session))],
    [18, () => minOrMax(random, "min_current", "max_current", () => someCurrent(random, session))],
    [15, () => minOrMax(random, "min_power", "max_power", () => somePower(random, session))],
    [18, () => minOrMax(random, "min_duration", "max_duration", () => someDuration(random, session))],
  ])();
}

function minOrMax<Min extends keyof Restrictions, Max extends keyof Restrictions>(
  random: Random,
  min: Min,
  max: Max,
  value: () => number,
): Restrictions {
  if (random.chance(0.15)) {
    const [low = 0, high = 0] = [value(), value()].toSorted((a, b) => a - b);
    if (low < high) return { [min]: low, [max]: high };
  }
  return { [random.chance(0.5) ? min : max]: value() };
}

function someMoment(random: Random, session: Session): number {
  return random.int(instant(session.start), instant(session.end));
}

function clockRestriction(random: Random, session: Session, near: number): Restrictions {
  const wall = wallMinute(session.timeZone, Math.floor(near / 60_000));
  return random.weighted<() => Restrictions>([
    [48, () => window(random, wall.minuteOfDay)],
    [18, () => ({ start_date: dateOfDay(wall.day + random.pick([0, 0, 0, 1])) })],
    [18, () => ({ end_date: dateOfDay(wall.day + random.pick([0, 0, 0, 1])) })],
    [16, () => ({ day_of_week: someDays(random, wall.weekday) })],
  ])();
}

function window(random: Random, minute: number): Restrictions {
  const grain = random.pick([1, 15, 60]);
  const near = (): string => {
    const at = (((Math.floor((minute + random.int(-240, 240)) / grain) * grain) % 1_440) + 1_440) % 1_440;
    return `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;
  };
  const start = near();
  const end = near();
  return random.weighted<Restrictions>([
    [66, start === end ? { start_time: start } : { start_time: start, end_time: end }],
    [12, { start_time: start }],
    [10, { end_time: near() }],
    [8, { start_time: start, end_time: "00:00" }],
    [2, { start_time: "00:00", end_time: "00:00" }],
  ]);
}

function someDays(random: Random, today: number): DayOfWeek[] {
  const days = DAYS.filter((_, index) => random.chance(index === today ? 0.6 : 0.4));
  return random.chance(0.05) ? [] : days;
}

/** An amount that the session passes, exactly that of a sample, or a round one. */
function someKwh(random: Random, { samples }: Session): number {
  const first = samples[0]?.energyWh ?? 0;
  const tenths = Math.round(((samples.at(-1)?.energyWh ?? 0) - first) * 10);
  const wh = random.weighted([
    [50, random.int(0, Math.max(tenths, 10)) / 10],
    [25, Math.round((random.pick(samples)?.energyWh ?? 0) * 10 - first * 10) / 10],
    [25, Math.ceil(random.int(0, Math.max(tenths, 10)) / 10_000) * 1_000],
  ]);
  return Number((wh / 1_000).toFixed(4));
}

function someCurrent(random: Random, { samples }: Session): number {
  const seen = samples.flatMap(({ currentA = [] }) => currentA);
  return seen.length > 0 && random.chance(0.8) ? random.pick(seen) : random.pick([6, 16, 32, 48, 63]);
}

function somePower(random: Random, { samples }: Session): number {
  const seen = samples.flatMap(({ powerW = [] }) => powerW);
  return seen.length > 0 && random.chance(0.7) ? random.pick(seen) / 1_000 : random.pick([3.7, 7, 11, 16, 22, 32, 50]);
}

function someDuration(random: Random, session: Session): number {
  const seconds = Math.floor((instant(session.end) - instant(session.start)) / 1_000);
  const any = random.int(0, Math.max(1, seconds));
  return random.chance(0.5) ? any : Math.round(any / 300) * 300;
}

function limits(random: Random): Pick<Tariff, "min_price" | "max_price"> {
  const min = random.chance(0.25) ? random.int(1, 2_000) : null;
  const max = random.chance(0.25) ? (min ?? 0) + random.int(1, 3_000) : null;
  const is221 = random.chance(0.4);
  const taxed = random.pick([100, 105, 110, 120, 140]);
  return {
    ...(min === null ? {} : { min_price: limit(random, min, taxed, is221) }),
    ...(max === null ? {} : { max_price: limit(random, max, taxed, is221) }),
  };
}

/** Cents; the amount after taxes, if there is one, with some percent on top. */
function limit(random: Random, cents: number, taxed: number, is221: boolean): Limit {
  const before = cents / 100;
  const after = Math.round((cents * taxed) / 100) / 100;
  const isGiven = random.chance(0.8);
  if (is221) return isGiven ? { excl_vat: before, incl_vat: after } : { excl_vat: before };
  return isGiven ? { before_taxes: before, after_taxes: after } : { before_taxes: before };
}
