// Rules C1-C4: the life of a command, from the records that speak of it. Exactly one end each.
import { limits } from "../../core/config/limits.ts";
import type { NodeId } from "../../core/ids/ids.ts";
import { outcomeOf } from "../../core/ocpp/command-outcome.ts";
import { parseFrame } from "../../core/ocpp/framing.ts";
import type { CommandOutcome } from "../../core/records/domain-event.ts";
import type { FrameRecord, FrameRecordOf } from "../../core/records/frame-record.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { connectionOf, currentOf, type StationSelf } from "../stations/connections.ts";
import type { CommandsState, PendingCommand } from "./command-state.ts";

function pendingOf(state: CommandsState, id: string): PendingCommand | undefined {
  return state.pending.find((c) => c.id === id);
}

function change(state: CommandsState, before: PendingCommand, after: PendingCommand): CommandsState {
  return { ...state, pending: state.pending.map((c) => (c === before ? after : c)) };
}

function end(
  state: CommandsState,
  c: PendingCommand,
  outcome: CommandOutcome,
  response: string | null,
  context: FoldContext,
): CommandsState {
  context.emit({ kind: "commandEnded", commandId: c.id, outcome, response });
  context.ask({ kind: "measured", action: c.action, outcome, ms: Math.max(0, context.logTime - c.requestedAt) });
  const forgetAt = c.requestedAt + limits.commandKeyMemoryMs;
  const known = state.ended.filter((e) => e.forgetAt > context.logTime);
  return {
    pending: state.pending.filter((other) => other !== c),
    ended: [...known, { id: c.id, forgetAt }].slice(-limits.commandKeysPerStation),
  };
}

/**
 * Rule C1: the first request of an id is the command.
 * @param keepsPayload its answer will be asked for with the payload; see {@link answeredCommand}.
 */
export function commandRequested(
  state: CommandsState,
  self: StationSelf,
  record: FrameRecordOf<"commandRequested">,
  keepsPayload: boolean,
  context: FoldContext,
): CommandsState {
  const { commandId: id } = record;
  const isKnown = pendingOf(state, id) || state.ended.some((e) => e.id === id && e.forgetAt > context.logTime);
  if (isKnown) return state;
  const queueUntil = record.connectionId === null ? record.queueUntil : null;
  const isQueued = queueUntil !== null;
  const connection = connectionOf(self, record.connectionId);
  const command: PendingCommand = {
    id,
    protocol: record.protocol,
    action: record.action,
    connectionId: record.connectionId,
    isSent: false,
    isGone: false,
    requestedAt: context.logTime,
    timeoutMs: record.timeoutMs,
    deadline: queueUntil ?? context.logTime + record.timeoutMs,
    // A copy: the record's bytes are a view into a batch that may go.
    payload: isQueued || keepsPayload ? record.payload.slice() : null,
    replyTo: record.replyTo,
    bindAt: null,
    requestedBy: record.source,
    nodeId: connection?.nodeId ?? null,
  };
  context.emit({
    kind: "commandRequested",
    commandId: id,
    connectionId: record.connectionId,
    action: record.action,
    payload: Buffer.from(record.payload).toString("utf8"),
    deadline: command.deadline,
    origin: record.origin,
  });
  const added = { ...state, pending: [...state.pending, command] };
  if (isQueued) return bindQueued(added, self, record, context);
  // No `disconnected` can come any more that would end it (rule C2).
  if (!connection) return end(added, command, "not_connected", null, context);
  if (record.idempotencyKey !== null) wake(command, record.payload, connection.nodeId, record, context);
  return added;
}

function wake(c: PendingCommand, payload: Uint8Array, to: NodeId, record: FrameRecord, context: FoldContext): void {
  const { party, station } = record;
  const { id: commandId, action, deadline, replyTo } = c;
  if (c.connectionId === null) return;
  context.ask({
    kind: "wake",
    to,
    party,
    station,
    connectionId: c.connectionId,
    commandId,
    action,
    payload,
    deadline,
    replyTo,
  });
}

/** Asks for the record that binds each queued command to the connection that is there (rule C2). */
export function bindQueued(
  state: CommandsState,
  self: StationSelf,
  record: FrameRecord,
  context: FoldContext,
): CommandsState {
  const current = currentOf(self);
  if (!current || !state.pending.some(isUnbound)) return state;
  const pending = state.pending.map((c) => {
    if (!isUnbound(c)) return c;
    const { party, station } = record;
    context.ask({ kind: "bind", party, station, commandId: c.id, connectionId: current.id });
    // Where the process dies before that record is in the log, a tick asks again.
    return { ...c, bindAt: context.logTime + limits.commandTickGraceMs };
  });
  return { ...state, pending };
}

function isUnbound(c: PendingCommand): boolean {
  return c.connectionId === null;
}

