// A session's readings as the samples that the tariff engine prices: energy, charging state, current and power over time.
import { signedMeasurand } from "../../core/metering/signed-value.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import type { ChargingState, Sample } from "../../core/price/session.ts";
import { shareOf } from "../../core/price/slices.ts";
import { chargingStateOf, stateMeasurand } from "../transactions/charging-states.ts";
import type { ReadingTrace, ReadingWord } from "../fold-trace.ts";
import { energyRegister, toThousandths } from "../transactions/readings.ts";
import { finalMwh, registersIn, startMwh, stopMwh } from "../transactions/energy.ts";
import type { Registers } from "../transactions/transaction.ts";

interface Course {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly registers: Registers;
}

/** What the readings of one moment say. */
interface Point {
  readonly at: number;
  energyMwh: number | null;
  /** As the station called it. */
  state: string | null;
  currentMa: number | null;
  powerMw: number | null;
}

const currentMeasurand = "Current.Import";
const powerMeasurand = "Power.Active.Import";
const phases = new Set(["L1", "L2", "L3", "L1-N", "L2-N", "L3-N"]);

/**
 * @param rows of the side table, in the order of their records. What lies outside of the session in time, or of its two
 * registers in energy, is not used; energy at a moment without a register lies on the line between its neighbours.
 * @param trace hears what becomes of each reading.
 */
export function samplesOf(
  course: Course,
  rows: readonly (readonly Reading[])[],
  trace?: ReadingTrace,
): readonly Sample[] {
  const { startedAt, endedAt } = course;
  const points = pointsOf(course, rows, trace);
  const known = registerPoints(course, points, trace);
  const samples: Sample[] = [];
  let charging: ChargingState | null = null;
  let state: ChargingState = "charging";
  let next = 1;
  for (const { at, state: said, currentMa, powerMw } of points) {
    if (at > endedAt) break;
    if (said !== null) {
      charging = chargingStateOf(said, charging);
      // Nothing was charged yet: it waits to be served.
      state = charging ?? "suspended_evse";
    }
    while (next < known.length - 1 && known[next]!.at < at) next += 1;
    const moment = Math.max(at, startedAt);
    // What was before the start says how it was at the start.
    const before = samples.at(-1)?.at === moment ? samples.pop() : undefined;
    samples.push({
      ...before,
      at: moment,
      energyMwh: energyBetween(known[next - 1]!, known[next]!, moment),
      state,
      ...(currentMa === null ? {} : { currentMa }),
      ...(powerMw === null ? {} : { powerMw }),
    });
  }
  const inner = samples.at(-1)?.at === endedAt ? samples.slice(0, -1) : samples;
  const opening = inner[0]?.at === startedAt ? [] : [{ at: startedAt, energyMwh: 0, state: "charging" as const }];
  return [...opening, ...inner, { at: endedAt, energyMwh: finalMwh(course.registers), state }];
}

function pointsOf(
  course: Course,
  rows: readonly (readonly Reading[])[],
  trace: ReadingTrace | undefined,
): readonly Point[] {
  const points = new Map<number, Point>();
  const at = (time: number): Point => {
    let point = points.get(time);
    if (!point) {
      point = { at: time, energyMwh: null, state: null, currentMa: null, powerMw: null };
      points.set(time, point);
    }
    return point;
  };
  for (const row of rows) {
    if (trace) tellOthers(trace, row, course.endedAt);
    for (const register of registersIn(row)) {
      if (register.at === null) continue;
      const point = at(register.at);
      if (point.energyMwh !== null) trace?.registersAt(register.at, "laterOfItsTime");
      point.energyMwh = register.mwh;
    }
    // After those that they take the place of.
    if (trace) registersIn(row, trace);
    for (const reading of row) {
      if (reading.at !== null && reading.measurand === stateMeasurand) at(reading.at).state = reading.value;
    }
    for (const [time, currentMa] of summed(row, currentMeasurand, "A")) at(time).currentMa = currentMa;
    for (const [time, powerMw] of summed(row, powerMeasurand, "W")) at(time).powerMw = powerMw;
  }
  const all = [...points.values()];
  trace?.registersAt(null, "noTime");
  if (trace) for (const { at: time } of all) if (time > course.endedAt) trace.registersAt(time, "afterEnd");
  return all.filter((p) => p.at <= course.endedAt).sort((a, b) => a.at - b.at);
}

