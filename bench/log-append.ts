// What an append to the embedded log costs: `node bench/log-append.ts [folder]`. Not a goal by itself; `bench.ts`
// gates on ratios. Prints, for each size of a turn, records per second, latency, and CPU by thread.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EmbeddedLog } from "../core/log/log-embedded.ts";
import { EmbeddedLogServer } from "../core/log/log-embedded-server.ts";
import { makeTopics } from "../core/log/log.ts";

const partitions = 48;
const secondsEach = 3;
const value = new Uint8Array(330).fill(120);

interface Load {
  readonly name: string;
  /** Appends of one record each in one turn of the event loop. */
  readonly perTurn: number;
  /** Turns whose receipts may be outstanding. */
  readonly turns: number;
}

const loads: readonly Load[] = [
  { name: "1 at a time", perTurn: 1, turns: 1 },
  { name: "batches of 64, one in flight", perTurn: 64, turns: 1 },
  { name: "batches of 512, one in flight", perTurn: 512, turns: 1 },
  { name: "32 a turn, 64 turns in flight", perTurn: 32, turns: 64 },
  { name: "flood: 256 a turn, 64 turns in flight", perTurn: 256, turns: 64 },
];

async function turn(log: EmbeddedLog, perTurn: number, counter: { n: number }): Promise<void> {
  const receipts: Promise<unknown>[] = [];
  for (let i = 0; i < perTurn; i++) {
    const n = counter.n++;
    receipts.push(log.append(log.topics.frames, n % partitions, [{ key: `DEABC/station-${n % 5000}`, value }]));
  }
  await Promise.all(receipts);
}

async function run(server: EmbeddedLogServer, log: EmbeddedLog, load: Load): Promise<void> {
  const counter = { n: 0 };
  const latencies: number[] = [];
  server.resetStats();
  const started = performance.now();
  const cpuBefore = process.threadCpuUsage();
  const writerBefore = await server.cpuUsage();
  const lane = async (): Promise<void> => {
    while (performance.now() - started < secondsEach * 1000) {
      const begun = performance.now();
      await turn(log, load.perTurn, counter);
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: load.turns }, lane));
  const seconds = (performance.now() - started) / 1000;
  const cpu = process.threadCpuUsage(cpuBefore);
  const writer = await server.cpuUsage();
  const perRecord = (micros: number): string => (micros / counter.n).toFixed(2);
  latencies.sort((a, b) => a - b);
  const stats = server.stats();
  console.log(
    `${load.name}: ${Math.round(counter.n / seconds)} records/s, ` +
      `p50 ${latencies[latencies.length >> 1]!.toFixed(2)} ms p99 ${latencies[Math.floor(latencies.length * 0.99)]!.toFixed(2)} ms, ` +
      `commit p50 ${stats.commitP50Ms.toFixed(2)} p99 ${stats.commitP99Ms.toFixed(2)} ms, ` +
      `${(counter.n / stats.commits).toFixed(0)} records/commit, CPU µs/record: caller ${perRecord(cpu.user + cpu.system)}, ` +
      `writer ${perRecord(writer.user + writer.system - writerBefore.user - writerBefore.system)}`,
  );
}

async function replay(log: EmbeddedLog): Promise<void> {
  const started = performance.now();
  let records = 0;
  const subscriptions = [];
  for (let partition = 0; partition < partitions; partition++) {
    const end = await log.endOffset(log.topics.frames, partition);
    const reached = Promise.withResolvers<void>();
    const subscription = log.consume(log.topics.frames, partition, 0, async (batch) => {
      records += batch.records.length;
      if (batch.records.at(-1)!.offset + 1 >= end) reached.resolve();
    });
    subscriptions.push({ subscription, reached: reached.promise });
  }
  await Promise.all(subscriptions.map(({ reached }) => reached));
  const ms = performance.now() - started;
  await Promise.all(subscriptions.map(({ subscription }) => subscription.stop()));
  console.log(
    `replay of ${records} records by ${partitions} consumers: ${Math.round((records / ms) * 1000)} records/s`,
  );
}

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "wattlog-bench-"));
const topics = makeTopics(1, partitions);
const server = await EmbeddedLogServer.start({ folder, topics });
const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
for (const load of loads) await run(server, log, load);
await replay(log);
await log.close();
await server.close();
rmSync(folder, { recursive: true });
