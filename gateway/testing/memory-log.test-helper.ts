// An EventLog in memory whose durability tests hold back, fail or slow down.
import type { Clock } from "../../core/runtime/clock.ts";
import type { Entry, EventLog, LogBatch, LogRecord, Receipt, Subscription, Topic } from "../../core/log/log.ts";
import { makeTopics } from "../../core/log/log.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";

interface Held {
  readonly topic: Topic;
  readonly partition: number;
  readonly entries: readonly Entry[];
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: Error) => void;
}

export class MemoryLog implements EventLog {
  readonly topics;
  readonly appends: { readonly topic: string; readonly partition: number; readonly count: number }[] = [];
  /** Appends to these partitions of the frame topic wait for `letGo` or `rejectHeld`. */
  readonly holding = new Set<number>();
  /** Appends to these partitions of the frame topic are rejected. */
  readonly failing = new Set<number>();
  private readonly held: Held[] = [];
  private readonly stored = new Map<string, LogRecord[]>();
  private readonly listeners = new Set<() => void>();
  private readonly waiters = new Map<string, (batch: LogBatch) => void>();
  private readonly clock: Clock;

  constructor(clock: Clock, partitions = 4) {
    this.clock = clock;
    this.topics = makeTopics(1, partitions);
  }

  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    this.appends.push({ topic: topic.name, partition, count: entries.length });
    const copies = entries.map(({ key, value, tell }) => ({ key, value, tell }));
    const isFrames = topic === this.topics.frames;
    if (isFrames && this.failing.has(partition)) return Promise.reject(new Error("the log refuses"));
    if (!isFrames || !this.holding.has(partition)) return Promise.resolve(this.store(topic, partition, copies));
    return new Promise((resolve, reject) => this.held.push({ topic, partition, entries: copies, resolve, reject }));
  }

  heldAppends(): number {
    return this.held.length;
  }

  /** Stores what was held and holds no longer. */
  letGo(): void {
    this.holding.clear();
    for (const { topic, partition, entries, resolve } of this.held.splice(0)) {
      resolve(this.store(topic, partition, entries));
    }
  }

  /** @param stored whether the records are in the log all the same, as after a lost response. */
  rejectHeld(stored: boolean): void {
    for (const { topic, partition, entries, reject } of this.held.splice(0)) {
      if (stored) this.store(topic, partition, entries);
      reject(new Error("the log did not say"));
    }
  }

  consume(topic: Topic, partition: number, from: number, handler: (batch: LogBatch) => Promise<void>): Subscription {
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    let next = from;
    let running: Promise<void> | undefined;
    let stopped = false;
    const pump = async () => {
      for (;;) {
        const records = this.of(topic, partition).slice(next);
        if (stopped || records.length === 0) return;
        next += records.length;
        await handler({ topic, partition, records });
      }
    };
    const wake = () => {
      if (stopped) return;
      running ??= pump()
        .catch((error: unknown) => reject(error instanceof Error ? error : new Error(String(error))))
        .finally(() => (running = undefined));
    };
    this.listeners.add(wake);
    wake();
    const stop = async () => {
      stopped = true;
      this.listeners.delete(wake);
      await running;
      resolve();
    };
    return { stop, done };
  }

  async *read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch> {
    const records = this.of(topic, partition).slice(from, to);
    await Promise.resolve();
    if (records.length > 0) yield { topic, partition, records };
  }

  listen(address: string, handler: (batch: LogBatch) => void): () => void {
    this.waiters.set(address, handler);
    return () => void this.waiters.delete(address);
  }

  endOffset(topic: Topic, partition: number): Promise<number> {
    return Promise.resolve(this.of(topic, partition).length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Every frame record of every partition, partition by partition, in log order. */
  frames(): FrameRecord[] {
    const { frames } = this.topics;
    return Array.from({ length: frames.partitions }, (_, partition) => this.of(frames, partition))
      .flat()
      .map((record) => decodeRecord(record.value));
  }

  private of(topic: Topic, partition: number): LogRecord[] {
    const key = `${topic.name}/${partition}`;
    const known = this.stored.get(key);
    if (known) return known;
    const made: LogRecord[] = [];
    this.stored.set(key, made);
    return made;
  }

  private store(topic: Topic, partition: number, entries: readonly Entry[]): Receipt {
    const records = this.of(topic, partition);
    const baseOffset = records.length;
    const logTime = this.clock.now();
    for (const { key, value } of entries) records.push({ offset: records.length, logTime, key, value });
    for (const wake of this.listeners) wake();
    let told = true;
    for (const [i, { tell }] of entries.entries()) {
      if (tell === undefined) continue;
      const waiter = this.waiters.get(tell);
      const batch = { topic, partition, records: [records[baseOffset + i]!] };
      if (waiter) queueMicrotask(() => waiter(batch));
      else told = false;
    }
    return { baseOffset, logTime, told };
  }
}
