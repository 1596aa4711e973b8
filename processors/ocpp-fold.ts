// The fold over one station's records: which record concerns which part of the state. The parts do not know each other.
import { parseFrame } from "../core/ocpp/framing.ts";
import type { FrameRecord, FrameRecordOf } from "../core/records/frame-record.ts";
import { reviewed } from "./cdrs/review.ts";
import { withExpired, withReservation } from "./cdrs/reserved.ts";
import { settleDue, settlementDueAt } from "./cdrs/settle.ts";
import { asked, notAsked, packAsk, unpackAsk, type AskState } from "./commands/ask-boot.ts";
import { noCommands, packCommands, unpackCommands, type CommandsState } from "./commands/command-state.ts";
import {
  answeredCommand,
  bindQueued,
  commandBound,
  commandEnded,
  commandRequested,
  commandResult,
  commandSent,
  commandsDueAt,
  commandsTick,
  connectionEnded,
} from "./commands/commands.ts";
import type { FoldContext, HeldAs, StationFold } from "./engine/station-fold.ts";
import { answerOf, fieldsOf, type Fields } from "./payload.ts";
import { carriedDone, carriedReport } from "./reports/carried.ts";
import { tell, type ReportedSession } from "./reports/field.ts";
import {
  hasResult,
  isReport,
  noReports,
  reported,
  reportsDueAt,
  reportsTick,
  resulted,
  type ReportsState,
} from "./reports/fields.ts";
import { expiredIn, namedIn } from "./reports/reservations.ts";
import {
  changeConnection,
  claimed,
  connected,
  connectionOf,
  currentOf,
  ended,
  nodeLost,
  nodesOf,
  packSelf,
  revived,
  speaksForStation,
  tellCurrent,
  unknownStation,
  unpackSelf,
  type StationSelf,
} from "./stations/connections.ts";
import { bootNotification, mergeReports, statusNotification, type ConnectorStatus } from "./stations/reports.ts";
import { readingsFor } from "./transactions/read-ahead.ts";
import { newestOf } from "./transactions/incarnations.ts";
import { addToSession, replaced, type Exchange } from "./transactions/sessions.ts";
import {
  noTransactions,
  packTransactions,
  unpackTransactions,
  type TransactionsState,
} from "./transactions/transaction.ts";
import { meterValues, startTransaction, stopTransaction, transactionIdIn16 } from "./transactions/v16.ts";
import { transactionEvent, transactionIdIn2 } from "./transactions/v2.ts";
import { limits } from "../core/config/limits.ts";

export interface StationState {
  readonly self: StationSelf;
  readonly transactions: TransactionsState;
  readonly commands: CommandsState;
  readonly reports: ReportsState;
  readonly ask: AskState;
}

/** Of the packed form below; a state of another version cannot be read and must be rebuilt from the log. */
const stateVersion = 1;

export const ocppFold: StationFold<StationState> = {
  initial: () => ({
    self: unknownStation,
    transactions: noTransactions,
    commands: noCommands,
    reports: noReports,
    ask: notAsked,
  }),
  evolve,
  transactionOf,
  quarantined,
  readingsFor: (state, record) => readingsFor(state.transactions, record),
  reread,
  dueAt(state) {
    const { transactions, commands, reports, ask } = state;
    const dues = [settlementDueAt(transactions), commandsDueAt(commands), reportsDueAt(reports), ask.dueAt];
    return dues.reduce((least, due) => (due === null || (least !== null && least < due) ? least : due), null);
  },
  nodesOf: (state) => nodesOf(state.self),
  pack: (state) => [
    stateVersion,
    packSelf(state.self),
    packTransactions(state.transactions),
    packCommands(state.commands),
    state.reports,
    packAsk(state.ask),
  ],
  unpack(packed) {
    const [version, self, transactions, commands, reports, ask] = packed as [number, ...unknown[]];
    if (version !== stateVersion) throw new Error(`A station's state has version ${version}; run \`wattlog rebuild\`.`);
    return {
      self: unpackSelf(self),
      transactions: unpackTransactions(transactions),
      commands: unpackCommands(commands),
      // Rows of earlier builds have none.
      reports: (reports as ReportsState | undefined) ?? noReports,
      ask: unpackAsk(ask),
    };
  },
};

function evolve(state: StationState, record: FrameRecord, context: FoldContext): StationState {
  const before = context.emitted;
  const revivedSelf = revived(state.self, record.source);
  if (revivedSelf !== state.self) tellCurrent(state.self, revivedSelf, record, context);
  const awake = revivedSelf === state.self ? state : { ...state, self: revivedSelf };
  const folded = dispatch(awake, record, context);
  const ask = asked(state.ask, state.commands, folded, record, context);
  return seen(ask === folded.ask ? folded : { ...folded, ask }, record, context, before);
}

