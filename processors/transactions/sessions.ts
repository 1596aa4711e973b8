// What every version has in common: how a session opens, goes on, ends, and is told.
import { frameId, sessionIdOf } from "../../core/ids/ids.ts";
import { limits } from "../../core/config/limits.ts";
import type { EventBody, Reading } from "../../core/records/domain-event.ts";
import type { FrameRecordOf } from "../../core/records/frame-record.ts";
import type { SignedReceived } from "../calibration/signed-readings.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { betweenOwn, type PlausibleTime } from "../station-time.ts";
import type { SessionAnnotation } from "./annotations.ts";
import { beganBy } from "./both-ends.ts";
import {
  finalMwh,
  isAboveStop,
  isBelowStart,
  isImplausible,
  isNamedTwice,
  isStopBelowStart,
  oddRegisters,
  soFarMwh,
  startMwh,
  stopMwh,
  withReadings,
} from "./energy.ts";
import { stateReading } from "./charging-states.ts";
import { noRegisters, type StartIdentity, type Transaction, type TransactionsState } from "./transaction.ts";

export type Exchange = FrameRecordOf<"exchange">;
type Words = readonly SessionAnnotation[];

export interface Opening {
  readonly id: string;
  readonly evseId: number;
  readonly connectorId: number;
  readonly idToken: string | null;
  readonly startedAt: number;
  readonly start: StartIdentity | null;
  readonly readings: readonly Reading[];
  readonly offline: boolean;
  readonly state: string | null;
  readonly words: Words;
}

/** Rules I5, I6: a new incarnation of (station, transactionId). */
export function openSession(record: Exchange, context: FoldContext, opening: Opening): Transaction {
  const { readings, words, offline, start, ...rest } = opening;
  const transaction: Transaction = {
    ...rest,
    start,
    sessionId: sessionIdOf(record.party, record.station, frameId(record.source, record.sequence)),
    endedAt: null,
    stop: null,
    registers: withReadings(noRegisters, readings),
    soFarMwh: 0,
    seen: [],
    recent: [],
    connection: record.source,
    live: start !== null && !offline,
    registry: record.registry,
    settleAt: null,
    annotations: words,
    touchedAt: context.logTime,
    paused: false,
    signed: false,
    startSaid: null,
    newestAt: null,
    localCost: null,
    reserved: null,
  };
  context.emit({
    kind: "sessionStarted",
    sessionId: transaction.sessionId,
    transactionId: transaction.id,
    evseId: transaction.evseId,
    connectorId: transaction.connectorId,
    idToken: transaction.idToken,
    startedAt: transaction.startedAt,
    meterStartMwh: startMwh(transaction.registers),
    annotations: words,
  });
  if (readings.length > 0) context.keep(transaction.sessionId, readings);
  return transaction;
}

/** What a message adds to a session that exists. Absent: nothing about it. */
export interface Addition {
  readonly readings?: readonly Reading[];
  /** Readings that are kept but not told: registers that other events carry. */
  readonly silent?: readonly Reading[];
  readonly state?: string | null;
  /** The same and since when, also where a later message is known already: what the price goes by. */
  readonly charging?: { readonly state: string; readonly at: number };
  readonly idToken?: string | null;
  readonly words?: Words;
  /** Signed meter values that came with it: kept, not told. */
  readonly signed?: SignedReceived;
  /** A start that came late, or a place that a later message knows. */
  readonly late?: {
    readonly startedAt?: number;
    readonly start?: StartIdentity;
    readonly evseId?: number;
    readonly connectorId?: number;
  };
}

/** Attribution of a record to a transaction: whether it still runs on one connection. */
export function attributed(t: Transaction, record: Exchange, context: FoldContext, offline = false): Transaction {
  const live = t.live && record.source === t.connection && !offline;
  return { ...t, live, touchedAt: context.logTime };
}

/** Applies an addition and tells it, if there is anything to tell. */
export function addToSession(t: Transaction, context: FoldContext, addition: Addition): Transaction {
  const told = addition.readings ?? [];
  const charging = t.endedAt === null ? addition.charging : undefined;
  const signed = addition.signed?.readings ?? [];
  const silent = [
    ...(addition.silent ?? []),
    ...(charging ? [stateReading(charging.state, charging.at)] : []),
    ...signed,
  ];
  const kept = silent.length > 0 ? [...silent, ...told] : told;
  const registers = kept.length > 0 ? withReadings(t.registers, kept) : t.registers;
  const said = [...(addition.words ?? []), ...(addition.signed?.words ?? [])];
  const words = newWords(t, registers, told, said, addition.late?.start !== undefined);
  const after: Transaction = {
    ...t,
    registers,
    soFarMwh: t.endedAt === null ? Math.max(t.soFarMwh, soFarMwh(registers)) : finalMwh(registers),
    state: addition.state ?? t.state,
    idToken: t.idToken ?? addition.idToken ?? null,
    annotations: words.length > 0 ? [...t.annotations, ...words] : t.annotations,
    startedAt: addition.late?.startedAt ?? beganBy(t, told),
    start: addition.late?.start ?? t.start,
    evseId: addition.late?.evseId ?? t.evseId,
    connectorId: addition.late?.connectorId ?? t.connectorId,
    signed: t.signed || signed.length > 0,
    paused: t.paused || (charging !== undefined && charging.state !== "Charging"),
  };
  if (kept.length > 0) context.keep(t.sessionId, kept);
  tellUpdate(t, after, context, told, words);
  return after;
}

