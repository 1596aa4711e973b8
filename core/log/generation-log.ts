// One generation of a log in front of an adapter that counts from 0, and the generations before it beside it.
import { ForwardingLog } from "./forwarding-log.ts";
import { allGenerations, firstOffsetOf } from "./generations.ts";
import type { Entry, EventLog, LogBatch, Receipt, Subscription, Topic, Topics, TrimmableLog } from "./log.ts";

/** Offsets as they rise over generations; the adapter behind it counts those of its own. */
export class GenerationLog extends ForwardingLog<TrimmableLog> implements TrimmableLog {
  override append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    return super
      .append(topic, partition, entries)
      .then((receipt) => ({ ...receipt, baseOffset: receipt.baseOffset + firstOffsetOf(topic) }));
  }

  override consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    const first = firstOffsetOf(topic);
    return super.consume(topic, partition, from - first, (batch) => handler(raised(batch, first)), options);
  }

  override async *read(topic: Topic, partition: number, from: number, to: number): AsyncGenerator<LogBatch> {
    const first = firstOffsetOf(topic);
    for await (const batch of super.read(topic, partition, from - first, to - first)) yield raised(batch, first);
  }

  override async endOffset(topic: Topic, partition: number): Promise<number> {
    return firstOffsetOf(topic) + (await super.endOffset(topic, partition));
  }

  async startOffset(topic: Topic, partition: number): Promise<number> {
    return firstOffsetOf(topic) + (await this.inner.startOffset(topic, partition));
  }

  trim(topic: Topic, before: ReadonlyMap<number, number>): Promise<void> {
    const first = firstOffsetOf(topic);
    return this.inner.trim(topic, new Map([...before].map(([partition, offset]) => [partition, offset - first])));
  }
}

function raised({ topic, partition, records }: LogBatch, by: number): LogBatch {
  return { topic, partition, records: records.map((record) => ({ ...record, offset: record.offset + by })) };
}

/** What is written and followed is the newest generation; what is read may lie in any. */
export class GenerationsLog<Log extends EventLog = EventLog> extends ForwardingLog<Log> {
  override readonly earlier: readonly Topics[];
  private readonly ended: readonly Log[];

  /** @param earlier the oldest first */
  constructor(current: Log, earlier: readonly Log[]) {
    super(current);
    this.earlier = earlier.map(({ topics }) => topics);
    this.ended = earlier;
  }

  override read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch> {
    return this.of(topic).read(topic, partition, from, to);
  }

  override endOffset(topic: Topic, partition: number): Promise<number> {
    return this.of(topic).endOffset(topic, partition);
  }

  override async close(): Promise<void> {
    await Promise.all([this.inner, ...this.ended].map((log) => log.close()));
  }

  protected of({ name }: Topic): Log {
    const holds = ({ topics: { frames, events, registry } }: EventLog) =>
      [frames, events, registry].some((topic) => topic.name === name);
    return this.ended.find(holds) ?? this.inner;
  }
}

/** The archiver's view: what is given up may lie in any generation too. */
export class TrimmableGenerationsLog extends GenerationsLog<TrimmableLog> implements TrimmableLog {
  startOffset(topic: Topic, partition: number): Promise<number> {
    return this.of(topic).startOffset(topic, partition);
  }

  trim(topic: Topic, before: ReadonlyMap<number, number>): Promise<void> {
    return this.of(topic).trim(topic, before);
  }
}

/** The log as it was while `topics` was its newest generation, for who folds one after the other. Nothing is appended to it. */
export function logAsOf(log: EventLog, topics: Topics): EventLog {
  return topics === log.topics ? log : new PastLog(log, topics);
}

class PastLog extends ForwardingLog {
  override readonly topics: Topics;
  override readonly earlier: readonly Topics[];

  constructor(log: EventLog, topics: Topics) {
    super(log);
    this.topics = topics;
    this.earlier = allGenerations(log).filter(({ frames }) => frames.generation < topics.frames.generation);
  }
}
