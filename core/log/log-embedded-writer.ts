// The one writer of log.db: takes what is queued, stores it as one row a topic in one transaction, and gives the
// receipts after the commit, which syncs (`synchronous=full`). It blocks its thread while it does, so it has one.
//
// A connection whose commit failed is not trusted again. The kernel may have dropped the dirty pages of a failed
// fsync and report success for the next one, so the connection is closed, and before anything is acknowledged on a
// new one a checkpoint rewrites and syncs into log.db whatever the write-ahead log holds; the ends come from disk.
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { messageOf } from "../runtime/errors.ts";
import {
  damageOf,
  encodeEnds,
  logPath,
  openForWriting,
  readEnds,
  rowsPerCheckpoint,
  tableOf,
  topicList,
  type TopicEnds,
} from "./log-embedded-files.ts";
import { baseOffsetAt, bytesOfEntry, headOf, headWords, setBaseOffset, type Part } from "./log-embedded-format.ts";
import type { Outcome, SharedEnds, SharedStats, Told } from "./log-embedded-shared.ts";
import { trimSlice } from "./log-embedded-trim.ts";
import type { Topic, Topics } from "./log.ts";

/** A batch is not made larger than this, so that the first of a flood does not wait for all of it. */
const longestBatchBytes = 8 * 1024 * 1024;
/** The write-ahead log is copied into log.db after so many bytes, after the receipts of the batch have left. */
const checkpointBytes = 8 * 1024 * 1024;
const shortestBackoffMs = 50;
const longestBackoffMs = 1000;

export interface Sender {
  receipts(parts: readonly Part[], outcome: Outcome): void;
}

interface Queued {
  readonly part: Part;
  readonly sender: Sender;
}

interface OpenTopic {
  readonly topic: Topic;
  readonly state: TopicEnds;
  readonly insert: StatementSync;
}

interface OpenLog {
  readonly db: DatabaseSync;
  readonly topics: readonly OpenTopic[];
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly addCheckpoint: StatementSync;
}

export interface WriterOptions {
  readonly folder: string;
  readonly topics: Topics;
  readonly ends: SharedEnds;
  readonly stats: SharedStats;
  readonly now: () => number;
  readonly onProblem: (problem: string | undefined) => void;
  /** The topic has new ends, already in shared memory. */
  readonly onGrowth: (topicIndex: number) => void;
  /** @returns false: nobody listens there. */
  readonly onTell: (told: Told) => boolean;
}

export class LogWriter {
  private readonly options: WriterOptions;
  private queue: Queued[] = [];
  private log: OpenLog | undefined;
  private logTime = 0;
  private walBytes = 0;
  private batchRecords = 0;
  private batchBytes = 0;
  private backoffMs = 0;

  /** @throws what opening throws: a log that never opened is the operator's to look at. */
  constructor(options: WriterOptions) {
    this.options = options;
    this.open();
  }

  get idle(): boolean {
    return this.queue.length === 0;
  }

  enqueue(parts: readonly Part[], sender: Sender): void {
    for (const part of parts) this.queue.push({ part, sender });
  }

  /**
   * One batch. @returns ms to wait before the next call: 0, or the backoff after a failure, during which appends
   * queue up (bounded by their clients).
   */
  writeBatch(): number {
    if (!this.log && !this.reopen()) return this.backoffMs;
    const batch = this.takeBatch();
    if (batch.length === 0 || !this.log) return 0;
    const started = performance.now();
    try {
      this.store(this.log, batch);
    } catch (error) {
      this.fail(batch, error);
      return this.backoffMs;
    }
    this.count(performance.now() - started);
    const grown = this.publish(this.log);
    // Before the receipts: who is told goes on with what the others only hear is done.
    const told = this.tell(batch);
    sendReceipts(batch, { logTime: this.logTime, told, failure: undefined });
    // After the receipts: whoever only reads wants the same cores as those who wait for them.
    for (const index of grown) this.options.onGrowth(index);
    this.checkpoint();
    return 0;
  }

  /**
   * Gives up rows at the front of a topic, in a transaction of its own.
   * @returns whether there is more
   * @throws what the disk says: a failure of the log
   */
  trimSlice(topicIndex: number, before: ReadonlyMap<number, number>): boolean {
    if (!this.log) throw new Error("The log cannot be written now.");
    const { topic, state } = this.log.topics[topicIndex]!;
    try {
      return trimSlice(this.log.db, topic, before, state.lastRow);
    } catch (error) {
      this.fail([], error);
      throw error;
    }
  }

  close(): void {
    const reason = "The log is closed.";
    if (this.queue.length > 0) sendReceipts(this.queue.splice(0), failed(reason));
    this.log?.db.close();
    this.log = undefined;
  }

  private open(): void {
    const { folder, topics } = this.options;
    const db = openForWriting(folder, topics);
    try {
      db.exec("pragma wal_checkpoint(truncate)");
      const open = topicList(topics).map((topic) => ({
        topic,
        state: readEnds(db, topic),
        insert: db.prepare(`insert into ${tableOf(topic)} values (?, ?, ?, ?)`),
      }));
      this.log = {
        db,
        topics: open,
        begin: db.prepare("begin immediate"),
        commit: db.prepare("commit"),
        addCheckpoint: db.prepare("insert into checkpoint values (?, ?, ?)"),
      };
      this.logTime = Math.max(this.logTime, ...open.map(({ state }) => state.logTime));
      this.walBytes = 0;
      for (const index of this.publish(this.log)) this.options.onGrowth(index);
    } catch (error) {
      db.close();
      throw damageOf(logPath(folder), error) ?? error;
    }
  }

  private reopen(): boolean {
    try {
      this.open();
    } catch (error) {
      this.fail(this.queue.splice(0), error);
      return false;
    }
    this.backoffMs = 0;
    this.options.onProblem(undefined);
    return true;
  }

