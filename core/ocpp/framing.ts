// OCPP-J framing (OCPP-J 1.6 §4, OCPP 2.1 part 4 §4): bytes to messages and back. Gateways and folds read the same
// bytes through the same function, so that what was answered is what is folded.
import { limits } from "../config/limits.ts";
import type { Frame, Malformed } from "./frame.ts";

const messageTypes = { call: 2, result: 3, error: 4, resultError: 5, send: 6 } as const;

/** Longer ids are not answered at all: an echo of them would be an amplifier. */
const namedIdMaxChars = 255;
const descriptionMaxChars = 255;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const comma = 0x2c;

type ScanResult = "ascii" | "utf8" | "tooDeep" | "tooManyElements";

/** Before JSON.parse, so that a bomb costs one pass over its bytes and no object. */
function scan(bytes: Uint8Array): ScanResult {
  let depth = 0;
  let elements = 0;
  let high = 0;
  const length = bytes.length;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at]!;
    high |= byte;
    if (byte === quote) {
      // Most of a frame is text: it has a loop of its own.
      for (at++; at < length; at++) {
        const inside = bytes[at]!;
        high |= inside;
        if (inside === quote) break;
        if (inside === backslash) at++;
      }
    } else if (byte === comma) {
      if (++elements > limits.jsonMaxElements) return "tooManyElements";
    } else if (byte === openBracket || byte === openBrace) {
      // An opening counts as well: `[[],[],[]` has few commas and many arrays.
      if (++depth > limits.jsonMaxDepth) return "tooDeep";
      if (++elements > limits.jsonMaxElements) return "tooManyElements";
    } else if (byte === closeBracket || byte === closeBrace) depth--;
  }
  // A high byte right after a backslash was not seen, but such a text is no JSON however it is read.
  return high < 0x80 ? "ascii" : "utf8";
}

/** Of any JSON that comes from outside: what makes it too large to parse, in words. */
export function jsonExcess(bytes: Uint8Array): string | undefined {
  const scanned = scan(bytes);
  if (scanned === "tooDeep") return `nested deeper than ${limits.jsonMaxDepth} levels`;
  return scanned === "tooManyElements" ? `of more than ${limits.jsonMaxElements} elements` : undefined;
}

/** @param bytes all below 128. */
export function asciiText(bytes: Uint8Array): string {
  // A view costs a tenth of a microsecond, so none is made of what is a Buffer already.
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1");
}

/** @returns undefined where the bytes are no UTF-8. */
function textOf(bytes: Uint8Array, scanned: ScanResult): string | undefined {
  if (scanned === "ascii") return asciiText(bytes);
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** @returns undefined where the text is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function malformed(reason: Malformed["reason"], id?: MessageId, of: Malformed["of"] = "other"): Malformed {
  return { type: "malformed", reason, messageId: id?.text ?? null, rawMessageId: id?.raw ?? null, of };
}

interface MessageId {
  readonly text: string;
  readonly raw: string;
}

const plainId = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const numericId = /^\s*\[[^,]*,\s*(-?[0-9][0-9.eE+-]*)/;

/** A numeric id keeps its digits, which JSON.parse may round (ocpp.md, message id). */
function messageIdOf(value: unknown, text: string): MessageId | undefined {
  if (typeof value === "string") {
    if (value.length > namedIdMaxChars) return undefined;
    if (plainId.test(value)) return { text: value, raw: `"${value}"` };
    return { text: value.toWellFormed(), raw: JSON.stringify(value) };
  }
  if (typeof value !== "number") return undefined;
  const digits = numericId.exec(text)?.[1];
  return digits === undefined || digits.length > namedIdMaxChars ? undefined : { text: digits, raw: digits };
}

/**
 * One OCPP-J message (2, 3, 4; 5 and 6 of 2.1) or the reason why it is none. Never throws, whatever the bytes.
 *
 * Types 5 and 6 are returned whatever the version: the caller knows the version and refuses them in 1.6 and 2.0.1. A
 * null payload is {}. NUL bytes, which some firmwares leave at the end of a text or of the message, are left out and said
 * so. Half a surrogate pair, which only an escape can write, becomes U+FFFD. Duplicate keys: the last one counts. `__proto__` becomes an ordinary own field. Numbers beyond
 * 2^53 are rounded in `payload`; {@link integerAt} has their digits.
 */
export function parseFrame(bytes: Uint8Array): Frame | Malformed {
  const scanned = scan(bytes);
  if (scanned === "tooDeep" || scanned === "tooManyElements") return malformed(scanned);
  const text = textOf(bytes, scanned);
  if (text === undefined) return malformed("notUtf8");
  const json = jsonOf(text);
  if (json !== undefined) return messageIn(json, text);
  const without = text.includes("\0") ? jsonOf(text.replaceAll("\0", "")) : undefined;
  if (without === undefined) return malformed("notJson");
  const frame = messageIn(without, text);
  return frame.type === "malformed" ? frame : { ...frame, nulBytes: true };
}

/** Of an escaped surrogate: only these can be halves, for the bytes themselves are UTF-8. */
const escapedHalf = /\\u[dD][89a-fA-F]/;

/** Half a surrogate pair is no character: tables and MessagePack would each keep something else for it. */
function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name.toWellFormed(), wellFormed(item)]));
}

