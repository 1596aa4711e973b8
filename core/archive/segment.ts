// A closed range of one partition as one file: what the log held, byte for byte, under its offsets and log times.
//
//   8 bytes     WLSEG, two zeros, version 1
//   4 bytes     length of the head, unsigned, little-endian
//   head        JSON: topic, generation, partition, from, count; so that a file says by itself what it is
//   zstd of     each record: key length (2 bytes), value length (4), log time (8, a double), key in UTF-8, value
//
// Offsets are consecutive, so they are not written. Records of the log have no headers.
import { hash } from "node:crypto";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";

import type { LogRecord, Topic } from "../log/log.ts";
import { WattlogError } from "../runtime/errors.ts";

const magic = Buffer.from("WLSEG\0\0\u0001", "latin1");
const recordHead = 14;
/** Above any segment that is made (limits.archiveSegmentBytes and one record more): what claims to be larger is damaged. */
const largestRawBytes = 64 * 1024 * 1024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export interface SegmentHead {
  readonly topic: string;
  readonly generation: number;
  readonly partition: number;
  readonly from: number;
  readonly count: number;
}

/** Collects records until they are worth a segment. */
export class SegmentBuilder {
  private readonly topic: Topic;
  private readonly partition: number;
  private readonly from: number;
  private readonly parts: Buffer[] = [];
  private size = 0;
  private records = 0;
  private first = 0;
  private last = 0;

  constructor(topic: Topic, partition: number, from: number) {
    this.topic = topic;
    this.partition = partition;
    this.from = from;
  }

  /** Bytes before compression. */
  get bytes(): number {
    return this.size;
  }

  get count(): number {
    return this.records;
  }

  get to(): number {
    return this.from + this.records;
  }

  get firstLogTime(): number {
    return this.first;
  }

  get lastLogTime(): number {
    return this.last;
  }

  add({ offset, logTime, key, value }: LogRecord): void {
    if (offset !== this.to) throw new Error(`a segment expected offset ${this.to}, got ${offset}`);
    const keyBytes = Buffer.from(key, "utf8");
    const part = Buffer.allocUnsafe(recordHead + keyBytes.length + value.length);
    part.writeUInt16LE(keyBytes.length, 0);
    part.writeUInt32LE(value.length, 2);
    part.writeDoubleLE(logTime, 6);
    keyBytes.copy(part, recordHead);
    part.set(value, recordHead + keyBytes.length);
    this.parts.push(part);
    this.size += part.length;
    if (this.records++ === 0) this.first = logTime;
    this.last = logTime;
  }

  /** The file. Compression runs beside the thread. */
  async file(): Promise<Buffer> {
    const { topic, partition, from } = this;
    const head: SegmentHead = { topic: topic.name, generation: topic.generation, partition, from, count: this.count };
    const headBytes = Buffer.from(JSON.stringify(head), "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32LE(headBytes.length);
    return Buffer.concat([magic, length, headBytes, await compress(Buffer.concat(this.parts))]);
  }
}

export function sha256Of(file: Uint8Array): string {
  return hash("sha256", file, "hex");
}

/** A segment in memory. */
export class Segment {
  readonly head: SegmentHead;
  private readonly raw: Buffer;

  /** @throws WattlogError `log/unavailable` where the bytes are no whole segment */
  static async open(file: Uint8Array, name: string): Promise<Segment> {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
    try {
      if (!bytes.subarray(0, magic.length).equals(magic)) throw new Error("it does not begin as one");
      const headAt = magic.length + 4;
      const headEnd = headAt + bytes.readUInt32LE(magic.length);
      const head = JSON.parse(bytes.toString("utf8", headAt, headEnd)) as SegmentHead;
      const raw = await decompress(bytes.subarray(headEnd), { maxOutputLength: largestRawBytes });
      return new Segment(head, raw);
    } catch (cause) {
      throw new WattlogError("log/unavailable", `${name} in the archive is no whole segment; put back a copy of it.`, {
        cause,
      });
    }
  }

  private constructor(head: SegmentHead, raw: Buffer) {
    this.head = head;
    this.raw = raw;
  }

  get bytes(): number {
    return this.raw.length;
  }

  /** Records of [from, to) as far as it has them, at most `size` at once. Values are views of the segment's memory. */
  *batches(from: number, to: number, size: number): Generator<LogRecord[]> {
    const { raw, head } = this;
    const until = Math.min(to, head.from + head.count);
    let at = 0;
    let batch: LogRecord[] = [];
    for (let offset = head.from; offset < until; offset++) {
      const keyAt = at + recordHead;
      const valueAt = keyAt + raw.readUInt16LE(at);
      const end = valueAt + raw.readUInt32LE(at + 2);
      if (offset >= from) {
        const logTime = raw.readDoubleLE(at + 6);
        const value = new Uint8Array(raw.buffer, raw.byteOffset + valueAt, end - valueAt);
        if (batch.push({ offset, logTime, key: raw.toString("utf8", keyAt, valueAt), value }) === size) {
          yield batch;
          batch = [];
        }
      }
      at = end;
    }
    if (batch.length > 0) yield batch;
  }
}
