// OCPP 2.0.1 and 2.1: TransactionEvent.
import { limits } from "../../core/config/limits.ts";
import { integerAt, parseFrame } from "../../core/ocpp/framing.ts";
import { receiveSigned } from "../calibration/signed-readings.ts";
import { revised, type LateFacts } from "../cdrs/late.ts";
import { localCostIn } from "../cdrs/local-cost.ts";
import { settle } from "../cdrs/settle.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { digestOf, fieldsOf, indexOf, numberOf, textOf, type Fields } from "../payload.ts";
import { tell } from "../reports/field.ts";
import { ownClock, stationTimeOr } from "../station-time.ts";
import type { SessionAnnotation } from "./annotations.ts";
import { endWords, isUnsteady, registerOf, startSaidBy } from "./both-ends.ts";
import { judgeStart, newestOf, overtaken, passOver, toldLate, withRoom, type Incarnation } from "./incarnations.ts";
import { readingsOf } from "./readings.ts";
import { highestOf, isSeen, withNumber } from "./seq-no.ts";
import {
  added,
  addToSession,
  attributed,
  endSession,
  openSession,
  replaced,
  withRecent,
  type Exchange,
} from "./sessions.ts";
import type { StartIdentity, Transaction, TransactionsState } from "./transaction.ts";

interface Message {
  readonly record: Exchange;
  readonly request: Fields;
  readonly id: string;
  readonly type: "Started" | "Updated" | "Ended";
  readonly seqNo: number | null;
  readonly digest: number;
  readonly offline: boolean;
  readonly info: Fields;
  readonly boots: number;
}

/** For holds (rule Q1); null where the message does not say. */
export function transactionIdIn2(record: Exchange, request: Fields): string | null {
  const parsed = fieldsOf(request["transactionInfo"])["transactionId"];
  return integerAt(record.call, [3, "transactionInfo", "transactionId"], parsed) ?? textOf(parsed);
}

/** @throws Error where the message names no transaction or no kind of event: it is held for a person to look at. */
function messageOf(record: Exchange, request: Fields, boots: number): Message {
  const id = transactionIdIn2(record, request);
  if (id === null) throw new Error("The TransactionEvent names no transactionId.");
  const type = request["eventType"];
  if (type !== "Started" && type !== "Updated" && type !== "Ended") {
    throw new Error("The TransactionEvent has no eventType that OCPP knows.");
  }
  const info = fieldsOf(request["transactionInfo"]);
  const seqNo = numberOf(request["seqNo"]);
  const said = [type, request["seqNo"], request["timestamp"], request["triggerReason"], info["chargingState"]];
  const digest = digestOf(said.map(String).join("|"));
  return { record, request, id, type, seqNo, digest, offline: request["offline"] === true, info, boots };
}

function evseOf(request: Fields): { readonly evseId: number; readonly connectorId: number } {
  const evse = fieldsOf(request["evse"]);
  return { evseId: indexOf(evse["id"]), connectorId: indexOf(evse["connectorId"]) };
}

/** Quirk 18: as a text, or under the name that 1.6 has for it. */
function idTokenOf(request: Fields): string | null {
  const { idToken, idTag } = request;
  return textOf(fieldsOf(idToken)["idToken"]) ?? textOf(idToken) ?? textOf(idTag);
}

/** A token that came with this message and was refused in our answer. */
function isRefused(record: Exchange, request: Fields): boolean {
  if (idTokenOf(request) === null) return false;
  const answer = record.answer && parseFrame(record.answer);
  const payload = answer?.type === "result" ? fieldsOf(answer.payload) : {};
  const status = textOf(fieldsOf(payload["idTokenInfo"])["status"]);
  return status !== null && status !== "Accepted";
}