function dispatch(state: StationState, record: FrameRecord, context: FoldContext): StationState {
  const { self, commands } = state;
  switch (record.kind) {
    case "connected":
      return { ...state, self: connected(self, record, context) };
    case "claimed":
      return claim(state, record, context);
    case "disconnected":
      return disconnect(state, record, context);
    case "nodeLost": {
      const after = nodeLost(self, record.nodeId);
      tellCurrent(self, after, record, context);
      return { ...state, self: after };
    }
    case "exchange":
      return exchange(state, record, context);
    case "commandRequested":
      return { ...state, commands: commandRequested(commands, self, record, hasResult(record.action), context) };
    case "commandBound":
      return { ...state, commands: commandBound(commands, self, record, hasResult, context) };
    case "commandSent":
      return { ...state, commands: commandSent(commands, record, context) };
    case "commandResult":
      return result(state, record, context);
    case "commandEnded":
      return { ...state, commands: commandEnded(commands, record, context) };
    case "tick":
      return tick(state, record, context);
    case "cdrReview":
      return { ...state, transactions: reviewed(state.transactions, record, context) };
    // Bytes that nobody understands are a sign of life; the others are the engine's business.
    case "quarantined":
    case "generationBegan":
    case "redrive":
    case "release":
      return state;
  }
}

function tick(state: StationState, record: FrameRecordOf<"tick">, context: FoldContext): StationState {
  const settled = settleDue(state.transactions, record, record.dueAt, context);
  const commands = commandsTick(state.commands, state.self, record, context);
  const reports = reportsTick(state.reports, record.dueAt, context);
  const unused = expiredIn(state.reports, reports, record);
  return { ...state, transactions: withExpired(settled, unused, record, context), commands, reports };
}

// --- connections ---

function claim(state: StationState, record: FrameRecordOf<"claimed">, context: FoldContext): StationState {
  const self = claimed(state.self, record);
  if (self === state.self) return state;
  tellCurrent(state.self, self, record, context);
  const connection = connectionOf(self, record.source);
  if (!connection) return state;
  if (currentOf(self) !== connection) {
    return { ...state, self: changeConnection(self, connection, { ...connection, boot: null, statuses: [] }) };
  }
  const merged = mergeReports(self, connection, context);
  const is16 = connection.protocol === "ocpp1.6";
  const transactions = is16 ? withStates(state.transactions, merged.changed, context) : state.transactions;
  return {
    ...state,
    self: merged.self,
    transactions,
    commands: bindQueued(state.commands, merged.self, record, context),
  };
}

function disconnect(state: StationState, record: FrameRecord, context: FoldContext): StationState {
  const self = ended(state.self, record.source);
  if (self === state.self) return state;
  tellCurrent(state.self, self, record, context);
  return { ...state, self, commands: connectionEnded(state.commands, record.source, context) };
}

/** At most one `stationSeen` in limits.seenEveryMs; any other event shows life as well. */
function seen(state: StationState, record: FrameRecord, context: FoldContext, before: number): StationState {
  const { self } = state;
  if (record.source !== currentOf(self)?.id) return state;
  if (context.emitted === before) {
    if (context.logTime - self.seenAt < limits.seenEveryMs) return state;
    context.emit({ kind: "stationSeen" });
  }
  return { ...state, self: { ...self, seenAt: context.logTime } };
}

// --- frames ---

/** @throws Error where the gateway took for a CALL what is none: the record goes into quarantine. */
function requestOf(record: Exchange): Fields {
  const frame = parseFrame(record.call);
  if (frame.type === "call" || frame.type === "send") return fieldsOf(frame.payload);
  throw new Error(`The frame is no CALL: ${frame.type === "malformed" ? frame.reason : frame.type}.`);
}

// What these say is of no concern to sessions, status or commands: they need not be parsed.
const ignored = new Set(["Heartbeat", "Authorize"]);

function exchange(state: StationState, record: Exchange, context: FoldContext): StationState {
  if (ignored.has(record.action)) return state;
  const request = requestOf(record);
  const after = exchanged(state, record, request, context);
  // Whichever connection it came by: the partner wants its reference back in the session.
  if (record.facts.authMethod === "AUTH_REQUEST") {
    tellAuthorisation(record, sessionOf(state.transactions, after.transactions, record), context);
  }
  // Frames of other connections count for transactions, and so for what these have reserved.
  const counts = speaksForStation(state.self, record.source) || namedIn(state.reports, request) !== null;
  if (!isReport(record.action) || !counts) return after;
  const { protocol, action } = record;
  const session = () => sessionOf(state.transactions, after.transactions, record);
  const report = { protocol, action, request, answer: answerOf(record), session };
  const reports = reported(after.reports, report, context);
  const carried = action === "DataTransfer" ? carriedReport(report) : undefined;
  const unused = expiredIn(state.reports, reports, record, request);
  const transactions = withExpired(after.transactions, unused, record, context);
  return { ...after, transactions, reports: carried ? reported(reports, carried, context) : reports };
}

/** By the facts of the record, so that nobody is asked again (rule F2). Of several the last stands. */
function tellAuthorisation({ facts }: Exchange, session: ReportedSession | null, context: FoldContext): void {
  if (session === null) return;
  const { authMethod: method, authorizationReference: reference = null } = facts;
  tell(context, "authorisations", session.id, { method, reference });
}

