// A gateway in this process, on a real log with a HeldLog in between: for faults between socket and log.
import { newNodeId, trusted, type NodeId } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics, type Metrics } from "../../core/runtime/metrics.ts";
import { createGateway } from "../../gateway/gateway.ts";
import type { Adapters } from "./adapters.ts";
import { HeldLog } from "./held-log.ts";

export interface GatewayUnderTest extends AsyncDisposable {
  readonly url: string;
  readonly log: HeldLog;
  readonly registry: RegistryView;
  /** For a fold beside it. */
  readonly adapters: Adapters;
  readonly nodeId: NodeId;
  readonly metrics: Metrics;
  /** Every record of `ocpp.frames` as it lies in the log now. */
  frames(): Promise<FrameRecord[]>;
}

export const party = trusted.party("DEWLG");

/** @param adapters end with it */
export async function startGateway(adapters: Adapters, { appendHoldMs = 10_000 } = {}): Promise<GatewayUnderTest> {
  const inner = adapters.log;
  const log = new HeldLog(inner);
  await acceptUnknown(inner, ["unknownStations", "unknownTokens"]);
  const registry = new RegistryView(log);
  await registry.start();
  const metrics = createMetrics();
  const bus = adapters.bus();
  const nodeId = newNodeId();
  const gateway = createGateway({
    options: { host: "127.0.0.1", port: 0, party, appendHoldMs, noSubprotocol: "reject" },
    log,
    bus,
    registry,
    clock: systemClock,
    nodeId,
    metrics,
    logger: silentLogger(),
  });
  await gateway.start();
  return {
    url: `ws://127.0.0.1:${gateway.port()}`,
    log,
    registry,
    adapters,
    nodeId,
    metrics,
    frames: () => framesOf(inner),
    async [Symbol.asyncDispose]() {
      log.release();
      await gateway.drain();
      await gateway.stop();
      await registry.stop();
      await bus.close();
      await adapters.end();
    },
  };
}

/** The registry says no where it says nothing; a composition root on loopback seeds this. */
async function acceptUnknown(log: EventLog, ids: readonly ("unknownStations" | "unknownTokens")[]): Promise<void> {
  for (const id of ids) {
    const change = encodeChange({
      party,
      keyId: null,
      changeId: id,
      entity: "setting",
      id,
      expectedVersion: 0,
      doc: { id, value: "accept" },
      at: systemClock.now(),
      actor: "test",
    });
    await log.append(log.topics.registry, 0, [{ key: `${party}/${id}`, value: change }]);
  }
}

/** Every record of `ocpp.frames`, partition by partition. */
export async function framesOf(log: EventLog): Promise<FrameRecord[]> {
  const records: FrameRecord[] = [];
  const topic = log.topics.frames;
  for (let partition = 0; partition < topic.partitions; partition++) {
    const end = await log.endOffset(topic, partition);
    for await (const batch of log.read(topic, partition, 0, end)) {
      for (const record of batch.records) records.push(decodeRecord(record.value));
    }
  }
  return records;
}
