// OCPP 1.6: StartTransaction, MeterValues, StopTransaction.
import { integerAt } from "../../core/ocpp/framing.ts";
import { transactionIdOf } from "../../core/ocpp/transaction-id.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import { receiveSigned, type SignedReceived } from "../calibration/signed-readings.ts";
import { revised, type LateFacts } from "../cdrs/late.ts";
import { settle } from "../cdrs/settle.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { answerOf, digestOf, fieldsOf, indexOf, textOf, type Fields } from "../payload.ts";
import { isPlausible, ownClock, stationTimeOr } from "../station-time.ts";
import type { SessionAnnotation } from "./annotations.ts";
import {
  incarnationOf,
  judgeStart,
  overtaken,
  settledIncarnation,
  newestOf,
  passOver,
  toldLate,
  withRoom,
  type Incarnation,
} from "./incarnations.ts";
import { meterFieldReading, meterStartContext, meterStopContext, readingsDigest, readingsOf } from "./readings.ts";
import {
  added,
  addToSession,
  attributed,
  endSession,
  openSession,
  replaced,
  withRecent,
  type Exchange,
  type Opening,
} from "./sessions.ts";
import type { StartIdentity, Transaction, TransactionsState } from "./transaction.ts";

/** The id in our answer; where the answer had none (CALLERROR), the one that it would have had (rule I5). */
function startedId(request: Fields, answer: Fields): string {
  return textOf(answer["transactionId"]) ?? String(transactionIdOf(request));
}

/** What the station calls the transaction; null for 0, negative ids and none (quirk 1). */
function usableId(record: Exchange, request: Fields): string | null {
  const parsed = request["transactionId"];
  const id = integerAt(record.call, [3, "transactionId"], parsed) ?? textOf(parsed);
  return id === null || !/^[1-9]\d*$/.test(id) ? null : id;
}

/** For holds (rule Q1): the transaction that a 1.6 message speaks of, null where it does not say. */
export function transactionIdIn16(record: Exchange, request: Fields): string | null {
  return record.action === "StartTransaction" ? startedId(request, answerOf(record)) : usableId(record, request);
}

// --- StartTransaction ---

function startIdentity(record: Exchange, request: Fields, boots: number, context: FoldContext): StartIdentity {
  const [connectorId, timestamp] = [String(request["connectorId"]), String(request["timestamp"])];
  const meterStart = String(request["meterStart"]);
  return {
    digest: digestOf([connectorId, String(request["idTag"]), timestamp, meterStart].join("|")),
    frame: digestOf(Buffer.from(record.call).toString("latin1")),
    clock: digestOf(`${connectorId}|${timestamp}`),
    meterStart,
    boots,
    ...ownClock(request["timestamp"], context.logTime),
  };
}

function registerReadings(context: string, value: unknown, at: number): readonly Reading[] {
  const reading = meterFieldReading(context, value, at);
  return reading.energyMwh === null ? [] : [reading];
}

export function startTransaction(
  state: TransactionsState,
  record: Exchange,
  request: Fields,
  boots: number,
  context: FoldContext,
): TransactionsState {
  const answer = answerOf(record);
  const id = startedId(request, answer);
  const start = startIdentity(record, request, boots, context);
  const known = newestOf(state, id);
  const verdict = known ? judgeStart(state, known, start) : "new";
  switch (verdict) {
    case "repeat":
      passOver(known!, "repeatedStart", context);
      return state;
    case "ambiguous":
      return toldLate(state, known!, context, {}, "repeatAmbiguous");
    case "late":
      return lateStart(state, known!, record, request, start, context);
    case "reused":
    case "new":
      break;
  }
  const time = stationTimeOr(request["timestamp"], context.logTime);
  const readings = registerReadings(meterStartContext, request["meterStart"], time.at);
  const words: SessionAnnotation[] = [];
  if (verdict === "reused") words.push("idReused");
  if (!time.trusted) words.push("startTimeImplausible");
  if (time.ahead) words.push("clockAhead");
  if (readings.length === 0) words.push("meterStartInvalid");
  if (textOf(fieldsOf(answer["idTagInfo"])["status"]) !== "Accepted") words.push("startNotAuthorised");
  const evseId = indexOf(request["connectorId"]);
  const roomy = withRoom(state, verdict === "reused" ? known : undefined, record, context);
  return added(
    overtaken(roomy, evseId, context),
    openSession(record, context, {
      id,
      evseId,
      connectorId: evseId === 0 ? 0 : 1,
      idToken: textOf(request["idTag"]),
      startedAt: time.at,
      start,
      readings,
      offline: false,
      state: null,
      words,
    }),
  );
}

