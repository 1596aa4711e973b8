// What must become of a frame, by the documents of the protocol alone (OCPP-J 1.6 §4, OCPP 2.0.1 part 4 §4): nothing of
// wattlog's own reader is used, or both would be wrong together. Only schemas and the limits of a message are shared.
import { limits } from "../../core/config/limits.ts";
import { actions, isFromStation } from "../../core/ocpp/actions.ts";
import { validator } from "../../core/ocpp/validators.ts";
import { protocolOf, type Cell } from "./seeds.ts";

export interface Expected {
  /** As which record it must be in the log. */
  readonly kept: "exchange" | "quarantined" | "commandResult";
  readonly answer: ExpectedAnswer | null;
  /** It can be told as OCPP-J: type, id, action where there is one, an object as payload. */
  readonly isMessage: boolean;
  /** And its payload is true to the schema of its action. */
  readonly fitsSchema: boolean;
}

export interface ExpectedAnswer {
  /** JSON text: a number is echoed as a number. */
  readonly rawId: string;
  readonly type: "result" | "error" | "either";
  /** Of a CALLERROR; undefined: any that the version has. */
  readonly code?: string;
  /** Of the CALL whose CALLRESULT it must be true to. */
  readonly action?: string;
}

const longestId = 36;
const longestNamedId = 255;
const noId = '"-1"';

/** Whatever stands in them, they are answered with a CALLRESULT, or the station repeats them for ever (ocpp.md). */
const alwaysAnswered: ReadonlySet<string> = new Set([
  "StartTransaction",
  "StopTransaction",
  "MeterValues",
  "TransactionEvent",
]);

type Reading = Pick<Cell, "version" | "action">;

/** @param waiting id of the command that waits for its answer on this connection. */
export function expectedOf(cell: Reading, bytes: Buffer, waiting: string | undefined): Expected {
  const text = bytes.toString("utf8");
  const elements = elementsOf(text);
  if (elements === undefined || isBomb(text)) return unreadable(cell, "RpcFrameworkError", noId);
  const [type, id] = elements;
  const rawId = rawIdOf(id, text);
  switch (type) {
    case 2:
      return callExpected(cell, elements, rawId);
    case 3:
    case 4:
      return answerExpected(cell, elements, rawId, waiting);
    default:
      return cell.version === "2.0.1" ? unreadable(cell, "MessageTypeNotSupported", rawId ?? noId) : ignored;
  }
}

const ignored: Expected = { kept: "quarantined", answer: null, isMessage: false, fitsSchema: false };

/** 2.x says so, with the id where there is one; 1.6 says nothing of what has no id. */
function unreadable({ version }: Reading, code: string, rawId: string): Expected {
  if (version === "1.6" && rawId === noId) return ignored;
  return { ...ignored, answer: { rawId, type: "error", code } };
}

function callExpected(cell: Reading, elements: readonly unknown[], rawId: string | undefined): Expected {
  const [, id, action, payload] = elements;
  if (elements.length < 4) return unreadable(cell, "ProtocolError", rawId ?? noId);
  const idText = rawId === undefined ? undefined : typeof id === "string" ? id : rawId;
  if (idText === undefined || idText.length > limits.messageIdMaxChars) {
    const code = cell.version === "1.6" ? "FormationViolation" : "RpcFrameworkError";
    return unreadable(cell, code, rawId ?? noId);
  }
  if (typeof action !== "string" || action === "") return unreadable(cell, "ProtocolError", rawId!);
  const protocol = protocolOf(cell.version);
  const fits = fitsSchema(cell, action, "req", payload);
  const isMessage =
    typeof id === "string" && id.length <= longestId && elements.length === 4 && isObject(payload ?? {});
  const kept = { kept: "exchange", isMessage, fitsSchema: isMessage && fits } as const;
  if (!isFromStation(protocol, action)) {
    const code = actions[protocol].has(action) ? "NotSupported" : "NotImplemented";
    return { ...kept, answer: { rawId: rawId!, type: "error", code } };
  }
  const type = fits || alwaysAnswered.has(action) ? "result" : "either";
  return { ...kept, answer: { rawId: rawId!, type, action } };
}

function answerExpected(
  cell: Reading,
  elements: readonly unknown[],
  rawId: string | undefined,
  waiting: string | undefined,
): Expected {
  const [type, id, third] = elements;
  if (elements.length < 3 || rawId === undefined) return ignored;
  const isMessage =
    typeof id === "string" &&
    id.length <= longestId &&
    (type === 3
      ? elements.length === 3 && isObject(third ?? {})
      : elements.length === 5 && typeof third === "string" && typeof elements[3] === "string" && isObject(elements[4]));
  const fits = isMessage && (type === 4 || fitsSchema(cell, cell.action, "conf", third));
  // An empty id can only be meant for the one that waits (ocpp.md, quirk 15).
  const isForCommand = waiting !== undefined && (id === waiting || id === "");
  return { kept: isForCommand ? "commandResult" : "quarantined", answer: null, isMessage, fitsSchema: fits };
}

function fitsSchema({ version }: Reading, action: string, direction: "req" | "conf", payload: unknown): boolean {
  const violation = validator(protocolOf(version), action, direction);
  return violation !== undefined && violation(payload ?? {}) === null;
}

/** A NUL byte is in no JSON; some firmwares leave them behind, and are understood without (ocpp.md, quirk 15). */
function elementsOf(text: string): readonly unknown[] | undefined {
  const json = jsonOf(text) ?? (text.includes("\0") ? jsonOf(text.replaceAll("\0", "")) : undefined);
  return Array.isArray(json) ? (json as readonly unknown[]) : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function rawIdOf(id: unknown, text: string): string | undefined {
  if (typeof id === "string") return id.length > longestNamedId ? undefined : JSON.stringify(id);
  if (typeof id !== "number") return undefined;
  return /^[^,]*,\s*([-+.\deE]+)/.exec(text.replaceAll("\0", ""))?.[1];
}

function isBomb(text: string): boolean {
  const marks = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").replaceAll(/[^[\]{},]/g, "");
  let depth = 0;
  let deepest = 0;
  let elements = 0;
  for (const mark of marks) {
    if (mark === "]" || mark === "}") depth--;
    else elements++;
    if (mark === "[" || mark === "{") deepest = Math.max(deepest, ++depth);
  }
  return deepest > limits.jsonMaxDepth || elements > limits.jsonMaxElements;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
