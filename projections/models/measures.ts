// What the projection knows in numbers. Sessions and CDRs are counted by the processors, which make them.
import type { EventLog } from "../../core/log/log.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import type { Metrics } from "../../core/runtime/metrics.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";

export interface GaugesOptions {
  readonly log: EventLog;
  readonly store: Store;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export class Gauges {
  private readonly options: GaugesOptions;

  constructor(options: GaugesOptions) {
    this.options = options;
  }

  /** @param totals whether this process speaks for the whole fleet: one of them does, for the gauges are added up. */
  async measure(positions: readonly PositionRow[], totals: boolean): Promise<void> {
    for (const position of positions) await this.lag(position);
    if (!totals) return;
    const { store, metrics, registry } = this.options;
    const online = await store.reader
      .selectFrom("live_station")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("online", "=", 1)
      .executeTakeFirst();
    const active = await store.reader
      .selectFrom("live_session")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("status", "=", "active")
      .executeTakeFirst();
    metrics.stationsOnline.set(Number(online?.count ?? 0));
    metrics.sessionsActive.set(Number(active?.count ?? 0));
    let registered = 0;
    for (const name of registry.parties()) {
      const party = trusted.party(name);
      for (const id of registry.ids(party, "station")) if (registry.find(party, "station", id)) registered++;
    }
    metrics.stationsRegistered.set(registered);
  }

  private async lag(position: PositionRow): Promise<void> {
    const { log, metrics, clock } = this.options;
    const topic = log.topics.events;
    const partition = String(position.partition);
    const behind = Math.max(0, (await log.endOffset(topic, position.partition)) - position.next);
    metrics.consumerLag.set({ role: "projector", partition }, behind);
    if (behind === 0) {
      metrics.projectionLag.set({ partition }, 0);
      return;
    }
    for await (const batch of log.read(topic, position.partition, position.next, position.next + 1)) {
      const oldest = batch.records[0];
      if (oldest) metrics.projectionLag.set({ partition }, Math.max(0, clock.now() - oldest.logTime) / 1_000);
    }
  }
}
