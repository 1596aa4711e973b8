// Entries of a log in one piece of bytes, for a place where they wait together: of each the length of its key, the key
// (UTF-8), the length of its value and the value; lengths as 32 bits, little-endian.
import type { Entry } from "../log/log.ts";
import { CorruptRecordError } from "./codec.ts";

const lengthBytes = 4;

export function packBundle(entries: readonly Entry[]): Uint8Array {
  let length = 0;
  for (const { key, value } of entries) length += 2 * lengthBytes + Buffer.byteLength(key) + value.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { key, value } of entries) {
    const keyBytes = bytes.write(key, at + lengthBytes);
    bytes.writeUInt32LE(keyBytes, at);
    at = bytes.writeUInt32LE(value.length, at + lengthBytes + keyBytes);
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

/** @returns values that are views of `bytes`. @throws CorruptRecordError where they are no bundle. */
export function unpackBundle(bytes: Uint8Array): Entry[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: Entry[] = [];
  let at = 0;
  const take = (): Buffer => {
    const from = at + lengthBytes;
    const to = from <= buffer.length ? from + buffer.readUInt32LE(at) : from;
    if (to > buffer.length) throw new CorruptRecordError(`a bundle of ${buffer.length} bytes ends before its ${to}th`);
    at = to;
    return buffer.subarray(from, to);
  };
  while (at < buffer.length) entries.push({ key: take().toString("utf8"), value: take() });
  return entries;
}
