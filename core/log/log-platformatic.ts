// EventLog on @platformatic/kafka: the only product file that names it. Its protocol layer is used, not its clients: a
// produce answer then tells of each partition by itself, with the log's time, and nothing is repeated behind our back.
import {
  Connection,
  FetchIsolationLevels,
  NumericMap,
  ResponseError,
  fetchV12,
  initProducerIdV4,
  listOffsetsV7,
  metadataV12,
  produceV9,
  protocolErrorsCodesById,
  type ConnectionOptions,
  type MessageRecord,
  type RecordsBatch,
  type SASLMechanismValue,
} from "@platformatic/kafka";

import { messageOf } from "../runtime/errors.ts";
import { KafkaEventLog, type KafkaDriver, type KafkaLogOptions } from "./kafka-event-log.ts";
import {
  rotated,
  type Ack,
  type BatchProducer,
  type Fetched,
  type FetchFrom,
  type FetchLimits,
  type KafkaConnection,
  type OffsetOf,
  type OutBatch,
  type PartitionId,
  type ProducerWish,
  type Refusal,
  type SendResult,
  type Wire,
} from "./kafka-wire.ts";
import type { EventLog, LogRecord } from "./log.ts";

const connectMs = 2_000;
/** Above the longest poll. */
const wireRequestMs = 3_000;
const allReplicas = -1;
const noTimestamp = -1n;
const logAppendTimeBit = 0x08;
const [earliest, latest] = [-2n, -1n];
/** Refusals that another try may overcome: leaders move, replicas catch up. */
const passing = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "REQUEST_TIMED_OUT",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "KAFKA_STORAGE_ERROR",
  "FENCED_LEADER_EPOCH",
]);
const patienceMs = 100;

export function openPlatformaticLog(options: KafkaLogOptions): EventLog & { readonly queuedBytes: number } {
  return new KafkaEventLog(platformaticDriver(options.connection), options);
}

export function platformaticDriver(connection: KafkaConnection): KafkaDriver {
  return {
    makeProducer: (wish) => PlatformaticProducer.connect(connection, wish),
    makeWire: (topics) => new PlatformaticWire(connection, topics),
  };
}

interface Cluster {
  readonly nodes: ReadonlyMap<number, { readonly host: string; readonly port: number }>;
  readonly leaders: ReadonlyMap<string, readonly number[]>;
}

/** Connections to the brokers of a cluster, made when they are needed. One on which a request failed is never used again. */
class Brokers {
  private readonly options: KafkaConnection;
  private readonly requestMs: number;
  private readonly open = new Map<string, Promise<Connection>>();
  private attempt: number;
  private cluster: Cluster | undefined;
  private closed = false;

  constructor(options: KafkaConnection, requestMs: number, attempt: number) {
    this.options = options;
    this.requestMs = requestMs;
    this.attempt = attempt;
  }

  /** Asks the brokers in turn until one answers. */
  async learn(topics: readonly string[]): Promise<Cluster> {
    let last: unknown;
    for (const seed of rotated(this.options.brokers, this.attempt)) {
      try {
        const answer = await this.call(addressOf(seed), (connection) =>
          metadataV12.api.async(connection, [...topics], false, false).catch(answerDespiteErrors<MetadataAnswer>),
        );
        this.cluster = {
          nodes: new Map(answer.brokers.map((broker) => [broker.nodeId, broker])),
          leaders: new Map(answer.topics.map((topic) => [topic.name ?? "", leadersOf(topic.partitions)])),
        };
        return this.cluster;
      } catch (error) {
        last = error;
        this.attempt++;
      }
    }
    throw last;
  }

  async known(topics: readonly string[]): Promise<Cluster> {
    const { cluster } = this;
    return cluster && topics.every((topic) => cluster.leaders.has(topic)) ? cluster : this.learn(topics);
  }

  async onNode<T>(node: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const address = this.cluster?.nodes.get(node) ?? (await this.learn([])).nodes.get(node);
    if (!address) throw new Error(`the cluster has no node ${node} now`);
    return this.call(address, work);
  }

  close(): void {
    this.closed = true;
    for (const opening of this.open.values()) discard(opening);
    this.open.clear();
  }

