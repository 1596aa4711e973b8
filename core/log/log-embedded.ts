// The embedded EventLog: SQLite in a writer thread (log-embedded-server.ts), an `EmbeddedLog` in every thread that
// appends or reads. `openLogReadOnly` reads beside a live process, or where none runs.
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";

import { WattlogError } from "../runtime/errors.ts";
import { Appender } from "./log-embedded-appender.ts";
import { PolledEnds, PortEnds, type Ends } from "./log-embedded-ends.ts";
import { openForReading, storedTopics, topicList } from "./log-embedded-files.ts";
import { LogReader, outOfRange, type Cursor } from "./log-embedded-reader.ts";
import { EmbeddedSubscription, nextTurn } from "./log-embedded-subscription.ts";
import { Listeners } from "./log-embedded-listeners.ts";
import { SharedEnds, wake, type Hello, type ToClient } from "./log-embedded-shared.ts";
import { TrimRequests } from "./log-embedded-trim-requests.ts";
import type { Entry, LogBatch, Receipt, Subscription, Topic, Topics, TrimmableLog } from "./log.ts";

const defaultMaxRecords = 4096;

export interface AttachOptions {
  /** From `EmbeddedLogServer.connect()`; this log owns it. */
  readonly port: MessagePort;
  readonly folder: string;
  readonly topics: Topics;
}

/** What a log has that was not opened for reading only. */
interface Writing {
  readonly appender: Appender;
  readonly listeners: Listeners;
  readonly trims: TrimRequests;
  readonly port: MessagePort;
}

export class EmbeddedLog implements TrimmableLog {
  readonly topics: Topics;
  private readonly appender: Appender | undefined;
  private readonly port: MessagePort | undefined;
  private readonly trims: TrimRequests | undefined;
  private readonly listeners: Listeners | undefined;
  private readonly ends: Ends;
  private readonly reader: LogReader;
  private readonly topicNames: readonly string[];
  private readonly subscriptions = new Set<Subscription>();
  private closed: Promise<void> | undefined;

  /** @throws WattlogError `log/unavailable` when the log cannot be opened for reading. */
  static attach({ port, folder, topics }: AttachOptions): EmbeddedLog {
    const received = receiveMessageOnPort(port);
    if (!received) throw new Error("The port does not come from EmbeddedLogServer.connect(), or is attached already.");
    const { ends, armed, limits } = received.message as Hello;
    const appender = new Appender(port, limits, topicList(topics).length);
    const listeners = new Listeners(port, topicList(topics));
    const trims = new TrimRequests(port);
    const portEnds = new PortEnds(new SharedEnds(topics, ends), armed);
    port.on("message", (message: ToClient) => {
      if (message === wake) portEnds.wake();
      else if ("address" in message) listeners.told(message);
      else if ("trimmed" in message) trims.settle(message);
      else appender.acknowledge(message);
    });
    port.on("close", () => {
      const error = new WattlogError("log/unavailable", "The log's writer has ended.");
      appender.end(error);
      trims.end(error);
    });
    return new EmbeddedLog(folder, topics, portEnds, { appender, listeners, trims, port });
  }

  /** @throws WattlogError `log/unavailable` when there is no log in the folder. */
  static readOnly(folder: string): EmbeddedLog {
    const db = openForReading(folder);
    const topics = storedTopics(db, folder);
    return new EmbeddedLog(folder, topics, new PolledEnds(db, topicList(topics)));
  }

  private constructor(folder: string, topics: Topics, ends: Ends, writing?: Writing) {
    this.topics = topics;
    this.topicNames = topicList(topics).map(({ name }) => name);
    this.ends = ends;
    this.appender = writing?.appender;
    this.trims = writing?.trims;
    this.listeners = writing?.listeners;
    this.port = writing?.port;
    this.reader = new LogReader(openForReading(folder), topicList(topics));
  }