function sessionOf(before: TransactionsState, after: TransactionsState, record: Exchange): ReportedSession | null {
  const { key } = transactionOf(record);
  const idIn = (state: TransactionsState) => {
    const known = key === null ? undefined : newestOf(state, key);
    return known?.active?.sessionId ?? known?.settled?.sessionId ?? null;
  };
  const id = idIn(after);
  return id === null ? null : { id, began: id !== idIn(before) };
}

function exchanged(state: StationState, record: Exchange, request: Fields, context: FoldContext): StationState {
  switch (record.action) {
    case "BootNotification":
      return { ...state, self: bootNotification(state.self, record.source, request, context) };
    case "StatusNotification": {
      const { self, changed } = statusNotification(state.self, record.source, request, context);
      const is16 = record.protocol === "ocpp1.6";
      const transactions = changed && is16 ? withStates(state.transactions, [changed], context) : state.transactions;
      return { ...state, self, transactions };
    }
    default: {
      const after = transactionMessage(state, record, request, context);
      const names = namedIn(state.reports, request);
      const transactions = names ? withReservation(after, transactionOf(record).key, names, context) : after;
      return transactions === state.transactions ? state : { ...state, transactions };
    }
  }
}

function transactionMessage(
  state: StationState,
  record: Exchange,
  request: Fields,
  context: FoldContext,
): TransactionsState {
  const { transactions, self } = state;
  if (record.protocol !== "ocpp1.6") {
    return record.action === "TransactionEvent"
      ? transactionEvent(transactions, record, request, self.boots, context)
      : transactions;
  }
  switch (record.action) {
    case "StartTransaction":
      return startTransaction(transactions, record, request, self.boots, context);
    case "MeterValues":
      return meterValues(transactions, record, request, context);
    case "StopTransaction":
      return stopTransaction(transactions, record, request, self.boots, context);
    default:
      return transactions;
  }
}

function result(state: StationState, record: FrameRecordOf<"commandResult">, context: FoldContext): StationState {
  const answered = answeredCommand(state.commands, record);
  const after = { ...state, commands: commandResult(state.commands, record, context) };
  if (!answered) return after;
  const done = { ...answered, request: fieldsOf(answered.request), response: fieldsOf(answered.response) };
  const reports = resulted(state.reports, done, context);
  const carried = done.action === "DataTransfer" ? carriedDone(done) : undefined;
  return { ...after, reports: carried ? resulted(reports, carried, context) : reports };
}

/** 1.6 has no charging state: the connector's status is the session's. */
function withStates(
  state: TransactionsState,
  statuses: readonly ConnectorStatus[],
  context: FoldContext,
): TransactionsState {
  let after = state;
  for (const { evseId, status, since } of statuses) {
    const t = after.active.findLast((a) => a.endedAt === null && a.evseId === evseId && evseId !== 0);
    const addition = { state: status, charging: { state: status, at: since } };
    if (t) after = replaced(after, t, addToSession(t, context, addition));
  }
  return after;
}

// --- quarantine (rule Q1) ---

const speaksOfNothing: HeldAs = { key: null, holds: false };

function transactionOf(record: FrameRecord): HeldAs {
  if (record.kind !== "exchange") return speaksOfNothing;
  try {
    const request = () => requestOf(record);
    if (record.protocol !== "ocpp1.6") {
      if (record.action !== "TransactionEvent") return speaksOfNothing;
      return { key: transactionIdIn2(record, request()), holds: true };
    }
    switch (record.action) {
      case "StartTransaction":
      case "StopTransaction":
        return { key: transactionIdIn16(record, request()), holds: true };
      case "MeterValues":
        return { key: transactionIdIn16(record, request()), holds: false };
      default:
        return speaksOfNothing;
    }
  } catch {
    // What cannot even be parsed speaks of nothing that could be held.
    return speaksOfNothing;
  }
}

function quarantined(state: StationState, record: FrameRecord, context: FoldContext): StationState {
  const { key, holds } = transactionOf(record);
  const t = key === null ? undefined : newestOf(state.transactions, key)?.active;
  if (!t) return state;
  const after = addToSession(t, context, { words: [holds ? "messageQuarantined" : "readingQuarantined"] });
  if (holds) context.emit({ kind: "cdrWithheld", sessionId: t.sessionId, reason: "held" });
  return { ...state, transactions: replaced(state.transactions, t, after) };
}

/** A redrive of bytes that the gateway did not understand: perhaps this version does. */
function reread(record: FrameRecordOf<"quarantined">): FrameRecord | undefined {
  const frame = parseFrame(record.bytes);
  if (frame.type !== "call" && frame.type !== "send") return undefined;
  const { party, station, source, sequence, arrivedAt, registry, keyId, protocol, bytes: call, answer } = record;
  const envelope = { party, station, source, sequence, arrivedAt, registry, keyId };
  const { action, messageId } = frame;
  return {
    ...envelope,
    kind: "exchange",
    protocol,
    action,
    messageId,
    call,
    answer,
    facts: {},
    annotations: [record.reason],
  };
}
