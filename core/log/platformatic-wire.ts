// Reading on the protocol itself.
import { Brokers, errorName, type StoredBatch } from "./platformatic-client.ts";
import type { Fetched, FetchFrom, FetchLimits, KafkaConnection, OffsetOf, PartitionId, Wire } from "./kafka-wire.ts";
import type { LogRecord } from "./log.ts";

/** Above the longest poll. */
const wireRequestMs = 3_000;
const noTimestamp = -1n;
const logAppendTimeBit = 0x08;
const [earliest, latest] = [-2n, -1n];

function byTopic<T extends PartitionId>(partitions: readonly T[]): [string, T[]][] {
  const topics = new Map<string, T[]>();
  for (const one of partitions) {
    const known = topics.get(one.topic);
    if (known) known.push(one);
    else topics.set(one.topic, [one]);
  }
  return [...topics];
}

export class PlatformaticWire implements Wire {
  private readonly brokers: Brokers;
  private readonly topics: readonly string[];

  constructor(connection: KafkaConnection, topics: readonly string[]) {
    this.brokers = new Brokers(connection, wireRequestMs, 0);
    this.topics = topics;
  }

  async leaders(): Promise<ReadonlyMap<string, readonly number[]>> {
    return (await this.brokers.learn(this.topics)).leaders;
  }

  async fetch(node: number, from: readonly FetchFrom[], limits: FetchLimits): Promise<readonly Fetched[]> {
    const topics = byTopic(from).map(([topic, partitions]) => ({
      topicId: topic,
      partitions: partitions.map(({ partition, offset }) => ({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: BigInt(offset),
        lastFetchedEpoch: -1,
        partitionMaxBytes: limits.partitionBytes,
      })),
    }));
    const answer = await this.brokers.fetch(node, topics, limits.maxWaitMs, limits.maxBytes);
    if (answer.errorCode !== 0) throw new Error(errorName(answer.errorCode));
    return answer.responses.flatMap(({ topicId, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, records }) => ({
        topic: topicId,
        partition: partitionIndex,
        error: errorName(errorCode),
        records: (records ?? []).flatMap(recordsOf),
      })),
    );
  }

  async offsets(node: number, of: readonly PartitionId[], which: "start" | "end"): Promise<readonly OffsetOf[]> {
    const timestamp = which === "start" ? earliest : latest;
    const topics = byTopic(of).map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp })),
    }));
    const answer = await this.brokers.offsets(node, topics);
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, offset }) => ({
        topic: name,
        partition: partitionIndex,
        error: errorName(errorCode),
        offset: Number(offset),
      })),
    );
  }

  async close(): Promise<void> {
    this.brokers.close();
  }
}

/** All records of a batch have the batch's time where the topic gives the time of the append. */
function recordsOf(batch: StoredBatch): LogRecord[] {
  const first = Number(batch.firstOffset);
  const stamped = (batch.attributes & logAppendTimeBit) !== 0 && batch.maxTimestamp !== noTimestamp;
  const logTime = Number(batch.maxTimestamp);
  return batch.records.map(({ offsetDelta, timestampDelta, key, value }) => ({
    offset: first + offsetDelta,
    logTime: stamped ? logTime : Number(batch.firstTimestamp + timestampDelta),
    key: key?.toString("utf8") ?? "",
    value: value ?? Buffer.alloc(0),
  }));
}
