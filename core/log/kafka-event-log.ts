// The EventLog port over any Kafka driver: a guarded sender, a reader, and the checks that make their positions exact.
import { messageOf, WattlogError } from "../runtime/errors.ts";
import { gapped, type KafkaFeed } from "./kafka-feed.ts";
import { KafkaReader, outOfRange, readerDefaults, type ReaderOptions } from "./kafka-reader.ts";
import { KafkaSender, senderDefaults, type Anomaly, type SenderOptions } from "./kafka-sender.ts";
import { KafkaSubscription, type Gather } from "./kafka-subscription.ts";
import { openTopicAdmin } from "./kafkajs-admin.ts";
import type { KafkaConnection, MakeProducer, OutEntry, PartitionId, Wire } from "./kafka-wire.ts";
import type { Entry, LogBatch, LogRecord, Receipt, Subscription, Topic, Topics, TrimmableLog } from "./log.ts";

export interface KafkaLogOptions {
  readonly connection: KafkaConnection;
  readonly topics: Topics;
  /** Counted in `ocpp_log_anomalies_total{kind}`; each one pages. */
  readonly onAnomaly?: (anomaly: Anomaly) => void;
  /** A broker that could not be read from; it is tried again. */
  readonly onTrouble?: (detail: string) => void;
  readonly sender?: Partial<SenderOptions>;
  readonly reader?: Partial<ReaderOptions>;
}

/** What a client library is to us. */
export interface KafkaDriver {
  readonly makeProducer: MakeProducer;
  makeWire(topics: readonly string[]): Wire;
}

const readBatchRecords = 4096;
/** Ten batches a second of a busy partition: what people read is at most that much behind, twice over. */
const folds: Gather = { ms: 100, records: 512 };
/** The registry changes seldom, and whoever changes it waits for the verdict. */
const atOnce: Gather = { ms: 0, records: 1 };

export class KafkaEventLog implements TrimmableLog {
  readonly topics: Topics;
  private readonly sender: KafkaSender;
  private readonly reader: KafkaReader;
  private readonly connection: KafkaConnection;
  private readonly subscriptions = new Set<Subscription>();
  private closed: Promise<void> | undefined;

  constructor(driver: KafkaDriver, options: KafkaLogOptions) {
    const { topics, connection, onAnomaly = () => {}, onTrouble = () => {} } = options;
    this.connection = connection;
    this.topics = topics;
    this.sender = new KafkaSender(driver.makeProducer, { ...senderDefaults, ...options.sender }, onAnomaly);
    const all = [topics.frames.name, topics.events.name, topics.registry.name];
    this.reader = new KafkaReader(() => driver.makeWire(all), { ...readerDefaults, ...options.reader }, onTrouble);
  }

  /** Bytes appended and not yet acknowledged, for `ocpp_log_queue_bytes`. */
  get queuedBytes(): number {
    return this.sender.queuedBytes;
  }

