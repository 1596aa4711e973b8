// One partition of a live processor: opens its position, follows the log, sends what the fold concluded, and ticks.
import { limits } from "../../core/config/limits.ts";
import type { NodeId, Position } from "../../core/ids/ids.ts";
import type { CommandBus } from "../../core/bus/bus.ts";
import type { EventLog, LogBatch, Subscription } from "../../core/log/log.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import { isWattlogError, messageOf } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Metrics } from "../../core/runtime/metrics.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { Appender } from "./appender.ts";
import { DueIndex } from "./due-index.ts";
import { Folder, type Committed } from "./folder.ts";
import { nodesOf, timersOf } from "./loading.ts";
import { measure } from "./measures.ts";
import {
  isOwner,
  openPosition,
  readPosition,
  StoreRewound,
  TableSetChanged,
  whatMoved,
} from "../../core/store/position.ts";
import { processorRole, verifyPosition } from "./position.ts";
import { Relay } from "./relay.ts";
import { Pauses } from "./retry.ts";
import type { Effect, StationFold } from "./station-fold.ts";

// Only a rebuild has any.
const noKnownHolds = new Map<number, never>();

export interface PartitionOptions<State> {
  readonly log: EventLog;
  readonly store: Store;
  readonly bus: CommandBus;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly nodeId: NodeId;
  readonly isNodeLost: ((nodeId: NodeId) => boolean) | undefined;
  readonly lostLookMs: number | undefined;
  /** Whether this process is the one that should fold the partition; undefined: no other could. */
  readonly owns: (() => Promise<boolean>) | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly fold: StationFold<State>;
  readonly partition: number;
  readonly tableSet: number;
}

export class Partition<State> {
  /** undefined: it follows. Otherwise one sentence that says why not. */
  problem: string | undefined;
  private readonly options: PartitionOptions<State>;
  private readonly appender: Appender;
  private readonly relay: Relay;
  private readonly pauses: Pauses;
  private position: PositionRow | undefined;
  private end = 0;
  private due = new DueIndex();
  private timer: Timer | undefined;
  private lostTimer: Timer | undefined;
  /** Nodes whose loss was told and that the fold still shows as holders. */
  private readonly toldLost = new Set<string>();
  private subscription: Subscription | undefined;
  private running: Promise<void> | undefined;
  /** The log's end when this fold began, or fell back: timers and lost nodes are judged once it is folded. */
  private caughtUpAt = 0;
  private isCaughtUp = false;
  /** Seen while there was nothing to fold; told by `follow` once the subscription has ended. */
  private moved: Error | undefined;
  /** Rejects at the end, so that nobody waits on for a registry that does not come. */
  private readonly halted = Promise.withResolvers<never>();

  constructor(options: PartitionOptions<State>) {
    this.options = options;
    this.appender = new Appender(options);
    this.relay = new Relay(options);
    this.pauses = new Pauses(options.clock);
    this.halted.promise.catch(() => undefined);
  }

  get relayProblem(): string | undefined {
    return this.relay.problem;
  }

  progress(): { readonly partition: number; readonly next: number; readonly end: number } {
    const next = this.position?.next ?? 0;
    return { partition: this.options.partition, next, end: Math.max(next, this.end) };
  }

  start(): void {
    this.running ??= this.run();
  }

  /** For lag; the log's end moves without us. */
  async lookAtEnd(): Promise<void> {
    const { log, partition, metrics } = this.options;
    this.end = await log.endOffset(log.topics.frames, partition);
    // Before the row is read nobody knows how far this partition is.
    if (!this.position || this.pauses.ended) return;
    const { next, end } = this.progress();
    metrics.consumerLag.set({ role: processorRole, partition: String(partition) }, end - next);
  }

