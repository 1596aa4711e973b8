// Three brokers, replication 3, min.insync.replicas 2: brokers frozen and killed under load, a partition without enough
// replicas. What was acknowledged is in the log, in order; what need not wait does not.
import { setTimeout as sleep } from "node:timers/promises";

import { Kafka, logLevel } from "kafkajs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { KafkaEventLog } from "../../core/log/kafka-event-log.ts";
import { checkTopics, provisionTopics } from "../../core/log/kafka-topics.ts";
import { openTopicAdmin } from "../../core/log/kafkajs-admin.ts";
import { kafkaJsDriver } from "../../core/log/log-kafka.ts";
import type { Topics } from "../../core/log/log.ts";
import { platformaticDriver } from "../../core/log/log-platformatic.ts";
import { ownServer, serversForTests, type OwnServer } from "../../tools/servers/ensure.ts";
import type { KafkaServer } from "../../tools/servers/protocol.ts";
import { connectionTo, unusedTopics } from "../harness/kafka.ts";
import { eventually } from "../harness/wait.ts";
import { KafkaLoad } from "./kafka-load.ts";

const { missing } = await serversForTests(["kafka"]);
const drivers = { kafkajs: kafkaJsDriver, "@platformatic/kafka": platformaticDriver };
const partitions = 12;

let cluster: OwnServer<KafkaServer> | undefined;
let topics: Topics;
let kafka: Kafka;

beforeEach(async (context) => {
  if (missing) context.skip(missing);
  cluster = await ownServer("kafka3");
  topics = unusedTopics(partitions);
  kafka = new Kafka({ brokers: [...cluster.server.brokers], logLevel: logLevel.NOTHING });
});

afterEach(async () => {
  await cluster?.end();
});

async function provision(own: Topics): Promise<void> {
  const admin = await openTopicAdmin(connectionTo(cluster!.server));
  await provisionTopics(admin, own, { replicas: 3 });
  await admin.close();
}

function opened(driver: keyof typeof drivers, own: Topics): KafkaEventLog {
  const connection = connectionTo(cluster!.server);
  return new KafkaEventLog(drivers[driver](connection), { connection, topics: own });
}

/** The broker that leads partition 0. */
async function leader(): Promise<string> {
  const admin = kafka.admin();
  await admin.connect();
  const { topics: found } = await admin.fetchTopicMetadata({ topics: [topics.frames.name] });
  await admin.disconnect();
  return `broker-${found[0]!.partitions.find(({ partitionId }) => partitionId === 0)!.leader}`;
}

/** Moves a partition of the frames to these brokers, the first of them its leader. */
async function keepOn(partition: number, replicas: number[]): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const { name } = topics.frames;
  await admin.alterPartitionReassignments({
    topics: [{ topic: name, partitionAssignment: [{ partition, replicas }] }],
  });
  const wanted = replicas.join();
  await eventually(`${name}/${partition} is on ${wanted}`, async () => {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [name] });
    const now = found[0]!.partitions.find(({ partitionId }) => partitionId === partition);
    return now?.replicas.join() === wanted && now.isr.length === replicas.length;
  });
  await admin.disconnect();
}

async function underLoad(driver: keyof typeof drivers, fault: (load: KafkaLoad) => Promise<void>): Promise<KafkaLoad> {
  const [log, reader] = [opened(driver, topics), opened(driver, topics)];
  const load = new KafkaLoad(log, reader);
  load.start();
  await sleep(1500);
  await fault(load);
  await load.stop();
  await Promise.all([log.close(), reader.close()]);
  return load;
}

function report(what: string, load: KafkaLoad): void {
  const rejected = load.rejected.reduce((sum, count) => sum + count, 0);
  console.log(
    `${what}: ${load.count()} acknowledged, ${rejected} rejected, ${load.repeats()} repeats, ` +
      `longest stall ${Math.round(load.longestStallMs())} ms`,
  );
}

describe.each(Object.keys(drivers) as (keyof typeof drivers)[])("%s on three brokers", (driver) => {
  test("a leader killed under load: nothing acknowledged is lost, and the log goes on within seconds", async () => {
    await provision(topics);
    const admin = await openTopicAdmin(connectionTo(cluster!.server));
    await checkTopics(admin, topics, false);
    await admin.close();
    const load = await underLoad(driver, async () => {
      const victim = await leader();
      process.kill(cluster!.node(victim).pid, "SIGKILL");
      await sleep(12_000);
      await cluster!.restart(victim);
      await sleep(4_000);
    });
    report(`kill -9 of a leader, ${driver}`, load);
    expect(load.count()).toBeGreaterThan(1000);
    expect(load.lost()).toEqual([]);
    expect(load.disordered()).toEqual([]);
    expect(load.longestStallMs()).toBeLessThan(15_000);
  });

  test("a leader frozen under load, and thawed: nothing acknowledged is lost, and the log does not wait for it", async () => {
    await provision(topics);
    const load = await underLoad(driver, async () => {
      const { pid } = cluster!.node(await leader());
      process.kill(pid, "SIGSTOP");
      await sleep(15_000);
      process.kill(pid, "SIGCONT");
      await sleep(4_000);
    });
    report(`SIGSTOP of a leader, ${driver}`, load);
    expect(load.count()).toBeGreaterThan(1000);
    expect(load.lost()).toEqual([]);
    expect(load.disordered()).toEqual([]);
    expect(load.longestStallMs()).toBeLessThan(15_000);
  });

  test("a partition without enough replicas harms only itself, and heals", async () => {
    topics = { ...topics, frames: { ...topics.frames, partitions: 4 } };
    const sick = 3;
    const healthy = [0, 1, 2];
    await provision(topics);
    await keepOn(sick, [1, 2]);
    for (const partition of healthy) await keepOn(partition, [1, 2, 3]);
    let settled = 0;
    const load = await underLoad(driver, async ({ rejected }) => {
      process.kill(cluster!.node("broker-2").pid, "SIGKILL");
      await sleep(6_000);
      settled = performance.now();
      await sleep(10_000);
      expect(rejected[sick]).toBeGreaterThan(0);
      await cluster!.restart("broker-2");
      await sleep(8_000);
    });
    report(`a sick partition, ${driver}`, load);
    expect(load.lost()).toEqual([]);
    expect(load.disordered()).toEqual([]);
    expect(healthy.map((partition) => load.rejected[partition])).toEqual([0, 0, 0]);
    // Once the lost broker is out of the way, the healthy ones feel nothing of the sick one.
    expect(load.slowestMs(healthy, settled + 2000)).toBeLessThan(1000);
    const lastOfSick = load.acknowledged[sick]!.at(-1)!.at;
    expect(lastOfSick, "it has healed").toBeGreaterThan(settled + 10_000);
  });
});