export function transactionEvent(
  state: TransactionsState,
  record: Exchange,
  request: Fields,
  boots: number,
  context: FoldContext,
): TransactionsState {
  const message = messageOf(record, request, boots);
  const known = newestOf(state, message.id);
  if (known?.recent.includes(message.digest)) return repeated(state, known, context);
  return message.type === "Started" ? started(state, known, message, context) : went(state, known, message, context);
}

function repeated(state: TransactionsState, known: Incarnation, context: FoldContext): TransactionsState {
  passOver(known, "repeatedEvent", context);
  return state;
}

// --- Started ---

function startIdentity(m: Message, context: FoldContext): StartIdentity {
  const timestamp = String(m.request["timestamp"]);
  return {
    digest: m.digest,
    frame: digestOf(Buffer.from(m.record.call).toString("latin1")),
    clock: digestOf(`${evseOf(m.request).evseId}|${timestamp}`),
    // Plays the part of the 1.6 register: another transaction at the same time betrays a clock that stands still.
    meterStart: m.id,
    boots: m.boots,
    ...ownClock(m.request["timestamp"], context.logTime),
  };
}

function started(
  state: TransactionsState,
  known: Incarnation | undefined,
  m: Message,
  context: FoldContext,
): TransactionsState {
  const start = startIdentity(m, context);
  const verdict = known ? judgeStart(state, known, start) : "new";
  switch (verdict) {
    case "repeat":
      return repeated(state, known!, context);
    case "ambiguous":
      return toldLate(state, known!, context, {}, "repeatAmbiguous");
    case "late":
      return went(state, known, m, context, start);
    case "reused":
      // A second Started of a running transaction whose numbers go on is a clumsy Updated, not another transaction.
      if (!known!.ended && known!.active && m.seqNo !== null && m.seqNo > highestOf(known!.active.seen)) {
        return went(state, known, m, context);
      }
      return opened(withRoom(state, known, m.record, context), m, start, ["idReused"], context);
    case "new":
      return opened(withRoom(state, undefined, m.record, context), m, start, [], context);
  }
}

/** A session from whatever message came first, that message told with it. */
function opened(
  state: TransactionsState,
  m: Message,
  start: StartIdentity | null,
  words: readonly SessionAnnotation[],
  context: FoldContext,
): TransactionsState {
  const time = stationTimeOr(m.request["timestamp"], context.logTime);
  const all: SessionAnnotation[] = [...words];
  if (start === null) all.push("startMissing");
  if (!time.trusted) all.push("startTimeImplausible");
  if (time.ahead) all.push("clockAhead");
  if (isRefused(m.record, m.request)) all.push("startNotAuthorised");
  const t = openSession(m.record, context, {
    id: m.id,
    ...evseOf(m.request),
    idToken: idTokenOf(m.request),
    startedAt: time.at,
    start,
    readings: [],
    offline: m.offline,
    state: null,
    words: all,
  });
  const before = start === null ? state : overtaken(state, t.evseId, context);
  return wentOn(added(before, t), t, m, [], undefined, context);
}

// --- Updated, Ended, and a Started that is late ---

function went(
  state: TransactionsState,
  known: Incarnation | undefined,
  m: Message,
  context: FoldContext,
  lateStart?: StartIdentity,
): TransactionsState {
  if (!known) return opened(withRoom(state, undefined, m.record, context), m, null, [], context);
  const t = known.active;
  if (!t) {
    const { meterValue } = m.request;
    const signed = receiveSigned(meterValue, m.record, evseOf(m.request).evseId, context);
    const late = { readings: readingsOf(meterValue), signed, digest: m.digest };
    const told = toldLate(state, known, context, late, "lateFrame");
    const facts = { ...lateFacts(known, m, lateStart, context), signed: signed.readings.length > 0 };
    return revised(told, known, facts, m.record, context);
  }
  return wentOn(state, t, m, [], lateStart, context);
}

