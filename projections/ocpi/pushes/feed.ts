// Follows one partition of the log for what partners are to be told, from a position row of its own that moves in one
// transaction with what it concluded (rule F3). A rebuild has other position rows, and so tells nobody anything. While
// nobody is pushed to there is no row and nothing is read; it begins where the tables stood just before the first partner.
import type { LogBatch, Topic } from "../../../core/log/log.ts";
import { Rounds } from "../../../core/runtime/rounds.ts";
import { limits } from "../../../core/config/limits.ts";
import { openPosition, readPosition } from "../../../core/store/position.ts";
import type { Change } from "../../../core/store/store.ts";
import type { PositionRow } from "../../../core/store/tables.ts";
import { Follower } from "../../models/follower.ts";
import { positionAfter, verifyFingerprint } from "../../models/position.ts";
import type { PushNeeds } from "./needs.ts";
import { pushPeers } from "./peers.ts";

export const pushRole = "ocpi-push";

const lookEveryMs = 1_000;
const waitMs = 20;

export interface FeedSource {
  readonly topic: Topic;
  readonly partition: number;
  /** Whose rows must have passed a record before partners are told of it: they are what is told. */
  readonly behind: "projector" | "registry";
  readonly owns: (() => Promise<boolean>) | undefined;
  /** Before the first batch after each start; its rows are written at once. */
  readonly begin: () => Promise<readonly Change[]>;
  readonly conclude: (batch: LogBatch) => Promise<readonly Change[]>;
}

export class Feed {
  private readonly needs: PushNeeds;
  private readonly source: FeedSource;
  private readonly rounds: Rounds;
  private follower: Follower | undefined;
  private at: PositionRow | undefined;
  private stopped = false;
  private isResting = false;
  private wasIdle = false;
  /** Where the tables stood when there still was nobody; undefined: there was somebody from the start. */
  private idleAt: PositionRow | "start" | undefined;

  constructor(needs: PushNeeds, source: FeedSource) {
    this.needs = needs;
    this.source = source;
    this.rounds = new Rounds(needs.clock, lookEveryMs, () => this.look());
  }

  get problem(): string | undefined {
    return this.follower?.problem;
  }

  /** Whether somebody is told what happens here. */
  get isFollowing(): boolean {
    return this.follower !== undefined;
  }

  start(): void {
    this.wasIdle = !this.hasPeers();
    this.rounds.start(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.rounds.stop();
    await this.follower?.stop();
  }

  private async look(): Promise<void> {
    try {
      if (this.hasPeers() && this.follower) return;
      await this.remember();
      if (!this.hasPeers()) await this.rest();
      else this.follow();
    } catch (error) {
      this.needs.logger.warn({ err: error }, "pushes to partners cannot be begun or ended; it is tried again");
    }
  }

  private hasPeers(): boolean {
    return pushPeers(this.needs.registry).next().done !== true;
  }

  /** Where the tables stand, as long as there is nobody: first of all, for what comes next may be a partner. */
  private async remember(): Promise<void> {
    const { store, registry } = this.needs;
    const { topic, partition, behind } = this.source;
    const { wasIdle } = this;
    this.wasIdle = !this.hasPeers();
    if (!wasIdle && !this.wasIdle) return;
    const tables = await readPosition(store.reader, behind, topic.name, partition);
    // Further than our view of the registry it may have passed the partner that we do not see yet.
    const mayBePast = behind === "registry" && tables !== undefined && tables.next > registry.position.offset;
    // A partner came since: what was remembered when there was none is the place.
    if (!mayBePast && (this.wasIdle || this.idleAt === undefined)) this.idleAt = tables ?? "start";
  }

  private async rest(): Promise<void> {
    if (this.isResting) return;
    await this.follower?.stop();
    this.follower = undefined;
    this.idleAt = this.at ?? this.idleAt;
    const { topic, partition } = this.source;
    const row = { role: pushRole, topic: topic.name, partition };
    await this.needs.store.write({ changes: [{ act: "remove", table: "position", rows: [row] }] });
    this.isResting = true;
  }

  private follow(): void {
    const { log, clock, logger, metrics } = this.needs;
    const { topic, partition, owns } = this.source;
    this.isResting = false;
    this.follower = new Follower({
      log,
      clock,
      logger,
      topic,
      partition,
      owns,
      maxRecords: limits.foldBatchRecords,
      onAnomaly: (kind) => metrics.logAnomalies.inc({ kind }),
      open: () => this.open(),
      handle: (batch) => this.handle(batch),
    });
    this.follower.start();
  }

  private async open(): Promise<number> {
    const { log, store } = this.needs;
    const { topic, partition, begin } = this.source;
    const row =
      (await readPosition(store.reader, pushRole, topic.name, partition)) ?? (await this.beginWhereTablesStand());
    await verifyFingerprint(log, topic, row);
    await store.write({ changes: await begin() });
    this.at = row;
    return row.next;
  }

  private async beginWhereTablesStand(): Promise<PositionRow> {
    const { store } = this.needs;
    const { topic, partition, behind } = this.source;
    const tables = this.idleAt ?? (await readPosition(store.reader, behind, topic.name, partition)) ?? "start";
    if (tables === "start") return openPosition(store, pushRole, topic, partition);
    const row = { ...tables, role: pushRole, applied: 0, skipped: 0 };
    await store.write({ changes: [{ act: "insertNew", table: "position", rows: [row] }] });
    return (await readPosition(store.reader, pushRole, topic.name, partition)) ?? row;
  }

  private async handle(batch: LogBatch): Promise<void> {
    const from = this.at!;
    const counted = { applied: batch.records.length, skipped: 0 };
    const to = positionAfter(from, batch, counted);
    await this.tablesHave(to.next);
    if (this.stopped) return;
    const changes = await this.source.conclude(batch);
    await this.needs.store.write({ move: { from, to }, changes });
    this.at = to;
  }

  private async tablesHave(next: number): Promise<void> {
    const { store, clock } = this.needs;
    const { topic, partition, behind } = this.source;
    while (!this.stopped) {
      const tables = await readPosition(store.reader, behind, topic.name, partition);
      if (tables && tables.next >= next) return;
      await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    }
  }
}
