// The bytes of the embedded log. One row of a topic's table holds one batch: `head` says whose records lie where
// in `body`. They are two columns so that a search reads heads without touching the pages of the bodies.
//
//   head   one section of 24 bytes for each append: six unsigned 32-bit words, little-endian
//          partition, count, base offset (low, high), start in body, length in body
//   body   the sections' entries: key length (2 bytes), value length (4 bytes), key in UTF-8, value
//
// A client fills a buffer with body and head and transfers it; the writer puts the base offsets in, stores it as it
// is, and hands the same buffer back with the receipt. No entry is ever an object outside the thread that made it.
import { endianness } from "node:os";

import { WattlogError } from "../runtime/errors.ts";
import type { Entry, LogRecord } from "./log.ts";

export const headWords = 6;
export const headBytes = headWords * 4;
const entryHeaderBytes = 6;
const longestKey = 0xffff;
const twoTo32 = 2 ** 32;

if (endianness() !== "LE") throw new WattlogError("start/data-folder", "The embedded log needs a little-endian CPU.");

const utf8 = new TextEncoder();

/** What crosses to the writer: body, then (4-aligned) head, in one buffer. */
export interface Part {
  readonly topicIndex: number;
  readonly buffer: ArrayBuffer;
  readonly bodyBytes: number;
  readonly headAt: number;
  readonly sections: number;
  /** On the way to the writer only; absent: nobody is to be told. */
  readonly tells?: readonly Tell[];
}

/** An entry of a part that somebody is handed once it is durable. */
export interface Tell {
  readonly address: string;
  /** Which of the part's sections, and which entry of that. */
  readonly section: number;
  readonly entry: number;
  /** Where it lies in the body. */
  readonly start: number;
  readonly length: number;
}

export function headOf(part: Pick<Part, "buffer" | "headAt" | "sections">): Uint32Array {
  return new Uint32Array(part.buffer, part.headAt, part.sections * headWords);
}

export function baseOffsetAt(head: Uint32Array, word: number): number {
  return head[word + 2]! + head[word + 3]! * twoTo32;
}

export function setBaseOffset(head: Uint32Array, word: number, offset: number): void {
  head[word + 2] = offset % twoTo32;
  head[word + 3] = Math.floor(offset / twoTo32);
}

/** Bytes that an append takes in a body, keys counted at their longest possible. */
export function sizeBound(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryHeaderBytes + entry.key.length * 3 + entry.value.length;
  return bytes;
}

/** Collects the appends of one topic; reused from batch to batch. */
export class BatchBuilder {
  private bytes: Uint8Array<ArrayBuffer> | undefined;
  private at = 0;
  private head = new Uint32Array(64 * headWords);
  private sections = 0;
  private tells: Tell[] = [];
  private readonly takeBuffer: (bytes: number) => ArrayBuffer;

  constructor(takeBuffer: (bytes: number) => ArrayBuffer) {
    this.takeBuffer = takeBuffer;
  }

  get size(): number {
    return this.at;
  }