  private async call<T>(
    address: { readonly host: string; readonly port: number },
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    if (this.closed) throw new Error("the connection is closed");
    const key = `${address.host}:${address.port}`;
    let opening = this.open.get(key);
    if (!opening) {
      opening = this.connect(address.host, address.port);
      this.open.set(key, opening);
    }
    try {
      return await work(await opening);
    } catch (error) {
      // An answer that says no is an answer; anything else leaves the connection in an unknown state.
      if (!(error instanceof ResponseError)) {
        if (this.open.get(key) === opening) this.open.delete(key);
        discard(opening);
      }
      throw error;
    }
  }

  private async connect(host: string, port: number): Promise<Connection> {
    const { clientId, tls, sasl } = this.options;
    const settings: ConnectionOptions = {
      connectTimeout: connectMs,
      requestTimeout: this.requestMs,
      ...(tls ? { tls: { ...tls }, tlsServerName: true } : {}),
      ...(sasl
        ? {
            sasl: {
              mechanism: sasl.mechanism.toUpperCase() as SASLMechanismValue,
              username: sasl.username,
              password: sasl.password,
            },
          }
        : {}),
    };
    const connection = new Connection(clientId, settings);
    // What goes wrong is told to whoever waits for an answer.
    connection.on("error", () => undefined);
    try {
      await connection.connect(host, port);
    } catch (error) {
      // Its own message says only that it failed; "wrong password" stands in the causes.
      throw new Error(inFull(error), { cause: error });
    }
    return connection;
  }
}

type MetadataAnswer = Awaited<ReturnType<typeof metadataV12.api.async>>;
type ProduceAnswer = Exclude<Awaited<ReturnType<typeof produceV9.api.async>>, boolean>;
type FetchAnswer = Awaited<ReturnType<typeof fetchV12.api.async>>;
type OffsetsAnswer = Awaited<ReturnType<typeof listOffsetsV7.api.async>>;

/** The library throws an answer away as soon as one partition in it has an error; the error carries it. */
function answerDespiteErrors<T>(error: unknown): T {
  if (error instanceof ResponseError && "response" in error) return error.response as T;
  throw error;
}

function discard(opening: Promise<Connection>): void {
  const close = (connection: Connection): void => {
    connection.close().catch(() => undefined);
    connection.socket?.destroy();
  };
  opening.then(close, () => undefined);
}

