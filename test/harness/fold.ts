// A processor in this process, beside a gateway under test, whose fold fails on records that a test names.
import { newNodeId, trusted, type StationId } from "../../core/ids/ids.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import { decodeEvent, type DomainEvent } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics, type Metrics } from "../../core/runtime/metrics.ts";
import type { QuarantineRow } from "../../core/store/tables.ts";
import { ocppFold } from "../../processors/ocpp-fold.ts";
import { createProcessor } from "../../processors/processor.ts";
import { party, type GatewayUnderTest } from "./gateway.ts";

export interface FoldUnderTest extends AsyncDisposable {
  readonly metrics: Metrics;
  /** Records for which this is true fail to fold, every time, until it is set to something else. */
  isPoison: (record: FrameRecord) => boolean;
  eventsOf(station: string): Promise<DomainEvent[]>;
  quarantined(): Promise<QuarantineRow[]>;
  /** What `wattlog quarantine redrive` writes. */
  redrive(row: QuarantineRow): Promise<void>;
}

export async function startFold(gateway: GatewayUnderTest): Promise<FoldUnderTest> {
  const { log, registry } = gateway;
  const store = await gateway.adapters.openStore();
  const nodeId = newNodeId();
  const bus = gateway.adapters.bus();
  const metrics = createMetrics();
  const under = {
    metrics,
    isPoison: (_record: FrameRecord): boolean => false,
    eventsOf: (station: string) => eventsOf(gateway, station),
    quarantined: () => store.reader.selectFrom("quarantine").selectAll().execute(),
    async redrive(row: QuarantineRow): Promise<void> {
      const station = trusted.station(row.station);
      const body = { kind: "redrive", quarantineId: row.id, actor: "test" } as const;
      const envelope = {
        party,
        station,
        source: nodeId,
        arrivedAt: Date.now(),
        registry: registry.position,
        keyId: null,
      };
      const value = encodeRecord({ ...envelope, sequence: 1_000_000 + row.record_offset, ...body });
      await log.append(log.topics.frames, row.partition, [{ key: `${party}/${station}`, value }]);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await processor.drain();
      await processor.stop();
      await bus.close();
      await store.close();
    },
  };
  const processor = createProcessor({
    log,
    store,
    bus,
    registry,
    clock: systemClock,
    nodeId,
    isNodeLost: (id) => id !== gateway.nodeId,
    metrics,
    logger: silentLogger(),
    fold: {
      ...ocppFold,
      evolve(state, record, context) {
        if (under.isPoison(record)) throw new Error("planted: this record cannot be folded");
        return ocppFold.evolve(state, record, context);
      },
    },
  });
  await processor.start();
  return under;
}

async function eventsOf({ log }: GatewayUnderTest, station: string): Promise<DomainEvent[]> {
  const topic = log.topics.events;
  const id: StationId = trusted.station(station);
  const events: DomainEvent[] = [];
  for (let partition = 0; partition < topic.partitions; partition++) {
    const end = await log.endOffset(topic, partition);
    for await (const { records } of log.read(topic, partition, 0, end)) {
      events.push(...records.map(({ value }) => decodeEvent(value)).filter((event) => event.station === id));
    }
  }
  return events;
}
