// One consumer of one partition: take what has been fetched, hand it over, wait for the handler, again.
import type { KafkaFeed } from "./kafka-feed.ts";
import type { LogBatch, LogRecord, Subscription, Topic } from "./log.ts";

export interface KafkaSubscriptionOptions {
  readonly open: (signal: AbortSignal) => Promise<KafkaFeed>;
  readonly topic: Topic;
  readonly partition: number;
  readonly handler: (batch: LogBatch) => Promise<void>;
  readonly maxRecords: number;
  readonly onEnd: () => void;
  readonly gather: Gather;
}

/** A batch costs its handler a transaction, however small; so while records keep coming, batches keep a distance. */
export interface Gather {
  /**
   * One batch in each such span of the process's time, ms: subscriptions that keep a distance end their waits at one
   * moment, so that what they write can be one transaction. What comes after a pause is handed over at once.
   */
  readonly ms: number;
  /** So many are worth a batch of their own. */
  readonly records: number;
}

export class KafkaSubscription implements Subscription {
  readonly done: Promise<void>;
  private readonly options: KafkaSubscriptionOptions;
  private readonly ended = Promise.withResolvers<void>();
  private readonly finished = Promise.withResolvers<void>();
  private readonly stopping = new AbortController();

  constructor(options: KafkaSubscriptionOptions) {
    this.options = options;
    this.done = this.ended.promise;
  }

  start(): void {
    this.run().then(
      () => this.end(() => this.ended.resolve()),
      (error: unknown) => this.end(() => this.ended.reject(error instanceof Error ? error : new Error(String(error)))),
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.finished.promise;
  }

  private end(settle: () => void): void {
    this.options.onEnd();
    // Whatever ended it, nothing is fetched for it any more.
    this.stopping.abort();
    settle();
    this.finished.resolve();
  }

  private async run(): Promise<void> {
    const { open, maxRecords, gather } = this.options;
    const { signal } = this.stopping;
    if (!(maxRecords >= 1)) throw new RangeError(`maxRecords must be at least 1, not ${maxRecords}.`);
    const feed = await Promise.race([open(signal), aborted(signal)]);
    if (feed === undefined || signal.aborted) return;
    let last = Number.NEGATIVE_INFINITY;
    for (;;) {
      await feed.gathered(Math.min(gather.records, maxRecords), nextSpan(last, gather.ms) - performance.now());
      const records = await feed.take(maxRecords);
      if (records.length === 0 || this.stopping.signal.aborted) return;
      last = performance.now();
      await this.hand(records);
    }
  }

  private async hand(records: readonly LogRecord[]): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const { topic, partition, handler } = this.options;
    await handler({ topic, partition, records });
  }
}

function nextSpan(last: number, ms: number): number {
  return ms === 0 ? last : (Math.floor(last / ms) + 1) * ms;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
}