function inFull(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} ${inFull(cause)}`;
}

function leadersOf(partitions: readonly { readonly partitionIndex: number; readonly leaderId: number }[]): number[] {
  const leaders: number[] = [];
  for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
  return leaders;
}

function addressOf(broker: string): { readonly host: string; readonly port: number } {
  const colon = broker.lastIndexOf(":");
  return { host: broker.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(broker.slice(colon + 1)) };
}

function errorName(code: number): string | undefined {
  return code === 0 ? undefined : (protocolErrorsCodesById[code] ?? `error ${code}`);
}

class PlatformaticProducer implements BatchProducer {
  private readonly brokers: Brokers;
  private readonly wish: ProducerWish;
  private readonly producerId: bigint;
  private readonly producerEpoch: number;
  private readonly sequences = new NumericMap();
  private ended = false;

  static async connect(connection: KafkaConnection, wish: ProducerWish): Promise<PlatformaticProducer> {
    const brokers = new Brokers(connection, wish.requestMs, wish.attempt);
    try {
      const { nodes } = await brokers.learn([]);
      // Any broker gives a producer id.
      const [node] = rotated([...nodes.keys()], wish.attempt);
      if (node === undefined) throw new Error("the cluster names no broker");
      const id = await brokers.onNode(node, (one) => initProducerIdV4.api.async(one, null, 60_000, -1n, -1));
      return new PlatformaticProducer(brokers, wish, id);
    } catch (error) {
      brokers.close();
      throw error;
    }
  }

  private constructor(
    brokers: Brokers,
    wish: ProducerWish,
    { producerId, producerEpoch }: { readonly producerId: bigint; readonly producerEpoch: number },
  ) {
    this.brokers = brokers;
    this.wish = wish;
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  /** A patient one repeats a refused or unanswered batch as it was: same id, same sequence, so it is stored once. */
  async send(batches: readonly OutBatch[]): Promise<SendResult> {
    for (;;) {
      let result: SendResult | undefined;
      let failure: unknown;
      try {
        result = await this.sendOnce(batches);
      } catch (error) {
        failure = error;
      }
      const again = result
        ? result.refused.length > 0 && result.refused.every(({ error }) => passing.has(error))
        : true;
      if (!this.wish.patient || !again || this.ended) {
        if (result) return this.counted(result, batches);
        throw failure;
      }
      await new Promise((resolve) => setTimeout(resolve, patienceMs));
      await this.brokers.learn(topicsOf(batches)).catch(() => undefined);
    }
  }

  end(): void {
    this.ended = true;
    this.brokers.close();
  }

  private counted(result: SendResult, batches: readonly OutBatch[]): SendResult {
    for (const { topic, partition, entries } of batches) {
      this.sequences.postIncrement(`${topic}:${partition}`, entries.length, 0);
    }
    return result;
  }

  private async sendOnce(batches: readonly OutBatch[]): Promise<SendResult> {
    const { leaders } = await this.brokers.known(topicsOf(batches));
    const byLeader = new Map<number, OutBatch[]>();
    const refused: Refusal[] = [];
    for (const batch of batches) {
      const leader = leaders.get(batch.topic)?.[batch.partition] ?? -1;
      const { topic, partition } = batch;
      if (leader < 0) refused.push({ topic, partition, error: "LEADER_NOT_AVAILABLE" });
      else byLeader.set(leader, [...(byLeader.get(leader) ?? []), batch]);
    }
    const results = await Promise.all([...byLeader].map(([leader, some]) => this.sendTo(leader, some)));
    return {
      acks: results.flatMap(({ acks }) => acks),
      refused: [...refused, ...results.flatMap((result) => result.refused)],
    };
  }

  private async sendTo(leader: number, batches: readonly OutBatch[]): Promise<SendResult> {
    const timestamp = BigInt(Date.now());
    const records: MessageRecord[] = [];
    for (const { topic, partition, entries } of batches) {
      for (const { key, value } of entries) records.push({ topic, partition, key, value, timestamp });
    }
    const { producerId, producerEpoch, sequences } = this;
    const identity = { producerId, producerEpoch, sequences, compression: "none" as const };
    const answer = await this.brokers.onNode(leader, (connection) =>
      produceV9.api
        .async(connection, allReplicas, Math.ceil(this.wish.requestMs * 0.8), records, identity)
        .catch(answerDespiteErrors<ProduceAnswer>),
    );
    const [acks, refused]: [Ack[], Refusal[]] = [[], []];
    for (const { name, partitionResponses } of (answer as ProduceAnswer).responses) {
      for (const { index, errorCode, baseOffset, logAppendTimeMs } of partitionResponses) {
        const error = errorName(errorCode);
        const id = { topic: name, partition: index };
        if (error !== undefined) refused.push({ ...id, error });
        else acks.push({ ...id, baseOffset: Number(baseOffset), logTime: Number(logAppendTimeMs) });
      }
    }
    return { acks, refused };
  }
}

function topicsOf(batches: readonly OutBatch[]): string[] {
  return [...new Set(batches.map(({ topic }) => topic))];
}

function byTopic<T extends PartitionId>(partitions: readonly T[]): [string, T[]][] {
  const topics = new Map<string, T[]>();
  for (const one of partitions) {
    const known = topics.get(one.topic);
    if (known) known.push(one);
    else topics.set(one.topic, [one]);
  }
  return [...topics];
}

class PlatformaticWire implements Wire {
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
    const { maxWaitMs, maxBytes } = limits;
    const answer = await this.brokers.onNode(node, (connection) =>
      fetchV12.api
        .async(connection, maxWaitMs, 1, maxBytes, FetchIsolationLevels.READ_UNCOMMITTED, 0, -1, topics, [], "")
        .catch(answerDespiteErrors<FetchAnswer>),
    );
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
    const answer = await this.brokers.onNode(node, (connection) =>
      listOffsetsV7.api
        .async(connection, -1, FetchIsolationLevels.READ_UNCOMMITTED, topics)
        .catch(answerDespiteErrors<OffsetsAnswer>),
    );
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
function recordsOf(batch: RecordsBatch): LogRecord[] {
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
