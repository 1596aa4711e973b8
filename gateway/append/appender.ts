// The way into `ocpp.frames`: one queue a partition, one batch outstanding a partition, so that a station's records
// keep their order whatever the log does (protocol.md I2). Batches form by themselves: what arrives while one is on its
// way is the next one; the first goes at the end of the event-loop turn.
//
// Bounds are per partition, so that a sick one harms only its stations (reliability.md, outage of the log):
//  - bytes and age over the bound: `stalled`, its queued frames are given up, its stations are to be closed;
//  - a rejected append says nothing about what is in the log: its frames count as unacknowledged and are never answered.
import type { Entry, EventLog, Receipt, Topic } from "../../core/log/log.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";

/** A record on its way into the log, and who waits for it. Reused as the log's entry: the hot path makes one object. */
export interface Pending extends Entry {
  /** Set by the appender, monotonic ms. */
  enqueuedAt: number;
  /**
   * An essential record (`disconnected`) is retried until it is in the log: it says what has happened already. It may
   * then stand there twice; readers drop repeats of a frame id.
   */
  readonly essential: boolean;
  /** False: its socket is being closed and nobody would get the answer, so it need not be appended any more. */
  wanted(): boolean;
  /** Durable. */
  acknowledged(offset: number, logTime: number): void;
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

interface PartitionQueue {
  readonly partition: number;
  queued: Pending[];
  outstanding: readonly Pending[];
  /** Queued and outstanding. */
  bytes: number;
  /** Why upgrades are refused; undefined: well. */
  sick: "stalled" | "rejected" | undefined;
  dirty: boolean;
  failures: number;
  retry: Timer | undefined;
  /** Log time - monotonic time at the last receipt. */
  logTimeAhead: number | undefined;
}

const none: readonly Pending[] = [];
const firstRetryMs = 100;
const longestRetryMs = 5_000;
/** What a record costs beyond its bytes, roughly: key, envelope of the log, object. */
const overheadBytes = 128;

export class Appender {
  private readonly log: EventLog;
  private readonly topic: Topic;
  private readonly clock: Clock;
  private readonly options: AppenderOptions;
  private readonly events: AppenderEvents;
  private readonly defer: (run: () => void) => void;
  private readonly queues: readonly PartitionQueue[];
  private dirty: PartitionQueue[] = [];
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
    this.defer = defer;
    this.queues = Array.from({ length: this.topic.partitions }, (_, partition) => newQueue(partition));
  }

  /** @returns false when the partition takes nothing now: the caller closes the socket. Essential records always fit. */
  enqueue(partition: number, pending: Pending): boolean {
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
    queue.queued.push(pending);
    if (!queue.dirty && queue.outstanding === none) {
      queue.dirty = true;
      if (this.dirty.push(queue) === 1) this.defer(() => this.flushDirty());
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
    for (const queue of this.queues) {
      queue.retry?.cancel();
      const given = queue.queued;
      queue.queued = [];
      for (const pending of given) pending.lost();
    }
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private isIdle(): boolean {
    return this.queues.every((queue) => queue.outstanding === none && queue.queued.length === 0);
  }

  private flushDirty(): void {
    const dirty = this.dirty;
    this.dirty = [];
    for (const queue of dirty) {
      queue.dirty = false;
      this.flush(queue);
    }
  }

  private flush(queue: PartitionQueue): void {
    if (this.stopped || queue.outstanding !== none || queue.retry !== undefined) return;
    const batch = this.takeBatch(queue);
    if (batch.length === 0) return this.settleIdle();
    queue.outstanding = batch;
    this.log.append(this.topic, queue.partition, batch).then(
      (receipt) => this.succeeded(queue, batch, receipt),
      (error: unknown) => this.failed(queue, batch, error),
    );
  }

  private takeBatch(queue: PartitionQueue): readonly Pending[] {
    const { batchRecords, batchBytes } = this.options;
    const batch: Pending[] = [];
    let bytes = 0;
    let at = 0;
    const waiting = queue.queued;
    for (; at < waiting.length && batch.length < batchRecords; at++) {
      const pending = waiting[at]!;
      if (!pending.essential && !pending.wanted()) {
        queue.bytes -= pending.value.length + overheadBytes;
        pending.lost();
        continue;
      }
      if (bytes > 0 && bytes + pending.value.length > batchBytes) break;
      bytes += pending.value.length;
      batch.push(pending);
    }
    queue.queued = at === waiting.length ? [] : waiting.slice(at);
    return batch;
  }

  private succeeded(queue: PartitionQueue, batch: readonly Pending[], receipt: Receipt): void {
    queue.outstanding = none;
    queue.failures = 0;
    queue.logTimeAhead = receipt.logTime - this.clock.monotonic();
    for (const pending of batch) queue.bytes -= pending.value.length + overheadBytes;
    const wasSick = queue.sick !== undefined;
    queue.sick = undefined;
    // The next batch leaves first, so that the log works while the answers are written.
    this.flush(queue);
    for (let i = 0; i < batch.length; i++) batch[i]!.acknowledged(receipt.baseOffset + i, receipt.logTime);
    if (wasSick) this.events.recovered(queue.partition);
    this.settleIdle();
  }

  private failed(queue: PartitionQueue, batch: readonly Pending[], error: unknown): void {
    queue.outstanding = none;
    queue.sick ??= "rejected";
    this.events.rejected(queue.partition, error);
    const again = batch.filter((pending) => pending.essential);
    queue.queued = [...again, ...queue.queued];
    for (const pending of batch) {
      if (pending.essential) continue;
      queue.bytes -= pending.value.length + overheadBytes;
      pending.lost();
    }
    const delay = Math.min(longestRetryMs, firstRetryMs * 2 ** queue.failures++);
    if (!this.stopped) {
      queue.retry = this.clock.after(delay, () => {
        queue.retry = undefined;
        this.flush(queue);
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

function newQueue(partition: number): PartitionQueue {
  return {
    partition,
    queued: [],
    outstanding: none,
    bytes: 0,
    sick: undefined,
    dirty: false,
    failures: 0,
    retry: undefined,
    logTimeAhead: undefined,
  };
}

function ageOf(queue: PartitionQueue, now: number): number {
  const oldest = queue.outstanding[0] ?? queue.queued[0];
  return oldest === undefined ? 0 : now - oldest.enqueuedAt;
}