  /** How old the oldest record is that waits, and whether the position row still is what was committed to it. */
  async lookBehind(): Promise<void> {
    const { log, store, partition, metrics, clock } = this.options;
    const before = this.position;
    if (!before) return;
    const topic = log.topics.frames;
    const row = await readPosition(store.reader, processorRole, topic.name, partition);
    // A fold that has something to do finds out by itself.
    const moved = whatMoved(before, row);
    if (moved && this.position === before && this.subscription) {
      this.moved = moved;
      await this.subscription.stop();
      return;
    }
    let waits = 0;
    if (this.end > before.next) {
      for await (const { records } of log.read(topic, partition, before.next, before.next + 1)) {
        if (records[0]) waits = Math.max(0, clock.now() - records[0].logTime) / 1_000;
      }
    }
    if (!this.pauses.ended) metrics.foldLag.set({ partition: String(partition) }, waits);
  }

  /** Finishes the batch in hand and sends what is in the outbox. */
  async drain(): Promise<void> {
    await this.halt();
    await this.relay.drain();
    await this.appender.stop();
  }

  async stop(): Promise<void> {
    await this.halt();
    await this.relay.stop();
    await this.appender.stop();
  }

  private async halt(): Promise<void> {
    this.pauses.end();
    this.halted.reject(new Error("the processor stops"));
    this.timer?.cancel();
    this.lostTimer?.cancel();
    // Its failure is told where it is awaited: in `run`.
    await this.subscription?.stop().catch(() => undefined);
    await this.running;
    this.timer?.cancel();
    this.lostTimer?.cancel();
    // Another process may have it now, and tell of it.
    const partition = String(this.options.partition);
    this.options.metrics.consumerLag.remove({ role: processorRole, partition });
    this.options.metrics.foldLag.remove({ partition });
  }

  private async run(): Promise<void> {
    while (!this.pauses.ended) {
      try {
        await this.follow();
      } catch (error) {
        if (error instanceof TableSetChanged) continue;
        if (this.pauses.ended || !(await this.mayBeginAgain(error))) return;
      }
    }
  }

  /** @returns after a pause, unless this process is a zombie that nobody can make the partition's owner again. */
  private async mayBeginAgain(error: unknown): Promise<boolean> {
    const { logger, metrics, partition, owns } = this.options;
    this.problem = messageOf(error);
    logger.error({ err: error, partition }, "this partition is not folded");
    const isZombie = isWattlogError(error, "fold/zombie");
    if (isZombie && owns === undefined) return false;
    if (isWattlogError(error, "fold/unknown-record")) metrics.logAnomalies.inc({ kind: "unknownRecord" });
    if (error instanceof StoreRewound) metrics.logAnomalies.inc({ kind: "storeRewound" });
    else await this.pauses.pause();
    if (!isZombie && !(error instanceof StoreRewound)) return true;
    // Whose partition it is may be in doubt now. The position row still guards every batch.
    while (!this.pauses.ended && !(await isOwner(owns))) await this.pauses.pause();
    return true;
  }

  /** From the position in the store until something fails; nothing in memory outlives a failure. */
  private async follow(): Promise<void> {
    const { log, store, partition, fold, registry, tableSet } = this.options;
    const topic = log.topics.frames;
    let position = await openPosition(store, processorRole, topic, partition, tableSet);
    await verifyPosition(log, topic, position);
    await this.loadTimers(position);
    this.moved = undefined;
    this.end = await log.endOffset(topic, partition);
    if (this.position && position.next < this.position.next) {
      this.isCaughtUp = false;
      this.timer?.cancel();
    }
    if (!this.isCaughtUp) this.caughtUpAt = this.end;
    this.position = position;
    this.relay.wake(position);
    const reached = (at: Position) => Promise.race([registry.reached(at), this.halted.promise]);
    const folder = new Folder({ log, store, registry, reached, fold, known: noKnownHolds, sends: true });
    const handler = async ({ records }: LogBatch) => {
      position = await folder.fold(position, records, (done) => this.committed(done));
      this.pauses.reset();
      this.problem = undefined;
      await this.whenCaughtUp();
    };
    await this.whenCaughtUp();
    if (this.pauses.ended) return;
    this.subscription = log.consume(topic, partition, position.next, handler, { maxRecords: limits.foldBatchRecords });
    // Where records wait, the first of them may be what it cannot fold.
    if (position.next >= this.end) this.problem = undefined;
    await this.subscription.done;
    this.tellMove();
  }

  private tellMove(): void {
    if (this.moved) throw this.moved;
  }

