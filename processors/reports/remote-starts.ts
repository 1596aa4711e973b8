// What came of a remote start that the station accepted: a session, or none within its connection time-out (1.6 §5.11 and
// ConnectionTimeOut; 2.0.1 F01, F02 and TxCtrlr.EVConnectionTimeOut).
import { limits } from "../../core/config/limits.ts";
import type { SessionId } from "../../core/ids/ids.ts";
import { actual, variableKey } from "../../core/ocpp/variable-key.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, indexOf, listOf, numberOf, textOf, type Fields } from "../payload.ts";
import { isPlausible, parseStationTime } from "../station-time.ts";
import { field, tell, type Done, type Report } from "./field.ts";
import { placeOf } from "./variable-place.ts";

/** Accepted, and no session yet. */
interface RemoteStart {
  readonly commandId: string;
  /** In lower case. */
  readonly idToken: string;
  /** 1.6: the connector; 0: any. */
  readonly evseId: number;
  readonly remoteStartId: string | null;
  /** 2.x: a transaction that had begun with the cable. */
  readonly transactionId: string | null;
  /** Log time. */
  readonly acceptedAt: number;
  readonly dueAt: number;
}

/** A session that began a moment ago: some stations send its start before they answer the command. */
interface Begun {
  readonly idToken: string;
  readonly evseId: number;
  readonly sessionId: SessionId;
  readonly at: number;
}

interface RemoteStarts {
  readonly waiting: readonly RemoteStart[];
  readonly lastBegun: Begun | null;
  /** As the station has it; null: it never said. */
  readonly timeOutSeconds: number | null;
}

/** What a station has where nobody changed it. */
const usualTimeOutSeconds = 60;
const longestTimeOutSeconds = 3_600;
/** One or two a connector; the oldest is then never known to have started or not. */
const remembered = 64;
/** By how much a start may come before the answer to its command. */
const aheadMs = 10_000;
/** A start that is older by the station's clock waited in its queue and is not the one that was asked for. */
const clockSlackMs = 300_000;

export const remoteStarts = field<RemoteStarts>({
  name: "remoteStarts",
  initial: { waiting: [], lastBegun: null, timeOutSeconds: null },
  reports: { StartTransaction: startTransaction, TransactionEvent: transactionEvent, NotifyReport: notifyReport },
  results: {
    RemoteStartTransaction: accepted,
    RequestStartTransaction: accepted,
    GetConfiguration: readKeys,
    ChangeConfiguration: changedKey,
    GetVariables: readVariables,
    SetVariables: changedVariables,
  },
  dueAt: ({ waiting }) => waiting.reduce<number | null>((least, { dueAt: at }) => Math.min(least ?? at, at), null),
  tick: (state, dueAt, context) =>
    state.waiting
      .filter((w) => w.dueAt <= dueAt)
      .reduce((after, w) => concluded(after, w, null, w.dueAt, context), state),
});

function accepted(state: RemoteStarts, done: Done, context: FoldContext): RemoteStarts {
  if (done.outcome !== "accepted") return state;
  const { request, response, commandId } = done;
  const { logTime: acceptedAt } = context;
  const timeOut = Math.min(state.timeOutSeconds ?? usualTimeOutSeconds, longestTimeOutSeconds);
  const start: RemoteStart = {
    commandId,
    idToken: tokenOf(request),
    evseId: indexOf(request["evseId"] ?? request["connectorId"]),
    remoteStartId: textOf(request["remoteStartId"]),
    transactionId: textOf(response["transactionId"]),
    acceptedAt,
    // The station counts from its answer; what it sends in time is here a little later.
    dueAt: acceptedAt + timeOut * 1_000 + limits.commandTickGraceMs,
  };
  const after = { ...state, waiting: [...state.waiting, start].slice(-remembered) };
  const last = state.lastBegun;
  if (!last || acceptedAt - last.at > aheadMs || !isOf(start, last.idToken, last.evseId)) return after;
  return { ...concluded(after, start, last.sessionId, acceptedAt, context), lastBegun: null };
}

function tokenOf(request: Fields): string {
  const { idToken, idTag } = request;
  return (textOf(idTag) ?? textOf(fieldsOf(idToken)["idToken"]) ?? textOf(idToken) ?? "").toLowerCase();
}

function isOf(start: RemoteStart, idToken: string, evseId: number): boolean {
  return start.idToken === idToken && (start.evseId === 0 || evseId === 0 || start.evseId === evseId);
}

// --- sessions ---

function startTransaction(state: RemoteStarts, report: Report, context: FoldContext): RemoteStarts {
  return begun(state, report, tokenOf(report.request), indexOf(report.request["connectorId"]), context);
}