/** The session was made from a later message; now its start is here. */
function lateStart(
  state: TransactionsState,
  known: Incarnation,
  record: Exchange,
  request: Fields,
  start: StartIdentity,
  context: FoldContext,
): TransactionsState {
  const t = known.active;
  const time = stationTimeOr(request["timestamp"], context.logTime);
  const evseId = indexOf(request["connectorId"]);
  if (!t) {
    const registers = registerReadings(meterStartContext, request["meterStart"], time.at);
    const who = { idToken: textOf(request["idTag"]), evseId, connectorId: evseId === 0 ? 0 : 1 };
    const facts = { start, registers, ...who, ...(time.trusted ? { startedAt: time.at } : {}) };
    return revised(toldLate(state, known, context, {}, "lateFrame"), known, facts, record, context);
  }
  const after = addToSession(attributed(t, record, context), context, {
    silent: registerReadings(meterStartContext, request["meterStart"], time.at),
    idToken: textOf(request["idTag"]),
    words: time.ahead ? ["startLate", "clockAhead"] : ["startLate"],
    late: { startedAt: time.trusted ? time.at : t.startedAt, start, evseId, connectorId: evseId === 0 ? 0 : 1 },
  });
  return replaced(state, t, after);
}

// --- MeterValues ---

export function meterValues(
  state: TransactionsState,
  record: Exchange,
  request: Fields,
  context: FoldContext,
): TransactionsState {
  const readings = readingsOf(request["meterValue"]);
  const signed = receiveSigned(request["meterValue"], record, indexOf(request["connectorId"]), context);
  if (readings.length === 0 && signed.readings.length === 0) return state;
  const id = usableId(record, request);
  const connectorId = indexOf(request["connectorId"]);
  const known = id === null ? onlyOpen(state, (t) => t.evseId === connectorId) : newestOf(state, id);
  // Signed values alone are no readings: they are kept with a session that there is.
  if (readings.length === 0 && !known) return state;
  // Values without any id are by the book; only a wrong one is worth a word.
  const isWrong = id === null && textOf(request["transactionId"]) !== null;
  if (!known) {
    if (id !== null) return meterValuesWithoutStart(state, record, id, connectorId, { readings, signed }, context);
    // Values of the connector, of no session.
    if (isWrong) context.ask({ kind: "tolerated", word: "transactionIdInvalid" });
    return state;
  }
  const digest = readingsDigest([...readings, ...signed.readings]);
  if (known.recent.includes(digest)) {
    passOver(known, "repeatedReadings", context);
    return state;
  }
  const t = known.active;
  if (!t) {
    const told = toldLate(state, known, context, { readings, signed, digest }, "lateFrame");
    return revised(told, known, { signed: signed.readings.length > 0 }, record, context);
  }
  const words: SessionAnnotation[] = isWrong ? ["transactionIdInvalid"] : [];
  if (t.evseId !== 0 && t.evseId !== connectorId) words.push("connectorUnlike");
  const after = addToSession(attributed(t, record, context), context, { readings, words, signed });
  return replaced(state, t, withRecent(after, digest));
}

function meterValuesWithoutStart(
  state: TransactionsState,
  record: Exchange,
  id: string,
  connectorId: number,
  came: { readonly readings: readonly Reading[]; readonly signed: SignedReceived },
  context: FoldContext,
): TransactionsState {
  const { readings, signed } = came;
  const at = readings[0]?.at ?? null;
  const opened = openSession(record, context, {
    ...unknownStart(id, isPlausible(at, context.logTime) ? at : context.logTime),
    evseId: connectorId,
    connectorId: connectorId === 0 ? 0 : 1,
  });
  const after = withRecent(addToSession(opened, context, came), readingsDigest([...readings, ...signed.readings]));
  return added(withRoom(state, undefined, record, context), after);
}

function unknownStart(id: string, startedAt: number): Opening {
  return {
    id,
    startedAt,
    evseId: 0,
    connectorId: 0,
    idToken: null,
    start: null,
    readings: [],
    offline: false,
    state: null,
    words: ["startMissing"],
  };
}

