// Energy of a transaction from its readings, in integer milliwatt-hours. The state holds running values only; folding
// the rows of the side table through `withReadings` gives the same (rule F4), and in any order the same low and high.
import type { RegisterSource } from "../../core/ports/explanation.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import type { ReadingTrace } from "../fold-trace.ts";
import type { SessionAnnotation } from "./annotations.ts";
import { energyRegister, meterStartContext, meterStopContext } from "./readings.ts";
import { noRegisters, type Registers } from "./transaction.ts";

interface Register {
  /** The station's own time; null where it gave none. */
  readonly at: number | null;
  readonly context: string;
  readonly mwh: number;
}

interface Group {
  readonly at: number | null;
  readonly context: string;
  readonly location: string | null;
  total: number | null;
  phases: number;
  phaseCount: number;
}

const linePhases = new Set(["L1", "L2", "L3", "L1-N", "L2-N", "L3-N"]);
const lines = 3;
/** Registers of one meter that are no further apart agree: some show kWh with one decimal. */
const roundingMwh = 100_000;
/** The standards for trucks end at 3.75 MW. */
const mostMilliwatts = 4e9;
const shortestMs = 15 * 60_000;
const msPerHour = 3_600_000;

const isOf = (g: Group, r: Reading): boolean => g.at === r.at && g.context === r.context && g.location === r.location;

function groupsIn(readings: readonly Reading[]): readonly Group[] {
  const groups: Group[] = [];
  for (const r of readings) {
    if (r.measurand !== energyRegister || r.energyMwh === null) continue;
    let group = groups.find((g) => isOf(g, r));
    if (!group) {
      group = { at: r.at, context: r.context, location: r.location, total: null, phases: 0, phaseCount: 0 };
      groups.push(group);
    }
    if (r.phase === null) group.total ??= r.energyMwh;
    else if (linePhases.has(r.phase)) {
      group.phases += r.energyMwh;
      group.phaseCount += 1;
    }
  }
  return groups;
}

/**
 * The import registers of one message. Of one time, context and location the value without a phase is the total; where
 * there is none, the sum over the lines is (quirk 10: a total unlike the sum of its phases is still the total).
 */
export function registersIn(readings: readonly Reading[], trace?: ReadingTrace): readonly Register[] {
  const groups = groupsIn(readings);
  // The outlet is where energy is sold; another place counts only where the outlet is not measured.
  const isOutlet = (g: Group) => g.location === null || g.location === "Outlet";
  const chosen = groups.some(isOutlet) ? groups.filter(isOutlet) : groups;
  if (trace) tellRegisters(trace, readings, groups, chosen);
  const registers: Register[] = [];
  for (const g of chosen) {
    const mwh = g.total ?? (g.phaseCount > 0 ? g.phases : null);
    if (mwh !== null) registers.push({ at: g.at, context: g.context, mwh });
  }
  return registers;
}

/** What became of each value of an energy register. */
function tellRegisters(
  trace: ReadingTrace,
  readings: readonly Reading[],
  groups: readonly Group[],
  chosen: readonly Group[],
): void {
  const withTotal = new Set<Group>();
  for (const r of readings) {
    if (r.measurand !== energyRegister) continue;
    const group = groups.find((g) => isOf(g, r));
    if (r.energyMwh === null || !group) trace.reading(r, "noEnergy");
    else if (r.phase !== null && !linePhases.has(r.phase)) trace.reading(r, "noLinePhase");
    else if (!chosen.includes(group)) trace.reading(r, "notOutlet");
    else if (r.phase !== null) trace.reading(r, group.total === null ? "register" : "totalCounts");
    else if (withTotal.has(group)) trace.reading(r, "secondOfItsTime");
    else {
      withTotal.add(group);
      trace.reading(r, "register");
    }
  }
}

const noWords: readonly SessionAnnotation[] = [];

/** What is odd about the import registers of one message (quirks 7, 8 and 10). */
export function oddRegisters(readings: readonly Reading[]): readonly SessionAnnotation[] {
  let hasUnusable = false;
  let hasPhases = false;
  for (const { measurand, energyMwh, phase } of readings) {
    if (measurand !== energyRegister) continue;
    if (energyMwh === null || (phase !== null && !linePhases.has(phase))) hasUnusable = true;
    else if (phase !== null) hasPhases = true;
  }
  const isUnlike = hasPhases && groupsIn(readings).some(isUnlikeItsPhases);
  if (!hasUnusable && !isUnlike) return noWords;
  const words: SessionAnnotation[] = [];
  if (hasUnusable) words.push("registerUnusable");
  if (isUnlike) words.push("phasesUnlikeTotal");
  return words;
}

