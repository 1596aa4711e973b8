// The log with its archive behind it: what the log has given up is read from there, and nobody notices (rule B2). Serves
// both adapters. What neither holds is out of range: a sentence, never another offset.
import { ForwardingLog } from "../log/forwarding-log.ts";
import type { LogBatch, Subscription, Topic, TrimmableLog } from "../log/log.ts";
import { isWattlogError, WattlogError } from "../runtime/errors.ts";
import type { LogArchive } from "./archive.ts";

const defaultMaxRecords = 4096;

export class ArchivedLog extends ForwardingLog<TrimmableLog> {
  private readonly archive: LogArchive;
  private readonly subscriptions = new Set<Subscription>();

  constructor(log: TrimmableLog, archive: LogArchive) {
    super(log);
    this.archive = archive;
  }

  override async *read(topic: Topic, partition: number, from: number, to: number): AsyncGenerator<LogBatch> {
    let next = from;
    for (;;) {
      const start = await this.inner.startOffset(topic, partition);
      if (next >= 0 && next < start) {
        for await (const batch of this.archived(topic, partition, next, Math.min(to, start))) {
          next = batch.records.at(-1)!.offset + 1;
          yield batch;
        }
        if (next >= to) return;
      }
      try {
        for await (const batch of this.inner.read(topic, partition, next, to)) {
          next = batch.records.at(-1)!.offset + 1;
          yield batch;
        }
        return;
      } catch (error) {
        if (!(await this.trimmedMeanwhile(topic, partition, next, error))) throw error;
      }
    }
  }

  override consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    const maxRecords = options?.maxRecords ?? defaultMaxRecords;
    const subscription = new ArchivedSubscription({
      from,
      startOffset: () => this.inner.startOffset(topic, partition),
      archived: (next, to) => this.archived(topic, partition, next, to),
      live: (next, hand) => this.inner.consume(topic, partition, next, hand, { maxRecords }),
      trimmedMeanwhile: (next, error) => this.trimmedMeanwhile(topic, partition, next, error),
      handler,
      maxRecords,
      onEnd: () => this.subscriptions.delete(subscription),
    });
    this.subscriptions.add(subscription);
    subscription.start();
    return subscription;
  }

  override async close(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    await this.inner.close();
    this.archive.close();
  }

  /** Whoever reads slowly may be overtaken by the trimming of what others have done with. */
  private async trimmedMeanwhile(topic: Topic, partition: number, next: number, error: unknown): Promise<boolean> {
    if (!isWattlogError(error, "log/out-of-range") || next < 0) return false;
    return next < (await this.inner.startOffset(topic, partition));
  }

  /** Everything of [from, to), or an error: the archive may not end before the log begins. */
  private async *archived(topic: Topic, partition: number, from: number, to: number): AsyncGenerator<LogBatch> {
    let next = from;
    for await (const batch of this.archive.read(topic, partition, from, to)) {
      if (batch.records[0]!.offset !== next) break;
      next = batch.records.at(-1)!.offset + 1;
      yield batch;
    }
    if (next === to) return;
    throw new WattlogError(
      "log/out-of-range",
      `${topic.name}/${partition} has no offset ${next}: the log begins at ${to} or later, and the archive ` +
        `${this.archive.place} does not hold what lies before. Put the matching archive back; nothing was skipped.`,
    );
  }
}

interface SubscriptionParts {
  readonly from: number;
  readonly startOffset: () => Promise<number>;
  readonly archived: (next: number, to: number) => AsyncIterable<LogBatch>;
  readonly live: (next: number, handler: (batch: LogBatch) => Promise<void>) => Subscription;
  readonly trimmedMeanwhile: (next: number, error: unknown) => Promise<boolean>;
  readonly handler: (batch: LogBatch) => Promise<void>;
  readonly maxRecords: number;
  readonly onEnd: () => void;
}

/** From the archive up to where the log begins, then a subscription of the log; and again, should it be overtaken. */
class ArchivedSubscription implements Subscription {
  readonly done: Promise<void>;
  private readonly parts: SubscriptionParts;
  private readonly ended = Promise.withResolvers<void>();
  private readonly finished = Promise.withResolvers<void>();
  private next: number;
  private live: Subscription | undefined;
  private stopping = false;
  /** The handler's own failure may look like any other. */
  private handlerFailed = false;

  constructor(parts: SubscriptionParts) {
    this.parts = parts;
    this.next = parts.from;
    this.done = this.ended.promise;
  }

  start(): void {
    this.run().then(
      () => this.end(() => this.ended.resolve()),
      (error: unknown) => this.end(() => this.ended.reject(error instanceof Error ? error : new Error(String(error)))),
    );
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.live?.stop();
    await this.finished.promise;
  }

  private end(settle: () => void): void {
    this.parts.onEnd();
    settle();
    this.finished.resolve();
  }

  private async run(): Promise<void> {
    const { startOffset, archived, live, trimmedMeanwhile, maxRecords } = this.parts;
    if (!(maxRecords >= 1)) throw new RangeError(`maxRecords must be at least 1, not ${maxRecords}.`);
    while (!this.stopping) {
      const start = await startOffset();
      if (this.next >= 0 && this.next < start) {
        for await (const batch of archived(this.next, start)) {
          await this.handOver(batch);
          if (this.stopping) return;
        }
      }
      if (this.stopping) return;
      this.live = live(this.next, (batch) => this.hand(batch));
      try {
        await this.live.done;
        return;
      } catch (error) {
        if (this.handlerFailed || this.stopping || !(await trimmedMeanwhile(this.next, error))) throw error;
      }
    }
  }

  /** A batch of the archive, in the pieces that the reader asked for. */
  private async handOver(batch: LogBatch): Promise<void> {
    const { maxRecords } = this.parts;
    for (let at = 0; at < batch.records.length && !this.stopping; at += maxRecords) {
      await this.hand({ ...batch, records: batch.records.slice(at, at + maxRecords) });
    }
  }

  private async hand(batch: LogBatch): Promise<void> {
    try {
      await this.parts.handler(batch);
    } catch (error) {
      this.handlerFailed = true;
      throw error;
    }
    this.next = batch.records.at(-1)!.offset + 1;
  }
}