  /** @returns bytes taken. */
  add(partition: number, entries: readonly Entry[], bound: number): number {
    const bytes = this.room(bound + headBytes * (this.sections + 2));
    const start = this.at;
    let at = start;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const entryAt = at;
      const value = entry.value;
      const keyBytes = writeKey(bytes, at + entryHeaderBytes, entry.key);
      const length = value.length;
      bytes[at] = keyBytes;
      bytes[at + 1] = keyBytes >>> 8;
      bytes[at + 2] = length;
      bytes[at + 3] = length >>> 8;
      bytes[at + 4] = length >>> 16;
      bytes[at + 5] = length >>> 24;
      at += entryHeaderBytes + keyBytes;
      bytes.set(value, at);
      at += length;
      if (entry.tell !== undefined) this.addTell(entry.tell, i, entryAt, at - entryAt);
    }
    this.at = at;
    this.addSection(partition, entries.length, start, at - start);
    return at - start;
  }

  /** The batch; the builder is empty afterwards and no longer owns the buffer. */
  take(topicIndex: number): Part {
    const bytes = this.room(headBytes * (this.sections + 1));
    const headAt = (this.at + 3) & ~3;
    new Uint32Array(bytes.buffer, headAt, this.sections * headWords).set(
      this.head.subarray(0, this.sections * headWords),
    );
    const part = { topicIndex, buffer: bytes.buffer, bodyBytes: this.at, headAt, sections: this.sections };
    const { tells } = this;
    this.bytes = undefined;
    this.at = 0;
    this.sections = 0;
    if (tells.length === 0) return part;
    this.tells = [];
    return { ...part, tells };
  }

  private room(more: number): Uint8Array<ArrayBuffer> {
    const wanted = this.at + more;
    if (this.bytes && wanted <= this.bytes.length) return this.bytes;
    const larger = new Uint8Array(this.takeBuffer(Math.max(wanted, this.at * 2)));
    if (this.bytes) larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
    return larger;
  }

  private addTell(address: string, entry: number, start: number, length: number): void {
    this.tells.push({ address, section: this.sections, entry, start, length });
  }

  private addSection(partition: number, count: number, start: number, length: number): void {
    const word = this.sections++ * headWords;
    if (word + headWords > this.head.length) {
      const larger = new Uint32Array(this.head.length * 2);
      larger.set(this.head);
      this.head = larger;
    }
    this.head[word] = partition;
    this.head[word + 1] = count;
    this.head[word + 4] = start;
    this.head[word + 5] = length;
  }
}

/** The bytes of one entry that somebody is to be told of: of their own, for the part goes back to its client. */
export function bytesOfEntry(part: Part, { start, length }: Tell): Uint8Array {
  return new Uint8Array(part.buffer, start, length).slice();
}

/** Keys are short and almost always ASCII: a loop is twice as fast as a call into the encoder. */
function writeKey(bytes: Uint8Array, at: number, key: string): number {
  const length = key.length;
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i);
    if (code > 0x7f) return utf8.encodeInto(key, bytes.subarray(at)).written;
    bytes[at + i] = code;
  }
  return length;
}

/** @returns `log/too-large`, or undefined when every entry fits. */
export function refuseEntries(entries: readonly Entry[], entryBytes: number): WattlogError | undefined {
  for (const { key, value } of entries) {
    if (value.length <= entryBytes && key.length * 3 <= longestKey) continue;
    return new WattlogError(
      "log/too-large",
      `A record of ${value.length} bytes with a key of ${key.length} characters does not fit the log, which takes ` +
        `${entryBytes} bytes a record and ${Math.floor(longestKey / 3)} characters a key; ` +
        "split it or refuse what made it.",
    );
  }
  return undefined;
}

/** A run of one partition's records inside a body. */
export interface Section {
  readonly row: number;
  readonly logTime: number;
  readonly base: number;
  readonly count: number;
  readonly body: Buffer;
  readonly start: number;
}

/** Appends the section's records from offset `from` on, at most `limit`, to `into`. Values are views of the body. */
export function decodeSection(section: Section, from: number, limit: number, into: LogRecord[]): void {
  const { body, base, count, logTime } = section;
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.length);
  let at = section.start;
  const until = Math.min(base + count, from + limit);
  for (let offset = base; offset < until; offset++) {
    const keyBytes = bytes[at]! | (bytes[at + 1]! << 8);
    const length = bytes[at + 2]! + bytes[at + 3]! * 0x100 + bytes[at + 4]! * 0x10000 + bytes[at + 5]! * 0x1000000;
    const keyAt = at + entryHeaderBytes;
    at = keyAt + keyBytes + length;
    if (offset < from) continue;
    const key = body.toString("utf8", keyAt, keyAt + keyBytes);
    into.push({ offset, logTime, key, value: bytes.subarray(at - length, at) });
  }
}