export function commandBound(
  state: CommandsState,
  self: StationSelf,
  record: FrameRecordOf<"commandBound">,
  keepsPayload: (action: string) => boolean,
  context: FoldContext,
): CommandsState {
  const command = pendingOf(state, record.commandId);
  if (!command || !isUnbound(command)) return state;
  const connection = connectionOf(self, record.connectionId);
  const bound = {
    ...command,
    connectionId: record.connectionId,
    nodeId: connection?.nodeId ?? null,
    deadline: context.logTime + command.timeoutMs,
    payload: keepsPayload(command.action) ? command.payload : null,
    bindAt: null,
  };
  const after = change(state, command, bound);
  if (!connection) return end(after, bound, "not_connected", null, context);
  wake(bound, command.payload ?? new Uint8Array(), connection.nodeId, record, context);
  return after;
}

export function commandSent(
  state: CommandsState,
  record: FrameRecordOf<"commandSent">,
  context: FoldContext,
): CommandsState {
  const command = pendingOf(state, record.commandId);
  if (!command || command.isSent || command.connectionId !== record.connectionId) return state;
  context.emit({ kind: "commandSent", commandId: command.id });
  return change(state, command, { ...command, isSent: true });
}

export function commandResult(
  state: CommandsState,
  record: FrameRecordOf<"commandResult">,
  context: FoldContext,
): CommandsState {
  const command = pendingOf(state, record.commandId);
  const response = Buffer.from(record.frame).toString("utf8");
  if (command) return end(state, command, resultOutcome(command, record.frame), response, context);
  if (state.ended.some((e) => e.id === record.commandId)) {
    context.emit({ kind: "commandLateAnswer", commandId: record.commandId, response });
  }
  return state;
}

/** The station's answer to a command that has not ended, with what was asked; undefined: there is nothing to learn. */
export function answeredCommand(state: CommandsState, record: FrameRecordOf<"commandResult">) {
  const command = pendingOf(state, record.commandId);
  const frame = command?.payload && parseFrame(record.frame);
  if (!frame || frame.type !== "result") return undefined;
  const { id: commandId, protocol, action } = command;
  const outcome = outcomeOf(protocol, action, frame.payload);
  const request: unknown = JSON.parse(Buffer.from(command.payload).toString("utf8"));
  return { commandId, protocol, action, request, response: frame.payload, outcome };
}

function resultOutcome(command: PendingCommand, bytes: Uint8Array): CommandOutcome {
  const frame = parseFrame(bytes);
  // The gateway matched it to the command; what is no readable result is an error, never a yes.
  return frame.type === "result" ? outcomeOf(command.protocol, command.action, frame.payload) : "error";
}

/**
 * By the api (no owner) or the node (gone, too late). The first end in the log wins (rule C4).
 *
 * An api that found no owner writes its request and its end side by side. Where another api's request of the same key
 * was first, that request changes nothing (rule C1), and its end is not the first one's: that one may be on its way.
 */
export function commandEnded(
  state: CommandsState,
  record: FrameRecordOf<"commandEnded">,
  context: FoldContext,
): CommandsState {
  const command = pendingOf(state, record.commandId);
  const mayEnd = command && (record.source === command.requestedBy || record.source === command.nodeId);
  return mayEnd ? end(state, command, record.outcome, null, context) : state;
}

/** Rule C2: what was not sent on a connection that ended never will be; what was sent waits for its deadline. */
export function connectionEnded(state: CommandsState, connectionId: string, context: FoldContext): CommandsState {
  let after = state;
  for (const command of state.pending) {
    if (command.connectionId !== connectionId) continue;
    after = command.isSent
      ? change(after, command, { ...command, isGone: true })
      : end(after, command, "not_connected", null, context);
  }
  return after;
}

/** When a tick is wanted: a queued command when its wait is over, any other a little after its deadline (rule T2). */
function dueAtOf(c: PendingCommand): number {
  if (!isUnbound(c)) return c.deadline + limits.commandTickGraceMs;
  return c.bindAt === null ? c.deadline : Math.min(c.deadline, c.bindAt);
}

export function commandsDueAt(state: CommandsState): number | null {
  let due: number | null = null;
  for (const command of state.pending) {
    const at = dueAtOf(command);
    if (due === null || at < due) due = at;
  }
  return due;
}

export function commandsTick(
  state: CommandsState,
  self: StationSelf,
  record: FrameRecordOf<"tick">,
  context: FoldContext,
): CommandsState {
  let after = state;
  const due = state.pending.filter((c) => dueAtOf(c) <= record.dueAt).sort((a, b) => dueAtOf(a) - dueAtOf(b));
  for (const command of due) {
    if (isUnbound(command) && command.deadline > record.dueAt) {
      const unasked = { ...command, bindAt: null };
      after = bindQueued(change(after, command, unasked), self, record, context);
    } else {
      after = end(after, command, overdueOutcome(command), null, context);
    }
  }
  return after;
}

function overdueOutcome(c: PendingCommand): CommandOutcome {
  if (!c.isSent) return "expired";
  return c.isGone ? "unknown" : "timeout";
}
