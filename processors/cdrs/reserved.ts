// Reservations and what they cost: the time until charging starts belongs to the session that used one; one that nobody used is
// a session and a CDR of its own where the tariff asks for that (OCPI 2.2.1, TariffRestrictions.reservation).
import { frameId, sessionIdOf, type FrameId } from "../../core/ids/ids.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { Named, Reservation } from "../reports/reservations.ts";
import { replaced } from "../transactions/sessions.ts";
import {
  noRegisters,
  type SettledTransaction,
  type Transaction,
  type TransactionsState,
} from "../transactions/transaction.ts";
import { newestOf } from "../transactions/incarnations.ts";
import { credited, keptOf } from "./issue.ts";
import { lateRule } from "./late.ts";
import { settle } from "./settle.ts";
import { asksForNoShow } from "./tariff.ts";

const prefixOf = (reservationId: string): string => `reservation/${reservationId}/`;

/** H03: the transaction names the reservation, with whichever of its messages; quirk 6: 0 means none, where none has that number. */
export function withReservation(
  state: TransactionsState,
  transactionId: string | null,
  { id, reservation }: Named,
  context: FoldContext,
): TransactionsState {
  const t = transactionId === null ? undefined : newestOf(state, transactionId)?.active;
  if (!t || t.reserved || t.endedAt !== null) return state;
  return reservation ? using(state, t, reservation.reservedAt) : usedAfterAll(state, t, id, context);
}

function using(state: TransactionsState, t: Transaction, since: number): TransactionsState {
  return replaced(state, t, { ...t, reserved: { since, expired: false } });
}

/**
 * H04: nobody came. The CDR waits as long as that of a session that did not run live, for a start that used it may be queued in
 * the station.
 */
export function withExpired(
  state: TransactionsState,
  unused: readonly Reservation[],
  record: FrameRecord,
  context: FoldContext,
): TransactionsState {
  let after = state;
  for (const reservation of unused) {
    const t = noShow(reservation, record, context);
    if (asksForNoShow(record, t, context)) after = told(after, t, record, context);
  }
  return after;
}

function told(state: TransactionsState, t: NoShow, record: FrameRecord, context: FoldContext): TransactionsState {
  const { sessionId, id: transactionId, evseId, connectorId, idToken, startedAt, endedAt, annotations } = t;
  const opened = { sessionId, transactionId, evseId, connectorId, idToken, startedAt, annotations };
  context.emit({ kind: "sessionStarted", ...opened, meterStartMwh: null });
  const reason = "ReservationExpired";
  context.emit({ kind: "sessionEnded", sessionId, endedAt, reason, meterStopMwh: null, energyMwh: 0, annotations: [] });
  return settle({ ...state, active: [...state.active, t] }, t, record, context);
}

type NoShow = Transaction & { readonly endedAt: number };

function noShow(
  { id, evseId, idToken, reservedAt: since, expiresAt }: Reservation,
  record: FrameRecord,
  context: FoldContext,
): NoShow {
  const first = `${frameId(record.source, record.sequence)}/${id}` as FrameId;
  return {
    // Its number may come again.
    id: `${prefixOf(id)}${since}`,
    sessionId: sessionIdOf(record.party, record.station, first),
    evseId,
    connectorId: 0,
    idToken,
    startedAt: since,
    start: null,
    endedAt: Math.max(since, Math.min(expiresAt, context.logTime)),
    stop: null,
    registers: noRegisters,
    soFarMwh: 0,
    seen: [],
    recent: [],
    connection: record.source,
    live: false,
    registry: record.registry,
    settleAt: null,
    state: null,
    annotations: ["reservationExpired"],
    touchedAt: context.logTime,
    paused: false,
    signed: false,
    startSaid: null,
    newestAt: null,
    localCost: null,
    reserved: { since, expired: true },
  };
}

/**
 * A start that came late has used what was taken for expired: its time belongs to that session, nothing is asked for the expiry, and
 * a CDR of it is taken back.
 */
function usedAfterAll(
  state: TransactionsState,
  t: Transaction,
  reservationId: string,
  context: FoldContext,
): TransactionsState {
  const isOfIt = ({ id }: { readonly id: string }) => id.startsWith(prefixOf(reservationId));
  const waiting = state.active.findLast(isOfIt);
  const settled = state.settled.findLast((one) => isOfIt(one) && !one.lateTold);
  const known = waiting ?? (settled && keptOf(state, settled.sessionId)?.cdr);
  if (!known || t.startedAt > (known.endedAt ?? 0)) return state;
  tellUsed(known.sessionId, context);
  const used = using(state, t, known.startedAt);
  if (settled && !waiting) return takenBack(used, settled, context);
  context.emit({ kind: "cdrWithheld", sessionId: known.sessionId, reason: "suppressed" });
  return { ...used, active: used.active.filter((one) => one !== waiting) };
}

function takenBack(state: TransactionsState, settled: SettledTransaction, context: FoldContext): TransactionsState {
  const { cdr, state: stands } = keptOf(state, settled.sessionId)!;
  const { id: cdrId, sessionId } = cdr;
  if (stands !== "suppressed") {
    context.emit({ kind: "cdrReviewed", cdrId, sessionId, of: stands, action: "void", actor: lateRule, why });
  }
  if (stands === "issued") credited(cdr, null, why, context);
  if (stands === "held") context.emit({ kind: "cdrWithheld", sessionId, reason: "voided" });
  return {
    ...state,
    kept: state.kept.filter((one) => one.cdr !== cdr),
    settled: state.settled.map((one) => (one === settled ? { ...one, lateTold: true } : one)),
  };
}

const why = "The reservation was used: the message that says so came after it had expired.";

function tellUsed(sessionId: Transaction["sessionId"], context: FoldContext): void {
  const nothing = { state: null, idToken: null, readings: [], energyMwh: 0 };
  context.emit({ kind: "sessionUpdated", sessionId, ...nothing, annotations: ["reservationUsed"] });
}
