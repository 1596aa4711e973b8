// The projector role: follows `charging.events` and `registry.events` and keeps the tables that people read.
import { EventEmitter } from "node:events";

import type { EventLog, LogBatch } from "../../core/log/log.ts";
import type { DomainEvent } from "../../core/records/domain-event.ts";
import { limits } from "../../core/config/limits.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Metrics } from "../../core/runtime/metrics.ts";
import type { Service } from "../../core/runtime/service.ts";
import type { Store } from "../../core/store/store.ts";
import type { ProjectorReadiness } from "./changes.ts";
import { Projection, type BatchResult } from "./batch.ts";
import { Follower } from "./follower.ts";
import { Gauges } from "./measures.ts";
import { firstTableSet, openPosition, readPosition, whatMoved } from "../../core/store/position.ts";
import { verifyFingerprint } from "./position.ts";
import { RegistryTable } from "./registry-table.ts";

export const projectorRole = "projector" as const;

export interface ProjectorOptions {
  readonly log: EventLog;
  readonly store: Store;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Those that this process owns; default: all. The registry table goes with partition 0. */
  readonly partitions?: readonly number[];
  /**
   * Whether this process is the one that should project the partition: asked before one that met a foreign position
   * begins again. Absent: no other process could have it, so one that came further is never taken for an owner.
   */
  readonly owns?: (partition: number) => Promise<boolean>;
  /** Of partitions that were never folded. */
  readonly tableSet?: number;
}

/** What was committed, for whoever shows it live in this process. */
export interface Projected {
  readonly partition: number;
  /** Position after it. */
  readonly next: number;
  readonly events: readonly DomainEvent[];
}

export interface PartitionProgress {
  readonly partition: number;
  readonly next: number;
  readonly applied: number;
  readonly skipped: number;
  readonly logTime: number;
  readonly tableSet: number;
  readonly problem: string | undefined;
}

export interface Projector extends Service {
  readonly changes: EventEmitter<{ projected: [Projected] }>;
  progress(): readonly PartitionProgress[];
  /** A problem where a partition stands still; stations whose chain broke are named in `note`, the others go on. */
  readiness(): ProjectorReadiness;
}

export function createProjector(options: ProjectorOptions): Projector {
  return new EventProjector(options);
}

/** How often lag and totals are measured; alerts look at minutes. */
const measureEveryMs = 5_000;

class EventProjector implements Projector {
  readonly name = "projector";
  readonly changes = new EventEmitter<{ projected: [Projected] }>();
  private readonly options: ProjectorOptions;
  private readonly owned: readonly number[];
  private readonly projections = new Map<number, Projection>();
  private readonly followers = new Map<number, Follower>();
  private readonly registryTable: RegistryTable;
  private registryFollower: Follower | undefined;
  private readonly gauges: Gauges;
  private stoppedStations = 0;
  private timer: Timer | undefined;
  private stopped: Promise<void> | undefined;

  constructor(options: ProjectorOptions) {
    this.options = options;
    const all = Array.from({ length: options.log.topics.events.partitions }, (_, partition) => partition);
    this.owned = options.partitions ?? all;
    this.registryTable = new RegistryTable(options.log, options.store);
    this.gauges = new Gauges(options);
  }

  async start(): Promise<void> {
    const { log, clock, logger, metrics, owns } = this.options;
    const onAnomaly = (kind: string) => metrics.logAnomalies.inc({ kind });
    const common = { log, clock, logger, maxRecords: limits.foldBatchRecords, onAnomaly };
    for (const partition of this.owned) {
      const follower = new Follower({
        ...common,
        topic: log.topics.events,
        partition,
        owns: owns && (() => owns(partition)),
        open: () => this.open(partition),
        handle: (batch) => this.handle(partition, batch),
      });
      this.followers.set(partition, follower);
      follower.start();
    }
    if (this.owned.includes(0)) {
      const table = this.registryTable;
      this.registryFollower = new Follower({
        ...common,
        topic: log.topics.registry,
        partition: 0,
        owns: owns && (() => owns(0)),
        open: () => table.open(),
        handle: (batch) => table.handle(batch),
      });
      this.registryFollower.start();
    }
    await this.measure();
    this.gauges.start(this.owned.includes(0));
  }

  drain(): Promise<void> {
    return this.stop();
  }

