// The only product file that names @platformatic/kafka (2.12.1). Its protocol layer is used, not its clients: an answer
// then tells of each partition by itself, with the log's time, and nothing is repeated behind our back.
import { isIP } from "node:net";

import {
  Connection,
  FetchIsolationLevels,
  NumericMap,
  ResponseError,
  Writer,
  crc32c,
  fetchV12,
  initProducerIdV4,
  listOffsetsV7,
  metadataV12,
  produceV9,
  protocolErrorsCodesById,
  type ConnectionOptions,
  type RecordsBatch,
  type SASLMechanismValue,
} from "@platformatic/kafka";

import { messageOf } from "../runtime/errors.ts";
import { encodeRecordBatch } from "./kafka-record-batch.ts";
import type { KafkaLogin } from "../config/kafka-connection.ts";
import { accessToken } from "./kafka-oauth.ts";
import { rotated, type KafkaConnection, type OutBatch } from "./kafka-wire.ts";

const connectMs = 2_000;
const allReplicas = -1;

export type StoredBatch = RecordsBatch;
type Sequences = NumericMap;

export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** The next sequence number of each `topic:partition`. */
export function newSequences(): Sequences {
  return new NumericMap();
}

interface Cluster {
  readonly nodes: ReadonlyMap<number, { readonly host: string; readonly port: number }>;
  readonly leaders: ReadonlyMap<string, readonly number[]>;
  /** A topic that was made anew under its name has another one. Only of those that exist. */
  readonly topicIds: ReadonlyMap<string, string>;
}

/** Connections to the brokers of a cluster, made when they are needed. One on which a request failed is never used again. */
export class Brokers {
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
          topicIds: new Map(
            answer.topics.filter(({ errorCode }) => errorCode === 0).map(({ name, topicId }) => [name ?? "", topicId]),
          ),
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

  /** Of an idempotent producer, from any broker. */
  producerId(node: number): Promise<ProducerIdentity> {
    return this.onNode(node, (connection) => initProducerIdV4.api.async(connection, null, 60_000, -1n, -1));
  }

  /** @param node leads every partition of these */
  async produce(
    node: number,
    batches: readonly OutBatch[],
    identity: ProducerIdentity & { readonly sequences: Sequences },
  ): Promise<ProduceAnswer> {
    const { producerId, producerEpoch, sequences } = identity;
    const timestamp = Date.now();
    const byTopic = Map.groupBy(batches, ({ topic }) => topic);
    const payload = () =>
      Writer.create()
        .appendString(null)
        .appendInt16(allReplicas)
        .appendInt32(Math.ceil(this.requestMs * 0.8))
        .appendArray([...byTopic], (inTopic, [topic, some]) => {
          inTopic.appendString(topic).appendArray(some, (inPartition, { partition, entries }) => {
            const firstSequence = sequences.getWithDefault(`${topic}:${partition}`, 0);
            const bytes = encodeRecordBatch(entries, { producerId, producerEpoch, firstSequence, timestamp }, crc32c);
            inPartition
              .appendInt32(partition)
              .appendUnsignedVarInt(bytes.length + 1)
              .append(bytes);
          });
        })
        .appendTaggedFields();
    return this.onNode(node, (connection) => sent(connection, payload).catch(answerDespiteErrors<ProduceAnswer>));
  }

  fetch(node: number, topics: FetchTopics, maxWaitMs: number, maxBytes: number): Promise<FetchAnswer> {
    return this.onNode(node, (connection) =>
      fetchV12.api
        .async(connection, maxWaitMs, 1, maxBytes, FetchIsolationLevels.READ_UNCOMMITTED, 0, -1, topics, [], "")
        .catch(answerDespiteErrors<FetchAnswer>),
    );
  }

  offsets(node: number, topics: OffsetsTopics): Promise<OffsetsAnswer> {
    return this.onNode(node, (connection) =>
      listOffsetsV7.api
        .async(connection, -1, FetchIsolationLevels.READ_UNCOMMITTED, topics)
        .catch(answerDespiteErrors<OffsetsAnswer>),
    );
  }

  private async onNode<T>(node: number, work: (connection: Connection) => Promise<T>): Promise<T> {
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
      // Node warns of an address in the place of a name.
      ...(tls ? { tls: { ...tls }, tlsServerName: isIP(host) === 0 } : {}),
      ...(sasl ? { sasl: loginOf(sasl) } : {}),
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

function loginOf(sasl: KafkaLogin): NonNullable<ConnectionOptions["sasl"]> {
  const mechanism = sasl.mechanism.toUpperCase() as SASLMechanismValue;
  if (sasl.mechanism === "oauthbearer") return { mechanism, token: () => accessToken(sasl) };
  return { mechanism, username: sasl.username, password: sasl.password };
}

/** The library's own request of this version, but for how records become bytes. */
function sent(connection: Connection, payload: () => Writer): Promise<ProduceAnswer> {
  const { key, version } = produceV9.api;
  return new Promise((resolve, reject) => {
    connection.send<ProduceAnswer>(key, version, payload, produceV9.parseResponse, true, true, (error, answer) => {
      if (error) reject(error);
      else if (answer) resolve(answer);
      else reject(new Error("the broker's answer is empty"));
    });
  });
}

type MetadataAnswer = Awaited<ReturnType<typeof metadataV12.api.async>>;
type ProduceAnswer = Exclude<Awaited<ReturnType<typeof produceV9.api.async>>, boolean>;
type FetchAnswer = Awaited<ReturnType<typeof fetchV12.api.async>>;
type FetchTopics = Parameters<typeof fetchV12.createRequest>[6];
type OffsetsTopics = Parameters<typeof listOffsetsV7.createRequest>[2];
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

export function errorName(code: number): string | undefined {
  return code === 0 ? undefined : (protocolErrorsCodesById[code] ?? `error ${code}`);
}
