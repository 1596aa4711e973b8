// What a message does that comes after the CDR: below the party's thresholds the session's annotation is all; above them the
// CDR is corrected, or one that nobody has seen yet is made anew.
import type { Cdr, Reading } from "../../core/records/domain-event.ts";
import type { SettingId } from "../../core/registry/entities.ts";
import { billedBy } from "../calibration/billed.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { SessionAnnotation } from "../transactions/annotations.ts";
import { finalMwh, isImplausible, startMwh, stopMwh, withReadings } from "../transactions/energy.ts";
import type { Incarnation } from "../transactions/incarnations.ts";
import type { Exchange } from "../transactions/sessions.ts";
import {
  noRegisters,
  type KeptCdr,
  type SettledTransaction,
  type StartIdentity,
  type TransactionsState,
} from "../transactions/transaction.ts";
import { concluded, credited, draftOf, keptOf, withKept } from "./issue.ts";
import { doubtsOf } from "./plausibility.ts";
import { reservedIn } from "./reserved-in.ts";

/** What a late message knows better; absent: nothing about it. */
export interface LateFacts {
  readonly startedAt?: number;
  readonly start?: StartIdentity;
  readonly endedAt?: number;
  /** Digest of the message, where it is the end that was missing. */
  readonly stop?: number;
  /** Registers that the message has as fields. */
  readonly registers?: readonly Reading[];
  /** Signed values came with it, and are kept. */
  readonly signed?: boolean;
  /** Who charged and where, for a session of which nobody had said it. */
  readonly idToken?: string | null;
  readonly evseId?: number;
  readonly connectorId?: number;
}

const mwhPerWh = 1_000;
const msPerSecond = 1_000;

/** Who decided. */
export const lateRule = "rule:lateFrame";

/** @param state with the annotation, and the message's readings kept. @throws ReadingsNeeded */
export function revised(
  state: TransactionsState,
  known: Incarnation,
  facts: LateFacts,
  record: Exchange,
  context: FoldContext,
): TransactionsState {
  const sessionId = known.settled?.sessionId;
  const before = sessionId && keptOf(state, sessionId);
  const settled = state.settled.find((one) => one.sessionId === sessionId);
  if (!settled) return state;
  if (!before) return tooLate(state, settled, facts, record, context);
  const kept = facts.signed ? { ...before, signed: true } : before;
  if (facts.registers && facts.registers.length > 0) context.keep(kept.cdr.sessionId, facts.registers);
  const met = { ...settled, start: facts.start ?? settled.start, stop: facts.stop ?? settled.stop };
  const seen = withSettled(kept === before ? state : withKept(state, kept), met);
  const registers = context.readingsOf(kept.cdr.sessionId).reduce(withReadings, noRegisters);
  const startedAt = facts.startedAt ?? kept.cdr.startedAt;
  const endedAt = Math.max(startedAt, facts.endedAt ?? kept.cdr.endedAt);
  const billed = billedBy({ ...kept.cdr, registers, signed: kept.signed }, record, context);
  const energyMwh = finalMwh(billed.registers);
  const who = whoAndWhere(kept.cdr, facts);
  // Held for what has come now.
  const isHealed = kept.state === "held" && facts.signed === true && billed.isBySigned;
  const isFound = who.idToken !== kept.cdr.idToken || who.evseId !== kept.cdr.evseId;
  if (!isFound && !isHealed && !isWorthIt(kept.cdr, energyMwh, endedAt - startedAt, record, context)) return seen;
  const implausible = isImplausible(energyMwh, endedAt - startedAt);
  const words = [...kept.cdr.annotations, "lateFrame", ...(implausible ? ["energyImplausible"] : [])];
  const course = {
    ...kept.cdr,
    ...who,
    startedAt,
    endedAt,
    registers,
    paused: true,
    signed: kept.signed,
    reserved: reservedIn(kept.cdr),
  };
  const draft = draftOf(kept.cdr.id, course, words, record, context);
  if (kept.state === "issued" && doubtsOf(draft, record, context).length > 0) {
    told(settled, ["lateImplausible"], {}, context);
    return seen;
  }
  const { idToken, evseId, connectorId } = who;
  const changes = {
    energyMwh,
    idToken,
    start: { startedAt, meterStartMwh: startMwh(billed.registers), evseId, connectorId },
    end: { endedAt, meterStopMwh: stopMwh(billed.registers) },
  };
  told(settled, [], changes, context);
  const next = kept.state === "issued" ? corrected(kept, draft.cdr, context) : concluded(draft, record, context);
  return withKept(withSettled(state, { ...met, energyMwh }), next);
}

