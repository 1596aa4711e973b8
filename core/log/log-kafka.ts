// EventLog and topic administration on kafkajs 2.2.4: the only product file that names it.
//
// Writing goes through its public producer, which kafka-sender.ts guards. Reading goes through its brokers, because its
// consumer has no manual assignment and moves itself to the end of the log when an offset is out of range. It knows
// gzip only; whatever writes these topics must not compress otherwise.
import { createRequire } from "node:module";

import {
  ConfigResourceTypes,
  ConfigSource,
  Kafka,
  KafkaJSNonRetriableError,
  logLevel,
  type Admin,
  type Broker,
  type KafkaConfig,
  type Producer,
  type SASLOptions,
} from "kafkajs";

import { messageOf } from "../runtime/errors.ts";
import { KafkaEventLog, type KafkaDriver, type KafkaLogOptions } from "./kafka-event-log.ts";
import type { TopicAdmin, TopicSettings } from "./kafka-topics.ts";
import {
  rotated,
  type BatchProducer,
  type Fetched,
  type FetchFrom,
  type FetchLimits,
  type KafkaConnection,
  type OffsetOf,
  type OutBatch,
  type PartitionId,
  type ProducerWish,
  type SendResult,
  type Wire,
} from "./kafka-wire.ts";
import type { EventLog, LogRecord } from "./log.ts";

const connectMs = 2_000;
/** Above the longest poll. */
const wireRequestMs = 3_000;
/** So that a leader that froze or moved is noticed: a request time-out alone makes kafkajs ask nobody. */
const metadataMs = 1_000;
const noRetries = { retries: 0, initialRetryTime: 50, maxRetryTime: 50 };
const [latest, earliest] = ["-1", "-2"];
const readUncommitted = 0;
const adminPatienceMs = 15_000;

export function openKafkaJsLog(options: KafkaLogOptions): EventLog & { readonly queuedBytes: number } {
  return new KafkaEventLog(kafkaJsDriver(options.connection), options);
}

export function kafkaJsDriver(connection: KafkaConnection): KafkaDriver {
  return {
    makeProducer: (wish) => KafkaJsProducer.connect(connection, wish),
    makeWire: (topics) => new KafkaJsWire(connection, topics),
  };
}

function clientOf(connection: KafkaConnection, attempt: number, more: Partial<KafkaConfig> = {}): Kafka {
  const { brokers, clientId, tls, sasl } = connection;
  return new Kafka({
    clientId,
    brokers: rotated(brokers, attempt),
    connectionTimeout: connectMs,
    authenticationTimeout: connectMs,
    logLevel: logLevel.NOTHING,
    retry: noRetries,
    ...(tls ? { ssl: { ...tls } } : {}),
    // One object, cast: the library's type is a union by mechanism.
    ...(sasl ? { sasl: { ...sasl } as SASLOptions } : {}),
    ...more,
  });
}

interface Message {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly partition: number;
  /** Set when it was given its partition, which happens once an attempt. */
  tried?: true;
}

class KafkaJsProducer implements BatchProducer {
  private readonly producer: Producer;
  private readonly requestMs: number;
  /** Why the first attempt failed, which the refusal of a second one would hide. */
  private readonly words: { last: string };

  static async connect(connection: KafkaConnection, wish: ProducerWish): Promise<KafkaJsProducer> {
    const words = { last: "" };
    const kafka = clientOf(connection, wish.attempt, {
      requestTimeout: wish.requestMs,
      logLevel: logLevel.ERROR,
      logCreator:
        () =>
        ({ log }) => {
          words.last = log.message;
        },
    });
    const producer = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMs,
      createPartitioner:
        () =>
        ({ message }) =>
          partitionOf(message as Message, wish.patient),
      // An idempotent producer must allow one; the partitioner ends an impatient one before it.
      retry: wish.patient ? { retries: 50, initialRetryTime: 100, maxRetryTime: 500 } : { ...noRetries, retries: 1 },
    });
    const made = new KafkaJsProducer(producer, wish.requestMs, words);
    try {
      await producer.connect();
      return made;
    } catch (error) {
      made.end();
      throw error;
    }
  }

  private constructor(producer: Producer, requestMs: number, words: { last: string }) {
    this.producer = producer;
    this.requestMs = requestMs;
    this.words = words;
  }

  async send(batches: readonly OutBatch[]): Promise<SendResult> {
    const topicMessages = batches.map(({ topic, partition, entries }) => ({
      topic,
      messages: entries.map(({ key, value }): Message => ({ key, value, partition })),
    }));
    try {
      const answer = await this.producer.sendBatch({
        acks: -1,
        timeout: Math.ceil(this.requestMs * 0.8),
        topicMessages,
      });
      const acks = answer.map(({ topicName, partition, baseOffset, logAppendTime }) => ({
        topic: topicName,
        partition,
        baseOffset: Number(baseOffset ?? -1),
        logTime: Number(logAppendTime ?? -1),
      }));
      return { acks, refused: [] };
    } catch (error) {
      throw new Error(`${messageOf(error)} (${this.words.last})`, { cause: error });
    }
  }

  end(): void {
    this.producer.disconnect().catch(() => undefined);
  }
}

/**
 * The partition is the caller's. Being asked a second time for a message means a second attempt, which on a producer of
 * many partitions must not be: it may skip partitions whose leader has moved, and it holds up the healthy ones.
 */
