// An EventLog in front of another one whose appends to `ocpp.frames` a test can hold, fail, or let through unsynced.
import type { Entry, EventLog, LogBatch, Receipt, Subscription, Topic, Topics } from "../../core/log/log.ts";

export class HeldLog implements EventLog {
  readonly topics: Topics;
  /** Appends that have arrived and wait for `release`. */
  waiting = 0;
  private readonly inner: EventLog;
  private gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  private failing: Error | undefined;

  constructor(inner: EventLog) {
    this.inner = inner;
    this.topics = inner.topics;
  }

  /** From now on appends wait before they reach the log: nothing of them is stored until `release`. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gate = { opened: promise, open: resolve };
  }

  release(): void {
    this.gate?.open();
    this.gate = undefined;
  }

  /** From now on appends are refused; undefined: taken again. */
  fail(error: Error | undefined): void {
    this.failing = error;
  }

  async append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    if (topic.name !== this.topics.frames.name) return this.inner.append(topic, partition, entries);
    if (this.gate) {
      this.waiting++;
      await this.gate.opened;
      this.waiting--;
    }
    if (this.failing) throw this.failing;
    return this.inner.append(topic, partition, entries);
  }

  consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    return this.inner.consume(topic, partition, from, handler, options);
  }

  read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch> {
    return this.inner.read(topic, partition, from, to);
  }

  endOffset(topic: Topic, partition: number): Promise<number> {
    return this.inner.endOffset(topic, partition);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
