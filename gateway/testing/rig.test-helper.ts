// A whole gateway over a log and a bus in memory.
import { randomUUID } from "node:crypto";
import type { WsClientOptions } from "../../bench/fleet/ws-client.ts";
import { newNodeId, parsePartyId, parseStationId, type PartyId, type StationId } from "../../core/ids/ids.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import type { EntityDocs, EntityKind, SettingId } from "../../core/registry/entities.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { createGateway, type Gateway, type GatewayOptions } from "../gateway.ts";
import { MemoryBus } from "./memory-bus.test-helper.ts";
import { MemoryLog } from "./memory-log.test-helper.ts";
import { TestStation } from "./station.test-helper.ts";

export const party = parsePartyId("DEWLG")!;

export function stationId(text: string): StationId {
  const id = parseStationId(text);
  if (!id) throw new Error(`${text} is no identity`);
  return id;
}

/** A registry record that changes an entity whatever its version. */
export function changeOf<Kind extends EntityKind>(of: PartyId, entity: Kind, id: string, doc: EntityDocs[Kind] | null) {
  const change = { party: of, keyId: null, changeId: randomUUID(), entity, id, expectedVersion: null, doc };
  return { key: `${of}/${id}`, value: encodeChange({ ...change, at: 0, actor: "test" }) };
}

export class Rig {
  readonly log = new MemoryLog(systemClock);
  readonly bus = new MemoryBus();
  readonly registry = new RegistryView(this.log);
  readonly metrics = createMetrics();
  readonly nodeId = newNodeId();
  readonly gateway: Gateway;
  private readonly stations: TestStation[] = [];

  constructor(options: Partial<GatewayOptions> = {}) {
    this.gateway = createGateway({
      options: { host: "127.0.0.1", port: 0, party, appendHoldMs: 10_000, noSubprotocol: "reject", ...options },
      log: this.log,
      bus: this.bus,
      registry: this.registry,
      clock: systemClock,
      nodeId: this.nodeId,
      metrics: this.metrics,
      logger: silentLogger(),
    });
  }

  /** @param unknownStations the registry's setting. */
  static async start(options: Partial<GatewayOptions> = {}, unknownStations = "accept"): Promise<Rig> {
    const rig = new Rig(options);
    await rig.registry.start();
    await rig.set("unknownStations", unknownStations);
    await rig.set("unknownTokens", "accept");
    await rig.gateway.start();
    return rig;
  }

  set(id: SettingId, value: string | number | boolean): Promise<void> {
    return this.change("setting", id, { id, value });
  }

  async change<Kind extends EntityKind>(
    entity: Kind,
    id: string,
    doc: EntityDocs[Kind] | null,
    of: PartyId = party,
  ): Promise<void> {
    const topic = this.log.topics.registry;
    const { baseOffset } = await this.log.append(topic, 0, [changeOf(of, entity, id, doc)]);
    await this.registry.reached({ generation: 1, offset: baseOffset + 1 });
  }

  async connect(path: string, options: Partial<WsClientOptions> = {}): Promise<TestStation> {
    const url = `ws://127.0.0.1:${this.gateway.port()}/${path}`;
    const station = await TestStation.connect({ url, protocols: ["ocpp1.6"], ...options });
    this.stations.push(station);
    return station;
  }

  async stop(): Promise<void> {
    for (const station of this.stations) station.destroy();
    await this.gateway.stop();
    await this.registry.stop();
  }
}
