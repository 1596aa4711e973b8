// The only product file that names kafkajs (2.2.4): what is used of it, with the settings that are common to all uses.
import { createRequire } from "node:module";

import kafkajs from "kafkajs";
import type { Kafka, KafkaConfig, SASLOptions } from "kafkajs";

import type { KafkaLogin } from "../config/kafka-connection.ts";
import { accessToken } from "./kafka-oauth.ts";
import { rotated, type KafkaConnection } from "./kafka-wire.ts";

// Not by name: Node does not find the names that this CommonJS module exports.
const { ConfigResourceTypes, ConfigSource, KafkaJSNonRetriableError, logLevel } = kafkajs;

const connectMs = 2_000;
/** Of reading; above the longest poll. */
const wireRequestMs = 3_000;
/** So that a leader that froze or moved is noticed: a request time-out alone makes kafkajs ask nobody. */
export const metadataMs = 1_000;
export const noRetries = { retries: 0, initialRetryTime: 50, maxRetryTime: 50 };

export type KafkaJsProducerClient = ReturnType<Kafka["producer"]>;
export type KafkaJsAdminClient = ReturnType<Kafka["admin"]>;

export const topicResource = ConfigResourceTypes.TOPIC;
/** Set on the topic itself, not by default. */
export const topicConfigSource = ConfigSource.TOPIC_CONFIG;

/** @param onWords what the library would write to its log as an error; unset: nothing is written */
export function clientOf(
  connection: KafkaConnection,
  attempt: number,
  more: Pick<KafkaConfig, "retry" | "requestTimeout"> = {},
  onWords?: (words: string) => void,
): Kafka {
  const { brokers, clientId, tls, sasl } = connection;
  return new kafkajs.Kafka({
    clientId,
    brokers: rotated(brokers, attempt),
    connectionTimeout: connectMs,
    authenticationTimeout: connectMs,
    logLevel: onWords ? logLevel.ERROR : logLevel.NOTHING,
    logCreator:
      () =>
      ({ log }) =>
        onWords?.(log.message),
    retry: noRetries,
    ...(tls ? { ssl: tls } : {}),
    ...(sasl ? { sasl: loginOf(sasl) } : {}),
    ...more,
  });
}

function loginOf(sasl: KafkaLogin): SASLOptions {
  if (sasl.mechanism !== "oauthbearer") {
    return { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password };
  }
  return {
    mechanism: "oauthbearer",
    oauthBearerProvider: async () => ({ value: await accessToken(sasl) }),
  };
}

/** An error after which kafkajs tries nothing again. */
export function finalError(message: string): Error {
  return new KafkaJSNonRetriableError(message);
}

export interface StoredMessage {
  readonly offset: string;
  /** Of the append, where the topic is set to it. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** Both throw away an answer as soon as one partition in it has an error. */
export interface ClusterBroker {
  fetch(request: unknown): Promise<{
    readonly responses: readonly {
      readonly topicName: string;
      readonly partitions: readonly { readonly partition: number; readonly messages: readonly StoredMessage[] }[];
    }[];
  }>;
  listOffsets(request: unknown): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
}

/** What kafkajs calls a cluster; it is not part of its public face. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  findBroker(node: { readonly nodeId: number }): Promise<ClusterBroker>;
}

type ClusterClass = new (options: Readonly<Record<string, unknown>>) => Cluster;

const internals = createRequire(import.meta.url);
const ClusterOfKafkaJs = internals("kafkajs/src/cluster/index.js") as ClusterClass;
const makeSocketFactory = internals("kafkajs/src/network/socketFactory.js") as () => unknown;

export function makeCluster(connection: KafkaConnection, attempt: number): Cluster {
  const { brokers, clientId, tls, sasl } = connection;
  return new ClusterOfKafkaJs({
    logger: clientOf(connection, attempt).logger(),
    socketFactory: makeSocketFactory(),
    brokers: rotated(brokers, attempt),
    ...(tls ? { ssl: tls } : {}),
    ...(sasl ? { sasl: loginOf(sasl) } : {}),
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
}

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
