// The commands of one connection: one CALL outstanding in this direction (OCPP-J 1.6 §4.1.1), the others in line.
import type { BusMessage } from "../../core/bus/bus.ts";
import type { CommandId } from "../../core/ids/ids.ts";
import type { Timer } from "../../core/runtime/clock.ts";

export type Command = Extract<BusMessage, { readonly type: "command" }>;

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
