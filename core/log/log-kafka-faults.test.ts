// What the client libraries get wrong on a real broker, and that nothing of it comes through.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ConfigResourceTypes, Kafka, logLevel, type Message } from "kafkajs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { connectionTo, ownTopics, type OwnTopics } from "../../test/harness/kafka.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { LogArchive } from "../archive/archive.ts";
import { ArchivedLog } from "../archive/archived-log.ts";
import { FolderBlobs } from "../archive/blobs-folder.ts";
import { SegmentBuilder } from "../archive/segment.ts";
import { KafkaEventLog } from "./kafka-event-log.ts";
import type { Anomaly } from "./kafka-sender.ts";
import type { KafkaConnection } from "./kafka-wire.ts";
import { openTopicAdmin } from "./kafkajs-admin.ts";
import { kafkaJsDriver } from "./log-kafka.ts";
import { platformaticDriver } from "./log-platformatic.ts";
import { entry, readAll } from "./log.contract.ts";
import type { LogRecord, Topics } from "./log.ts";
import { startTokenServer } from "./token-server.test-helper.ts";

const { servers, missing } = await serversForTests(["kafka"]);
const drivers = { kafkajs: kafkaJsDriver, "@platformatic/kafka": platformaticDriver };
const text = new TextDecoder();

let own: OwnTopics;
let raw: Kafka;

beforeEach(async (context) => {
  if (missing) context.skip(missing);
  own = await ownTopics(connectionTo(servers.kafka!), 1, 4);
  raw = new Kafka({ brokers: [...servers.kafka!.brokers], logLevel: logLevel.NOTHING, retry: { retries: 1 } });
});

afterEach(async () => {
  await own?.remove();
});

async function valuesIn(log: KafkaEventLog, partition: number): Promise<string[]> {
  return (await readAll(log, partition)).map(({ value }) => text.decode(value));
}

/** Bytes as text: Kafka's are in buffers of another kind than the archive's. */
function shown(records: readonly LogRecord[]) {
  return records.map((record) => ({ ...record, value: text.decode(record.value) }));
}

async function rawProducer() {
  const producer = raw.producer({
    idempotent: true,
    retry: { retries: 1 },
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  });
  await producer.connect();
  return producer;
}

function opened(driver: keyof typeof drivers, topics: Topics = own.topics) {
  const anomalies: Anomaly[] = [];
  const connection = connectionTo(servers.kafka!);
  const onAnomaly = (anomaly: Anomaly): number => anomalies.push(anomaly);
  const log = new KafkaEventLog(drivers[driver](connection), { connection, topics, onAnomaly });
  return { log, anomalies };
}

describe("kafkajs as it comes", () => {
  test("resolves a send to a partition that does not exist, having sent nothing", async () => {
    const producer = await rawProducer();
    const { frames } = own.topics;
    const answer = await producer.send({ topic: frames.name, messages: [{ value: "lost", partition: 77 }] });
    expect(answer).toEqual([]);
    await producer.disconnect();
  });

  test("acknowledges a record that it did not store, after a batch of which one partition failed", async () => {
    const producer = await rawProducer();
    const { log } = opened("kafkajs");
    const { frames, events } = own.topics;
    await refuseAll(events.name);
    const message = (value: string): Message => ({ key: "k", value, partition: 0 });
    const both = { topicMessages: [frames, events].map(({ name }) => ({ topic: name, messages: [message("first")] })) };
    await expect(producer.sendBatch(both)).rejects.toThrow(/larger than the max/);
    const answer = await producer.send({ topic: frames.name, messages: [message("second")] });
    expect(answer[0]).toMatchObject({ errorCode: 0, partition: 0 });
    // "second" was acknowledged: it went out under the sequence number of "first".
    expect(await valuesIn(log, 0)).toEqual(["first"]);
    await producer.disconnect();
    await log.close();
  });
});

/** As the fence of a generation does (rule B4). */
async function refuseAll(topic: string): Promise<void> {
  const admin = await openTopicAdmin(connectionTo(servers.kafka!));
  await admin.configure(topic, { "max.message.bytes": "1" });
  await admin.close();
}

