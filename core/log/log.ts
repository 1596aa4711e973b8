// The EventLog port. Written so that Kafka through kafkajs can implement it as it is: explicit partitions,
// all-or-nothing batches per partition, positions kept by the reader's store, no consumer groups.
//
// Contract (log.contract.ts runs on every adapter):
//  - `append` resolves only when every entry of the batch is durable; all entries of one call have one log time
//    and consecutive offsets from `baseOffset`. A rejection says nothing: the entries may be in the log or not.
//  - Calls for one partition through one log are stored in the order of the calls, also where they overlap. One that is
//    rejected may stand anywhere, and those after it stand without it: a writer that tries again, or whose records mean
//    nothing without the ones before, waits.
//  - Log time never falls within a partition (rule T1).
//  - An entry with a `tell` is handed to whoever listens at that address once it is durable and can be read, with its
//    offset and log time, without a detour through the thread that appended it. An adapter that has no such way (Kafka's)
//    has no `listen`, and its receipts do not say `told`: telling is then the appending side's, after the receipt.
//  - `consume` calls the handler with batches that begin exactly at the offset asked for and then at the end of
//    the batch before, one at a time; it waits for the handler. A handler that throws ends the subscription.
//  - An offset outside the log ends it with a WattlogError `log/out-of-range`; never "reset to latest" (rule B2).

/** A topic with its generation in the name, e.g. `ocpp.frames.g1` (rule I3). */
export interface Topic {
  readonly name: string;
  readonly generation: number;
  readonly partitions: number;
  /** Of its first record; absent: 0. Offsets rise over generations (generations.ts). */
  readonly firstOffset?: number;
}

/** The three topics of design.md. */
export interface Topics {
  readonly frames: Topic;
  readonly events: Topic;
  readonly registry: Topic;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Address of somebody who waits for this record (`EventLog.listen`). */
  readonly tell?: string | undefined;
}

export interface Receipt {
  readonly baseOffset: number;
  /** Epoch ms, given by the log (Kafka LogAppendTime; embedded: the writer's clock, never below its predecessor). */
  readonly logTime: number;
  /**
   * True: every entry with a `tell` was handed over. Otherwise nobody may know of them, or some do: whoever wants them told
   * does it again another way, and who is told copes with hearing it twice.
   */
  readonly told?: boolean;
}

export interface LogRecord {
  readonly offset: number;
  readonly logTime: number;
  readonly key: string;
  readonly value: Uint8Array;
}

export interface LogBatch {
  readonly topic: Topic;
  readonly partition: number;
  /** Never empty; offsets are consecutive. */
  readonly records: readonly LogRecord[];
}

export interface Subscription {
  /** Resolves after the handler call in flight has ended; no call follows. */
  stop(): Promise<void>;
  /** Resolves after `stop`; rejects with what the handler or the log threw. */
  readonly done: Promise<void>;
}

export interface EventLog {
  readonly topics: Topics;
  /**
   * Generations that have ended, the oldest first: `read` and `endOffset` take their topics too, nothing is appended to them
   * or consumed. Absent: none.
   */
  readonly earlier?: readonly Topics[] | undefined;
  /** @throws WattlogError `log/unavailable` | `log/full` | `log/too-large` | `log/ended`: this generation takes nothing ever again */
  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt>;
  consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription;
  /** Records of [from, to); ends early where the log ends. */
  read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch>;
  /**
   * Hears of entries that name the address in `tell`, in a turn of its own; one listener an address. Nothing is kept for an
   * address where nobody listens. Absent: this log tells nobody.
   * @returns a function that ends it.
   */
  readonly listen?: ((address: string, handler: (batch: LogBatch) => void) => () => void) | undefined;
  /** One past the last durable record. */
  endOffset(topic: Topic, partition: number): Promise<number>;
  close(): Promise<void>;
}

/** A log that gives up its beginning, once that is in an archive (rule B2): the archiver's view of it. */
export interface TrimmableLog extends EventLog {
  /** The first offset that the log itself still holds; its end where it holds none. */
  startOffset(topic: Topic, partition: number): Promise<number>;
  /**
   * Gives up what lies before these offsets, by partition; perhaps less than that, never more. Resolved when it is done.
   * @throws WattlogError `log/unavailable`
   */
  trim(topic: Topic, before: ReadonlyMap<number, number>): Promise<void>;
}

export function makeTopics(generation: number, framePartitions: number): Topics {
  return {
    frames: { name: `ocpp.frames.g${generation}`, generation, partitions: framePartitions },
    events: { name: `charging.events.g${generation}`, generation, partitions: framePartitions },
    registry: { name: `registry.events.g${generation}`, generation, partitions: 1 },
  };
}