  private async loadTimers(position: PositionRow): Promise<void> {
    this.due = new DueIndex();
    const scope = { tableSet: position.table_set, generation: position.generation, partition: this.options.partition };
    for (const { party, station, due_at } of await timersOf(this.options.store, scope))
      this.due.set(party, station, due_at);
  }

  private committed({ position, batch }: Committed<State>): void {
    const { fold, metrics } = this.options;
    this.position = position;
    this.end = Math.max(this.end, position.next);
    for (const memory of batch.touched) this.due.set(memory.party, memory.station, fold.dueAt(memory.state));
    measure(metrics, batch);
    if (batch.bodies.length > 0) this.relay.wake(position, batch.bundles());
    for (const effect of batch.effects) this.perform(effect);
    this.armTimer();
  }

  private perform(effect: Effect): void {
    const { bus, logger } = this.options;
    switch (effect.kind) {
      case "wake": {
        const { kind: _, to, ...message } = effect;
        // A wake that is lost is a command that expires (rule C4); its end is known all the same.
        bus.send(to, { type: "command", ...message }).catch((error: unknown) => {
          logger.warn({ err: error, command: message.commandId }, "the node of a command could not be woken");
        });
        return;
      }
      case "bind": {
        const { party, station, commandId, connectionId } = effect;
        this.appender.append({ party, station, body: { kind: "commandBound", commandId, connectionId } });
        return;
      }
      case "request": {
        const { kind: _, party, station, actor, payload, ...request } = effect;
        const bytes = Buffer.from(JSON.stringify(payload));
        const origin = { via: "rule", actor } as const;
        const body = {
          kind: "commandRequested",
          ...request,
          payload: bytes,
          queueUntil: null,
          origin,
          replyTo: null,
        } as const;
        this.appender.append({ party, station, body });
        return;
      }
      case "measured":
      case "tolerated":
        return;
    }
  }

  // --- what absence means (rules T2, T3) ---

  private async whenCaughtUp(): Promise<void> {
    if (this.isCaughtUp || !this.position || this.position.next < this.caughtUpAt) return;
    await this.presumeLost();
    this.isCaughtUp = true;
    this.armTimer();
    this.lookForLost();
  }

  /** Told once a node, and only where it held a station; a record of one of its connections takes it back. */
  private async presumeLost(): Promise<void> {
    const { isNodeLost, store, partition } = this.options;
    const { position } = this;
    if (isNodeLost === undefined || !position) return;
    const scope = { tableSet: position.table_set, generation: position.generation, partition };
    const holders = await nodesOf(store, scope);
    for (const told of this.toldLost) if (!holders.includes(told)) this.toldLost.delete(told);
    for (const nodeId of holders as readonly NodeId[]) {
      if (this.toldLost.has(nodeId) || !isNodeLost(nodeId)) continue;
      this.toldLost.add(nodeId);
      const isStillTrue = () => {
        if (!isNodeLost(nodeId)) this.toldLost.delete(nodeId);
        return this.toldLost.has(nodeId);
      };
      this.appender.append({ party: "", station: "", body: { kind: "nodeLost", nodeId } }, isStillTrue);
    }
  }

  private lookForLost(): void {
    const { clock, lostLookMs, logger } = this.options;
    if (lostLookMs === undefined || this.pauses.ended) return;
    this.lostTimer?.cancel();
    this.lostTimer = clock.after(lostLookMs, () => {
      this.presumeLost()
        .catch((error: unknown) => logger.warn({ err: error }, "cannot look for lost nodes"))
        .finally(() => this.lookForLost());
    });
  }

  private armTimer(): void {
    if (!this.isCaughtUp || this.pauses.ended) return;
    this.timer?.cancel();
    const next = this.due.next();
    if (next === undefined) return;
    const { clock } = this.options;
    this.timer = clock.after(Math.max(0, next - clock.now()), () => this.tick());
  }

  private tick(): void {
    const now = this.options.clock.now();
    for (const { party, station, dueAt } of this.due.take(now, limits.foldAppendRecords)) {
      this.appender.append({ party, station, body: { kind: "tick", dueAt } });
    }
    this.armTimer();
  }
}