describe.each(Object.keys(drivers) as (keyof typeof drivers)[])("behind the guard: %s", (driver) => {
  test("an append to a partition that does not exist is rejected", async () => {
    const { frames } = own.topics;
    const { log, anomalies } = opened(driver, { ...own.topics, frames: { ...frames, partitions: 100 } });
    const refused = log.append({ ...frames, partitions: 100 }, 77, [entry("k", "lost")]);
    await expect(refused).rejects.toSatisfy((error) => isWattlogError(error, "log/unavailable"));
    expect(anomalies.length).toBeGreaterThan(0);
    await log.close();
  });

  test("a partition that is refused takes no acknowledged record of another with it", async () => {
    const { log } = opened(driver);
    const { frames, events } = own.topics;
    await refuseAll(events.name);
    const acknowledged: string[] = [];
    for (let i = 0; i < 5; i++) {
      const refused = log.append(events, 0, [entry("k", `event ${i}`)]);
      const taken = log.append(frames, 0, [entry("k", `frame ${i}`)]);
      await expect(refused).rejects.toSatisfy((error) => isWattlogError(error, "log/ended"));
      await taken;
      acknowledged.push(`frame ${i}`);
    }
    // Once it may stand there twice, where it shared a failed batch; dropped by frame id.
    expect([...new Set(await valuesIn(log, 0))]).toEqual(acknowledged);
    await log.close();
  });

  test("what Kafka has trimmed is out of range, never skipped; an archive continues it without a seam", async () => {
    const { log } = opened(driver);
    const { frames } = own.topics;
    for (let i = 0; i < 10; i++) await log.append(frames, 1, [entry("k", `${i}`)]);
    const archived = await readAll(log, 1);
    await trim(frames.name, 1, 6);
    await expect(readAll(log, 1)).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
    const below = log.consume(frames, 1, 5, async () => {});
    await expect(below.done).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
    expect((await readAll(log, 1, 6)).map(({ offset }) => offset)).toEqual([6, 7, 8, 9]);

    const folder = mkdtempSync(join(tmpdir(), "wattlog-archive-"));
    const { log: behind } = opened(driver);
    const archive = new LogArchive(new FolderBlobs(folder));
    const segment = new SegmentBuilder(frames, 1, 0);
    for (const record of archived) segment.add(record);
    await archive.append(frames, 1, segment);
    const through = new ArchivedLog(behind, archive);
    expect(shown(await readAll(through, 1))).toEqual(shown(archived));
    const seen: number[] = [];
    const done = Promise.withResolvers<void>();
    const subscription = through.consume(frames, 1, 2, async ({ records }) => {
      for (const { offset } of records) if (seen.push(offset) === 8) done.resolve();
    });
    await done.promise;
    await subscription.stop();
    expect(seen).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    // A generation that has ended gives up even its last record (rule B4); Kafka keeps where it ended.
    await refuseAll(frames.name);
    await log.trim(frames, new Map([[1, 10]]));
    expect([await log.startOffset(frames, 1), await log.endOffset(frames, 1)]).toEqual([10, 10]);
    expect(shown(await readAll(through, 1))).toEqual(shown(archived));
    await Promise.all([log.close(), through.close()]);
    rmSync(folder, { recursive: true });
  });

  test("a subscription whose offset is trimmed away while it runs ends, and is not moved", async () => {
    const { log } = opened(driver);
    const { frames } = own.topics;
    for (let i = 0; i < 4; i++) await log.append(frames, 2, [entry("k", "x".repeat(600_000))]);
    const first = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const offsets: number[] = [];
    const subscription = log.consume(
      frames,
      2,
      0,
      async ({ records }) => {
        offsets.push(...records.map(({ offset }) => offset));
        first.resolve();
        await go.promise;
      },
      { maxRecords: 1 },
    );
    await first.promise;
    for (let i = 0; i < 4; i++) await log.append(frames, 2, [entry("k", "y".repeat(600_000))]);
    await trim(frames.name, 2, 8);
    go.resolve();
    await expect(subscription.done).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
    expect(offsets).toEqual(offsets.map((_, i) => i));
    await log.close();
  });

  test("SASL with each mechanism and TLS reach the same log; a wrong password is an error, not a wait", async (context) => {
    const kafka = servers.kafka!;
    if (kafka.saslBrokers.length === 0)
      context.skip("needs a Kafka with SASL and TLS listeners: the project's own has them");
    const { user: username, password } = kafka;
    const base = { clientId: "wattlog-test" };
    const sasl = (mechanism: "plain" | "scram-sha-256" | "scram-sha-512", word = password): KafkaConnection => ({
      ...base,
      brokers: kafka.saslBrokers,
      sasl: { mechanism, username, password: word },
    });
    await using oauth = await startTokenServer({ username, password });
    const ways = [sasl("plain"), sasl("scram-sha-256"), sasl("scram-sha-512")];
    ways.push({ ...base, brokers: kafka.saslBrokers, sasl: oauth.client });
    ways.push({ ...base, brokers: kafka.tlsBrokers, tls: { ca: readFileSync(kafka.caFile, "utf8") } });
    for (const [i, connection] of ways.entries()) {
      const log = new KafkaEventLog(drivers[driver](connection), { connection, topics: own.topics });
      expect((await log.append(log.topics.frames, 3, [entry("k", `${i}`)])).baseOffset).toBe(i);
      expect(await valuesIn(log, 3)).toHaveLength(i + 1);
      await log.close();
    }
    const connection = sasl("scram-sha-256", "wrong");
    const options = { connection, topics: own.topics, sender: { watchdogMs: 1500 }, reader: { patienceMs: 1500 } };
    const log = new KafkaEventLog(drivers[driver](connection), options);
    await expect(log.append(log.topics.frames, 3, [entry("k", "no")])).rejects.toThrow(/uthenticat/);
    await expect(log.endOffset(log.topics.frames, 3)).rejects.toThrow(/uthenticat/);
    await log.close();
  });

  test("with no broker there an append ends within its limit, and so does a question", async () => {
    const connection = { brokers: ["127.0.0.1:1", "127.0.0.1:2"], clientId: "wattlog-test" };
    const options = { connection, topics: own.topics, sender: { watchdogMs: 500 }, reader: { patienceMs: 500 } };
    const log = new KafkaEventLog(drivers[driver](connection), options);
    await expect(log.append(log.topics.frames, 0, [entry("k", "v")])).rejects.toSatisfy((error) =>
      isWattlogError(error, "log/unavailable"),
    );
    await expect(log.endOffset(log.topics.frames, 0)).rejects.toSatisfy((error) =>
      isWattlogError(error, "log/unavailable"),
    );
    await log.close();
  });
});

async function trim(topic: string, partition: number, before: number): Promise<void> {
  const admin = raw.admin();
  await admin.connect();
  // Loads the metadata that the next call takes for granted.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
  await admin.disconnect();
}

test("the settings that were asked for are on the topic", async () => {
  const admin = raw.admin();
  await admin.connect();
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: own.topics.frames.name, configNames: ["retention.ms"] }];
  const { resources: found } = await admin.describeConfigs({ resources, includeSynonyms: false });
  expect(found[0]!.configEntries[0]!.configValue).toBe("-1");
  await admin.disconnect();
});
