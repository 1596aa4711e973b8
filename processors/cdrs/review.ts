// What a person decided about a CDR: a record, so that a rebuild decides the same.
import { limits } from "../../core/config/limits.ts";
import type { CdrValues } from "../../core/records/cdr-review.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import type { FrameRecordOf } from "../../core/records/frame-record.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { startMwh, withReadings } from "../transactions/energy.ts";
import { noRegisters, type KeptCdr, type Registers, type TransactionsState } from "../transactions/transaction.ts";
import { credited, draftOf, keptOf, withKept } from "./issue.ts";
import { reservedIn } from "./reserved-in.ts";

type Review = FrameRecordOf<"cdrReview">;

/**
 * The first decision in the log counts. One about a draft that a late message has changed since, or about a CDR that no
 * longer stands, changes nothing: who decided saw something else.
 * @throws ReadingsNeeded
 */
export function reviewed(state: TransactionsState, record: Review, context: FoldContext): TransactionsState {
  const cdr = cdrIn(record);
  const key = `${record.of}/${cdr.id}`;
  const kept = keptOf(state, cdr.sessionId);
  const isDecided = state.reviewed.includes(key) || (record.of === "issued" && record.action === "release");
  if (isDecided || (kept && !isSame(kept, cdr, record))) {
    context.ask({ kind: "tolerated", word: "reviewWithoutEffect" });
    return state;
  }
  const { of, action, actor, why } = record;
  context.emit({ kind: "cdrReviewed", cdrId: cdr.id, sessionId: cdr.sessionId, of, action, actor, why });
  const after = record.of === "held" ? held(state, cdr, record, context) : issued(state, cdr, record, context);
  return { ...after, reviewed: [...after.reviewed, key].slice(-limits.stationReviewsRemembered) };
}

/** @throws Error where it is none: the record is held for somebody to look at. */
function cdrIn({ cdr: fields }: Review): Cdr {
  const cdr = fields as unknown as Cdr;
  const isCdr = typeof cdr.id === "string" && typeof cdr.sessionId === "string" && Array.isArray(cdr.lines);
  if (!isCdr || cdr.credits !== null) throw new Error("The review names no CDR that could be decided about.");
  return cdr;
}

function isSame(kept: KeptCdr, cdr: Cdr, { of }: Review): boolean {
  const { id, energyMwh, startedAt, endedAt } = kept.cdr;
  const isUnchanged = energyMwh === cdr.energyMwh && startedAt === cdr.startedAt && endedAt === cdr.endedAt;
  return kept.state === of && id === cdr.id && isUnchanged;
}

function held(state: TransactionsState, cdr: Cdr, record: Review, context: FoldContext): TransactionsState {
  if (record.action === "void") {
    context.emit({ kind: "cdrWithheld", sessionId: cdr.sessionId, reason: "voided" });
    return { ...state, kept: state.kept.filter((one) => one.cdr.id !== cdr.id) };
  }
  const issuedCdr =
    record.action === "release" ? cdr : { ...withValues(cdr, record, context), why: record.why, id: cdr.id };
  context.emit({ kind: "cdrIssued", cdr: issuedCdr });
  return withKept(state, { cdr: issuedCdr, state: "issued", signed: keptOf(state, cdr.sessionId)?.signed ?? false });
}

function issued(state: TransactionsState, cdr: Cdr, record: Review, context: FoldContext): TransactionsState {
  const next = record.action === "correct" ? withValues(cdr, record, context) : null;
  const corrected = credited(cdr, next, record.why, context);
  const kept = keptOf(state, cdr.sessionId);
  if (!kept) return state;
  if (corrected) return withKept(state, { ...kept, cdr: corrected });
  return { ...state, kept: state.kept.filter((one) => one !== kept) };
}

/** What a person names stands, whatever the rules say; the rest is as it was, priced by the tariff of then. */
function withValues(cdr: Cdr, record: Review, context: FoldContext): Cdr {
  const values: CdrValues = record.values ?? {};
  const { startedAt = cdr.startedAt, endedAt = cdr.endedAt, energyMwh = cdr.energyMwh, total } = values;
  const read = context.readingsOf(cdr.sessionId).reduce(withReadings, noRegisters);
  const registers = registersOf(read, energyMwh);
  const course = { ...cdr, startedAt, endedAt, registers, paused: true, signed: false, reserved: reservedIn(cdr) };
  const draft = draftOf(cdr.id, course, [...cdr.annotations, "correctedByReview"], record, context);
  // What the meter signed stays with it, whatever a person makes of it.
  const signed = cdr.signed && { signed: cdr.signed };
  if (!total) return { ...draft.cdr, ...signed };
  return { ...draft.cdr, ...signed, total, lines: [], annotations: [...draft.cdr.annotations, "priceByReview"] };
}

/** Two registers with that much between them; the readings in between count where they fit. */
function registersOf(read: Registers, energyMwh: number): Registers {
  const meterStart = startMwh(read) ?? 0;
  return { ...noRegisters, meterStart, meterStop: meterStart + energyMwh };
}