/** Quirk 1: no usable id, but only one open transaction that it can be. */
function onlyOpen(state: TransactionsState, matches: (t: Transaction) => boolean): Incarnation | undefined {
  const open = state.active.filter((t) => t.endedAt === null && matches(t));
  const only = open.length === 1 ? open[0] : undefined;
  return only && incarnationOf(only);
}

// --- StopTransaction ---

function stopDigest(request: Fields): number {
  return digestOf(
    [request["timestamp"], request["meterStop"], request["idTag"], request["reason"]].map(String).join("|"),
  );
}

export function stopTransaction(
  state: TransactionsState,
  record: Exchange,
  request: Fields,
  boots: number,
  context: FoldContext,
): TransactionsState {
  const id = usableId(record, request);
  const digest = stopDigest(request);
  const known = id === null ? stopWithoutId(state, request, digest) : newestOf(state, id);
  if (known?.ended) {
    if (known.stop === digest) {
      passOver(known, "repeatedStop", context);
      return state;
    }
    const late = transactionDataOf(request, record, known.active?.evseId ?? 0, context);
    if (known.stop !== null) return toldLate(state, known, context, late, "stopConflict");
    const told = toldLate(state, known, context, late, "lateFrame");
    const facts = { ...lateStop(request, digest, context), signed: late.signed.readings.length > 0 };
    return revised(told, known, facts, record, context);
  }
  const words: SessionAnnotation[] = id === null ? ["transactionIdInvalid"] : [];
  let t = known?.active;
  if (!t) {
    const rawId = textOf(request["transactionId"]) ?? "";
    const time = stationTimeOr(request["timestamp"], context.logTime);
    const opened = openSession(record, context, {
      ...unknownStart(id ?? rawId, time.at),
      idToken: textOf(request["idTag"]),
    });
    state = added(withRoom(state, undefined, record, context), opened);
    t = opened;
  }
  return stopped(state, t, { record, request, boots, digest }, words, context);
}

function transactionDataOf(request: Fields, record: Exchange, evseId: number, context: FoldContext) {
  const { transactionData } = request;
  return { readings: readingsOf(transactionData), signed: receiveSigned(transactionData, record, evseId, context) };
}

/** The end of a transaction that got its CDR without one. */
function lateStop(request: Fields, stop: number, context: FoldContext): LateFacts {
  const time = stationTimeOr(request["timestamp"], context.logTime);
  const registers = registerReadings(meterStopContext, request["meterStop"], time.at);
  return { stop, registers, ...(time.trusted ? { endedAt: time.at } : {}) };
}

interface Stop {
  readonly record: Exchange;
  readonly request: Fields;
  readonly boots: number;
  readonly digest: number;
}

function stopped(
  state: TransactionsState,
  t: Transaction,
  { record, request, boots, digest }: Stop,
  words: readonly SessionAnnotation[],
  context: FoldContext,
): TransactionsState {
  const time = stationTimeOr(request["timestamp"], context.logTime);
  const silent = registerReadings(meterStopContext, request["meterStop"], time.at);
  const more: SessionAnnotation[] = silent.length === 0 ? [...words, "meterStopInvalid"] : [...words];
  // The registers count before the update is told, so that it never shows less than the end.
  const came = transactionDataOf(request, record, t.evseId, context);
  const updated = addToSession(attributed(t, record, context), context, { ...came, silent });
  const ended = endSession(updated, context, {
    time,
    boots,
    // 1.6: an absent reason means Local.
    reason: textOf(request["reason"]) ?? "Local",
    stop: digest,
    words: more,
  });
  return settle(replaced(state, t, ended), ended, record, context);
}

/**
 * A stop that names nothing usable: a repeat of one we know, else the only open transaction of its token, else the only
 * open one.
 */
function stopWithoutId(state: TransactionsState, request: Fields, digest: number): Incarnation | undefined {
  const settled = state.settled.findLast((t) => t.stop === digest);
  if (settled) return settledIncarnation(settled);
  const ended = state.active.findLast((t) => t.stop === digest);
  if (ended) return incarnationOf(ended);
  const idTag = textOf(request["idTag"])?.toLowerCase();
  const sameTag = state.active.some((t) => t.endedAt === null && t.idToken?.toLowerCase() === idTag);
  if (idTag !== undefined && sameTag) return onlyOpen(state, (t) => t.idToken?.toLowerCase() === idTag);
  return onlyOpen(state, () => true);
}
