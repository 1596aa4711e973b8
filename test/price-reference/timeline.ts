// A session as pieces of time in each of which no restriction of the tariff changes, so that the middle speaks for all of it.
import { compare, decimal, type Fraction, fraction, minus, nearest, ONE, over, plus, times, ZERO } from "./fraction.ts";
import { wallMinute } from "./local-clock.ts";
import { instant, type Restrictions, type Sample, type Session, type State, type Tariff } from "./model.ts";
import { clockHolds, looksAtClock, type Moment } from "./restrictions.ts";

export interface Piece {
  /** Milliseconds since 1970. */
  readonly from: Fraction;
  readonly to: Fraction;
  readonly seconds: Fraction;
  readonly energyWh: Fraction;
  /** null in a reservation. */
  readonly state: State | null;
  /** What restrictions see, in the middle of the piece. */
  readonly middle: Moment;
}

/** A straight piece of the line of energy over time, from one sample to the next. */
interface Segment {
  readonly from: number;
  readonly to: number;
  /** Since the start of the session. */
  readonly fromWh: Fraction;
  readonly toWh: Fraction;
  readonly state: State | null;
  /** null: not measured. */
  readonly currentA: Fraction | null;
  /** null: not measured. */
  readonly powerW: Fraction | "slope" | null;
}

const MS_A_SECOND = decimal(1_000);
const MS_AN_HOUR = decimal(3_600_000);
const WH_A_KWH = decimal(1_000);
const W_A_KW = decimal(1_000);
const MILLI_WH = decimal("0.001");
const HALF = fraction(1n, 2n);

/** The charging session in order of time; at least one piece, if need be one without length. */
export function chargingPieces(tariff: Tariff, session: Session): Piece[] {
  return segments(session).flatMap((segment) => cut(segment, instant(session.start), tariff, session.timeZone));
}

/** The reservation in order of time: no energy, no current, its own clock. */
export function reservationPieces(tariff: Tariff, session: Session): Piece[] {
  if (!session.reservation) return [];
  const from = instant(session.reservation.start);
  const to = instant(session.reservation.end ?? session.start);
  if (to < from) throw new RangeError("a reservation ends before it starts");
  const nothing = { fromWh: ZERO, toWh: ZERO, state: null, currentA: ZERO, powerW: ZERO };
  return cut({ from, to, ...nothing }, from, tariff, session.timeZone);
}

/** A point of the line: a sample, or the start or the end of the session. */
interface Knot {
  readonly at: number;
  readonly wh: Fraction;
  /** What holds from here on. */
  readonly holding: Pick<Segment, "state" | "currentA" | "powerW">;
}

function segments(session: Session): Segment[] {
  const start = instant(session.start);
  const end = instant(session.end);
  if (end < start) throw new RangeError("a session ends before it starts");
  const unsampled: Knot = { at: start, wh: ZERO, holding: { state: "charging", currentA: null, powerW: null } };
  const knots = session.samples.length > 0 ? knotsOf(session.samples) : [unsampled];
  if (knots.some(({ at }) => at < start || at > end)) throw new RangeError("a sample is outside of the session");
  // Without a sample at the start the meter counts from there; the first one speaks for what was before it.
  const atStart = knots[0]!.at === start ? [] : [{ ...knots[0]!, at: start, wh: ZERO }];
  const line = [...atStart, ...knots, { ...knots.at(-1)!, at: end }];
  const startWh = line[0]!.wh;
  const all = line.slice(1).map((to, index): Segment => {
    const from = line[index]!;
    return { from: from.at, to: to.at, fromWh: minus(from.wh, startWh), toWh: minus(to.wh, startWh), ...from.holding };
  });
  const long = all.filter((segment) => segment.to > segment.from || compare(segment.toWh, segment.fromWh) !== 0);
  return long.length > 0 ? long : all.slice(0, 1);
}

function knotsOf(samples: readonly Sample[]): Knot[] {
  const sorted = samples.toSorted((a, b) => instant(a.time) - instant(b.time));
  const knots = sorted.map((sample, index) => ({
    at: instant(sample.time),
    wh: decimal(sample.energyWh),
    holding: {
      state: sample.state,
      currentA: measured("currentA", sorted.slice(0, index + 1)),
      powerW: measured("powerW", sorted.slice(0, index + 1)) ?? ("slope" as const),
    },
  }));
  if (knots.some(({ wh }, index) => index > 0 && compare(wh, knots[index - 1]!.wh) < 0)) {
    throw new RangeError("a meter reading falls");
  }
  return knots;
}

