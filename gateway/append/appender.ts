// The way into `ocpp.frames`: one queue a partition, one batch outstanding a partition, so that a station's records
// keep their order whatever the log does (protocol.md I2). Batches form by themselves: what arrives while one is on its
// way is the next one, and the batches of all partitions leave together (gather.ts). Only an urgent record of a station
// that has nothing else on its way goes beside a batch, not behind it.
//
// Bounds are per partition, so that a sick one harms only its stations (reliability.md, outage of the log):
//  - bytes and age over the bound: `stalled`, its queued frames are given up, its stations are to be closed;
//  - a rejected append says nothing about what is in the log: its frames count as unacknowledged and are never answered.
import type { Entry, EventLog, Receipt, Topic } from "../../core/log/log.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import { isWattlogError } from "../../core/runtime/errors.ts";
import { Gather } from "./gather.ts";
import { ageOf, mayGoAlone, newQueue, none, overheadBytes, takeBatch, type PartitionQueue } from "./partition-queue.ts";

/** A record on its way into the log, and who waits for it. Reused as the log's entry: the hot path makes one object. */
export interface Pending extends Entry {
  /** Set by the appender, monotonic ms. */
  enqueuedAt: number;
  /**
   * An essential record (`disconnected`) is retried until it is in the log: it says what has happened already. It may
   * then stand there twice; readers drop repeats of a frame id.
   */
  readonly essential: boolean;
  /** False: nobody needs it any more, so it is given up when its turn comes. */
  wanted(): boolean;
  /**
   * Durable.
   * @param told whether who is named by `tell` has been handed it.
   */
  acknowledged(offset: number, logTime: number, told: boolean): void;
  /** Unknown, or never sent: it must not be answered. Called at most once, never after `acknowledged`. */
  lost(): void;
}

export interface AppenderOptions {
  readonly holdMs: number;
  readonly queueBytes: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
}

export interface AppenderEvents {
  /** Nothing got through in time: close every station of the partition. */
  stalled(partition: number): void;
  /** An append succeeded again. */
  recovered(partition: number): void;
  rejected(partition: number, error: unknown): void;
}

interface Acknowledged {
  readonly queue: PartitionQueue;
  readonly batch: readonly Pending[];
  readonly receipt: Receipt;
  readonly wasSick: boolean;
}

const firstRetryMs = 100;
const longestRetryMs = 5_000;
/** So many bytes count as one record when it is judged whether a batch is small. */
const weightBytes = 1024;

export class Appender {
  private readonly log: EventLog;
  private readonly topic: Topic;
  private readonly clock: Clock;
  private readonly options: AppenderOptions;
  private readonly events: AppenderEvents;
  private readonly gather: Gather;
  private readonly queues: readonly PartitionQueue[];
  private ready: PartitionQueue[] = [];
  private acknowledged: Acknowledged[] = [];
  private watch: Timer | undefined;
  private stopped = false;
  private idleWaiters: (() => void)[] = [];

  /** @param defer runs its argument at the end of the event-loop turn. */
  constructor(
    log: EventLog,
    clock: Clock,
    options: AppenderOptions,
    events: AppenderEvents,
    defer: (run: () => void) => void = (run) => void setImmediate(run),
  ) {
    this.log = log;
    this.topic = log.topics.frames;
    this.clock = clock;
    this.options = options;
    this.events = events;
    this.queues = Array.from({ length: this.topic.partitions }, (_, partition) => newQueue(partition));
    this.gather = new Gather(clock, defer, { ready: () => this.readyWeight(), leave: () => this.leave() });
  }

  /**
   * @param urgent leaves with this turn of the event loop, whatever could still gather, or at once where it may go alone.
   * @returns false when the partition takes nothing now: the caller closes the socket. Essential records always fit.
   */
  enqueue(partition: number, pending: Pending, urgent = false): boolean {
    const queue = this.queues[partition]!;
    if (!pending.essential) {
      if (queue.sick === "stalled" || this.stopped) return false;
      if (queue.bytes + pending.value.length > this.options.queueBytes) {
        this.stall(queue);
        return false;
      }
    }
    pending.enqueuedAt = this.clock.monotonic();
    queue.bytes += pending.value.length + overheadBytes;
    if (urgent && mayGoAlone(queue, pending)) this.sendAlone(queue, pending);
    else {
      queue.queued.push(pending);
      this.markReady(queue);
      this.gather.arrived(urgent);
    }
    this.watch ??= this.clock.after(this.checkMs(), () => this.check());
    return true;
  }

  isSick(partition: number): boolean {
    return this.queues[partition]!.sick !== undefined;
  }

  sickPartitions(): number {
    return this.queues.reduce((sum, queue) => sum + (queue.sick === undefined ? 0 : 1), 0);
  }

  queuedBytes(): number {
    return this.queues.reduce((sum, queue) => sum + queue.bytes, 0);
  }

  /** Age of the oldest record that waits for its receipt, ms; 0: none waits. */
  oldestMs(): number {
    const now = this.clock.monotonic();
    return Math.max(0, ...this.queues.map((queue) => ageOf(queue, now)));
  }

  /** What the log's clock shows about now, from the last receipt of the partition; for timers only (rule C3). */
  logNow(partition: number): number {
    const ahead = this.queues[partition]!.logTimeAhead;
    return ahead === undefined ? this.clock.now() : this.clock.monotonic() + ahead;
  }