/** What becomes of the readings that are no registers; the registers are told by whoever looks at them. */
function tellOthers(trace: ReadingTrace, row: readonly Reading[], endedAt: number): void {
  const hasTotal = (of: Reading) => row.some((r) => r.measurand === of.measurand && r.at === of.at && r.phase === null);
  const word = (reading: Reading, use: "current" | "power", base: "A" | "W"): ReadingWord => {
    if (toThousandths(reading, base) === null) return "noNumber";
    if (reading.phase === null) return use;
    if (!phases.has(reading.phase)) return "noLinePhase";
    return hasTotal(reading) ? "totalCounts" : use;
  };
  for (const reading of row) {
    const { measurand, at } = reading;
    if (measurand === energyRegister) continue;
    if (at !== null && at > endedAt) trace.reading(reading, "afterEnd");
    else if (measurand === signedMeasurand) continue;
    else if (measurand === stateMeasurand) trace.reading(reading, "state");
    else if (measurand === currentMeasurand)
      trace.reading(reading, at === null ? "noTime" : word(reading, "current", "A"));
    else if (measurand === powerMeasurand) trace.reading(reading, at === null ? "noTime" : word(reading, "power", "W"));
    else trace.reading(reading, "otherMeasurand");
  }
}

/** By time: the value without a phase where there is one, else the sum over the lines (OCPI: summed over the phases). */
function summed(row: readonly Reading[], measurand: string, base: "W" | "A"): ReadonlyMap<number, number> {
  const totals = new Map<number, number>();
  const sums = new Map<number, number>();
  for (const reading of row) {
    const { at, phase } = reading;
    if (reading.measurand !== measurand || at === null) continue;
    const value = toThousandths(reading, base);
    if (value === null) continue;
    if (phase === null) totals.set(at, value);
    else if (phases.has(phase)) sums.set(at, (sums.get(at) ?? 0) + value);
  }
  return new Map([...sums, ...totals]);
}

interface RegisterPoint {
  readonly at: number;
  readonly energyMwh: number;
}

/** The registers that can be true, from 0 at the start to the session's energy at the end; they never fall. */
function registerPoints(
  { startedAt, endedAt, registers }: Course,
  points: readonly Point[],
  trace: ReadingTrace | undefined,
): readonly RegisterPoint[] {
  const start = startMwh(registers);
  const stop = stopMwh(registers);
  const known: RegisterPoint[] = [{ at: startedAt, energyMwh: 0 }];
  let reached = 0;
  for (const { at, energyMwh } of points) {
    if (energyMwh === null || start === null || stop === null) continue;
    const why = refusal(at <= startedAt, at >= endedAt, energyMwh - start < reached, energyMwh > stop);
    if (why !== undefined) {
      trace?.registersAt(at, why);
      continue;
    }
    reached = energyMwh - start;
    known.push({ at, energyMwh: reached });
  }
  known.push({ at: endedAt, energyMwh: finalMwh(registers) });
  return known;
}

function refusal(isBefore: boolean, isAtEnd: boolean, falls: boolean, isAbove: boolean) {
  if (isBefore) return "beforeStart";
  if (isAtEnd) return "atEnd";
  if (falls) return "falls";
  return isAbove ? "aboveStop" : undefined;
}

function energyBetween(a: RegisterPoint, b: RegisterPoint, at: number): number {
  if (at <= a.at) return a.energyMwh;
  if (at >= b.at) return b.energyMwh;
  return a.energyMwh + shareOf(b.energyMwh - a.energyMwh, at - a.at, b.at - a.at);
}