function partitionOf(message: Message, patient: boolean): number {
  if (message.tried && !patient) throw new KafkaJSNonRetriableError("not sent a second time");
  message.tried = true;
  return message.partition;
}

/** What kafkajs calls a cluster; it is not part of its public face. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  findBroker(node: { readonly nodeId: number }): Promise<Broker>;
}

type ClusterClass = new (options: Readonly<Record<string, unknown>>) => Cluster;

const internals = createRequire(import.meta.url);
const ClusterOfKafkaJs = internals("kafkajs/src/cluster/index.js") as ClusterClass;
const makeSocketFactory = internals("kafkajs/src/network/socketFactory.js") as () => unknown;

interface RequestQueue {
  readonly pending: readonly unknown[];
}

interface RequestQueueClass {
  readonly prototype: { scheduleCheckPendingRequests: (this: RequestQueue) => void };
}

/** Left alone it looks every millisecond, for ever, whether requests wait that were throttled (tulios/kafkajs#1751). */
function endIdlePolling(): void {
  const { prototype } = internals("kafkajs/src/network/requestQueue/index.js") as RequestQueueClass;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleWhenPending(this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}

endIdlePolling();

/** What went wrong with a partition, which kafkajs tells by throwing the whole answer away. */
function protocolErrorOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name === "KafkaJSNumberOfRetriesExceeded") return undefined;
  const type = (error as Error & { readonly type?: unknown }).type;
  return typeof type === "string" ? type : undefined;
}

class KafkaJsWire implements Wire {
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
        const { responses } = await (broker as unknown as OffsetsBroker).listOffsets({
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
      const { responses } = await (broker as unknown as FetchBroker).fetch(request);
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
    const { brokers, clientId, tls, sasl } = this.connection;
    const attempt = this.attempt++;
    const cluster = new ClusterOfKafkaJs({
      logger: clientOf(this.connection, attempt).logger(),
      socketFactory: makeSocketFactory(),
      brokers: rotated(brokers, attempt),
      ...(tls ? { ssl: { ...tls } } : {}),
      ...(sasl ? { sasl: { ...sasl } } : {}),
      clientId,
      connectionTimeout: connectMs,
      authenticationTimeout: connectMs,
      requestTimeout: wireRequestMs,
      enforceRequestTimeout: true,
      metadataMaxAge: metadataMs,
      retry: noRetries,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
    });
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

interface StoredMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

interface FetchBroker {
  fetch(request: unknown): Promise<{
    readonly responses: readonly {
      readonly topicName: string;
      readonly partitions: readonly { readonly partition: number; readonly messages: readonly StoredMessage[] }[];
    }[];
  }>;
}

interface OffsetsBroker {
  listOffsets(request: unknown): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
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

/** @throws where no broker can be reached or the credentials are refused */
export async function openTopicAdmin(connection: KafkaConnection): Promise<TopicAdmin> {
  const admin = clientOf(connection, 0, { retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 500 } }).admin();
  try {
    await admin.connect();
  } catch (error) {
    admin.disconnect().catch(() => undefined);
    throw error;
  }
  return new KafkaJsTopicAdmin(admin);
}

class KafkaJsTopicAdmin implements TopicAdmin {
  private readonly admin: Admin;

  constructor(admin: Admin) {
    this.admin = admin;
  }

  async create(name: string, { partitions, replicas, config }: TopicSettings): Promise<void> {
    const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }));
    const topic = { topic: name, numPartitions: partitions, replicationFactor: replicas, configEntries };
    // Its own wait for leaders gives up at the first broker that has not heard of the topic yet.
    await this.admin.createTopics({ topics: [topic], waitForLeaders: false });
    await until(`${name} has leaders`, async () => {
      const { topics } = await this.admin.fetchTopicMetadata({ topics: [name] });
      const found = topics[0]?.partitions ?? [];
      return found.length === partitions && found.every(({ leader }) => leader >= 0);
    });
  }

  async configure(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    // This request replaces every setting of the topic, so those that were set before are sent along.
    const own = await this.ownConfig(name);
    const all = Object.entries({ ...own, ...config }).map(([key, value]) => ({ name: key, value }));
    await this.admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries: all }],
    });
    // Accepted by the controller, in force when the brokers have heard of it.
    await until(`${name} is set`, async () => {
      const now = await this.ownConfig(name);
      return Object.entries(config).every(([key, value]) => now[key] === value);
    });
  }

  async describe(name: string, config: readonly string[]): Promise<TopicSettings | undefined> {
    if (!(await this.admin.listTopics()).includes(name)) return undefined;
    const { topics } = await this.admin.fetchTopicMetadata({ topics: [name] });
    const partitions = topics[0]?.partitions ?? [];
    const entries = (await this.configOf(name)).filter(({ configName }) => config.includes(configName));
    return {
      partitions: partitions.length,
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      config: Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue])),
    };
  }

  async remove(name: string): Promise<void> {
    if ((await this.admin.listTopics()).includes(name)) await this.admin.deleteTopics({ topics: [name] });
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
  }

  private async ownConfig(name: string): Promise<Record<string, string>> {
    const own = (await this.configOf(name)).filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG);
    return Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue]));
  }

  private async configOf(name: string) {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name }];
    const { resources: found } = await this.admin.describeConfigs({ resources, includeSynonyms: false });
    return found[0]?.configEntries ?? [];
  }
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + adminPatienceMs;
  for (;;) {
    if (await done().catch(() => false)) return;
    if (performance.now() > limit) throw new Error(`waited ${adminPatienceMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
