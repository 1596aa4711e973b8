// What the projection knows in numbers. Sessions and CDRs are counted by the processors, which make them.
import type { EventLog } from "../../core/log/log.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { quarantineStages, withoutCdrReasons, type Metrics } from "../../core/runtime/metrics.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import { FleetGauges } from "../health/fleet-gauges.ts";
import { ReconciliationGauges } from "../rest/reconciliation-gauges.ts";

export interface GaugesOptions {
  readonly log: EventLog;
  readonly store: Store;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** From the end of settling to a CDR in its table, far beyond what it takes. */
const settleGraceMs = 60_000;
/** Looked at; where there are more, how many matters no more. */
const mostWithoutCdr = 10_000;
/** There never will be one: nobody waits for it. */
const decidedReasons = ["suppressed", "voided", "credited"];

export class Gauges {
  private readonly options: GaugesOptions;
  private readonly fleet: FleetGauges;
  private readonly reconciliation: ReconciliationGauges;
  private ended = false;

  constructor(options: GaugesOptions) {
    this.options = options;
    this.fleet = new FleetGauges(options);
    this.reconciliation = new ReconciliationGauges(options);
  }

  /** What takes long, beside the rest. @param totals as of `measure` */
  start(totals: boolean): void {
    if (totals) this.reconciliation.start();
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
      .where("ended_at", "is", null)
      .executeTakeFirst();
    const held = await this.heldByStage();
    const withoutCdr = await this.withoutCdr();
    if (this.ended) return;
    for (const stage of quarantineStages) metrics.quarantineHeld.set({ stage }, held.get(stage) ?? 0);
    for (const reason of withoutCdrReasons) metrics.sessionsWithoutCdr.set({ reason }, withoutCdr[reason]);
    metrics.stationsOnline.set(Number(online?.count ?? 0));
    metrics.sessionsActive.set(Number(active?.count ?? 0));
    let registered = 0;
    for (const name of registry.parties()) {
      const party = trusted.party(name);
      for (const id of registry.ids(party, "station")) if (registry.find(party, "station", id)) registered++;
    }
    metrics.stationsRegistered.set(registered);
    await this.fleet.measure();
  }

  /** Another process may have the partitions now, and tell of them: what this one last saw must not be added to that. */
  forget(partitions: readonly number[], totals: boolean): void {
    const { metrics } = this.options;
    this.ended = true;
    for (const partition of partitions.map(String)) {
      metrics.consumerLag.remove({ role: "projector", partition });
      metrics.projectionLag.remove({ partition });
    }
    if (!totals) return;
    for (const gauge of [metrics.stationsOnline, metrics.sessionsActive, metrics.stationsRegistered]) gauge.remove();
    metrics.quarantineHeld.reset();
    metrics.sessionsWithoutCdr.reset();
    this.fleet.forget();
    this.reconciliation.forget();
  }

  private async heldByStage(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.options.store.reader
      .selectFrom("live_quarantine")
      .select(["stage", (eb) => eb.fn.countAll<number | string>().as("count")])
      .where("state", "=", "held")
      .groupBy("stage")
      .execute();
    return new Map(rows.map(({ stage, count }) => [stage, Number(count)]));
  }

  /** An index has these rows and no others. What settles longer than its party lets it is overdue. */
  private async withoutCdr(): Promise<Record<(typeof withoutCdrReasons)[number], number>> {
    const { store, registry, clock } = this.options;
    const rows = await store.reader
      .selectFrom("live_session")
      .select(["party", "cdr_reason", "last_updated"])
      .where("ended_at", "is not", null)
      .where("cdr_id", "is", null)
      .where((eb) => eb.or([eb("cdr_reason", "is", null), eb("cdr_reason", "not in", decidedReasons)]))
      .limit(mostWithoutCdr)
      .execute();
    const counts = { settling: 0, held: 0, overdue: 0 };
    for (const { party, cdr_reason, last_updated } of rows) {
      const settleMs = Number(registry.setting(trusted.party(party), "settleAfterMs"));
      if (cdr_reason !== null && cdr_reason !== "settling") counts.held++;
      else if (clock.now() - last_updated > settleMs + settleGraceMs) counts.overdue++;
      else counts.settling++;
    }
    return counts;
  }

  private async lag(position: PositionRow): Promise<void> {
    const { log, metrics, clock } = this.options;
    const topic = log.topics.events;
    const behind = Math.max(0, (await log.endOffset(topic, position.partition)) - position.next);
    let seconds = 0;
    if (behind > 0) {
      for await (const batch of log.read(topic, position.partition, position.next, position.next + 1)) {
        const oldest = batch.records[0];
        if (oldest) seconds = Math.max(0, clock.now() - oldest.logTime) / 1_000;
      }
    }
    if (this.ended) return;
    const partition = String(position.partition);
    metrics.consumerLag.set({ role: "projector", partition }, behind);
    metrics.projectionLag.set({ partition }, seconds);
  }
}
