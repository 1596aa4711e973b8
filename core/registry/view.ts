// A process's view of the registry: follows `registry.events` and answers lookups as of a position.
// Every role has one; gateways decide from it, folds look up the past in it, the api waits in it for its own
// change to pass by (rules R1-R3).
import type { PartyId, Position } from "../ids/ids.ts";
import { firstOffsetOf, readRegistry } from "../log/generations.ts";
import type { EventLog, Subscription } from "../log/log.ts";
import { decodeChange, type RegistryChange } from "../records/registry-change.ts";
import type { Clock } from "../runtime/clock.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { settingDefaults, type EntityDocs, type EntityKind, type SettingId } from "./entities.ts";
import type { RegistrySnapshots } from "./snapshot.ts";
import { RegistryFold, type Changed, type Decided, type Version } from "./fold.ts";

/** What deciders and folds may ask. Synchronous: a decision never waits in the middle. */
export interface RegistryLookup {
  /** How far this view has read; what a writer puts into its records. */
  readonly position: Position;
  find<Kind extends EntityKind>(
    party: PartyId,
    entity: Kind,
    id: string,
    at?: Position,
  ): { readonly doc: EntityDocs[Kind]; readonly version: number } | undefined;
  /** The setting as of `at`, else its default. */
  setting<Id extends SettingId>(
    party: PartyId,
    id: Id,
    at?: Position,
  ): (typeof settingDefaults)[Id] | string | number | boolean;
  ids(party: PartyId, entity: EntityKind): Iterable<string>;
}

/** `failed`: it ended with an error and answers from the past. */
export type RegistryState = "starting" | "following" | "failed";

/** The log's own readers have tried for longer before they ended. */
const comeBackMs = 1_000;

