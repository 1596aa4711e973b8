// A session cut into slices within which no restriction of a tariff changes its answer. Cuts lie at the samples, where the
// local clock or the session's duration passes a limit, and where energy does: that moment is interpolated between the
// samples (OCPI 2.2.1, module CDRs, ChargingPeriod).
import { clockInstants, type Zone } from "./local-time.ts";
import type { Moment } from "./restrictions.ts";
import type { ChargingState, Sample, Session } from "./session.ts";
import type { ReadyTariff } from "./tariff.ts";

/** From `at` (with `energyMwh`) until `until` (with `energyUntil`). */
export interface Slice extends Moment {
  readonly until: number;
  readonly energyUntil: number;
}

/** Between two samples, or a sample and an end. */
interface Stretch {
  readonly from: number;
  readonly until: number;
  readonly energyFrom: number;
  readonly energyUntil: number;
  readonly state: ChargingState | "reserved";
  readonly currentMa: number | null;
  readonly powerMw: number | null;
}

const dayMs = 86_400_000;
const minuteMs = 60_000;
const msPerHour = 3_600_000;

/** @returns at least one slice, in order, without a gap; one without duration has energy or is the only one. */
export function slicesOf(tariff: ReadyTariff, zone: Zone, session: Session): readonly Slice[] {
  const clock = tariff.clockMinutes.length > 0 ? clockCuts(tariff, zone, session.start, session.end) : [];
  const durations = tariff.durations.map((ms) => session.start + ms).filter((at) => at < session.end);
  const cuts = durations.length === 0 ? clock : [...clock, ...durations].sort((a, b) => a - b);
  return cutAll(stretchesOf(session), cuts, tariff.energies, zone, session.start);
}

/** OCPI 2.2.1, TariffRestrictions.reservation: from when it was made until charging starts or it expires. */
export function reservedSlices(tariff: ReadyTariff, zone: Zone, start: number, end: number): readonly Slice[] {
  const clock = tariff.clockMinutes.length > 0 ? clockCuts(tariff, zone, start, end) : [];
  const cuts = [...clock, ...tariff.durations.map((ms) => start + ms)].sort((a, b) => a - b);
  const stretch = { from: start, until: end, energyFrom: 0, energyUntil: 0, currentMa: 0, powerMw: 0 };
  return cutAll([{ ...stretch, state: "reserved" }], cuts, [], zone, start);
}

function clockCuts(tariff: ReadyTariff, zone: Zone, start: number, end: number): number[] {
  return clockInstants(zone, start, end, tariff.clockMinutes);
}

function stretchesOf({ start, end, samples }: Session): readonly Stretch[] {
  const first = samples[0];
  if (!first) {
    const none = { from: start, until: end, energyFrom: 0, energyUntil: 0, currentMa: null, powerMw: null };
    return [{ ...none, state: "charging" }];
  }
  const base = first.at <= start ? first.energyMwh : 0;
  const stretches: Stretch[] = [];
  let held: Held = { currentMa: null, powerMw: null };
  const add = (sample: Sample, from: number, energyFrom: number, until: number, energyUntil: number): void => {
    held = holding(held, sample);
    const power = powerOf(sample, held, energyUntil - energyFrom, until - from);
    const current = sample.currentMa ?? (sample.state === "charging" ? held.currentMa : 0);
    stretches.push({
      from,
      until,
      energyFrom: energyFrom - base,
      energyUntil: energyUntil - base,
      state: sample.state,
      currentMa: current,
      powerMw: power,
    });
  };
  // What was before the first sample is taken to be as it is there.
  if (first.at > start) add(first, start, base, first.at, first.energyMwh);
  for (const [i, sample] of samples.entries()) {
    const next = samples[i + 1];
    add(sample, sample.at, sample.energyMwh, next?.at ?? end, next?.energyMwh ?? sample.energyMwh);
  }
  return stretches;
}

interface Held {
  readonly currentMa: number | null;
  readonly powerMw: number | null;
}

/** Readings come one kind at a time: what a sample does not say is as it was while the vehicle last charged. */
function holding(held: Held, sample: Sample): Held {
  if (sample.state !== "charging" || (sample.currentMa === undefined && sample.powerMw === undefined)) return held;
  return { currentMa: sample.currentMa ?? held.currentMa, powerMw: sample.powerMw ?? held.powerMw };
}