  private takeBatch(): Queued[] {
    let bytes = 0;
    let taken = 0;
    while (taken < this.queue.length && bytes < longestBatchBytes) bytes += this.queue[taken++]!.part.bodyBytes;
    return this.queue.splice(0, taken);
  }

  private store(log: OpenLog, batch: readonly Queued[]): void {
    this.logTime = Math.max(this.logTime, this.options.now());
    this.batchRecords = 0;
    this.batchBytes = 0;
    log.begin.run();
    for (const [index, open] of log.topics.entries()) {
      const parts = batch.filter(({ part }) => part.topicIndex === index).map(({ part }) => part);
      if (parts.length > 0) this.storeRow(log, open, parts);
    }
    log.commit.run();
  }

  private storeRow(log: OpenLog, { topic, state, insert }: OpenTopic, parts: readonly Part[]): void {
    const row = state.lastRow + 1;
    if (row % rowsPerCheckpoint === 0) log.addCheckpoint.run(topic.name, row, encodeEnds(state.ends));
    for (const part of parts) this.batchRecords += assignOffsets(headOf(part), state.ends);
    const { head, body } = joinParts(parts);
    insert.run(row, this.logTime, head, body);
    state.lastRow = row;
    this.walBytes += head.length + body.length + 16_384;
    this.batchBytes += body.length;
  }

  private count(ms: number): void {
    const { stats } = this.options;
    stats.addCommit(ms);
    stats.add("records", this.batchRecords);
    stats.add("bytes", this.batchBytes);
  }

  /**
   * Ends before the row: a reader that sees the row and finds nothing new at it may start after it.
   * @returns the topics that have grown.
   */
  private publish(log: OpenLog): number[] {
    const grown: number[] = [];
    for (const [index, { state }] of log.topics.entries()) {
      if (this.options.ends.lastRow(index) === state.lastRow) continue;
      for (const [partition, end] of state.ends.entries()) this.options.ends.setEnd(index, partition, end);
      this.options.ends.setLastRow(index, state.lastRow);
      grown.push(index);
    }
    return grown;
  }

  /** @returns whether all who were to be told were. */
  private tell(batch: readonly Queued[]): boolean {
    const { logTime } = this;
    let told = true;
    for (const { part } of batch) {
      if (part.tells === undefined) continue;
      const { topicIndex } = part;
      const head = headOf(part);
      for (const tell of part.tells) {
        const word = tell.section * headWords;
        const offset = baseOffsetAt(head, word) + tell.entry;
        const entry = bytesOfEntry(part, tell);
        const { address } = tell;
        if (!this.options.onTell({ address, topicIndex, partition: head[word]!, offset, logTime, entry })) told = false;
      }
    }
    return told;
  }

  private fail(batch: readonly Queued[], error: unknown): void {
    this.options.stats.add("failures", 1);
    try {
      this.log?.db.close();
    } catch {
      // Nothing is left to save on a connection that is given up.
    }
    this.log = undefined;
    this.backoffMs = Math.min(longestBackoffMs, Math.max(shortestBackoffMs, this.backoffMs * 2));
    const problem = `The log cannot be written: ${messageOf(error)}. Check the data folder's disk (space, health).`;
    this.options.onProblem(problem);
    sendReceipts(batch, failed(problem));
  }

  /** Between batches, so that it delays no receipt of the batch before; its failure is a failure of the log. */
  private checkpoint(): void {
    if (!this.log || this.walBytes < checkpointBytes) return;
    try {
      this.log.db.exec("pragma wal_checkpoint(passive)");
      this.walBytes = 0;
    } catch (error) {
      this.fail([], error);
    }
  }
}

/** @returns how many records the head names. */
function assignOffsets(head: Uint32Array, ends: Float64Array): number {
  let records = 0;
  for (let word = 0; word < head.length; word += headWords) {
    const partition = head[word]!;
    const count = head[word + 1]!;
    setBaseOffset(head, word, ends[partition]!);
    ends[partition] = ends[partition]! + count;
    records += count;
  }
  return records;
}

/** One part is stored as it lies in its buffer; several are put behind each other, their starts moved. */
function joinParts(parts: readonly Part[]): { head: Uint8Array; body: Uint8Array } {
  const [only] = parts;
  if (parts.length === 1 && only) {
    const head = new Uint8Array(only.buffer, only.headAt, only.sections * headWords * 4);
    return { head, body: new Uint8Array(only.buffer, 0, only.bodyBytes) };
  }
  const body = new Uint8Array(parts.reduce((sum, part) => sum + part.bodyBytes, 0));
  const head = new Uint32Array(parts.reduce((sum, part) => sum + part.sections, 0) * headWords);
  let bodyAt = 0;
  let headAt = 0;
  for (const part of parts) {
    const words = headOf(part);
    body.set(new Uint8Array(part.buffer, 0, part.bodyBytes), bodyAt);
    head.set(words, headAt);
    for (let word = headAt; word < headAt + words.length; word += headWords) head[word + 4] = head[word + 4]! + bodyAt;
    bodyAt += part.bodyBytes;
    headAt += words.length;
  }
  return { head: new Uint8Array(head.buffer), body };
}

function failed(failure: string): Outcome {
  return { logTime: 0, told: false, failure };
}

/** One message a client for each run of its parts; a client's parts stay in their order. */
function sendReceipts(batch: readonly Queued[], outcome: Outcome): void {
  const bySender = new Map<Sender, Part[]>();
  for (const { part, sender } of batch) {
    const parts = bySender.get(sender);
    if (parts) parts.push(part);
    else bySender.set(sender, [part]);
  }
  for (const [sender, parts] of bySender) sender.receipts(parts, outcome);
}
