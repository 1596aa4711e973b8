// Reads of the embedded log, on the thread's own read-only connection. Rows are decoded in spans that the consumers
// of all partitions share: they walk the log side by side, and a row is read once for all of them.
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { WattlogError } from "../runtime/errors.ts";
import { damageOf, decodeEnds, headFrom, readTrimmed, rowsPerCheckpoint, tableOf } from "./log-embedded-files.ts";
import { baseOffsetAt, decodeSection, headWords, type Section } from "./log-embedded-format.ts";
import type { LogRecord, Topic } from "./log.ts";

/** A span ends after so many bytes or rows. */
const spanBytes = 1024 * 1024;
const spanRows = 256;
/** Decoded spans kept for the other partitions' consumers. */
const cacheBytes = 32 * 1024 * 1024;
/** At the log's end a span is one commit: of these the cache would hold 100 000, and each read look through all of them. */
const cacheSpans = 64;
/**
 * A collection stops after walking so much of the log, so that one partition's consumer neither runs ahead of the
 * spans that the others still need nor keeps its thread to itself.
 */
const walkBytes = 4 * 1024 * 1024;

type RowTuple = [row: number, logTime: number, head: Uint8Array, body: Uint8Array];

interface Span {
  readonly topicIndex: number;
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  readonly byPartition: ReadonlyMap<number, readonly Section[]>;
}

/** Where a reader of one partition stands: the row that holds, or comes before the one that holds, `next`. */
export interface Cursor {
  row: number;
  next: number;
}

export interface Collected {
  readonly records: LogRecord[];
  /** The walk ended at the end of the log, not at a limit. */
  readonly atEnd: boolean;
}

export class LogReader {
  private readonly db: DatabaseSync;
  private readonly topics: readonly Topic[];
  private readonly rowsFrom: StatementSync[];
  private readonly headsFrom: StatementSync[];
  private readonly checkpointAt: StatementSync;
  private spans: Span[] = [];
  private cached = 0;

  constructor(db: DatabaseSync, topics: readonly Topic[]) {
    this.db = db;
    this.topics = topics;
    const columns = "row, log_time, head, body";
    this.rowsFrom = topics.map((topic) =>
      this.prepare(`select ${columns} from ${tableOf(topic)} where row >= ? order by row`),
    );
    this.headsFrom = topics.map((topic) =>
      this.prepare(`select row, head from ${tableOf(topic)} where row >= ? order by row limit ${rowsPerCheckpoint}`),
    );
    this.checkpointAt = this.prepare("select ends from checkpoint where topic = ? and row = ?");
  }

  /**
   * Finds where `offset`, which must lie before the end, is stored.
   * @throws WattlogError `log/out-of-range` when the log no longer holds it, `log/unavailable` when it is damaged.
   */
  locate(topicIndex: number, partition: number, offset: number, lastRow: number): Cursor {
    return this.whole(() => this.find(topicIndex, partition, offset, lastRow));
  }

  private find(topicIndex: number, partition: number, offset: number, lastRow: number): Cursor {
    const from = this.checkpointBefore(topicIndex, partition, offset, lastRow);
    const rows = this.headsFrom[topicIndex]!.iterate(from) as unknown as Iterable<[number, Uint8Array]>;
    for (const [row, bytes] of rows) {
      const head = headFrom(bytes);
      for (let word = 0; word < head.length; word += headWords) {
        if (head[word] !== partition) continue;
        const base = baseOffsetAt(head, word);
        if (base + head[word + 1]! <= offset) continue;
        if (base > offset) throw outOfRange(this.topics[topicIndex]!, partition, offset, base);
        return { row, next: offset };
      }
    }
    throw outOfRange(this.topics[topicIndex]!, partition, offset, undefined);
  }

  /** The first offset of the partition that is held: 0 where nothing was given up. */
  start(topicIndex: number, partition: number): number {
    return this.whole(() => readTrimmed(this.db, this.topics[topicIndex]!)?.starts[partition] ?? 0);
  }

