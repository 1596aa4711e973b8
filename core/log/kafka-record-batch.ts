// A Kafka record batch (message format 2), written into one buffer. The client library makes a dozen small buffers of
// each record and joins them twice, which costs more than everything else that the gateway does with a frame's bytes.
import type { OutEntry } from "./kafka-wire.ts";

export interface BatchHead {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Of the first record, among those of this producer and partition. */
  readonly firstSequence: number;
  /** Epoch ms; the topic replaces it by the time of the append. */
  readonly timestamp: number;
}

const magic = 2;
const baseOffsetBytes = 8;
const lengthBytes = 4;
/** Up to the checksum, which covers what follows it. */
const checksumAt = baseOffsetBytes + lengthBytes + 4 + 1;
const recordsAt = checksumAt + 4 + 2 + 4 + 8 + 8 + 8 + 2 + 4 + 4;
/** Attributes, timestamp's delta, number of headers: all zero. */
const fixedRecordBytes = 3;

/** Of a number that is not negative, in the zigzag encoding of signed ones. */
function varIntBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x10_0000) return 3;
  return value < 0x800_0000 ? 4 : 5;
}

function writeVarInt(bytes: Buffer, at: number, value: number): number {
  // Not by shifts: the double of a large value has 32 bits.
  let rest = value * 2;
  let next = at;
  while (rest >= 0x80) {
    bytes[next++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[next++] = rest;
  return next;
}

function recordBytes({ key, value }: OutEntry, index: number): number {
  const lengths = varIntBytes(index) + varIntBytes(key.length) + varIntBytes(value.length);
  return fixedRecordBytes + lengths + key.length + value.length;
}

/** @param checksum CRC-32C */
export function encodeRecordBatch(
  entries: readonly OutEntry[],
  { producerId, producerEpoch, firstSequence, timestamp }: BatchHead,
  checksum: (bytes: Uint8Array) => number,
): Buffer {
  let length = recordsAt;
  for (let i = 0; i < entries.length; i++) {
    const size = recordBytes(entries[i]!, i);
    length += varIntBytes(size) + size;
  }
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(length - baseOffsetBytes - lengthBytes, baseOffsetBytes);
  // The leader's epoch: the broker's business.
  bytes.writeInt32BE(0, baseOffsetBytes + lengthBytes);
  bytes[checksumAt - 1] = magic;
  const time = BigInt(timestamp);
  let at = bytes.writeInt16BE(0, checksumAt + 4);
  at = bytes.writeInt32BE(entries.length - 1, at);
  at = bytes.writeBigInt64BE(time, at);
  at = bytes.writeBigInt64BE(time, at);
  at = bytes.writeBigInt64BE(producerId, at);
  at = bytes.writeInt16BE(producerEpoch, at);
  at = bytes.writeInt32BE(firstSequence, at);
  at = bytes.writeInt32BE(entries.length, at);
  for (let i = 0; i < entries.length; i++) at = writeRecord(bytes, at, entries[i]!, i);
  bytes.writeUInt32BE(checksum(bytes.subarray(checksumAt + 4)), checksumAt);
  return bytes;
}

function writeRecord(bytes: Buffer, from: number, entry: OutEntry, index: number): number {
  const { key, value } = entry;
  let at = writeVarInt(bytes, from, recordBytes(entry, index));
  bytes[at++] = 0;
  bytes[at++] = 0;
  at = writeVarInt(bytes, at, index);
  at = writeVarInt(bytes, at, key.length);
  bytes.set(key, at);
  at = writeVarInt(bytes, at + key.length, value.length);
  bytes.set(value, at);
  at += value.length;
  bytes[at++] = 0;
  return at;
}
