// Process: processor and projector alone, over a log that is there already. The fold has the main thread, so that its
// CPU can be told from the log writer's.
import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { logKey, newConnectionId, newNodeId, trusted } from "../../core/ids/ids.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics, type Entry, type LogRecord } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { transactionIdOf } from "../../core/ocpp/transaction-id.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
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
import { MeterValuesFrame, webSocketHeaderBytes } from "./frames.ts";
import { serve } from "./process.ts";
import { loadSettings } from "./settings.ts";
import type { Replay, Replayed, ReplayOptions } from "./targets.ts";

const party = trusted.party("DEWLG");
const recordsPerAppend = 64;
const recordsPerBatch = 512;

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A station's records in the order of its gateway: connected, claimed, a start, then meter values. */
class Writer {
  readonly key: string;
  private readonly station: ReturnType<typeof trusted.station>;
  private readonly source = newConnectionId();
  private readonly frame: MeterValuesFrame;
  private readonly request;
  private readonly transactionId: number;
  private sequence = 0;

  constructor(n: number) {
    this.station = trusted.station(`replay-${n}`);
    this.key = logKey(party, this.station);
    this.request = { connectorId: 1, idTag: "TAG", meterStart: 0, timestamp: "2025-06-01T00:00:00Z" };
    this.transactionId = transactionIdOf(this.request);
    this.frame = new MeterValuesFrame(this.transactionId);
  }

  begin(): Entry[] {
    const answer = { transactionId: this.transactionId, idTagInfo: { status: "Accepted" } };
    return [
      this.entry({
        kind: "connected",
        nodeId: newNodeId(),
        protocol: "ocpp1.6",
        securityProfile: 0,
        remoteAddress: "127.0.0.1",
      }),
      this.entry({ kind: "claimed", epoch: { generation: 1, offset: 0 } }),
      this.exchange("StartTransaction", "start", bytes([2, "start", "StartTransaction", this.request]), answer),
    ];
  }

  meterValues(): Entry {
    const call = Uint8Array.from(this.frame.next().subarray(webSocketHeaderBytes));
    return this.exchange("MeterValues", String(this.sequence), call, {});
  }

  private exchange(action: string, messageId: string, call: Uint8Array, answer: object): Entry {
    const rest = { facts: {}, annotations: [] };
    return this.entry({
      kind: "exchange",
      protocol: "ocpp1.6",
      action,
      messageId,
      call,
      answer: bytes([3, messageId, answer]),
      ...rest,
    });
  }

  private entry(body: FrameBody): Entry {
    const { station, source } = this;
    const envelope = { party, station, source, arrivedAt: Date.now(), registry: { generation: 1, offset: 0 } };
    const value = encodeRecord({ ...envelope, keyId: null, sequence: this.sequence++, ...body });
    return { key: this.key, value };
  }
}

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
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  const inMemory = await foldInMemory(log, topics.frames.partitions);
  await processor.stop();
  await projector.stop();
  await registry.stop();
  await store.close();
  await log.close();
  await server.close();
  return { frames, cpuMicros: user + system, seconds, meterValues: count, inMemory };
}

async function fill(log: EmbeddedLog, frames: number, stations: number): Promise<void> {
  const writers = Array.from({ length: stations }, (_, n) => new Writer(n));
  const { frames: topic } = log.topics;
  const append = async (entriesOf: (writer: Writer) => Entry[]) => {
    const byPartition = Map.groupBy(
      writers.flatMap((writer) => entriesOf(writer)),
      ({ key }) => partitionOf(key, topic.partitions),
    );
    await Promise.all([...byPartition].map(([partition, entries]) => log.append(topic, partition, entries)));
  };
  await append((writer) => writer.begin());
  // As stations send: each in its turn, so that a batch holds many of them.
  const rounds = Math.max(1, Math.round(recordsPerAppend / stations));
  for (let sent = 0; sent < frames; sent += stations * rounds) {
    await append((writer) => Array.from({ length: rounds }, () => writer.meterValues()));
  }
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
