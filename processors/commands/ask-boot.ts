// A registered station that never booted here (a fleet that moved from another CSMS) is served like any other and asked
// once for its BootNotification; where it does not do that, its data come from its configuration or base report (ocpp.md,
// before acceptance). Rejected stations are asked for nothing. What is asked is a command like any other (rules C1-C4).
import { limits } from "../../core/config/limits.ts";
import { commandIdOf, trusted, type CommandId } from "../../core/ids/ids.ts";
import { outcomeOf } from "../../core/ocpp/command-outcome.ts";
import { parseFrame } from "../../core/ocpp/framing.ts";
import type { FrameRecord, Protocol } from "../../core/records/frame-record.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { currentOf, speaksForStation, type StationSelf } from "../stations/connections.ts";
import type { CommandsState, PendingCommand } from "./command-state.ts";

export interface AskState {
  /** What is to be asked for next, or is being asked for. */
  readonly step: "boot" | "data" | "done";
  /** Log time at which it is requested, or again where the request did not come into the log; null: no timer. */
  readonly dueAt: number | null;
  /** Requested and not ended. */
  readonly commandId: CommandId | null;
}

export const notAsked: AskState = { step: "boot", dueAt: null, commandId: null };
const done: AskState = { step: "done", dueAt: null, commandId: null };

/** What a station says first after power-up is its boot, or, from some, a status just before it. */
const askAfterMs = 5_000;
const longestRequestId = 2 ** 31;

export interface Told {
  readonly self: StationSelf;
  readonly commands: CommandsState;
}

/** @param before the commands before the record was folded. */
export function asked(
  state: AskState,
  before: CommandsState,
  { self, commands }: Told,
  record: FrameRecord,
  context: FoldContext,
): AskState {
  if (state.step === "done") return state;
  if (state.commandId !== null) {
    const pending = before.pending.find((c) => c.id === state.commandId);
    const isOpen = commands.pending.some((c) => c.id === state.commandId);
    return isOpen || !pending ? state : ended(state, pending, self, record, context);
  }
  if (self.boots > 0) return done;
  switch (record.kind) {
    case "exchange":
      if (state.dueAt !== null || !speaksForStation(self, record.source) || isRejected(record, context)) return state;
      return { ...state, dueAt: context.logTime + askAfterMs };
    case "commandRequested": {
      const isOurs = record.commandId === idOf(state.step, record, record.connectionId);
      if (!isOurs) return state;
      const isOpen = commands.pending.some((c) => c.id === record.commandId);
      // Its connection was gone: asked again when the station speaks again.
      return { ...state, dueAt: null, commandId: isOpen ? record.commandId : null };
    }
    case "tick":
      return state.dueAt !== null && state.dueAt <= record.dueAt ? request(state, self, record, context) : state;
    default:
      return state;
  }
}

function request(state: AskState, self: StationSelf, record: FrameRecord, context: FoldContext): AskState {
  const current = currentOf(self);
  if (!current || state.step === "done" || isRejected(record, context)) return { ...state, dueAt: null };
  const { party, station } = record;
  const { id: connectionId, protocol } = current;
  context.ask({
    kind: "request",
    party,
    station,
    connectionId,
    protocol,
    commandId: idOf(state.step, record, connectionId),
    idempotencyKey: keyOf(state.step, connectionId),
    timeoutMs: limits.commandTimeoutSecondsDefault * 1000,
    actor: "boot",
    ...questions[state.step](protocol, context.offset),
  });
  // Where the process dies before that record is in the log, a tick asks again; the same id is the same command.
  return { ...state, dueAt: context.logTime + limits.commandTickGraceMs };
}

/** Once a connection: one that never reached the station is asked again on the next. */
function keyOf(step: "boot" | "data", connectionId: string | null): string {
  return `wattlog/${step}/${connectionId}`;
}

function idOf(step: "boot" | "data", { party, station }: FrameRecord, connectionId: string | null): CommandId {
  return commandIdOf(party, station, keyOf(step, connectionId));
}

type Question = (protocol: Protocol, offset: number) => { readonly action: string; readonly payload: object };

const questions: Readonly<Record<"boot" | "data", Question>> = {
  boot: () => ({ action: "TriggerMessage", payload: { requestedMessage: "BootNotification" } }),
  data: (protocol, offset) =>
    protocol === "ocpp1.6"
      ? { action: "GetConfiguration", payload: {} }
      : { action: "GetBaseReport", payload: { requestId: offset % longestRequestId, reportBase: "FullInventory" } },
};

function ended(
  state: AskState,
  command: PendingCommand,
  self: StationSelf,
  record: FrameRecord,
  context: FoldContext,
): AskState {
  if (self.boots > 0) return done;
  if (!command.isSent) return { ...state, commandId: null };
  if (state.step === "data" || isYes(command, record)) return done;
  return request({ step: "data", dueAt: null, commandId: null }, self, record, context);
}

function isYes({ protocol, action }: PendingCommand, record: FrameRecord): boolean {
  const frame = record.kind === "commandResult" ? parseFrame(record.frame) : undefined;
  return frame?.type === "result" && outcomeOf(protocol, action, frame.payload) === "accepted";
}

function isRejected({ party, station, registry: at }: FrameRecord, { registry }: FoldContext): boolean {
  const doc = registry.find(party, "station", station, at)?.doc;
  if (doc) return doc.acceptance === "rejected";
  const policy = registry.setting(party, "unknownStations", at);
  return policy !== "accept" && policy !== "pending";
}

// --- packed form ---

const steps = ["boot", "data", "done"] as const;

export function packAsk({ step, dueAt, commandId }: AskState): unknown {
  return [steps.indexOf(step), dueAt, commandId];
}

/** @param packed undefined in rows of earlier builds. */
export function unpackAsk(packed: unknown): AskState {
  if (packed === undefined) return notAsked;
  const [step, dueAt, commandId] = packed as [number, number | null, string | null];
  return { step: steps[step] ?? "done", dueAt, commandId: commandId === null ? null : trusted.command(commandId) };
}
