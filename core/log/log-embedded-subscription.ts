// One consumer of one partition: collect, hand over, wait for the handler, again; at the end of the log wait to be
// woken. Everything between two handler calls is synchronous, so `stop` has few places to look at.
import { WattlogError } from "../runtime/errors.ts";
import type { Ends } from "./log-embedded-ends.ts";
import { outOfRange, type Cursor, type LogReader } from "./log-embedded-reader.ts";
import type { LogBatch, Subscription, Topic } from "./log.ts";

export interface SubscriptionOptions {
  readonly reader: LogReader;
  readonly ends: Ends;
  readonly topic: Topic;
  readonly topicIndex: number;
  readonly partition: number;
  readonly from: number;
  readonly handler: (batch: LogBatch) => Promise<void>;
  readonly maxRecords: number;
  readonly onEnd: () => void;
}

/** Lets timers, sockets and the other consumers of the thread have their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class EmbeddedSubscription implements Subscription {
  readonly done: Promise<void>;
  private readonly options: SubscriptionOptions;
  private readonly ended = Promise.withResolvers<void>();
  private readonly finished = Promise.withResolvers<void>();
  private stopping = false;
  private wakeUp: (() => void) | undefined;

  constructor(options: SubscriptionOptions) {
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
    this.stopping = true;
    this.wakeUp?.();
    await this.finished.promise;
  }

  private end(settle: () => void): void {
    this.options.onEnd();
    settle();
    this.finished.resolve();
  }

  private async run(): Promise<void> {
    const { reader, topic, topicIndex, partition, from, handler, maxRecords } = this.options;
    if (!(maxRecords >= 1)) throw new RangeError(`maxRecords must be at least 1, not ${maxRecords}.`);
    let cursor: Cursor | undefined;
    let next = from;
    // A turn first: the caller has the subscription in hand before the first call of its handler.
    await nextTurn();
    while (!this.stopping) {
      const lastRow = this.options.ends.lastRow(topicIndex);
      const end = this.options.ends.end(topicIndex, partition);
      if (next < 0 || next > end) throw outOfRange(topic, partition, next, undefined);
      if (next === end) {
        cursor = { row: lastRow + 1, next };
        await this.growth(next);
        continue;
      }
      cursor ??= reader.locate(topicIndex, partition, next, lastRow);
      // Never past the announced end: a commit is on disk a moment before it is announced, and whoever has read it
      // by then would stand beyond an end that it must not be beyond.
      const limit = Math.min(maxRecords, end - next);
      const { records, atEnd } = reader.collect(topicIndex, partition, cursor, limit);
      if (records.length > 0) await handler({ topic, partition, records });
      else if (atEnd) throw new WattlogError("log/unavailable", `${topic.name} ends before its announced end.`);
      next = cursor.next;
      await nextTurn();
    }
  }

  private async growth(next: number): Promise<void> {
    const { ends, topicIndex, partition } = this.options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = ends.whenGrown(topicIndex, () => {
      const grown = ends.end(topicIndex, partition) > next;
      if (grown) resolve();
      return grown;
    });
    this.wakeUp = resolve;
    if (this.stopping) resolve();
    await promise;
    this.wakeUp = undefined;
    forget();
  }
}
