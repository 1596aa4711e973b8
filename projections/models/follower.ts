// Follows one partition from the position in the store: what to do when a handler fails is decided here, once.
import type { EventLog, LogBatch, Subscription, Topic } from "../../core/log/log.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { isWattlogError, messageOf } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import { isOwner, StoreRewound, TableSetChanged } from "../../core/store/position.ts";

const firstRetryMs = 200;
const longestRetryMs = 10_000;

export interface FollowerOptions {
  readonly log: EventLog;
  readonly topic: Topic;
  readonly partition: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxRecords: number;
  /** Reads the position row and checks it against the log. @returns the offset to begin at. */
  readonly open: () => Promise<number>;
  readonly handle: (batch: LogBatch) => Promise<void>;
  /** Whether this process is the one that should follow the partition; undefined: no other could. */
  readonly owns: (() => Promise<boolean>) | undefined;
  /** Of what pages somebody, by its word in the metric. */
  readonly onAnomaly: (kind: "storeRewound" | "unknownRecord") => void;
}

/** One at a time: opens, consumes, and after a failure that may pass opens again. */
export class Follower {
  /** undefined: it follows. Otherwise one sentence that says why not. */
  problem: string | undefined;
  private readonly options: FollowerOptions;
  private subscription: Subscription | undefined;
  private running: Promise<void> | undefined;
  private stopping = false;
  private retryMs = firstRetryMs;
  private wake: (() => void) | undefined;
  private moved: Error | undefined;

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves after the batch in hand has ended; the position row then says how far it came. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake?.();
    await this.subscription?.stop();
    await this.running;
  }

  /** For whoever saw, while there was nothing to handle, that the row is another's, or stands behind what was followed. */
  async beginAgain(moved: Error): Promise<void> {
    this.moved = moved;
    await this.subscription?.stop();
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.follow(() => (this.retryMs = firstRetryMs));
      } catch (error) {
        if (error instanceof TableSetChanged) continue;
        if (!(await this.mayBeginAgain(error))) return;
      }
    }
  }

  /** @returns after a pause, unless this process is a zombie that nobody can make the partition's owner again. */
  private async mayBeginAgain(error: unknown): Promise<boolean> {
    const { topic, partition, logger, owns, onAnomaly } = this.options;
    this.problem = messageOf(error);
    logger.error({ err: error, topic: topic.name, partition }, "cannot follow this partition");
    const isZombie = isWattlogError(error, "fold/zombie");
    if (isZombie && owns === undefined) return false;
    if (isWattlogError(error, "fold/unknown-record")) onAnomaly("unknownRecord");
    if (error instanceof StoreRewound) onAnomaly("storeRewound");
    else await this.pause();
    if (!isZombie && !(error instanceof StoreRewound)) return true;
    // Whose partition it is may be in doubt now. The position row still guards every batch.
    while (!this.stopping && !(await isOwner(owns))) await this.pause();
    return true;
  }

  private async follow(onProgress: () => void): Promise<void> {
    const { log, topic, partition, open, handle, maxRecords } = this.options;
    this.moved = undefined;
    const from = await open();
    if (this.stopping) return;
    const handler = async (batch: LogBatch) => {
      await handle(batch);
      this.problem = undefined;
      onProgress();
    };
    const end = await log.endOffset(topic, partition);
    this.subscription = log.consume(topic, partition, from, handler, { maxRecords });
    // Where records wait, the first of them may be what it cannot handle.
    if (from >= end) this.problem = undefined;
    await this.subscription.done;
    this.tellMove();
  }

  private tellMove(): void {
    if (this.moved) throw this.moved;
  }

  private pause(): Promise<void> {
    if (this.stopping) return Promise.resolve();
    const ms = this.retryMs;
    this.retryMs = Math.min(ms * 2, longestRetryMs);
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