  /** Up to `limit` records from the cursor on, which moves past them. */
  collect(topicIndex: number, partition: number, cursor: Cursor, limit: number): Collected {
    const records: LogRecord[] = [];
    let walked = 0;
    while (records.length < limit && walked < walkBytes) {
      const span = this.spanAt(topicIndex, cursor.row);
      if (!span) return { records, atEnd: true };
      const sections = span.byPartition.get(partition) ?? [];
      for (let at = firstWith(sections, cursor.next); at < sections.length; at++) {
        if (records.length >= limit) return { records, atEnd: false };
        const section = sections[at]!;
        if (section.base > cursor.next)
          throw outOfRange(this.topics[topicIndex]!, partition, cursor.next, section.base);
        decodeSection(section, cursor.next, limit - records.length, records);
        cursor.next = records.at(-1)!.offset + 1;
        cursor.row = section.row;
      }
      if (records.length >= limit) break;
      cursor.row = span.last + 1;
      walked += span.bytes;
    }
    return { records, atEnd: false };
  }

  close(): void {
    this.spans = [];
    this.db.close();
  }

  /** A page that cannot be read is not the end of the log: nothing may go on as if it were. */
  private whole<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw damageOf(this.db.location() ?? "log.db", error) ?? error;
    }
  }

  private prepare(sql: string): StatementSync {
    const statement = this.db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  }

  /** Binary search over the checkpoints: the newest whose end of the partition is not past `offset`. */
  private checkpointBefore(topicIndex: number, partition: number, offset: number, lastRow: number): number {
    let low = 0;
    let high = Math.floor(lastRow / rowsPerCheckpoint);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const found = this.checkpointAt.get(this.topics[topicIndex]!.name, middle * rowsPerCheckpoint);
      const [ends] = found as unknown as [Uint8Array];
      if (decodeEnds(ends)[partition]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low * rowsPerCheckpoint;
  }

  private spanAt(topicIndex: number, row: number): Span | undefined {
    const index = this.spans.findIndex((s) => s.topicIndex === topicIndex && s.first <= row && row <= s.last);
    if (index < 0) return this.whole(() => this.loadSpan(topicIndex, row));
    const span = this.spans[index]!;
    if (index < this.spans.length - 1) this.spans.push(...this.spans.splice(index, 1));
    return span;
  }

  private loadSpan(topicIndex: number, first: number): Span | undefined {
    const byPartition = new Map<number, Section[]>();
    let last = -1;
    let bytes = 0;
    for (const tuple of this.rowsFrom[topicIndex]!.iterate(first) as unknown as Iterable<RowTuple>) {
      addSections(tuple, byPartition);
      last = tuple[0];
      bytes += tuple[2].length + tuple[3].length;
      if (bytes >= spanBytes || last - first + 1 >= spanRows) break;
    }
    if (last < 0) return undefined;
    const span = { topicIndex, first, last, bytes, byPartition };
    this.spans.push(span);
    this.cached += bytes;
    while ((this.cached > cacheBytes && this.spans.length > 1) || this.spans.length > cacheSpans) {
      this.cached -= this.spans.shift()!.bytes;
    }
    return span;
  }
}

function addSections([row, logTime, headBytes, bodyBytes]: RowTuple, byPartition: Map<number, Section[]>): void {
  const head = headFrom(headBytes);
  const body = Buffer.from(bodyBytes.buffer, bodyBytes.byteOffset, bodyBytes.length);
  for (let word = 0; word < head.length; word += headWords) {
    const partition = head[word]!;
    const base = baseOffsetAt(head, word);
    const section = { row, logTime, base, count: head[word + 1]!, body, start: head[word + 4]! };
    const sections = byPartition.get(partition);
    if (sections) sections.push(section);
    else byPartition.set(partition, [section]);
  }
}

/** Index of the first section that reaches past `offset`; sections are in offset order. */
function firstWith(sections: readonly Section[], offset: number): number {
  let low = 0;
  let high = sections.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const section = sections[middle]!;
    if (section.base + section.count > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function outOfRange(topic: Topic, partition: number, offset: number, first: number | undefined): WattlogError {
  const held = first === undefined ? "it ends before that" : `the next one held is ${first}`;
  return new WattlogError(
    "log/out-of-range",
    `${topic.name}/${partition} does not hold offset ${offset}: ${held}. Either what lies before it is in an archive, ` +
      "which WATTLOG_ARCHIVE has to name, or the stored position belongs to another log; nothing was skipped.",
  );
}
