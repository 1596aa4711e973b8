// Reading through kafkajs' brokers: its consumer has no manual assignment, and moves itself to the end of the log when an
// offset is out of range. It knows gzip only; whatever writes these topics must not compress otherwise.
import { makeCluster, type Cluster, type StoredMessage } from "./kafkajs-client.ts";
import type { Fetched, FetchFrom, FetchLimits, KafkaConnection, OffsetOf, PartitionId, Wire } from "./kafka-wire.ts";
import type { LogRecord } from "./log.ts";

const [latest, earliest] = ["-1", "-2"];
const readUncommitted = 0;

/** What went wrong with a partition, which kafkajs tells by throwing the whole answer away. */
function protocolErrorOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name === "KafkaJSNumberOfRetriesExceeded") return undefined;
  const type = (error as Error & { readonly type?: unknown }).type;
  return typeof type === "string" ? type : undefined;
}

export class KafkaJsWire implements Wire {
  private readonly connection: KafkaConnection;
  private cluster: Promise<Cluster> | undefined;
  private readonly topics: readonly string[];
  private attempt = 0;
  private closed = false;

  constructor(connection: KafkaConnection, topics: readonly string[]) {
    this.connection = connection;
    this.topics = topics;
  }

  leaders(): Promise<ReadonlyMap<string, readonly number[]>> {
    return this.used(async (cluster) => {
      await cluster.refreshMetadata();
      return new Map(this.topics.map((topic) => [topic, leadersIn(cluster, topic)]));
    });
  }

  /** One error spoils a whole answer here, so after one each partition is asked for by itself. */
  async fetch(node: number, from: readonly FetchFrom[], limits: FetchLimits): Promise<readonly Fetched[]> {
    try {
      return await this.fetchAll(node, from, limits);
    } catch (error) {
      const name = protocolErrorOf(error);
      if (name === undefined) throw error;
      const [only] = from;
      if (from.length === 1 && only)
        return [{ topic: only.topic, partition: only.partition, error: name, records: [] }];
      const single = { ...limits, maxWaitMs: 0 };
      const each: Fetched[] = [];
      for (const one of from) each.push(...(await this.fetch(node, [one], single)));
      return each;
    }
  }

  async offsets(node: number, of: readonly PartitionId[], which: "start" | "end"): Promise<readonly OffsetOf[]> {
    const timestamp = which === "start" ? earliest : latest;
    try {
      return await this.used(async (cluster) => {
        const broker = await cluster.findBroker({ nodeId: node });
        const topics = byTopic(of, ({ partition }) => ({ partition, timestamp }));
        const { responses } = await broker.listOffsets({
          isolationLevel: readUncommitted,
          topics,
        });
        return responses.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => ({ topic, partition, error: undefined, offset: Number(offset) })),
        );
      });
    } catch (error) {
      const name = protocolErrorOf(error);
      if (name === undefined) throw error;
      const [only] = of;
      if (of.length === 1 && only) return [{ topic: only.topic, partition: only.partition, error: name, offset: -1 }];
      return (await Promise.all(of.map((one) => this.offsets(node, [one], which)))).flat();
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.drop();
  }

  private fetchAll(node: number, from: readonly FetchFrom[], limits: FetchLimits): Promise<readonly Fetched[]> {
    return this.used(async (cluster) => {
      const broker = await cluster.findBroker({ nodeId: node });
      const { maxWaitMs, maxBytes, partitionBytes } = limits;
      const topics = byTopic(from, ({ partition, offset }) => ({
        partition,
        fetchOffset: String(offset),
        maxBytes: partitionBytes,
      }));
      const request = { isolationLevel: readUncommitted, maxWaitTime: maxWaitMs, minBytes: 1, maxBytes, topics };
      const { responses } = await broker.fetch(request);
      return responses.flatMap(({ topicName, partitions }) =>
        partitions.map(({ partition, messages }) => ({
          topic: topicName,
          partition,
          error: undefined,
          records: messages.map(recordOf),
        })),
      );
    });
  }

  /** After anything but a broker's own "no" the cluster object is thrown away: it may hold a dead socket. */
  private async used<T>(work: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (this.closed) throw new Error("the connection is closed");
    this.cluster ??= this.connect();
    const { cluster } = this;
    let connected: Cluster | undefined;
    try {
      connected = await cluster;
      return await work(connected);
    } catch (error) {
      const answered = connected !== undefined && protocolErrorOf(error) !== undefined;
      if (!answered && this.cluster === cluster) this.drop();
      throw error;
    }
  }

  private async connect(): Promise<Cluster> {
    const cluster = makeCluster(this.connection, this.attempt++);
    try {
      await cluster.connect();
      await cluster.addMultipleTargetTopics(this.topics);
      return cluster;
    } catch (error) {
      cluster.disconnect().catch(() => undefined);
      throw error;
    }
  }

  private drop(): void {
    const { cluster } = this;
    this.cluster = undefined;
    cluster?.then((one) => one.disconnect()).catch(() => undefined);
  }
}

function recordOf({ offset, timestamp, key, value }: StoredMessage): LogRecord {
  return {
    offset: Number(offset),
    logTime: Number(timestamp),
    key: key?.toString("utf8") ?? "",
    value: value ?? Buffer.alloc(0),
  };
}

function leadersIn(cluster: Cluster, topic: string): number[] {
  const leaders: number[] = [];
  for (const { partitionId, leader } of cluster.findTopicPartitionMetadata(topic)) leaders[partitionId] = leader;
  return leaders;
}

function byTopic<T extends PartitionId, U>(of: readonly T[], as: (one: T) => U): { topic: string; partitions: U[] }[] {
  const topics = new Map<string, U[]>();
  for (const one of of) {
    const known = topics.get(one.topic);
    if (known) known.push(as(one));
    else topics.set(one.topic, [as(one)]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