function powerOf(sample: Sample, held: Held, energyMwh: number, ms: number): number | null {
  if (sample.powerMw !== undefined) return sample.powerMw;
  if (sample.state !== "charging") return 0;
  if (held.powerMw !== null) return held.powerMw;
  return ms > 0 ? shareOf(energyMwh, msPerHour, ms) : null;
}

/** amount * part / whole, rounded half up; exact, for integers from 0 on. */
export function shareOf(amount: number, part: number, whole: number): number {
  const doubled = 2 * amount * part + whole;
  // Below 2^53 the division cannot reach the next integer by rounding.
  if (doubled < Number.MAX_SAFE_INTEGER) return Math.floor(doubled / (2 * whole));
  return Number((2n * BigInt(amount) * BigInt(part) + BigInt(whole)) / (2n * BigInt(whole)));
}

function cutAll(
  stretches: readonly Stretch[],
  cuts: readonly number[],
  energies: readonly number[],
  zone: Zone,
  start: number,
): readonly Slice[] {
  const slices: Slice[] = [];
  let offset = { from: 0, until: 0, offsetMs: 0 };
  let nextCut = 0;
  const push = (stretch: Stretch, at: number, energyMwh: number, until: number, energyUntil: number): void => {
    if (at === until && energyMwh === energyUntil) return;
    if (at < offset.from || at >= offset.until) offset = zone.spanAt(at);
    const local = at + offset.offsetMs;
    const day = Math.floor(local / dayMs);
    const minute = Math.floor((local - day * dayMs) / minuteMs);
    const { state, currentMa, powerMw } = stretch;
    const elapsedMs = at - start;
    slices.push({ at, until, minute, day, energyMwh, energyUntil, elapsedMs, state, currentMa, powerMw });
  };
  for (const stretch of stretches) {
    let at = stretch.from;
    let energy = stretch.energyFrom;
    const step = (until: number, energyUntil: number): void => {
      push(stretch, at, energy, until, energyUntil);
      at = until;
      energy = energyUntil;
    };
    const rises = energies.length === 0 ? energies : energies.filter((e) => e > energy && e < stretch.energyUntil);
    let nextRise = 0;
    while (nextCut < cuts.length && cuts[nextCut]! <= stretch.from) nextCut += 1;
    for (;;) {
      const cut = cuts[nextCut];
      const clockAt = cut !== undefined && cut < stretch.until ? cut : Infinity;
      const rise = rises[nextRise];
      const riseAt = rise === undefined ? Infinity : timeOfEnergy(stretch, rise);
      if (clockAt === Infinity && riseAt === Infinity) break;
      if (riseAt <= clockAt) {
        step(riseAt, rise!);
        nextRise += 1;
      } else {
        // Never below what was already reached, nor above the limit that is reached next.
        step(clockAt, Math.min(Math.max(energy, energyAt(stretch, clockAt)), rise ?? stretch.energyUntil));
        nextCut += 1;
      }
    }
    step(stretch.until, stretch.energyUntil);
  }
  if (slices.length === 0) pushOnly(slices, stretches[0]!, zone, start);
  return slices;
}

/** A session without duration and energy still has its moment, at which a fee is due. */
function pushOnly(slices: Slice[], stretch: Stretch, zone: Zone, start: number): void {
  const local = start + zone.spanAt(start).offsetMs;
  const day = Math.floor(local / dayMs);
  const { state, currentMa, powerMw } = stretch;
  const minute = Math.floor((local - day * dayMs) / minuteMs);
  const moment = { at: start, until: start, minute, day, energyMwh: 0, energyUntil: 0, elapsedMs: 0 };
  slices.push({ ...moment, state, currentMa, powerMw });
}

function timeOfEnergy({ from, until, energyFrom, energyUntil }: Stretch, energyMwh: number): number {
  return from + shareOf(until - from, energyMwh - energyFrom, energyUntil - energyFrom);
}

function energyAt({ from, until, energyFrom, energyUntil }: Stretch, at: number): number {
  return energyFrom + shareOf(energyUntil - energyFrom, at - from, until - from);
}