/** A second end changes nothing: the first one stands. */
function lateFacts(known: Incarnation, m: Message, start: StartIdentity | undefined, context: FoldContext): LateFacts {
  const time = stationTimeOr(m.request["timestamp"], context.logTime);
  const isEnd = m.type === "Ended" && known.stop === null;
  return {
    idToken: idTokenOf(m.request),
    ...evseOf(m.request),
    ...(start && { start, ...(time.trusted ? { startedAt: time.at } : {}) }),
    ...(isEnd && { stop: m.digest, ...(time.trusted ? { endedAt: time.at } : {}) }),
  };
}

function wentOn(
  state: TransactionsState,
  t: Transaction,
  m: Message,
  words: readonly SessionAnnotation[],
  lateStart: StartIdentity | undefined,
  context: FoldContext,
): TransactionsState {
  const all: SessionAnnotation[] = [...words];
  const time = stationTimeOr(m.request["timestamp"], context.logTime);
  const at = time.trusted ? time.at : null;
  const readings = readingsOf(m.request["meterValue"]);
  const isNewest = m.seqNo === null || m.seqNo > highestOf(t.seen);
  if (m.seqNo !== null && isSeen(t.seen, m.seqNo)) all.push("seqNoReused");
  else if (m.seqNo !== null && isUnsteady(t, at, isNewest)) all.push("clockUnsteady");
  if (lateStart) all.push("startLate");
  if (lateStart && time.ahead) all.push("clockAhead");
  if (t.start !== null && isRefused(m.record, m.request)) all.push("startNotAuthorised");
  const place = evseOf(m.request);
  if (t.evseId !== 0 && place.evseId !== 0 && t.evseId !== place.evseId) all.push("connectorUnlike");
  const chargingState = textOf(m.info["chargingState"]);
  const counted = {
    ...attributed(t, m.record, context, m.offline),
    seen: m.seqNo === null ? t.seen : withNumber(t.seen, m.seqNo, limits.seqNoRangesRemembered),
    startSaid: t.startSaid ?? startSaidBy(readings, m.type === "Started", time.own, t),
    newestAt: isNewest ? (at ?? t.newestAt) : t.newestAt,
  };
  // Without numbers nobody can say that nothing is missing.
  const numbered = m.seqNo === null ? { ...counted, live: false } : counted;
  const after = addToSession(numbered, context, {
    readings,
    signed: receiveSigned(m.request["meterValue"], m.record, place.evseId || t.evseId, context),
    state: isNewest ? chargingState : null,
    ...(chargingState === null ? {} : { charging: { state: chargingState, at: time.at } }),
    idToken: idTokenOf(m.request),
    words: all,
    late: {
      ...(t.evseId === 0 && place.evseId !== 0 ? place : {}),
      ...(t.evseId === place.evseId && t.connectorId === 0 ? { connectorId: place.connectorId } : {}),
      ...(lateStart ? { start: lateStart, ...(time.trusted ? { startedAt: time.at } : {}) } : {}),
    },
  });
  const remembered = withRecent(after, m.digest);
  const next = replaced(state, t, remembered);
  return m.type === "Ended" ? ended(next, remembered, m, context) : next;
}

function ended(state: TransactionsState, t: Transaction, m: Message, context: FoldContext): TransactionsState {
  if (t.endedAt !== null) return replaced(state, t, addToSession(t, context, { words: ["stopConflict"] }));
  const time = stationTimeOr(m.request["timestamp"], context.logTime);
  const stopSaid = registerOf(readingsOf(m.request["meterValue"]), "Transaction.End", time.own);
  const localCost = localCostIn(m.request);
  if (localCost) tell(context, "localCosts", t.sessionId, fieldsOf(m.request["costDetails"]));
  const after = endSession({ ...t, localCost }, context, {
    time,
    boots: m.boots,
    // 2.x: an absent reason means Local.
    reason: textOf(m.info["stoppedReason"]) ?? "Local",
    stop: m.digest,
    words: endWords(t, stopSaid),
  });
  return settle(replaced(state, t, after), after, m.record, context);
}
