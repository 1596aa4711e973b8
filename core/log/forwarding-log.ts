// A log before another one, for whoever changes a part of it: what a subclass leaves alone goes through as it is, `listen`
// included, which is easily forgotten and then costs every command two hops.
import type { Entry, EventLog, LogBatch, Receipt, Subscription, Topic, Topics } from "./log.ts";

export abstract class ForwardingLog<Inner extends EventLog = EventLog> implements EventLog {
  readonly topics: Topics;
  readonly earlier: EventLog["earlier"];
  readonly listen: EventLog["listen"];
  protected readonly inner: Inner;

  constructor(inner: Inner) {
    this.topics = inner.topics;
    this.earlier = inner.earlier;
    this.listen = inner.listen?.bind(inner);
    this.inner = inner;
  }

  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
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