  stop(): Promise<void> {
    this.stopped ??= this.stopAll();
    return this.stopped;
  }

  progress(): readonly PartitionProgress[] {
    return this.owned.map((partition) => {
      const row = this.projections.get(partition)?.position;
      return {
        partition,
        next: row?.next ?? 0,
        applied: row?.applied ?? 0,
        skipped: row?.skipped ?? 0,
        logTime: row?.log_time ?? 0,
        tableSet: row?.table_set ?? this.options.tableSet ?? firstTableSet,
        problem: this.followers.get(partition)?.problem,
      };
    });
  }

  readiness(): ProjectorReadiness {
    const sick = [...this.followers].find(([, follower]) => follower.problem !== undefined);
    const problem = sick ? `partition ${sick[0]}: ${sick[1].problem}` : this.registryFollower?.problem;
    const count = this.stoppedStations;
    const note =
      count === 0 ? undefined : `the projection of ${count} station(s) stopped: see chain.stopped, then rebuild`;
    return { name: "projector", problem, note };
  }

  private async open(partition: number): Promise<number> {
    const { log, store, tableSet } = this.options;
    const topic = log.topics.events;
    const row = await openPosition(store, projectorRole, topic, partition, tableSet);
    await verifyFingerprint(log, topic, row);
    this.projections.set(partition, new Projection(store, row));
    return row.next;
  }

  private async handle(partition: number, batch: LogBatch): Promise<void> {
    const result = await this.projections.get(partition)!.project(batch);
    this.report(result);
    if (result.applied.length === 0) return;
    this.changes.emit("projected", { partition, next: result.position.next, events: result.applied });
  }

  private report(result: BatchResult): void {
    const { metrics, logger } = this.options;
    for (const broken of result.broken) {
      metrics.logAnomalies.inc({ kind: "chainBroken" });
      logger.error(broken, "the chain of events of a station is broken; its projection stopped, the others go on");
    }
    this.stoppedStations += result.broken.length;
    for (const { station, cause } of result.mismatches) {
      metrics.cdrEnergyMismatches.inc();
      logger.error({ station, cause }, "a CDR has another energy than its session");
    }
    for (const { station, cause, body } of result.orphans) {
      metrics.logAnomalies.inc({ kind: "orphanEvent" });
      logger.error({ station, cause, kind: body.kind }, "an event of a session or command that never began");
    }
  }

  private async measure(): Promise<void> {
    if (this.stopped) return;
    try {
      const counted = await this.options.store.reader
        .selectFrom("live_chain")
        .select((eb) => eb.fn.countAll<number | string>().as("stopped"))
        .where("stopped", "is not", null)
        .executeTakeFirst();
      this.stoppedStations = Number(counted?.stopped ?? 0);
      await this.lookForMoves();
      await this.gauges.measure(
        [...this.projections.values()].map(({ position }) => position),
        this.owned.includes(0),
      );
    } catch (error) {
      this.options.logger.warn({ err: error }, "could not measure the projection");
    }
    // A stop may have come while it measured.
    if (!(this.stopped as Promise<void> | undefined)) {
      this.timer = this.options.clock.after(measureEveryMs, () => void this.measure());
    }
  }

  /** Whether the rows still are what was committed to them: a projection that has nothing to do would not find out. */
  private async lookForMoves(): Promise<void> {
    const { store } = this.options;
    const followed = [...this.followers].map(([partition, follower]) => ({
      follower,
      before: () => this.projections.get(partition)?.position,
    }));
    if (this.registryFollower) {
      followed.push({ follower: this.registryFollower, before: () => this.registryTable.position });
    }
    for (const { follower, before } of followed) {
      const at = before();
      if (!at || follower.problem !== undefined) continue;
      const row = await readPosition(store.reader, at.role, at.topic, at.partition);
      const moved = whatMoved(at, row);
      if (moved && before() === at) await follower.beginAgain(moved);
    }
  }

  private async stopAll(): Promise<void> {
    this.timer?.cancel();
    const followers = [...this.followers.values(), ...(this.registryFollower ? [this.registryFollower] : [])];
    await Promise.all(followers.map((follower) => follower.stop()));
    this.gauges.forget(this.owned, this.owned.includes(0));
    this.changes.removeAllListeners();
  }
}
