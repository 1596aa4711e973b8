// What the Kafka drivers cost side by side: `node bench/log-drivers.ts [--partitions 12] [--lanes 2] [--seconds 4]`.
// Appends as the gateway does, one outstanding a partition, then reads everything back, then idles with a consumer on
// each partition. Not a goal by itself; `bench.ts` gates on ratios. Runs alternate, because a machine's speed drifts.
import { parseArgs } from "node:util";

import { KafkaEventLog, type KafkaDriver } from "../core/log/kafka-event-log.ts";
import { provisionTopics } from "../core/log/kafka-topics.ts";
import type { KafkaConnection } from "../core/log/kafka-wire.ts";
import { openTopicAdmin } from "../core/log/kafkajs-admin.ts";
import { kafkaJsDriver } from "../core/log/log-kafka.ts";
import { platformaticDriver } from "../core/log/log-platformatic.ts";
import { makeTopics, type EventLog, type Topics } from "../core/log/log.ts";
import { ensureServers } from "../tools/servers/ensure.ts";

const drivers: Readonly<Record<string, (connection: KafkaConnection) => KafkaDriver>> = {
  kafkajs: kafkaJsDriver,
  platformatic: platformaticDriver,
};
const recordBytes = 350;
const appendSizes = [1, 8, 40];

const { values } = parseArgs({
  options: {
    partitions: { type: "string", default: "12" },
    lanes: { type: "string", default: "2" },
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "2" },
  },
});
const partitions = Number(values.partitions);
const lanes = Number(values.lanes);
const seconds = Number(values.seconds);

interface Figures {
  readonly records: number;
  readonly wallMs: number;
  readonly cpuMicros: number;
}

async function measured(work: () => Promise<number>): Promise<Figures> {
  const began = performance.now();
  const before = process.cpuUsage();
  const records = await work();
  const { user, system } = process.cpuUsage(before);
  return { records, wallMs: performance.now() - began, cpuMicros: user + system };
}

function line(name: string, what: string, { records, wallMs, cpuMicros }: Figures, more = ""): void {
  const rate = Math.round((records / wallMs) * 1000);
  const cost = (cpuMicros / records).toFixed(2);
  console.log(
    `${name.padEnd(13)} ${what.padEnd(24)} ${String(rate).padStart(8)} records/s  ${cost.padStart(6)} µs CPU each  ${more}`,
  );
}

async function write(log: EventLog, size: number, latencies: number[]): Promise<number> {
  const value = Buffer.alloc(recordBytes - 20, "x");
  const entries = Array.from({ length: size }, (_, i) => ({ key: `DEABC/station-${i}`, value }));
  const until = performance.now() + seconds * 1000;
  let records = 0;
  const one = async (partition: number): Promise<void> => {
    while (performance.now() < until) {
      const began = performance.now();
      await log.append(log.topics.frames, partition, entries);
      latencies.push(performance.now() - began);
      records += size;
    }
  };
  await Promise.all(Array.from({ length: partitions }, (_, partition) => one(partition)));
  return records;
}

async function replay(log: EventLog): Promise<number> {
  let records = 0;
  const one = async (partition: number): Promise<void> => {
    const end = await log.endOffset(log.topics.frames, partition);
    const reached = Promise.withResolvers<void>();
    const subscription = log.consume(log.topics.frames, partition, 0, async (batch) => {
      records += batch.records.length;
      if (batch.records.at(-1)!.offset + 1 >= end) reached.resolve();
    });
    await reached.promise;
    await subscription.stop();
  };
  await Promise.all(Array.from({ length: partitions }, (_, partition) => one(partition)));
  return records;
}

async function idle(log: EventLog): Promise<number> {
  const subscriptions = [];
  for (let partition = 0; partition < partitions; partition++) {
    const end = await log.endOffset(log.topics.frames, partition);
    subscriptions.push(log.consume(log.topics.frames, partition, end, async () => {}));
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { cpuMicros, wallMs } = await measured(async () => {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return 1;
  });
  await Promise.all(subscriptions.map((subscription) => subscription.stop()));
  return cpuMicros / wallMs / 10;
}

async function bench(name: string, connection: KafkaConnection, topics: Topics): Promise<void> {
  const log = new KafkaEventLog(drivers[name]!(connection), { connection, topics, sender: { lanes } });
  await write(log, 1, []);
  for (const size of appendSizes) {
    const latencies: number[] = [];
    const figures = await measured(() => write(log, size, latencies));
    latencies.sort((a, b) => a - b);
    const at = (share: number): string => latencies[Math.floor(latencies.length * share)]!.toFixed(1);
    line(name, `append, ${size} a batch`, figures, `p50 ${at(0.5)} p99 ${at(0.99)} ms`);
  }
  line(name, "replay", await measured(() => replay(log)));
  console.log(`${name.padEnd(13)} idle consumers            ${(await idle(log)).toFixed(1)} % of a core`);
  await log.close();
}

const { kafka } = await ensureServers(["kafka"]);
const connection: KafkaConnection = { brokers: kafka!.brokers, clientId: "wattlog-bench" };
const admin = await openTopicAdmin(connection);
console.log(
  `${partitions} partitions, ${lanes} lanes, one broker, records of ${recordBytes} bytes, ${process.version}`,
);
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of Object.keys(drivers)) {
    const topics = makeTopics(Math.floor(Math.random() * 2 ** 40), partitions);
    await provisionTopics(admin, topics, { replicas: 1 });
    await bench(name, connection, topics);
    for (const { name: topic } of [topics.frames, topics.events, topics.registry]) await admin.remove(topic);
  }
}
await admin.close();
