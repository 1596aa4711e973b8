// A log before another one: events are sealed on their way in, or opened on their way out. Folds of events see them sealed, and
// so do their tables: an erasure changes no row, and rows that are made again are the same.
import { ForwardingLog } from "../log/forwarding-log.ts";
import { allGenerations } from "../log/generations.ts";
import type { Entry, EventLog, LogBatch, Receipt, Subscription, Topic } from "../log/log.ts";
import { openedEvent, sealedEvent } from "./sealed-events.ts";
import type { Sealing } from "./sealing.ts";

function isOfEvents(log: EventLog, topic: Topic): boolean {
  return allGenerations(log).some(({ events }) => events.name === topic.name);
}

/** For who writes events. Of appends that overlap on one partition a later one waits for the one before it. */
export class SealingLog extends ForwardingLog {
  private readonly sealing: Sealing;
  private readonly last = new Map<number, Promise<unknown>>();

  constructor(inner: EventLog, sealing: Sealing) {
    super(inner);
    this.sealing = sealing;
  }

  override append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    if (!isOfEvents(this, topic)) return this.inner.append(topic, partition, entries);
    const before = this.last.get(partition) ?? Promise.resolve();
    const sealed = Promise.all([this.sealed(entries), before]);
    const appended = sealed.then(([all]) => this.inner.append(topic, partition, all));
    this.last.set(
      partition,
      sealed.catch(() => undefined),
    );
    return appended;
  }

  private async sealed(entries: readonly Entry[]): Promise<readonly Entry[]> {
    const all: Entry[] = [];
    for (const entry of entries) all.push({ ...entry, value: await sealedEvent(this.sealing, entry.value) });
    return all;
  }
}

/** For who shows events or sends them on. */
export class OpeningLog extends ForwardingLog {
  private readonly sealing: Sealing;

  constructor(inner: EventLog, sealing: Sealing) {
    super(inner);
    this.sealing = sealing;
  }

  override consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    if (!isOfEvents(this, topic)) return this.inner.consume(topic, partition, from, handler, options);
    return this.inner.consume(topic, partition, from, async (batch) => handler(await this.opened(batch)), options);
  }

  override read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch> {
    const batches = this.inner.read(topic, partition, from, to);
    return isOfEvents(this, topic) ? this.openedAll(batches) : batches;
  }

  private async *openedAll(batches: AsyncIterable<LogBatch>): AsyncGenerator<LogBatch, void, undefined> {
    for await (const batch of batches) yield await this.opened(batch);
  }

  private async opened(batch: LogBatch): Promise<LogBatch> {
    const records = [];
    for (const record of batch.records) {
      records.push({ ...record, value: await openedEvent(this.sealing, record.value) });
    }
    return { ...batch, records };
  }
}