export class RegistryView implements RegistryLookup {
  private fold = new RegistryFold();
  private subscription: Subscription | undefined;
  private readonly waiters: { offset: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  private readonly verdicts = new Map<string, (verdict: Decided) => void>();
  private readonly listeners = new Set<(changed: Changed) => void>();
  private readonly log: EventLog;
  private readonly comesBackBy: Clock | undefined;
  private readonly snapshots: RegistrySnapshots | undefined;
  private following: RegistryState = "starting";
  private failure: Error | undefined;
  private stopped = false;
  private begunAt: number | undefined;

  /**
   * @param comesBackBy a log that is away for so long that its readers end is followed again; absent: that is a failure
   * @param snapshots where a start may begin instead of at the first record
   */
  constructor(log: EventLog, comesBackBy?: Clock, snapshots?: RegistrySnapshots) {
    this.log = log;
    this.snapshots = snapshots;
    this.comesBackBy = comesBackBy;
  }

  get position(): Position {
    return { generation: this.log.topics.registry.generation, offset: this.fold.next };
  }

  /** Where the first start began: the position of a snapshot, or 0. */
  get restoredAt(): number {
    return this.begunAt ?? 0;
  }

  /** A gateway refuses upgrades unless it is `following`: a miss here is then not a "no" (rule R3). */
  get state(): RegistryState {
    return this.following;
  }

  /** Resolves once everything that was in the log at the call has been applied; rejects when it cannot be. */
  async start(): Promise<void> {
    const topic = this.log.topics.registry;
    if (this.fold.next === 0) this.fold = (await this.snapshots?.read(this.log)) ?? this.fold;
    this.begunAt ??= this.fold.next;
    await this.readEarlier(firstOffsetOf(topic));
    const end = await this.log.endOffset(topic, 0);
    if (this.stopped) return;
    this.follow();
    await this.reached({ generation: topic.generation, offset: end });
    if (this.following === "starting") this.following = "following";
  }

  /** Generations that have ended: the registry goes on over all of them, and so a position of one means what it meant. */
  private async readEarlier(upTo: number): Promise<void> {
    if (this.fold.next >= upTo) return;
    for await (const { records } of readRegistry(this.log, this.fold.next, upTo)) {
      for (const record of records) this.applyRecord(record.offset, record.logTime, decodeChange(record.value));
    }
    this.fold.beginGeneration(upTo);
  }

  private follow(): void {
    this.subscription = this.log.consume(this.log.topics.registry, 0, this.fold.next, async ({ records }) => {
      for (const record of records) this.applyRecord(record.offset, record.logTime, decodeChange(record.value));
    });
    this.subscription.done.catch((error: unknown) => {
      const clock = this.comesBackBy;
      if (clock !== undefined && isWattlogError(error, "log/unavailable")) return this.comeBack(clock);
      // A view that died must not go on answering from the past in silence: whoever waits is told.
      this.following = "failed";
      this.failure = error instanceof Error ? error : new Error(String(error));
      for (const waiter of this.waiters.splice(0)) waiter.reject(this.failure);
      this.onFailure?.(error);
    });
  }

  /** Until then a miss here is not a "no" (rule R3), and whoever waits for a position waits on. */
  private comeBack(clock: Clock): void {
    if (this.stopped) return;
    this.following = "starting";
    clock.after(comeBackMs, () => {
      this.start().catch((error: unknown) => {
        if (isWattlogError(error, "log/unavailable")) this.comeBack(clock);
        else if (!this.stopped) this.onFailure?.(error);
      });
    });
  }

  /** Set by the composition root: a view that cannot follow makes its process not ready. */
  onFailure: ((error: unknown) => void) | undefined;

  async stop(): Promise<void> {
    this.stopped = true;
    await this.subscription?.stop();
  }

  /** Writes a snapshot of what was applied up to now; whoever has none to write to does nothing. */
  async save(): Promise<void> {
    await this.snapshots?.write(this.fold, this.log);
  }

  /** Resolves when the view has applied everything before `position`; rejects when it cannot any more. */
  async reached(position: Position): Promise<void> {
    if (this.fold.next >= position.offset) return;
    if (this.failure) throw this.failure;
    await new Promise<void>((resolve, reject) => this.waiters.push({ offset: position.offset, resolve, reject }));
  }

  find<Kind extends EntityKind>(party: PartyId, entity: Kind, id: string, at?: Position) {
    return this.fold.lookup(party, entity, id, at?.offset);
  }

  setting<Id extends SettingId>(party: PartyId, id: Id, at?: Position) {
    return this.fold.lookup(party, "setting", id, at?.offset)?.doc.value ?? settingDefaults[id];
  }

  ids(party: PartyId, entity: EntityKind): Iterable<string> {
    return this.fold.ids(party, entity);
  }

  /** Every version of it with its log time, the oldest first. */
  versions(party: PartyId, entity: EntityKind, id: string): readonly Version[] {
    return this.fold.versions(party, entity, id);
  }

  /** How many `ids` has. */
  idCount(party: PartyId, entity: EntityKind): number {
    return this.fold.idCount(party, entity);
  }

  /** Whether it is there or ever was. */
  existed(party: PartyId, entity: EntityKind, id: string): boolean {
    return this.fold.existed(party, entity, id);
  }

  parties(): Set<string> {
    return this.fold.parties();
  }

  /** @returns a function that ends it. */
  onChange(listener: (changed: Changed) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * The verdict on a change, once its record has passed by here. Call before the append, so that it is not missed.
   * @returns `timeout` where it has not passed within `ms`; it may still take effect.
   */
  verdict(changeId: string, clock: Clock, ms: number): Promise<Decided | "timeout"> {
    return new Promise((resolve) => {
      const timer = clock.after(ms, () => {
        this.verdicts.delete(changeId);
        resolve("timeout");
      });
      this.verdicts.set(changeId, (verdict) => {
        timer.cancel();
        this.verdicts.delete(changeId);
        resolve(verdict);
      });
    });
  }

  private applyRecord(offset: number, logTime: number, change: RegistryChange): void {
    const verdict = this.fold.apply(offset, logTime, change);
    if (verdict.result === "applied") {
      const version = { version: verdict.version, doc: change.doc, logTime };
      for (const listener of this.listeners)
        listener({ party: change.party, entity: change.entity, id: change.id, version });
    }
    this.verdicts.get(change.changeId)?.(verdict.result === "repeated" ? verdict.first : verdict);
    for (let i = this.waiters.length - 1; i >= 0; i--) {
      const waiter = this.waiters[i]!;
      if (waiter.offset > this.fold.next) continue;
      this.waiters.splice(i, 1);
      waiter.resolve();
    }
  }
}