/** What the last of these samples says; if it is silent, what was last said while charging, or 0 where it does not charge. */
function measured(what: "currentA" | "powerW", samples: readonly Sample[]): Fraction | null {
  const last = samples.at(-1);
  const said = last?.[what];
  if (said !== undefined) return decimal(said);
  if (last?.state !== "charging") return ZERO;
  const before = samples.findLast((sample) => sample.state === "charging" && sample[what] !== undefined)?.[what];
  return before === undefined ? null : decimal(before);
}

/** Cuts a segment wherever a restriction of the tariff may change within it. */
function cut(segment: Segment, start: number, tariff: Tariff, zone: string): Piece[] {
  const restrictions = tariff.elements.flatMap((element) => element.restrictions ?? []);
  const shares = [
    ...clockChanges(segment, restrictions, zone).map((at) => shareOfTime(segment, fraction(BigInt(at)))),
    ...restrictions
      .flatMap(({ min_duration: min = [], max_duration: max = [] }) => [min, max].flat())
      .map((seconds) => shareOfTime(segment, plus(fraction(BigInt(start)), times(decimal(seconds), MS_A_SECOND)))),
    ...restrictions
      .flatMap(({ min_kwh: min = [], max_kwh: max = [] }) => [min, max].flat())
      .map((kwh) => shareOfEnergy(segment, times(decimal(kwh), WH_A_KWH))),
  ].filter((share) => share !== null && compare(share, ZERO) > 0 && compare(share, ONE) < 0);
  const ends = [...shares, ONE].filter((share) => share !== null).toSorted(compare);
  const pieces: Piece[] = [];
  let from = ZERO;
  for (const to of ends) {
    if (compare(to, from) > 0) pieces.push(pieceOf(segment, from, to, start, zone));
    from = to;
  }
  return pieces;
}

function shareOfTime({ from, to }: Segment, at: Fraction): Fraction | null {
  return to === from ? null : over(minus(at, fraction(BigInt(from))), fraction(BigInt(to - from)));
}

function shareOfEnergy({ fromWh, toWh }: Segment, wh: Fraction): Fraction | null {
  return compare(fromWh, toWh) === 0 ? null : over(minus(wh, fromWh), minus(toWh, fromWh));
}

/** The whole minutes (UTC, ms) at which the clock on the wall makes some element match or no longer match. */
function clockChanges({ from, to }: Segment, all: readonly Restrictions[], zone: string): number[] {
  const restrictions = all.filter(looksAtClock);
  if (restrictions.length === 0) return [];
  const changes: number[] = [];
  let before: string | null = null;
  for (let minute = Math.floor(from / 60_000); minute * 60_000 < to; minute++) {
    const wall = wallMinute(zone, minute);
    const now = restrictions.map((each) => (clockHolds(each, wall) ? "1" : "0")).join("");
    if (before !== null && now !== before) changes.push(minute * 60_000);
    before = now;
  }
  return changes;
}

/** Restrictions are asked exactly in the middle; time is counted in whole milliseconds, energy in whole milliwatt-hours. */
function pieceOf(segment: Segment, from: Fraction, to: Fraction, start: number, zone: string): Piece {
  const timeAt = (share: Fraction): Fraction =>
    plus(fraction(BigInt(segment.from)), times(share, fraction(BigInt(segment.to - segment.from))));
  const energyAt = (share: Fraction): Fraction =>
    plus(segment.fromWh, times(share, minus(segment.toWh, segment.fromWh)));
  const middle = times(plus(from, to), HALF);
  const middleTime = timeAt(middle);
  const [fromMs, toMs] = [nearest(ONE, timeAt(from)), nearest(ONE, timeAt(to))];
  return {
    from: fromMs,
    to: toMs,
    seconds: over(minus(toMs, fromMs), MS_A_SECOND),
    energyWh: minus(nearest(MILLI_WH, energyAt(to)), nearest(MILLI_WH, energyAt(from))),
    state: segment.state,
    middle: {
      wall: wallMinute(zone, Number(middleTime.n / (middleTime.d * 60_000n))),
      kwh: over(energyAt(middle), WH_A_KWH),
      currentA: segment.currentA,
      powerKw: inKw(segment.powerW === "slope" ? slopeW(segment) : segment.powerW),
      seconds: over(minus(middleTime, fraction(BigInt(start))), MS_A_SECOND),
    },
  };
}

/** null where no time passes. */
function slopeW({ from, to, fromWh, toWh }: Segment): Fraction | null {
  if (to === from) return null;
  return over(times(minus(toWh, fromWh), MS_AN_HOUR), fraction(BigInt(to - from)));
}

function inKw(watts: Fraction | null): Fraction | null {
  return watts === null ? null : over(watts, W_A_KW);
}