function newWords(
  t: Transaction,
  registers: Transaction["registers"],
  told: readonly Reading[],
  said: Words,
  isLateStart: boolean,
): SessionAnnotation[] {
  const words = [...said];
  if (told.length > 0) words.push(...oddRegisters(told));
  if (t.endedAt === null && isBelowStart(registers)) words.push("registerBelowStart");
  if (told.length > 0 && isNamedTwice(t.registers, told)) words.push("registerNamedTwice");
  // A late start says so itself.
  const isAfterEnd = t.endedAt !== null && !isLateStart;
  if (isAfterEnd && finalMwh(registers) !== finalMwh(t.registers)) words.push("energyAfterEnd");
  return words.filter((word) => !t.annotations.includes(word));
}

function tellUpdate(
  before: Transaction,
  t: Transaction,
  context: FoldContext,
  readings: readonly Reading[],
  words: Words,
): void {
  const startChanged =
    t.startedAt !== before.startedAt ||
    t.evseId !== before.evseId ||
    t.connectorId !== before.connectorId ||
    startMwh(t.registers) !== startMwh(before.registers);
  const changed =
    readings.length > 0 ||
    words.length > 0 ||
    t.state !== before.state ||
    t.idToken !== before.idToken ||
    t.soFarMwh !== before.soFarMwh ||
    startChanged;
  if (!changed) return;
  const body: EventBody = {
    kind: "sessionUpdated",
    sessionId: t.sessionId,
    energyMwh: t.soFarMwh,
    // An ended session has no state any more; a late message must not give it one.
    state: t.endedAt === null ? t.state : null,
    idToken: t.idToken,
    readings,
    annotations: words,
  };
  const { startedAt, evseId, connectorId } = t;
  context.emit(
    startChanged ? { ...body, start: { startedAt, meterStartMwh: startMwh(t.registers), evseId, connectorId } } : body,
  );
}

export interface Ending {
  readonly time: PlausibleTime;
  /** How often the station had booted; null where nothing from the station ended it. */
  readonly boots: number | null;
  readonly reason: string | null;
  readonly stop: number | null;
  readonly words: Words;
}

/** @returns the transaction ended and told; when its CDR is made is the business of cdrs/. */
export function endSession(open: Transaction, context: FoldContext, ending: Ending): Transaction {
  const words = [...ending.words];
  const { t, at } = endsOf(open, context, ending);
  if (!ending.time.trusted) words.push("stopTimeImplausible");
  if (ending.time.ahead) words.push("clockAhead");
  if (isStopBelowStart(t.registers)) words.push("stopBelowStart");
  if (isAboveStop(t.registers)) words.push("registerAboveStop");
  if (t.registers.high === null) words.push("noRegister");
  let endedAt = at;
  if (endedAt < t.startedAt) {
    words.push("stopBeforeStart");
    endedAt = Math.max(t.startedAt, context.logTime);
  }
  const energyMwh = finalMwh(t.registers);
  if (isImplausible(energyMwh, endedAt - t.startedAt)) words.push("energyImplausible");
  const fresh = words.filter((word) => !t.annotations.includes(word));
  context.emit({
    kind: "sessionEnded",
    sessionId: t.sessionId,
    endedAt,
    reason: ending.reason,
    meterStopMwh: stopMwh(t.registers),
    energyMwh,
    annotations: fresh,
  });
  return {
    ...t,
    endedAt,
    stop: ending.stop,
    soFarMwh: energyMwh,
    state: null,
    annotations: fresh.length > 0 ? [...t.annotations, ...fresh] : t.annotations,
  };
}

/**
 * When it ended, and with its start put right. Where both are of one clock that cannot be true, no boot between, the session
 * lasted what that clock says (decision 25). The log's time is never before what it tells of, so the earlier of the
 * two places that start and end give it is the nearer one.
 */
function endsOf(t: Transaction, context: FoldContext, { time, boots }: Ending): { t: Transaction; at: number } {
  const { start } = t;
  const isOneClock = start !== null && !start.trusted && !time.trusted && start.boots === boots;
  const lastedMs = isOneClock ? betweenOwn(start.ownTime, time.own) : null;
  if (lastedMs === null) return { t, at: time.at };
  const at = Math.min(t.startedAt + lastedMs, time.at);
  return { t: addToSession(t, context, { late: { startedAt: at - lastedMs } }), at };
}

// --- lists of transactions ---

export function replaced(state: TransactionsState, before: Transaction, after: Transaction): TransactionsState {
  return before === after ? state : { ...state, active: state.active.map((t) => (t === before ? after : t)) };
}

export function added(state: TransactionsState, t: Transaction): TransactionsState {
  return { ...state, active: [...state.active, t] };
}

/** Digests of the last messages; a repeat comes soon after its original or at the next reconnect. */
export function withRecent(t: Transaction, digest: number): Transaction {
  const recent = [...t.recent, digest];
  return { ...t, recent: recent.length > limits.transactionMessagesRemembered ? recent.slice(1) : recent };
}