  /** Bytes appended and not yet acknowledged, for `ocpp_log_queue_bytes`. */
  get queuedBytes(): number {
    return this.appender?.queuedBytes ?? 0;
  }

  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    if (!this.appender) return Promise.reject(readingOnly());
    const topicIndex = this.place(topic, partition);
    if (entries.length === 0) throw new RangeError("An append needs at least one entry.");
    return this.appender.append(topicIndex, partition, entries);
  }

  consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    const topicIndex = this.place(topic, partition);
    this.refuseWhenClosed();
    const subscription = new EmbeddedSubscription({
      reader: this.reader,
      ends: this.ends,
      topic,
      topicIndex,
      partition,
      from,
      handler,
      maxRecords: options?.maxRecords ?? defaultMaxRecords,
      onEnd: () => this.subscriptions.delete(subscription),
    });
    this.subscriptions.add(subscription);
    subscription.start();
    return subscription;
  }

  async *read(topic: Topic, partition: number, from: number, to: number): AsyncGenerator<LogBatch> {
    const topicIndex = this.place(topic, partition);
    this.refuseWhenClosed();
    const lastRow = this.ends.lastRow(topicIndex);
    const end = this.ends.end(topicIndex, partition);
    if (from < 0 || from > end) throw outOfRange(topic, partition, from, undefined);
    const until = Math.min(to, end);
    if (from >= until) return;
    const cursor: Cursor = this.reader.locate(topicIndex, partition, from, lastRow);
    while (cursor.next < until) {
      this.refuseWhenClosed();
      const limit = Math.min(defaultMaxRecords, until - cursor.next);
      const { records } = this.reader.collect(topicIndex, partition, cursor, limit);
      if (records.length > 0) yield { topic, partition, records };
      await nextTurn();
    }
  }

  /** @throws WattlogError `log/closed` | `log/unavailable` where it was opened for reading only. */
  listen(address: string, handler: (batch: LogBatch) => void): () => void {
    this.refuseWhenClosed();
    if (!this.listeners) throw readingOnly();
    return this.listeners.listen(address, handler);
  }

  async endOffset(topic: Topic, partition: number): Promise<number> {
    const topicIndex = this.place(topic, partition);
    this.refuseWhenClosed();
    return this.ends.end(topicIndex, partition);
  }

  async startOffset(topic: Topic, partition: number): Promise<number> {
    const topicIndex = this.place(topic, partition);
    this.refuseWhenClosed();
    return this.reader.start(topicIndex, partition);
  }

  trim(topic: Topic, before: ReadonlyMap<number, number>): Promise<void> {
    const topicIndex = this.place(topic, 0);
    this.refuseWhenClosed();
    if (this.trims) return this.trims.ask(topicIndex, before);
    return Promise.reject(new WattlogError("log/unavailable", "This log was opened for reading only."));
  }

  close(): Promise<void> {
    this.closed ??= this.closeOnce();
    return this.closed;
  }

  private async closeOnce(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    await this.appender?.drain();
    this.port?.close();
    this.ends.close();
    this.reader.close();
  }

  private refuseWhenClosed(): void {
    if (this.closed) throw new WattlogError("log/closed", "The log is closed.");
  }

  /** @throws RangeError for a topic or partition that this log does not have: a bug of the caller. */
  private place(topic: Topic, partition: number): number {
    const topicIndex = this.topicNames.indexOf(topic.name);
    if (topicIndex >= 0 && Number.isInteger(partition) && partition >= 0 && partition < topic.partitions) {
      return topicIndex;
    }
    throw new RangeError(`The log has no ${topic.name}/${partition}.`);
  }
}

function readingOnly(): WattlogError {
  return new WattlogError("log/unavailable", "This log was opened for reading only.");
}

/** For `wattlog log`, `verify` and the like: no writer, no lock; `consume` follows by polling every 200 ms. */
export function openLogReadOnly(folder: string): TrimmableLog {
  return EmbeddedLog.readOnly(folder);
}