function transactionEvent(state: RemoteStarts, report: Report, context: FoldContext): RemoteStarts {
  const { request } = report;
  const info = fieldsOf(request["transactionInfo"]);
  const named = state.waiting.find((w) => isNamed(w, info) && context.logTime <= w.dueAt);
  const session = named && report.session();
  if (session) return concluded(state, named, session.id, context.logTime, context);
  if (request["eventType"] !== "Started" || request["offline"] === true) return state;
  return begun(state, report, tokenOf(request), indexOf(fieldsOf(request["evse"])["id"]), context);
}

/** F02.FR.05: the station tells which remote start it was. */
function isNamed(start: RemoteStart, info: Fields): boolean {
  const [remoteStartId, transactionId] = [textOf(info["remoteStartId"]), textOf(info["transactionId"])];
  if (remoteStartId !== null && start.remoteStartId === remoteStartId) return true;
  return transactionId !== null && start.transactionId === transactionId;
}

function begun(
  state: RemoteStarts,
  report: Report,
  idToken: string,
  evseId: number,
  context: FoldContext,
): RemoteStarts {
  const { logTime: at } = context;
  const session = report.session();
  // A repeat is of a session that began before.
  if (!session?.began) return state;
  const stationTime = parseStationTime(report.request["timestamp"]);
  const isQueued = (w: RemoteStart) => isPlausible(stationTime, at) && stationTime < w.acceptedAt - clockSlackMs;
  const start = state.waiting.find((w) => isOf(w, idToken, evseId) && at <= w.dueAt && !isQueued(w));
  if (start) return concluded(state, start, session.id, at, context);
  return { ...state, lastBegun: { idToken, evseId, sessionId: session.id, at } };
}

function concluded(
  state: RemoteStarts,
  start: RemoteStart,
  sessionId: SessionId | null,
  at: number,
  context: FoldContext,
): RemoteStarts {
  const effect = sessionId === null ? "not_started" : "started";
  tell(context, "commandEffects", start.commandId, { effect, sessionId, at: new Date(at).toISOString() });
  return { ...state, waiting: state.waiting.filter((w) => w !== start) };
}

// --- the station's time-out ---

function withTimeOut(state: RemoteStarts, value: unknown): RemoteStarts {
  const seconds = numberOf(value);
  if (seconds === null || seconds < 0 || seconds === state.timeOutSeconds) return state;
  return { ...state, timeOutSeconds: seconds };
}

const isKey = (key: unknown) => textOf(key)?.toLowerCase() === "connectiontimeout";
const place = { component: "TxCtrlr", componentInstance: null, evseId: null, connectorId: null };
const timeOutVariable = variableKey({ ...place, variable: "EVConnectionTimeOut", variableInstance: null }, actual);
const isVariable = (item: Fields) =>
  variableKey(placeOf(item), textOf(item["attributeType"]) ?? actual) === timeOutVariable;

function notifyReport(state: RemoteStarts, { request }: Report): RemoteStarts {
  const item = listOf(request["reportData"]).map(fieldsOf).find(isVariable);
  const attributes = listOf(item?.["variableAttribute"]).map(fieldsOf);
  return withTimeOut(state, attributes.find((a) => (textOf(a["type"]) ?? actual) === actual)?.["value"]);
}

function readKeys(state: RemoteStarts, { response }: Done): RemoteStarts {
  const item = listOf(response["configurationKey"])
    .map(fieldsOf)
    .find((i) => isKey(i["key"]));
  return withTimeOut(state, item?.["value"]);
}

/** What waits for a restart is not in force yet; it is read, or changed again, after that. */
function changedKey(state: RemoteStarts, { request, response }: Done): RemoteStarts {
  const isInForce = isKey(request["key"]) && textOf(response["status"]) === "Accepted";
  return isInForce ? withTimeOut(state, request["value"]) : state;
}

function readVariables(state: RemoteStarts, { response }: Done): RemoteStarts {
  const read = listOf(response["getVariableResult"]).map(fieldsOf).find(isVariable);
  return withTimeOut(state, read?.["attributeStatus"] === "Accepted" ? read["attributeValue"] : undefined);
}

function changedVariables(state: RemoteStarts, { request, response }: Done): RemoteStarts {
  const result = listOf(response["setVariableResult"]).map(fieldsOf).find(isVariable);
  if (result?.["attributeStatus"] !== "Accepted") return state;
  return withTimeOut(state, listOf(request["setVariableData"]).map(fieldsOf).find(isVariable)?.["attributeValue"]);
}
