// When an ended session gets its one CDR (promise 2).
import { derivedId } from "../../core/ids/ids.ts";
import { limits } from "../../core/config/limits.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { lacksSigned } from "../calibration/billed.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { SessionAnnotation } from "../transactions/annotations.ts";
import { finalMwh, startMwh, stopMwh } from "../transactions/energy.ts";
import type { SettledTransaction, Transaction, TransactionsState } from "../transactions/transaction.ts";
import { localCostWords } from "./local-cost.ts";
import { concluded, draftOf, withKept } from "./issue.ts";
import type { Doubtful } from "./plausibility.ts";

/**
 * A session that ran on one connection, from its start on and without a gap, has nothing outstanding and settles at
 * once, unless its station is calibrated and its signed values have not come. Any other waits for what a station may still have in its queue, as long as the registry said when it ended.
 */
export function settle(
  state: TransactionsState,
  t: Transaction,
  record: FrameRecord,
  context: FoldContext,
): TransactionsState {
  const isWhole = t.live && isComplete(t) && !lacksSigned(t, record, context);
  const waitMs = isWhole ? 0 : waitOf(record, context);
  if (waitMs <= 0) return settleNow(state, t, record, context);
  if (t.settleAt === null) context.emit({ kind: "cdrWithheld", sessionId: t.sessionId, reason: "settling" });
  const waiting = { ...t, settleAt: context.logTime + waitMs };
  return { ...state, active: state.active.map((other) => (other.sessionId === t.sessionId ? waiting : other)) };
}

/** 1.6 has no sequence numbers: one connection is all that can be asked for. */
function isComplete(t: Transaction): boolean {
  return t.seen.length <= 1;
}

function waitOf(record: FrameRecord, context: FoldContext): number {
  const value = context.registry.setting(record.party, "settleAfterMs", record.registry);
  return typeof value === "number" && value > 0 ? value : 0;
}

/** A tick acts as of its due time (rule T2). */
export function settleDue(
  state: TransactionsState,
  record: FrameRecord,
  dueAt: number,
  context: FoldContext,
): TransactionsState {
  const due = state.active.filter((t) => t.settleAt !== null && t.settleAt <= dueAt);
  due.sort((a, b) => a.settleAt! - b.settleAt!);
  return due.reduce((after, t) => settleNow(after, t, record, context), state);
}

/** Earliest CDR that waits. */
export function settlementDueAt(state: TransactionsState): number | null {
  let due: number | null = null;
  for (const { settleAt } of state.active) {
    if (settleAt !== null && (due === null || settleAt < due)) due = settleAt;
  }
  return due;
}

/** The CDR, whatever still waits. */
export function settleNow(
  state: TransactionsState,
  t: Transaction,
  record: FrameRecord,
  context: FoldContext,
): TransactionsState {
  const draft = cdrOf(t, record, context);
  const { energyMwh } = draft.cdr;
  if (energyMwh !== finalMwh(t.registers)) tellSigned(t, draft, context);
  const kept = concluded(draft, record, context);
  const settled: SettledTransaction = {
    id: t.id,
    sessionId: t.sessionId,
    start: t.start,
    stop: t.stop,
    seen: t.seen,
    recent: t.recent.slice(-limits.settledMessagesRemembered),
    energyMwh,
    lateTold: false,
  };
  const after = {
    ...state,
    active: state.active.filter((other) => other.sessionId !== t.sessionId),
    settled: [...state.settled, settled].slice(-limits.stationEndedTransactions),
  };
  // Nothing more can come of a session that ran live without a gap.
  return t.live && isComplete(t) && kept.state === "issued" ? after : withKept(after, kept);
}

/** The session shows what its CDR goes by. */
function tellSigned(t: Transaction, { cdr, registers }: Doubtful, context: FoldContext): void {
  const { sessionId, energyMwh, startedAt, endedAt, evseId, connectorId } = cdr;
  context.emit({
    kind: "sessionUpdated",
    sessionId,
    energyMwh,
    state: null,
    idToken: t.idToken,
    readings: [],
    annotations: [],
    start: { startedAt, meterStartMwh: startMwh(registers), evseId, connectorId },
    end: { endedAt, meterStopMwh: stopMwh(registers) },
  });
}

function cdrOf(t: Transaction, record: FrameRecord, context: FoldContext): Doubtful {
  const gaps: readonly SessionAnnotation[] = isComplete(t) ? [] : ["seqNoGaps"];
  const course = { ...t, endedAt: t.endedAt ?? t.startedAt };
  const draft = draftOf(derivedId("cdr", t.sessionId), course, [...t.annotations, ...gaps], record, context);
  const local = localCostWords(t.localCost, draft.cdr);
  return local.length === 0
    ? draft
    : { ...draft, cdr: { ...draft.cdr, annotations: [...draft.cdr.annotations, ...local] } };
}
