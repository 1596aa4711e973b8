// What the writer's thread and its clients' threads share: memory for the ends (so that asking for an end, or
// learning that there is more to read, costs no message) and the few messages between them.
import type { MessagePort } from "node:worker_threads";

import type { Part } from "./log-embedded-format.ts";
import { topicList } from "./log-embedded-files.ts";
import type { Topics } from "./log.ts";

export interface EmbeddedLogLimits {
  /** Bytes that one client may have queued and not yet acknowledged; beyond it `append` rejects with `log/full`. */
  readonly queueBytes: number;
  /** Longest value of one record. */
  readonly entryBytes: number;
}

export const defaultLimits: EmbeddedLogLimits = {
  // Ten seconds of hold at 6 MB/s, what 20 000 frames a second bring.
  queueBytes: 64 * 1024 * 1024,
  // Kafka's own default for a message, so that what one adapter takes the other takes too.
  entryBytes: 1024 * 1024,
};

/** First message on a client's port, there before the port is handed out. */
export interface Hello {
  readonly ends: SharedArrayBuffer;
  /** One 32-bit word a topic: 1 while the client waits for it to grow. */
  readonly armed: SharedArrayBuffer;
  readonly limits: EmbeddedLogLimits;
}

/** Client to writer: the appends of one turn. */
export type AppendMessage = readonly Part[];

/** Client to writer: entries with a `tell` of this address are handed to this client, or no more. */
export interface ListenMessage {
  readonly address: string;
  readonly listens: boolean;
}

/** What became of a commit. */
export interface Outcome {
  readonly logTime: number;
  /** Whether all who were to be told of entries of it were. */
  readonly told: boolean;
  /** Set: nothing of it is acknowledged. */
  readonly failure: string | undefined;
}

/** Client to writer: give up the beginning of a topic, by partition; `trim` numbers the client's requests. */
export interface TrimMessage {
  readonly trim: number;
  readonly topicIndex: number;
  readonly before: ReadonlyMap<number, number>;
}
export type FromClient = AppendMessage | ListenMessage | TrimMessage;

/** Writer to client: it is done, or why not. */
export interface Trimming {
  readonly trimmed: number;
  readonly failure: string | undefined;
}

/** Writer to client: the parts come back in the order they were sent, base offsets filled in. */
export interface Acknowledgement extends Outcome {
  readonly parts: readonly Part[];
}

/** Writer to a client that listens at the address: this entry is durable. */
export interface Told {
  readonly address: string;
  readonly topicIndex: number;
  readonly partition: number;
  readonly offset: number;
  readonly logTime: number;
  /** As it lies in a body. */
  readonly entry: Uint8Array;
}

/** Writer to client, once after it armed itself for a topic: there are new ends. */
export const wake = "wake";
export type ToClient = Acknowledgement | Told | Trimming | typeof wake;

export type ToWorker =
  | { readonly type: "connect"; readonly port: MessagePort; readonly armed: SharedArrayBuffer }
  | { readonly type: "close" };

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "refused"; readonly code: string; readonly message: string }
  /** undefined: the log takes appends again. */
  | { readonly type: "problem"; readonly problem: string | undefined };

export interface WorkerInput {
  readonly folder: string;
  readonly topics: Topics;
  readonly ends: SharedArrayBuffer;
  readonly stats: SharedArrayBuffer;
  readonly clockShift: SharedArrayBuffer;
}

/** Newest row and end of every partition, written by the writer after each commit: ends first, then the row. */
export class SharedEnds {
  readonly memory: SharedArrayBuffer;
  private readonly words: BigInt64Array;
  private readonly starts: number[] = [];

  constructor(topics: Topics, memory?: SharedArrayBuffer) {
    let words = 0;
    for (const topic of topicList(topics)) {
      this.starts.push(words);
      words += topic.partitions + 1;
    }
    this.memory = memory ?? new SharedArrayBuffer(words * 8);
    this.words = new BigInt64Array(this.memory);
    if (!memory) for (const start of this.starts) this.words[start] = -1n;
  }

  end(topicIndex: number, partition: number): number {
    return Number(Atomics.load(this.words, this.starts[topicIndex]! + 1 + partition));
  }

  lastRow(topicIndex: number): number {
    return Number(Atomics.load(this.words, this.starts[topicIndex]!));
  }

  setEnd(topicIndex: number, partition: number, end: number): void {
    Atomics.store(this.words, this.starts[topicIndex]! + 1 + partition, BigInt(end));
  }

  setLastRow(topicIndex: number, row: number): void {
    Atomics.store(this.words, this.starts[topicIndex]!, BigInt(row));
  }
}

const counters = ["commits", "records", "bytes", "failures"] as const;
type Counter = (typeof counters)[number];
const buckets = 160;
const bucketsPerDoubling = 8;
/** First bucket: 16 µs; the last: 16 s. */
const firstBucketMs = 0.016;

export type LogStats = Readonly<Record<Counter, number>> & {
  /** Begin to durable, of the commits since the previous reset; ± 5 %. */
  readonly commitP50Ms: number;
  readonly commitP99Ms: number;
};

/** The writer counts, anyone reads; approximate while it is being written. */
export class SharedStats {
  readonly memory: SharedArrayBuffer;
  private readonly numbers: Float64Array;

  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer((counters.length + buckets) * 8);
    this.numbers = new Float64Array(this.memory);
  }

  add(counter: Counter, amount: number): void {
    const index = counters.indexOf(counter);
    this.numbers[index] = this.numbers[index]! + amount;
  }

  addCommit(ms: number): void {
    this.add("commits", 1);
    const bucket = Math.floor(Math.log2(Math.max(ms, firstBucketMs) / firstBucketMs) * bucketsPerDoubling);
    const index = counters.length + Math.min(bucket, buckets - 1);
    this.numbers[index] = this.numbers[index]! + 1;
  }

  read(): LogStats {
    const [commits, records, bytes, failures] = this.numbers as unknown as [number, number, number, number];
    return { commits, records, bytes, failures, commitP50Ms: this.quantile(0.5), commitP99Ms: this.quantile(0.99) };
  }

  reset(): void {
    this.numbers.fill(0);
  }

  private quantile(share: number): number {
    const counts = this.numbers.subarray(counters.length);
    const wanted = counts.reduce((sum, count) => sum + count, 0) * share;
    let seen = 0;
    for (let bucket = 0; bucket < buckets; bucket++) {
      seen += counts[bucket]!;
      if (seen > 0 && seen >= wanted) return firstBucketMs * 2 ** ((bucket + 0.5) / bucketsPerDoubling);
    }
    return 0;
  }
}
