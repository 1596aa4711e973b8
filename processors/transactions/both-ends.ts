// OCPP 2.x has no field for the register at the start and at the end: the messages that say them bring it as a reading, by
// the book with a context, in the field without.
import type { Reading } from "../../core/records/domain-event.ts";
import { longestSessionMs } from "../station-time.ts";
import type { SessionAnnotation } from "./annotations.ts";
import { registersIn } from "./energy.ts";
import type { Transaction } from "./transaction.ts";

/** Clocks are set by seconds all the time. */
const steadyMs = 60_000;

/**
 * @param context `Transaction.Begin` or `Transaction.End`.
 * @param at the message's own time; null: none.
 * @returns the register that the message of that end brings for it, mWh; null: none.
 */
export function registerOf(readings: readonly Reading[], context: string, at: number | null): number | null {
  const registers = registersIn(readings);
  const isNear = (of: number | null) => of === null || at === null || Math.abs(of - at) <= steadyMs;
  const found = registers.find((r) => r.context === context) ?? registers.findLast((r) => isNear(r.at));
  return found?.mwh ?? null;
}

/** The start's own message says its register; another one (an end, with all readings) where it names and times it so. */
export function startSaidBy(
  readings: readonly Reading[],
  isStart: boolean,
  at: number | null,
  { start, startedAt }: Transaction,
): number | null {
  const context = "Transaction.Begin";
  if (isStart) return registerOf(readings, context, at);
  const began = start?.ownTime ?? startedAt;
  const named = registersIn(readings).find(
    (r) => r.context === context && r.at !== null && Math.abs(r.at - began) <= steadyMs,
  );
  return named?.mwh ?? null;
}

/**
 * @returns since when a transaction runs whose start is missing, where readings name the start and say an earlier time than the
 * first message that came, epoch ms.
 */
export function beganBy({ start, startedAt }: Transaction, readings: readonly Reading[]): number {
  if (start !== null) return startedAt;
  const earliest = startedAt - longestSessionMs;
  const named = readings.flatMap(({ at, context }) =>
    context === "Transaction.Begin" && at !== null && at > earliest ? [at] : [],
  );
  return Math.min(startedAt, ...named);
}

/** What is doubtful about the registers of both ends, once the message that ends it has come with `stopSaid`. */
export function endWords({ start, startSaid, registers }: Transaction, stopSaid: number | null): SessionAnnotation[] {
  const { begin, end, low, high } = registers;
  const words: SessionAnnotation[] = [];
  if (low === null || high === null) return words;
  if (start !== null && startSaid === null) words.push("startRegisterMissing");
  if (stopSaid === null) words.push("stopRegisterMissing");
  // Without a context the lowest and the highest count, whoever sent them.
  if (begin === null && startSaid !== null && low < startSaid) words.push("registerBelowStart");
  if (end === null && stopSaid !== null && high > stopSaid) words.push("registerAboveStop");
  const differs = (named: number | null, said: number | null) => named !== null && said !== null && named !== said;
  if (differs(begin, startSaid) || differs(end, stopSaid)) words.push("registerNamedTwice");
  return words;
}

/** @param at the message's time where it can be true. @param isNewest its number is the highest so far. */
export function isUnsteady({ newestAt }: Transaction, at: number | null, isNewest: boolean): boolean {
  if (newestAt === null || at === null) return false;
  return isNewest ? at < newestAt - steadyMs : at > newestAt + steadyMs;
}
