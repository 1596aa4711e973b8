// The one record that is written for every frame, encoded by hand: a quarter of the time of the generic encoder. Its bytes
// are those of `encodeRecord`; a test holds the two together.
import { limits } from "../config/limits.ts";
import type { Position } from "../ids/ids.ts";
import { encodeRecord, kindNumbers, protocolNumbers, recordVersion } from "./codec.ts";
import type { FrameRecordOf, Protocol } from "./frame-record.ts";
import { pack } from "./msgpack.ts";

/** Room for a CALL, its answer and the envelope; what does not fit goes the generic way. */
const scratchBytes = 4 * limits.frameMaxBytes;
const scratch = Buffer.allocUnsafeSlow(scratchBytes);
/** Envelope numbers and lengths, annotations and facts aside. */
const reserveBytes = 4_096;

/** An array of sixteen, its version and its kind, both below 128. */
const head = [0xdc, 0, 16, recordVersion, kindNumbers.exchange] as const;

/** @returns a copy that the caller owns. */
export function encodeExchange(record: FrameRecordOf<"exchange">): Uint8Array {
  const { party, station, source, call, answer, action, messageId } = record;
  const texts = party.length + station.length + source.length + action.length + messageId.length;
  // UTF-8 has at most three bytes a UTF-16 unit.
  const bound = call.length + (answer?.length ?? 0) + 3 * texts + reserveBytes;
  if (bound > scratchBytes || record.keyId !== null) return encodeRecord(record);
  scratch.set(head, 0);
  let at = putText(head.length, party);
  at = putText(at, station);
  at = putText(at, source);
  at = putUnsigned(at, record.sequence);
  at = putUnsigned(at, record.arrivedAt);
  at = putPosition(at, record.registry);
  scratch[at++] = 0xc0;
  at = putUnsigned(at, protocolNumbers[record.protocol satisfies Protocol]);
  at = putText(at, action);
  at = putText(at, messageId);
  at = putBytes(at, call);
  if (answer) at = putBytes(at, answer);
  else scratch[at++] = 0xc0;
  if (isEmpty(record.facts)) scratch[at++] = 0x80;
  else at = putPacked(at, record.facts);
  if (record.annotations.length === 0) scratch[at++] = 0x90;
  else at = putPacked(at, record.annotations);
  return Buffer.from(scratch.subarray(0, at));
}

function isEmpty(facts: object): boolean {
  for (const _ in facts) return false;
  return true;
}

function putPacked(at: number, value: unknown): number {
  const bytes = pack(value);
  scratch.set(bytes, at);
  return at + bytes.length;
}

function putPosition(at: number, { generation, offset }: Position): number {
  scratch[at] = 0x92;
  return putUnsigned(putUnsigned(at + 1, generation), offset);
}

function putUnsigned(at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) return putPacked(at, value);
  if (value < 0x80) {
    scratch[at] = value;
    return at + 1;
  }
  if (value < 0x100) {
    scratch[at] = 0xcc;
    scratch[at + 1] = value;
    return at + 2;
  }
  if (value < 0x10000) {
    scratch[at] = 0xcd;
    return scratch.writeUInt16BE(value, at + 1);
  }
  if (value < 0x100000000) {
    scratch[at] = 0xce;
    return scratch.writeUInt32BE(value, at + 1);
  }
  scratch[at] = 0xcf;
  scratch.writeUInt32BE(Math.floor(value / 0x100000000), at + 1);
  return scratch.writeUInt32BE(value % 0x100000000, at + 5);
}

/** Longest text whose length stands in its head byte. */
const shortText = 31;

function putText(at: number, text: string): number {
  const { length } = text;
  if (length > shortText) return putLongText(at, text);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return putPacked(at, text);
    scratch[at + 1 + i] = unit;
  }
  scratch[at] = 0xa0 | length;
  return at + 1 + length;
}

/** A uuid has 36 characters. */
function putLongText(at: number, text: string): number {
  const { length } = text;
  if (length > 0xff) return putPacked(at, text);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return putPacked(at, text);
    scratch[at + 2 + i] = unit;
  }
  scratch[at] = 0xd9;
  scratch[at + 1] = length;
  return at + 2 + length;
}

function putBytes(at: number, bytes: Uint8Array): number {
  const { length } = bytes;
  let next = at;
  if (length < 0x100) {
    scratch[next++] = 0xc4;
    scratch[next++] = length;
  } else if (length < 0x10000) {
    scratch[next++] = 0xc5;
    next = scratch.writeUInt16BE(length, next);
  } else {
    scratch[next++] = 0xc6;
    next = scratch.writeUInt32BE(length, next);
  }
  scratch.set(bytes, next);
  return next + length;
}