function messageIn(json: unknown, text: string): Frame | Malformed {
  if (!Array.isArray(json)) return malformed("notAnArray");
  const id = messageIdOf((json as readonly unknown[])[1], text);
  const elements = (escapedHalf.test(text) ? wellFormed(json) : json) as readonly unknown[];
  switch (elements[0]) {
    case messageTypes.call:
      return callOf("call", elements, id, text);
    case messageTypes.send:
      return callOf("send", elements, id, text);
    case messageTypes.result:
      if (elements.length < 3) return malformed("missingElements", id);
      return id ? { type: "result", messageId: id.text, payload: elements[2] ?? {} } : malformed("badMessageId", id);
    case messageTypes.error:
      return errorOf("error", elements, id);
    case messageTypes.resultError:
      return errorOf("resultError", elements, id);
    default:
      return malformed("unknownMessageType", id);
  }
}

function callOf(
  type: "call" | "send",
  elements: readonly unknown[],
  id: MessageId | undefined,
  text: string,
): Frame | Malformed {
  const of = type === "call" ? "call" : "later";
  if (elements.length < 4) return malformed("missingElements", id, of);
  if (!id || id.text.length > limits.messageIdMaxChars) return malformed("badMessageId", id, of);
  const action = elements[2];
  if (typeof action !== "string" || action === "") return malformed("badAction", id, of);
  return { type, messageId: id.text, action, payload: elements[3] ?? {}, rawMessageId: id.raw, text };
}

function errorOf(
  type: "error" | "resultError",
  elements: readonly unknown[],
  id: MessageId | undefined,
): Frame | Malformed {
  const of = type === "error" ? "other" : "later";
  if (elements.length < 3) return malformed("missingElements", id, of);
  if (!id) return malformed("badMessageId", id, of);
  const [, , code, description, details] = elements;
  return {
    type,
    messageId: id.text,
    rawMessageId: id.raw,
    code: typeof code === "string" ? code : "GenericError",
    description: typeof description === "string" ? description : "",
    details: details ?? {},
  };
}

interface SourceContext {
  readonly source?: string;
}

// lib.es2024 does not know the reviver's third argument yet.
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: SourceContext) => unknown,
) => unknown;

/**
 * The decimal digits of an integer in a message, as sent: Alfen sends a transactionId of 2^63-1, which JSON.parse
 * rounds (ocpp.md, wire checklist).
 *
 * @param bytes the whole message. @param path from the message's root, e.g. `[3, "transactionId"]` in a CALL.
 * @param parsed the value at that path as JSON.parse had it; only where it is not exact are the bytes read again.
 * @returns undefined where there is no integer.
 */
export function integerAt(bytes: Uint8Array, path: readonly (string | number)[], parsed: unknown): string | undefined {
  if (typeof parsed !== "number" || !Number.isInteger(parsed)) return undefined;
  if (Number.isSafeInteger(parsed)) return String(parsed);
  const text = textOf(bytes, "utf8")?.replaceAll("\0", "");
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = parseWithSource(text, (_key, item, context) =>
      typeof item === "number" && context.source !== undefined && /^-?\d{1,40}$/.test(context.source)
        ? BigInt(context.source)
        : item,
    );
  } catch {
    return undefined;
  }
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return typeof value === "bigint" ? String(value) : undefined;
}

/** @param rawMessageId as in the CALL: JSON text. @param payload {} where there is nothing to say, never null. */
export function composeResult(rawMessageId: string, payload: object): Uint8Array {
  return Buffer.from(`[3,${rawMessageId},${JSON.stringify(payload)}]`);
}

/** A CALLERROR with its five elements; the description is cut at 255 characters, details are {} (ocpp.md). */
export function composeError(rawMessageId: string, code: string, description: string): Uint8Array {
  // Cutting inside a surrogate pair leaves a lone half; stringify writes it as an escape.
  const text = JSON.stringify(description.slice(0, descriptionMaxChars));
  return Buffer.from(`[4,${rawMessageId},${JSON.stringify(code)},${text},{}]`);
}

/** @param payload JSON text in UTF-8, verbatim as the caller of the command gave it. */
export function composeCall(messageId: string, action: string, payload: Uint8Array): Uint8Array {
  const head = Buffer.from(`[2,${JSON.stringify(messageId)},${JSON.stringify(action)},`);
  return Buffer.concat([head, payload, Buffer.from("]")]);
}
