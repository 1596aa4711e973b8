// One record of a station as one line: time, direction, action, message id, payload shortened, answer.
import type { showFrame } from "../../projections/rest/frames.ts";
import { printable } from "./output.ts";

export type ShownFrame = ReturnType<typeof showFrame>;

/** Room for payload and answer together where nobody says how wide a line is. */
const defaultChars = 200;
const leastChars = 40;
/** What stands before the payload, roughly. */
const headChars = 60;

export type Shorten = (text: string, share: number) => string;

/** @param width of the terminal; undefined: a file or a pipe. */
export function shortenTo(width: number | undefined): Shorten {
  const room = width === undefined ? defaultChars : Math.max(leastChars, width - headChars);
  return (text, share) => {
    const most = Math.floor(room * share);
    return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;
  };
}

/** @param actions of commands by message id, filled as they pass by: an answer names only the id. */
export function frameLine(frame: ShownFrame, actions: Map<string, string>, shorten: Shorten): string {
  return printable(`${frame.time}  ${words(frame, actions, shorten)}`);
}

function words(frame: ShownFrame, actions: Map<string, string>, shorten: Shorten): string {
  const text = (name: string): string => {
    const value = (frame as Readonly<Record<string, unknown>>)[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  const id = text("messageId");
  switch (frame.kind) {
    case "exchange": {
      const annotations = (frame as { annotations?: readonly string[] }).annotations ?? [];
      const note = annotations.length === 0 ? "" : `  (${annotations.join(", ")})`;
      const answer = text("answer") === "" ? "no answer" : `=> ${shorten(answerOf(text("answer")), 0.4)}`;
      return `in   ${text("action")} ${id}  ${shorten(elementOf(text("frame"), 3), 0.6)}  ${answer}${note}`;
    }
    case "commandRequested":
      actions.set(id, text("action"));
      return `out  ${text("action")} ${id}  ${shorten(elementOf(text("frame"), 3), 1)}  requested`;
    case "commandSent":
      return `out  ${actions.get(id) ?? "command"} ${id}  sent`;
    case "commandResult":
      return `in   ${actions.get(id) ?? "command"} ${id}  => ${shorten(answerOf(text("frame")), 1)}`;
    case "commandEnded":
      return `--   ${actions.get(id) ?? "command"} ${id}  ended: ${text("outcome")}`;
    case "commandBound":
      return `--   ${actions.get(id) ?? "command"} ${id}  bound to the next connection`;
    case "quarantined":
      return `in   not understood (${text("reason")}): ${shorten(text("frame"), 1)}`;
    case "unreadable":
      return `--   a record that cannot be read: ${text("reason")}`;
    case "connected":
      return `--   connected from ${text("remoteAddress")}, ${text("protocol")}, security profile ${text("securityProfile")}, connection ${text("source")}`;
    case "claimed":
      return `--   this connection is the current one now`;
    case "disconnected":
      return `--   disconnected: ${text("code")} ${text("reason")}`;
    case "redrive":
    case "release":
      return `--   ${frame.kind} of ${text("quarantineId")} by ${text("actor")}`;
    default:
      return `--   ${frame.kind}`;
  }
}

/** Of a frame's text, as text; the whole where it is no such frame. */
function elementOf(frame: string, at: number): string {
  try {
    const parsed: unknown = JSON.parse(frame);
    if (Array.isArray(parsed) && at < parsed.length) return JSON.stringify(parsed[at]);
  } catch {
    // Shown as it came.
  }
  return frame;
}

/** A CALLRESULT's payload; of a CALLERROR its code and description. */
function answerOf(frame: string): string {
  try {
    const parsed: unknown = JSON.parse(frame);
    if (Array.isArray(parsed) && parsed[0] === 4) return `error ${String(parsed[2])}: ${String(parsed[3])}`;
  } catch {
    // Shown as it came.
  }
  return elementOf(frame, 2);
}
