// One partition of a live processor: opens its position, follows the log, sends what the fold concluded, and ticks.
import { limits } from "../../core/config/limits.ts";
import type { NodeId, Position } from "../../core/ids/ids.ts";
import type { CommandBus } from "../../core/bus/bus.ts";
import type { EventLog, LogBatch, Subscription } from "../../core/log/log.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import { isWattlogError, messageOf, type ErrorCode } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Metrics } from "../../core/runtime/metrics.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { Appender } from "./appender.ts";
import { DueIndex } from "./due-index.ts";
import { Folder, type Committed } from "./folder.ts";
import { nodesOf, timersOf } from "./loading.ts";
import { measure } from "./measures.ts";
import { openPosition, TableSetChanged } from "../../core/store/position.ts";
import { verifyPosition } from "./position.ts";
import { Relay } from "./relay.ts";
import { Pauses } from "./retry.ts";
import type { Effect, StationFold } from "./station-fold.ts";

/** Waiting heals none of these: a person has to look (rules F3, F8, B2). */
const permanent: readonly ErrorCode[] = ["fold/zombie", "fold/fingerprint", "fold/unknown-record", "log/out-of-range"];

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
  /** The log's end when this process began: timers and lost nodes are judged once it is folded. */
  private caughtUpAt: number | undefined;
  private isCaughtUp = false;
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
    const { next, end } = this.progress();
    metrics.consumerLag.set({ role: "processor", partition: String(partition) }, end - next);
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
  }

  private async run(): Promise<void> {
    while (!this.pauses.ended) {
      try {
        await this.follow();
      } catch (error) {
        if (error instanceof TableSetChanged) continue;
        if (this.pauses.ended) return;
        this.problem = messageOf(error);
        const { logger, partition } = this.options;
        logger.error({ err: error, partition }, "this partition is not folded");
        if (permanent.some((code) => isWattlogError(error, code))) return;
        await this.pauses.pause();
      }
    }
  }

  /** From the position in the store until something fails; nothing in memory outlives a failure. */
  private async follow(): Promise<void> {
    const { log, store, partition, fold, registry, tableSet } = this.options;
    const topic = log.topics.frames;
    let position = await openPosition(store, "processor", topic, partition, tableSet);
    await verifyPosition(log, topic, position);
    await this.loadTimers(position);
    this.position = position;
    this.end = await log.endOffset(topic, partition);
    this.caughtUpAt ??= this.end;
    this.relay.wake(position.table_set);
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
    this.problem = undefined;
    await this.subscription.done;
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
    if (batch.bodies.length > 0) this.relay.wake(position.table_set, batch.outboxRows());
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
      case "measured":
        return;
    }
  }

  // --- what absence means (rules T2, T3) ---

  private async whenCaughtUp(): Promise<void> {
    const next = this.position?.next ?? 0;
    if (this.isCaughtUp || this.caughtUpAt === undefined || next < this.caughtUpAt) return;
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
      this.appender.append({ party: "", station: "", body: { kind: "nodeLost", nodeId } });
    }
  }

  private lookForLost(): void {
    const { clock, lostLookMs, logger } = this.options;
    if (lostLookMs === undefined || this.pauses.ended) return;
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
