// What the Kafka adapters have in common, without either client library: how to connect, and the two small ports that a
// driver implements. `Wire` reads, `BatchProducer` writes; everything that makes a log of them (order, durability, exact
// positions) is built once on top, in kafka-sender.ts and kafka-reader.ts.
import type { KafkaLogin } from "../config/kafka-connection.ts";
import type { LogRecord } from "./log.ts";

export interface KafkaConnection {
  /** `host:port` each; any of them is enough to begin with. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Undefined: no TLS. An empty object trusts the system's authorities. Asked at each connection, never copied: the files may be renewed. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: KafkaLogin;
}

export interface PartitionId {
  readonly topic: string;
  readonly partition: number;
}

export function nameOf({ topic, partition }: PartitionId): string {
  return `${topic}/${partition}`;
}

export interface FetchFrom extends PartitionId {
  readonly offset: number;
}

export interface Fetched extends PartitionId {
  /** Kafka's name, e.g. `OFFSET_OUT_OF_RANGE`; undefined: well. */
  readonly error: string | undefined;
  /** In offset order; may begin below the offset asked for, where that lies inside a stored batch. */
  readonly records: readonly LogRecord[];
}

export interface FetchLimits {
  /** How long the broker may wait for the first new record. */
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly partitionBytes: number;
}

export interface OffsetOf extends PartitionId {
  readonly error: string | undefined;
  readonly offset: number;
}

/**
 * Reading. A call throws where the connection or the whole request failed, after which the wire has dropped what was
 * bad and the next call begins afresh, elsewhere if need be; what is wrong with one partition stands in its answer.
 */
export interface Wire {
  /** Of its topics: node ids by partition, -1 where there is no leader; always asked anew. A topic that does not exist has none. */
  leaders(): Promise<ReadonlyMap<string, readonly number[]>>;
  fetch(node: number, from: readonly FetchFrom[], limits: FetchLimits): Promise<readonly Fetched[]>;
  offsets(node: number, of: readonly PartitionId[], which: "start" | "end"): Promise<readonly OffsetOf[]>;
  close(): Promise<void>;
}

export interface OutEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Becomes one record batch: stored whole or not at all, under one log time. */
export interface OutBatch extends PartitionId {
  readonly entries: readonly OutEntry[];
}

export interface Ack extends PartitionId {
  readonly baseOffset: number;
  /** LogAppendTime; -1 where the topic is not set to it. */
  readonly logTime: number;
}

export interface Refusal extends PartitionId {
  /** Kafka's name. */
  readonly error: string;
}

export interface SendResult {
  readonly acks: readonly Ack[];
  /** Partitions that the broker refused, where the client tells which. */
  readonly refused: readonly Refusal[];
}

/**
 * An idempotent producer (acks -1) with a producer id of its own. It is used for one `send` at a time, and never again
 * once one has failed in any way: only then does an acknowledgement mean that the record is stored.
 */
export interface BatchProducer {
  /** At most one batch a partition. Rejects with an error whose message holds Kafka's name for it. */
  send(batches: readonly OutBatch[]): Promise<SendResult>;
  /** Ends it without waiting for anything. */
  end(): void;
}

export interface ProducerWish {
  /** How many came before it; which broker is asked first follows from it, so that a frozen one is not asked forever. */
  readonly attempt: number;
  /** Carries one partition only, and repeats a request that a broker refused for the time being. */
  readonly patient: boolean;
  readonly requestMs: number;
}

export type MakeProducer = (wish: ProducerWish) => Promise<BatchProducer>;

export function rotated<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