/** Some of the lines alone may well be less than the total. */
function isUnlikeItsPhases({ total, phases, phaseCount }: Group): boolean {
  if (total === null || phaseCount === 0) return false;
  return phases > total + roundingMwh || (phaseCount === lines && phases < total - roundingMwh);
}

/** @param readings of one record. */
export function withReadings(before: Registers, readings: readonly Reading[]): Registers {
  const found = registersIn(readings);
  if (found.length === 0) return before;
  let { meterStart, meterStop, begin, end, low, high } = before;
  for (const { context, mwh } of found) {
    if (context === meterStartContext) meterStart ??= mwh;
    else if (context === meterStopContext) meterStop ??= mwh;
    else if (context === "Transaction.Begin") begin ??= mwh;
    else if (context === "Transaction.End") end = mwh;
    low = low === null ? mwh : Math.min(low, mwh);
    high = high === null ? mwh : Math.max(high, mwh);
  }
  return { meterStart, meterStop, begin, end, low, high };
}

/** What tells the register at the start; null while no reading does. */
export function startBy({ meterStart, begin, low }: Registers): (RegisterSource & keyof Registers) | null {
  if (meterStart !== null) return "meterStart";
  if (begin !== null) return "begin";
  return low === null ? null : "low";
}

/** What tells the register at the end: where the station said it is the end; else the highest seen. */
export function stopBy({ meterStop, end, high }: Registers): (RegisterSource & keyof Registers) | null {
  if (meterStop !== null) return "meterStop";
  if (end !== null) return "end";
  return high === null ? null : "high";
}

/** @returns whether it is the reading that tells the register at the start, or at the end. */
export function endOf(reading: Reading, r: Registers): "start" | "stop" | null {
  const { measurand, context, energyMwh } = reading;
  if (measurand !== energyRegister || energyMwh === null) return null;
  const is = (by: RegisterSource | null, mwh: number | null): boolean =>
    by !== null && energyMwh === mwh && (namedBy[by] ?? context) === context;
  if (is(startBy(r), startMwh(r))) return "start";
  return is(stopBy(r), stopMwh(r)) ? "stop" : null;
}

const namedBy: Partial<Record<RegisterSource, string>> = {
  meterStart: meterStartContext,
  begin: "Transaction.Begin",
  meterStop: meterStopContext,
  end: "Transaction.End",
};

/** The register at the start; null while no reading says. */
export function startMwh(r: Registers): number | null {
  const by = startBy(r);
  return by === null ? null : r[by];
}

export function stopMwh(r: Registers): number | null {
  const by = stopBy(r);
  return by === null ? null : r[by];
}

/** Energy so far; 0 while there are not two registers to compare. */
export function soFarMwh(r: Registers): number {
  const start = startMwh(r);
  return start === null || r.high === null ? 0 : Math.max(0, r.high - start);
}

/** Energy of an ended transaction: stop - start, never below 0. */
export function finalMwh(r: Registers): number {
  const start = startMwh(r);
  const stop = stopMwh(r);
  return start === null || stop === null ? 0 : Math.max(0, stop - start);
}

export function isStopBelowStart(r: Registers): boolean {
  const start = startMwh(r);
  const stop = stopMwh(r);
  return start !== null && stop !== null && stop < start;
}

/** A reading below the register that the station named at the start (quirk 9). */
export function isBelowStart({ meterStart, meterStop, low }: Registers): boolean {
  return meterStart !== null && meterStop === null && low !== null && low < meterStart - roundingMwh;
}

/** A reading above the register that the station named at the end, which is the authority (quirks 8 and 9). */
export function isAboveStop(r: Registers): boolean {
  const named = r.meterStop ?? r.end;
  return named !== null && r.high !== null && r.high > named + roundingMwh && !isStopBelowStart(r);
}

/** A register that claims to be that of the start or the end, unlike the one that did before. */
export function isNamedTwice({ begin, end }: Registers, readings: readonly Reading[]): boolean {
  const named: Record<string, number | null> = { "Transaction.Begin": begin, "Transaction.End": end };
  if (!readings.some(({ context }) => context in named)) return false;
  return registersIn(readings).some(({ context, mwh }) => {
    const before = named[context];
    if (before === undefined) return false;
    named[context] = mwh;
    return before !== null && mwh !== before;
  });
}

/** Such as a register that began at 0 and went on with its lifetime (quirk 9), or Wh that were called kWh (quirk 8). */
export function isImplausible(energyMwh: number, durationMs: number): boolean {
  return energyMwh > (mostMilliwatts * Math.max(shortestMs, durationMs)) / msPerHour;
}

/** From the rows of the side table, in order of their offsets. */
export function energyFromReadings(rows: readonly (readonly Reading[])[]): number {
  return finalMwh(rows.reduce(withReadings, noRegisters));
}
