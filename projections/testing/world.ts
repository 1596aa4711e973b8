// A log, a store and a registry view in a temporary folder, given back together.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { CommandBus } from "../../core/bus/bus.ts";
import { logKey, newNodeId, trusted } from "../../core/ids/ids.ts";
import { makeTopics, type EventLog, type Topics } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import type { Authoriser } from "../../core/ports/ports.ts";
import type { RunningPrices } from "../../core/ports/running-price.ts";
import { encodeEvent, type DomainEvent } from "../../core/records/domain-event.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock, type Clock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import type { Store } from "../../core/store/store.ts";
import { changesOf } from "../models/changes.ts";
import { createProjector, type Projector } from "../models/projector.ts";
import { Pushes } from "../ocpi/pushes/pushes.ts";
import { createAuthoriser } from "../ocpi/realtime/authoriser.ts";
import { createApi, type Api } from "../rest/api.ts";
import type { OcpiSettings } from "../rest/context.ts";

export interface Adapters {
  readonly openLog: (folder: string, topics: Topics) => Promise<{ readonly log: EventLog; close(): Promise<void> }>;
  readonly openStore: (folder: string) => Store;
  readonly openBus: () => CommandBus;
}

export const party = trusted.party("DEWLG");
export const adminToken = "test-admin-token";
export const partitions = 2;

const testOcpi: OcpiSettings = {
  url: "http://127.0.0.1:0",
  peers: "local",
  name: "Stadtwerke",
  secret: "a secret of more than thirty-two characters",
};

export class World {
  readonly folder: string;
  readonly log: EventLog;
  readonly store: Store;
  readonly bus: CommandBus;
  readonly registry: RegistryView;
  readonly metrics = createMetrics();
  readonly clock = systemClock;
  readonly nodeId = newNodeId();
  private readonly adapters: Adapters;
  private readonly closers: (() => Promise<unknown>)[] = [];

  static async open(adapters: Adapters): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), "wattlog-projections-"));
    const opened = await adapters.openLog(folder, makeTopics(1, partitions));
    const { log } = opened;
    const store = adapters.openStore(folder);
    await store.migrate();
    const registry = new RegistryView(log);
    await registry.start();
    const world = new World(adapters, folder, log, store, registry);
    world.closers.push(async () => {
      await registry.stop();
      await log.close();
      await opened.close();
      await store.close();
    });
    return world;
  }

  private constructor(adapters: Adapters, folder: string, log: EventLog, store: Store, registry: RegistryView) {
    this.adapters = adapters;
    this.folder = folder;
    this.log = log;
    this.store = store;
    this.registry = registry;
    this.bus = adapters.openBus();
  }

  async project(): Promise<Projector> {
    const { log, store, registry, clock, metrics } = this;
    const projector = createProjector({ log, store, registry, clock, metrics, logger: silentLogger() });
    await projector.start();
    this.closers.push(() => projector.stop());
    return projector;
  }

  async serve(projector?: Projector, nodeId = this.nodeId, runningPrices?: RunningPrices): Promise<Api> {
    const { log, store, bus, registry, clock, metrics } = this;
    const options = { host: "127.0.0.1", port: 0, party, wsUrl: "ws://127.0.0.1:9000", version: "0.1.0" };
    const watched = projector ? { projector: changesOf(projector) } : {};
    const api = createApi({
      options,
      log,
      store,
      bus,
      registry,
      clock,
      nodeId,
      metrics,
      logger: silentLogger(),
      adminToken,
      ocpi: testOcpi,
      uploads: { folder: join(this.folder, "uploads"), url: "https://csms.example/" },
      ...watched,
      ...(runningPrices && { runningPrices }),
    });
    await api.start();
    this.closers.push(() => api.stop());
    return api;
  }

  /** What partners are told, beside the projector. @param clock of retries; default: the world's */
  push(clock: Clock = this.clock): Pushes {
    const { log, store, registry, metrics } = this;
    const pushes = new Pushes({ log, store, registry, clock, metrics, logger: silentLogger(), ocpi: () => testOcpi });
    for (let partition = 0; partition < partitions; partition++) pushes.take(partition);
    pushes.start();
    this.closers.push(() => pushes.stop());
    return pushes;
  }

  /** Who asks partners about tokens, as a gateway has it. */
  authoriser(): Authoriser {
    const { log, registry, clock, metrics } = this;
    const needs = { log, registry, clock, metrics, logger: silentLogger(), ocpi: () => testOcpi };
    const authoriser = createAuthoriser(needs);
    this.closers.push(() => Promise.resolve(authoriser.stop()));
    return authoriser;
  }

  async scratchStore(): Promise<Store> {
    const folder = mkdtempSync(join(tmpdir(), "wattlog-scratch-"));
    const store = this.adapters.openStore(folder);
    await store.migrate();
    this.closers.push(async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    });
    return store;
  }

  partitionOf(event: Pick<DomainEvent, "party" | "station">): number {
    return partitionOf(logKey(event.party, event.station), this.log.topics.events.partitions);
  }

  /** In the order given, one append a partition and run. */
  async appendEvents(events: readonly DomainEvent[]): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) {
      const own = events.filter((event) => this.partitionOf(event) === partition);
      if (own.length === 0) continue;
      const entries = own.map((event) => ({ key: logKey(event.party, event.station), value: encodeEvent(event) }));
      await this.log.append(this.log.topics.events, partition, entries);
    }
  }

  /** Resolves when the projector stands at the end of every partition. */
  async caughtUp(projector: Projector): Promise<void> {
    await until(async () => {
      for (const { partition, next } of projector.progress()) {
        if (next < (await this.log.endOffset(this.log.topics.events, partition))) return false;
      }
      return true;
    });
  }

  async close(): Promise<void> {
    for (const close of this.closers.toReversed()) await close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function until(holds: () => Promise<boolean> | boolean, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("it did not come true in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
