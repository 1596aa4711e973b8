// The one record that is written for every frame, encoded by hand: a quarter of the time of the generic encoder. Its bytes
// are those of `encodeRecord`; a test holds the two together.
import type { Position } from "../ids/ids.ts";
import { encodeRecord, kindNumbers, protocolNumbers, recordVersion } from "./codec.ts";
import type { FrameRecordOf, Protocol } from "./frame-record.ts";
import { pack } from "./msgpack.ts";

/**
 * Records are written one behind the other into a slab, each where it stays; what leaves room for no more is left to those
 * that are in it. They all wait for the log, a second at most where it works, so none keeps a slab for long.
 */
const slabBytes = 64 * 1024;
/** A CALL, its answer and the envelope of more than this have a slab of their own. */
const largeBytes = slabBytes / 4;
let slab = Buffer.allocUnsafeSlow(slabBytes);
/** Where the next record begins. */
let free = 0;
/** What the record that is being written is written into. */
let scratch = slab;
/** Numbers, and the lengths of texts and bytes. */
const reserveBytes = 128;
const emptyMap = Uint8Array.of(0x80);
const emptyList = Uint8Array.of(0x90);

/** An array of sixteen, its version and its kind, both below 128. */
const head = [0xdc, 0, 16, recordVersion, kindNumbers.exchange] as const;

/** @returns bytes that stay as they are: nobody else writes there. */
export function encodeExchange(record: FrameRecordOf<"exchange">): Uint8Array {
  if (record.keyId !== null) return encodeRecord(record);
  const { call, answer, action, messageId } = record;
  const facts = isEmpty(record.facts) ? emptyMap : pack(record.facts);
  const annotations = record.annotations.length === 0 ? emptyList : pack(record.annotations);
  const begin = makeRoom(boundOf(record) + facts.length + annotations.length);
  scratch.set(head, begin);
  let at = putText(begin + head.length, record.party);
  at = putText(at, record.station);
  at = putText(at, record.source);
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
  at = putRaw(at, facts);
  at = putRaw(at, annotations);
  if (scratch === slab) free = at;
  return new Uint8Array(scratch.buffer, begin, at - begin);
}

/** Bytes of the record, facts and annotations aside, at most: UTF-8 has at most three a UTF-16 unit. */
function boundOf(record: FrameRecordOf<"exchange">): number {
  const { party, station, source, call, answer, action, messageId } = record;
  const texts = party.length + station.length + source.length + action.length + messageId.length;
  return call.length + (answer?.length ?? 0) + 3 * texts + reserveBytes;
}

/** @returns where in `scratch` so many bytes are free. */
function makeRoom(bytes: number): number {
  if (bytes > largeBytes) {
    scratch = Buffer.allocUnsafeSlow(bytes);
    return 0;
  }
  if (free + bytes > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    free = 0;
  }
  scratch = slab;
  return free;
}

function isEmpty(facts: object): boolean {
  for (const _ in facts) return false;
  return true;
}

function putPacked(at: number, value: unknown): number {
  return putRaw(at, pack(value));
}

function putRaw(at: number, bytes: Uint8Array): number {
  if (bytes.length === 1) {
    scratch[at] = bytes[0]!;
    return at + 1;
  }
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
