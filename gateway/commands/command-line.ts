// The commands of one connection: one CALL outstanding in this direction (OCPP-J 1.6 §4.1.1), the others in line.
import type { BusMessage } from "../../core/bus/bus.ts";
import type { CommandId } from "../../core/ids/ids.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { Timer } from "../../core/runtime/clock.ts";

export type Command = Extract<BusMessage, { readonly type: "command" }>;

export type Offer = Extract<BusMessage, { readonly type: "handOver" }>;

/** @returns undefined where the record asks nothing of a connection. */
export function commandOf(record: FrameRecord, logTime: number): Command | undefined {
  if (record.kind !== "commandRequested" || record.connectionId === null) return undefined;
  const { party, station, connectionId, commandId, action, payload, timeoutMs, replyTo } = record;
  const deadline = logTime + timeoutMs;
  return { type: "command", party, station, connectionId, commandId, action, payload, deadline, replyTo };
}

export interface CommandLine {
  readonly waiting: { readonly command: Command; readonly expiry: Timer }[];
  /** `sending`: its `commandSent` is on its way into the log, nothing was written to the socket. */
  current: { readonly command: Command; state: "sending" | "written"; timeout: Timer | undefined } | undefined;
  /** Written and without an answer, also those whose time is over: a late answer is kept (rule C4). */
  readonly unanswered: Map<CommandId, Command>;
}

export function newCommandLine(): CommandLine {
  return { waiting: [], current: undefined, unanswered: new Map() };
}
