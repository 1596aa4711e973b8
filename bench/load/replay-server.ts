// Process: processor and projector alone, over a log that is there already. The fold has the main thread, so that its
// CPU can be told from the log writer's.
import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { newNodeId } from "../../core/ids/ids.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics, type LogRecord } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { Batch } from "../../processors/engine/batch.ts";
import { foldItem } from "../../processors/engine/partition-fold.ts";
import { itemOf } from "../../processors/engine/record.ts";
import { newMemory, type StationMemory } from "../../processors/engine/station-memory.ts";
import { ocppFold, type StationState } from "../../processors/ocpp-fold.ts";
import { createProcessor } from "../../processors/processor.ts";
import { createProjector } from "../../projections/models/projector.ts";
import { fill } from "./record-writer.ts";
import { serve } from "./process.ts";
import { loadSettings } from "./settings.ts";
import type { Replay, Replayed, ReplayOptions } from "./targets.ts";

const recordsPerBatch = 512;

async function replay({ folder, frames, stations }: ReplayOptions): Promise<Replayed> {
  const topics = makeTopics(1, loadSettings(folder).partitions);
  const server = await EmbeddedLogServer.start({ folder, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  const registry = new RegistryView(log);
  await registry.start();
  await fill(log, frames, stations);
  const store = openSqliteStore(folder, { turnMs: 4 });
  await store.migrate();
  const shared = { log, store, registry, clock: systemClock, metrics: createMetrics() };
  const nodeId = newNodeId();
  const logger = createLogger("replay", "error");
  const processor = createProcessor({ ...shared, bus: new EmbeddedBusHub().client(), nodeId, logger });
  const projector = createProjector({ ...shared, logger });
  const started = performance.now();
  const before = process.threadCpuUsage();
  await processor.start();
  await projector.start();
  const folded = async () => {
    for (const { partition, next } of processor.progress())
      if (next < (await log.endOffset(topics.frames, partition))) return false;
    const outbox = await store.reader.selectFrom("outbox").select("sequence").limit(1).execute();
    if (outbox.length > 0) return false;
    for (const { partition, next } of projector.progress())
      if (next < (await log.endOffset(topics.events, partition))) return false;
    return true;
  };
  while (!(await folded())) await new Promise((resolve) => setTimeout(resolve, 50));
  const { user, system } = process.threadCpuUsage(before);
  const seconds = (performance.now() - started) / 1_000;
  const { count } = await store.reader
    .selectFrom("meter_value")
    .select((eb) => eb.fn.sum<number | null>("count").as("count"))
    .executeTakeFirstOrThrow();
  const inMemory = await foldInMemory(log, topics.frames.partitions);
  await processor.stop();
  await projector.stop();
  await registry.stop();
  await store.close();
  await log.close();
  await server.close();
  return { frames, cpuMicros: user + system, seconds, meterValues: count ?? 0, inMemory };
}

/** Decode, parse, fold, encode the events; no store. */
async function foldInMemory(log: EmbeddedLog, partitions: number): Promise<Replayed["inMemory"]> {
  const { frames: topic } = log.topics;
  let [frames, micros] = [0, 0];
  for (let partition = 0; partition < partitions; partition++) {
    const memories = new Map<string, StationMemory<StationState>>();
    const memoryOf = (of: string, station: string) => {
      const known = memories.get(station) ?? newMemory(of, station, ocppFold);
      memories.set(station, known);
      return known;
    };
    const scope = { tableSet: 1, generation: 1, partition };
    const registry = new RegistryView(log);
    const fold = (records: readonly LogRecord[]) => {
      const batch = new Batch<StationState>(scope, registry);
      const rest = { known: new Map<number, never>(), holding: undefined, ofNode: [] };
      for (const record of records) {
        const item = itemOf(record);
        if (item instanceof Error) throw item;
        foldItem({ fold: ocppFold, scope, batch, topic: topic.name, memoryOf, ...rest }, item);
      }
    };
    for await (const { records } of log.read(topic, partition, 0, await log.endOffset(topic, partition))) {
      const before = process.threadCpuUsage();
      for (let at = 0; at < records.length; at += recordsPerBatch) fold(records.slice(at, at + recordsPerBatch));
      const { user, system } = process.threadCpuUsage(before);
      frames += records.length;
      micros += user + system;
    }
  }
  return { frames, cpuMicros: micros };
}

serve<Replay>({ replay });
