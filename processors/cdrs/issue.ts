// The CDR of a session, and what becomes of it: issued, held for a person, or by the party's rule none at all.
import { derivedId, type SessionId } from "../../core/ids/ids.ts";
import { limits } from "../../core/config/limits.ts";
import { creditIdOf } from "../../core/records/cdr-review.ts";
import type { Cdr, Price } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { billedBy, type Billed } from "../calibration/billed.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { SessionAnnotation } from "../transactions/annotations.ts";
import { finalMwh } from "../transactions/energy.ts";
import { energyRegister } from "../transactions/readings.ts";
import { noRegisters, type KeptCdr, type Transaction, type TransactionsState } from "../transactions/transaction.ts";
import { doubtsOf, isSmall, type Doubtful } from "./plausibility.ts";
import { priceSession, type PriceContext, type PricedCourse } from "./tariff.ts";

export type CdrCourse = PricedCourse & Pick<Transaction, "signed">;

/** @throws ReadingsNeeded. @param words what is known of the session beside its price */
export function draftOf(
  id: string,
  course: CdrCourse,
  words: readonly string[],
  record: FrameRecord,
  context: FoldContext,
): Doubtful {
  const { sessionId, startedAt, endedAt, idToken, evseId, connectorId, registry, signed } = course;
  const isNoShow = course.reserved?.expired === true;
  const billed = isNoShow ? nothingMeasured : billedBy(course, record, context);
  const { registers, isBySigned } = billed;
  const priced = priceSession(record, { ...course, registers }, isBySigned ? withoutRegisters(context) : context);
  const basis: readonly SessionAnnotation[] = isBySigned ? ["energySigned"] : [];
  const cdr: Cdr = {
    id,
    sessionId,
    credits: null,
    startedAt,
    endedAt,
    energyMwh: finalMwh(registers),
    // Of charging; what was reserved is in the periods.
    durationMs: isNoShow ? 0 : Math.max(0, endedAt - startedAt),
    idToken,
    evseId,
    connectorId,
    registry,
    ...priced.price,
    ...(billed.values.length > 0 ? { signed: billed.values } : {}),
    annotations: [...new Set([...words, ...basis, ...priced.words])],
  };
  return { cdr, powerW: priced.powerW, signed, signedDoubts: billed.doubts, registers };
}

/** Where nobody charged no meter has anything to sign. */
const nothingMeasured: Billed = { registers: noRegisters, isBySigned: false, values: [], doubts: [] };

/** Between two signed registers none counts that is not. */
function withoutRegisters(context: FoldContext): PriceContext {
  const { registry, trace } = context;
  const readingsOf = (sessionId: SessionId) =>
    context.readingsOf(sessionId).map((row) => row.filter(({ measurand }) => measurand !== energyRegister));
  return { registry, trace, readingsOf };
}

/** A CDR that was not issued before: held where its party's rules doubt it. */
export function concluded(draft: Doubtful, record: FrameRecord, context: FoldContext): KeptCdr {
  const { cdr, signed } = draft;
  const reasons = doubtsOf(draft, record, context);
  if (reasons.length > 0) {
    context.emit({ kind: "cdrHeld", sessionId: cdr.sessionId, cdr, reasons });
    return { cdr, signed, state: "held" };
  }
  const policy = isSmall(cdr) ? context.registry.setting(record.party, "smallSessions", record.registry) : "send";
  if (policy === "suppress") {
    context.emit({ kind: "cdrWithheld", sessionId: cdr.sessionId, reason: "suppressed" });
    return { cdr, signed, state: "suppressed" };
  }
  const issued = policy === "zero" ? freeOfCharge(cdr) : cdr;
  context.emit({ kind: "cdrIssued", cdr: issued });
  return { cdr: issued, signed, state: "issued" };
}

function freeOfCharge(cdr: Cdr): Cdr {
  const annotations = [...cdr.annotations, "smallSession"];
  return { ...cdr, total: cdr.total && { exclVat: "0.00", inclVat: "0.00" }, lines: [], annotations };
}

/** Says that the first one was wrong, and what holds instead; null: nothing does. Only the credit's total is negative. */
export function credited(original: Cdr, next: Cdr | null, why: string, context: FoldContext): Cdr | null {
  const { replaces: _, ...same } = original;
  const total = original.total && negative(original.total);
  const credit: Cdr = { ...same, id: creditIdOf(original.id), credits: original.id, why, total };
  context.emit({ kind: "cdrIssued", cdr: credit });
  if (next === null) return null;
  const cdr: Cdr = { ...next, id: derivedId("cdr", original.id, "corrected"), replaces: original.id, why };
  context.emit({ kind: "cdrIssued", cdr });
  return cdr;
}

function negative({ exclVat, inclVat }: Price): Price {
  return { exclVat: negated(exclVat), inclVat: negated(inclVat) };
}

/** Minus zero is no price. */
function negated(decimal: string): string {
  if (Number(decimal) === 0) return decimal;
  return decimal.startsWith("-") ? decimal.slice(1) : `-${decimal}`;
}

/** Of one session there is one; the oldest goes. What is not kept is for people to correct: they bring the CDR along. */
export function withKept(state: TransactionsState, kept: KeptCdr): TransactionsState {
  const others = state.kept.filter(({ cdr }) => cdr.sessionId !== kept.cdr.sessionId);
  if ((kept.cdr.periods?.length ?? 0) > limits.keptCdrPeriods) return { ...state, kept: others };
  return { ...state, kept: [...others, kept].slice(-limits.stationCdrsKept) };
}

export function keptOf(state: TransactionsState, sessionId: string): KeptCdr | undefined {
  return state.kept.find(({ cdr }) => cdr.sessionId === sessionId);
}