  /** Resolves when nothing waits any more, or at `stop`. */
  flushed(): Promise<void> {
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  /** Nothing is appended after this; what waits is lost. */
  stop(): void {
    this.stopped = true;
    this.watch?.cancel();
    this.gather.stop();
    for (const queue of this.queues) {
      queue.retry?.cancel();
      const given = queue.queued;
      queue.queued = [];
      for (const pending of given) pending.lost();
    }
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private isIdle(): boolean {
    return (
      this.acknowledged.length === 0 &&
      this.queues.every(
        ({ outstanding, alone, queued }) => outstanding === none && alone.length === 0 && queued.length === 0,
      )
    );
  }

  private markReady(queue: PartitionQueue): void {
    if (queue.ready || queue.outstanding !== none || queue.retry !== undefined || queue.queued.length === 0) return;
    queue.ready = true;
    this.ready.push(queue);
  }

  private readyWeight(): number {
    let weight = 0;
    // No batch of theirs is outstanding: but for what goes alone all of `bytes` is queued.
    for (const { queued, bytes } of this.ready) weight += Math.max(queued.length, bytes / weightBytes);
    return weight;
  }

  private leave(): number {
    const ready = this.ready;
    this.ready = [];
    let left = 0;
    for (const queue of ready) {
      queue.ready = false;
      if (this.flush(queue)) left++;
    }
    if (left === 0) this.settleIdle();
    return left;
  }

  private flush(queue: PartitionQueue): boolean {
    if (this.stopped) return false;
    const batch = takeBatch(queue, this.options);
    if (batch.length === 0) return false;
    queue.outstanding = batch;
    queue.round = this.gather.newest;
    this.log.append(this.topic, queue.partition, batch).then(
      (receipt) => this.succeeded(queue, batch, receipt),
      (error: unknown) => this.failed(queue, batch, error),
    );
    return true;
  }

  private sendAlone(queue: PartitionQueue, pending: Pending): void {
    queue.alone.push(pending);
    const settle = (tell: () => void): void => {
      queue.alone.splice(queue.alone.indexOf(pending), 1);
      queue.bytes -= pending.value.length + overheadBytes;
      tell();
      this.settleIdle();
    };
    this.log.append(this.topic, queue.partition, [pending]).then(
      ({ baseOffset, logTime, told = false }) => settle(() => pending.acknowledged(baseOffset, logTime, told)),
      (error: unknown) =>
        settle(() => {
          queue.sick ??= "rejected";
          this.events.rejected(queue.partition, error);
          pending.lost();
        }),
    );
  }

  private succeeded(queue: PartitionQueue, batch: readonly Pending[], receipt: Receipt): void {
    queue.outstanding = none;
    queue.failures = 0;
    queue.logTimeAhead = receipt.logTime - this.clock.monotonic();
    for (const pending of batch) queue.bytes -= pending.value.length + overheadBytes;
    const wasSick = queue.sick !== undefined;
    queue.sick = undefined;
    this.gather.settled(queue.round);
    this.markReady(queue);
    // The receipts of a commit come in one turn: all of them first, then what is due next, then the answers.
    if (this.acknowledged.push({ queue, batch, receipt, wasSick }) > 1) return;
    queueMicrotask(() => {
      this.gather.beforeAnswers();
      queueMicrotask(() => this.answer());
    });
  }

  private answer(): void {
    const acknowledged = this.acknowledged;
    this.acknowledged = [];
    let records = 0;
    for (const { queue, batch, receipt, wasSick } of acknowledged) {
      const { baseOffset, logTime, told = false } = receipt;
      for (let i = 0; i < batch.length; i++) batch[i]!.acknowledged(baseOffset + i, logTime, told);
      if (wasSick) this.events.recovered(queue.partition);
      records += batch.length;
    }
    this.gather.afterAnswers(records);
    this.settleIdle();
  }

  private failed(queue: PartitionQueue, batch: readonly Pending[], error: unknown): void {
    queue.outstanding = none;
    this.gather.settled(queue.round);
    queue.sick ??= "rejected";
    this.events.rejected(queue.partition, error);
    // What a generation that has ended does not take it never will (rule B4): nobody needs to wait for that.
    const isEnded = isWattlogError(error, "log/ended");
    const again = isEnded ? [] : batch.filter((pending) => pending.essential);
    queue.queued = [...again, ...queue.queued];
    for (const pending of batch) {
      if (pending.essential && !isEnded) continue;
      queue.bytes -= pending.value.length + overheadBytes;
      pending.lost();
    }
    const delay = Math.min(longestRetryMs, firstRetryMs * 2 ** queue.failures++);
    if (!this.stopped) {
      queue.retry = this.clock.after(delay, () => {
        queue.retry = undefined;
        this.markReady(queue);
        this.gather.arrived();
      });
    }
    this.settleIdle();
  }

  private settleIdle(): void {
    if (this.idleWaiters.length === 0 || !this.isIdle()) return;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  /** Age is checked at a tenth of the hold: an answer that waits is given up at most that much late. */
  private checkMs(): number {
    return Math.max(10, this.options.holdMs / 10);
  }

  private check(): void {
    this.watch = undefined;
    if (this.stopped) return;
    const now = this.clock.monotonic();
    for (const queue of this.queues) if (ageOf(queue, now) > this.options.holdMs) this.stall(queue);
    if (!this.isIdle()) this.watch = this.clock.after(this.checkMs(), () => this.check());
  }

  private stall(queue: PartitionQueue): void {
    if (queue.sick === "stalled") return;
    queue.sick = "stalled";
    const given = queue.queued.filter((pending) => !pending.essential);
    queue.queued = queue.queued.filter((pending) => pending.essential);
    for (const pending of given) {
      queue.bytes -= pending.value.length + overheadBytes;
      pending.lost();
    }
    this.events.stalled(queue.partition);
  }
}