/**
 * The CDR is not among those that the state keeps: it stands, and a person learns that the message says another energy or brings
 * the end that was missing. Of a calibrated station only signed values count, which are no matter of registers.
 */
function tooLate(
  state: TransactionsState,
  settled: SettledTransaction,
  { registers = [], stop, start }: LateFacts,
  record: Exchange,
  context: FoldContext,
): TransactionsState {
  const { sessionId, energyMwh } = settled;
  if (registers.length > 0) context.keep(sessionId, registers);
  const met = { ...settled, start: start ?? settled.start, stop: stop ?? settled.stop };
  const { registry } = context;
  if (registry.find(record.party, "meterKeys", record.station, record.registry)?.doc.calibrated) return state;
  const said = finalMwh(context.readingsOf(sessionId).reduce(withReadings, noRegisters));
  const least = Number(registry.setting(record.party, "lateCorrectionWh", record.registry)) * mwhPerWh;
  const isUnlike = said !== energyMwh && Math.abs(said - energyMwh) >= least;
  if (isUnlike || (stop !== undefined && settled.stop === null)) told(settled, ["lateNotCorrected"], {}, context);
  return withSettled(state, met);
}

function whoAndWhere(cdr: Cdr, { idToken, evseId, connectorId }: LateFacts) {
  const isPlaced = cdr.evseId !== 0 || evseId === undefined;
  return {
    idToken: cdr.idToken ?? idToken ?? null,
    evseId: isPlaced ? cdr.evseId : evseId,
    connectorId: isPlaced ? cdr.connectorId : (connectorId ?? 0),
  };
}

function isWorthIt(
  cdr: Cdr,
  energyMwh: number,
  durationMs: number,
  record: Exchange,
  { registry }: FoldContext,
): boolean {
  const threshold = (id: SettingId) => Number(registry.setting(record.party, id, record.registry));
  const energy = Math.abs(energyMwh - cdr.energyMwh);
  const duration = Math.abs(durationMs - cdr.durationMs);
  return (
    (energy > 0 && energy >= threshold("lateCorrectionWh") * mwhPerWh) ||
    (duration > 0 && duration >= threshold("lateCorrectionSeconds") * msPerSecond)
  );
}

function corrected(kept: KeptCdr, next: Cdr, context: FoldContext): KeptCdr {
  const { cdr } = kept;
  const why = "A message of the session arrived after its CDR.";
  const { id: cdrId, sessionId } = cdr;
  context.emit({
    kind: "cdrReviewed",
    cdrId,
    sessionId,
    of: "issued",
    action: "correct",
    actor: lateRule,
    why,
  });
  return { ...kept, cdr: credited(cdr, next, why, context)! };
}

function told(
  { sessionId, energyMwh }: SettledTransaction,
  annotations: readonly SessionAnnotation[],
  changes: object,
  context: FoldContext,
): void {
  const nothing = { state: null, idToken: null, readings: [] };
  context.emit({ kind: "sessionUpdated", sessionId, energyMwh, ...nothing, annotations, ...changes });
}

function withSettled(state: TransactionsState, after: SettledTransaction): TransactionsState {
  return { ...state, settled: state.settled.map((one) => (one.sessionId === after.sessionId ? after : one)) };
}
