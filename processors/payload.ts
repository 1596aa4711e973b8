// Reading payloads that no schema vouches for: in lenient mode a violation was answered normally and kept, so a fold
// must make sense of what is readable and must not fall over the rest.

import { parseFrame } from "../core/ocpp/framing.ts";

export type Fields = Readonly<Record<string, unknown>>;

const nothing: Fields = {};

/** {} where it is no object, so that reading on finds nothing. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : nothing;
}

/** The payload of our own answer; {} where it was a CALLERROR or there was none. */
export function answerOf(record: { readonly answer: Uint8Array | null }): Fields {
  const frame = record.answer && parseFrame(record.answer);
  return frame?.type === "result" ? fieldsOf(frame.payload) : nothing;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Text, or a number as text (stations send ids of either JSON type); null where it is neither or empty. */
export function textOf(value: unknown): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return null;
}

/** A number, or text that is one (quirk 7: numeric values as padded text); null otherwise. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string") return null;
  const text = value.trim();
  if (text === "") return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

/** A count or an index, 0 where it is neither; 1e300 is none, and no table could hold it. */
export function indexOf(value: unknown): number {
  const number = numberOf(value);
  return number !== null && Number.isSafeInteger(number) && number >= 0 ? number : 0;
}

/**
 * 53 bits over a text (cyrb53): whether two messages say the same. Not against attackers: a station that forges a
 * collision harms its own readings alone.
 */
export function digestOf(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4_294_967_296 * (2_097_151 & b) + (a >>> 0);
}