  /** Partitions that send through a producer of their own, because a batch with them failed lately. */
  get soloPartitions(): number {
    return this.sender.soloPartitions;
  }

  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    const id = this.place(topic, partition);
    if (entries.length === 0) throw new RangeError("An append needs at least one entry.");
    return this.sender.append(id, copiesOf(entries));
  }

  consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    const id = this.place(topic, partition);
    this.refuseWhenClosed();
    const subscription = new KafkaSubscription({
      open: (signal) => this.open(id, from, signal),
      topic,
      partition,
      handler,
      maxRecords: options?.maxRecords ?? readBatchRecords,
      onEnd: () => this.subscriptions.delete(subscription),
      gather: topic.name === this.topics.registry.name ? atOnce : folds,
    });
    this.subscriptions.add(subscription);
    subscription.start();
    return subscription;
  }

  async *read(topic: Topic, partition: number, from: number, to: number): AsyncGenerator<LogBatch> {
    const id = this.place(topic, partition);
    this.refuseWhenClosed();
    const range = await this.range(id);
    if (from < 0 || from > range.end) throw outOfRange(id, from, range);
    const until = Math.min(to, range.end);
    if (from < Math.min(until, range.start)) throw outOfRange(id, from, range);
    let next = from;
    while (next < until) {
      this.refuseWhenClosed();
      const records = await this.stored(id, next, until);
      // Below the end that was told, so it comes: after a change of leader the new one may learn of it a little later.
      if (records.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      else yield { topic, partition, records };
      next += records.length;
    }
  }

  endOffset(topic: Topic, partition: number): Promise<number> {
    const id = this.place(topic, partition);
    this.refuseWhenClosed();
    return this.reader.offsets.offset(id, "end");
  }

  startOffset(topic: Topic, partition: number): Promise<number> {
    const id = this.place(topic, partition);
    this.refuseWhenClosed();
    return this.reader.offsets.offset(id, "start");
  }

  async trim(topic: Topic, before: ReadonlyMap<number, number>): Promise<void> {
    for (const partition of before.keys()) this.place(topic, partition);
    this.refuseWhenClosed();
    try {
      const admin = await openTopicAdmin(this.connection);
      try {
        await admin.trim(topic.name, before);
      } finally {
        await admin.close();
      }
    } catch (cause) {
      throw new WattlogError("log/unavailable", `Kafka did not trim ${topic.name}: ${messageOf(cause)}`, { cause });
    }
  }

  close(): Promise<void> {
    this.closed ??= this.closeOnce();
    return this.closed;
  }

  private async closeOnce(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    await this.sender.close();
    await this.reader.close();
  }

  private async open(id: PartitionId, from: number, signal: AbortSignal): Promise<KafkaFeed> {
    const range = await this.range(id);
    if (from < range.start || from > range.end) throw outOfRange(id, from, range);
    const feed = this.reader.feed(id, from);
    if (signal.aborted) feed.end();
    else signal.addEventListener("abort", () => feed.end(), { once: true });
    return feed;
  }

  private async range(id: PartitionId): Promise<{ readonly start: number; readonly end: number }> {
    const { offsets } = this.reader;
    const [start, end] = await Promise.all([offsets.offset(id, "start"), offsets.offset(id, "end")]);
    return { start, end };
  }

  private async stored(id: PartitionId, next: number, until: number): Promise<readonly LogRecord[]> {
    const fetched = await this.reader.fetchOnce(id, next);
    const records = fetched.filter(({ offset }) => offset >= next && offset < until);
    for (const [i, { offset }] of records.entries()) if (offset !== next + i) throw gapped(id, next + i, offset);
    return records;
  }

  private refuseWhenClosed(): void {
    if (this.closed) throw new WattlogError("log/closed", "The log is closed.");
  }

  /** @throws RangeError for a topic or partition that this log does not have: a bug of the caller. */
  private place(topic: Topic, partition: number): PartitionId {
    const { frames, events, registry } = this.topics;
    const known = [frames, events, registry].find(({ name }) => name === topic.name);
    if (known && Number.isInteger(partition) && partition >= 0 && partition < known.partitions) {
      return { topic: known.name, partition };
    }
    throw new RangeError(`The log has no ${topic.name}/${partition}.`);
  }
}

/** The caller may reuse its bytes as soon as `append` returns. All of them in one piece of memory. */
function copiesOf(entries: readonly Entry[]): OutEntry[] {
  let length = 0;
  for (const { key, value } of entries) length += Buffer.byteLength(key) + value.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  return entries.map(({ key, value }) => {
    const keyEnd = at + bytes.write(key, at);
    bytes.set(value, keyEnd);
    const entry = { key: bytes.subarray(at, keyEnd), value: bytes.subarray(keyEnd, keyEnd + value.length) };
    at = keyEnd + value.length;
    return entry;
  });
}
