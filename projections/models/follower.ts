// Follows one partition from the position in the store: what to do when a handler fails is decided here, once.
import type { EventLog, LogBatch, Subscription, Topic } from "../../core/log/log.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { isWattlogError, messageOf, type ErrorCode } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import { TableSetChanged } from "../../core/store/position.ts";

/** Waiting cannot heal these: a person has to look (rules F3, F8, B2). */
const permanent: readonly ErrorCode[] = ["fold/zombie", "fold/fingerprint", "fold/unknown-record", "log/out-of-range"];

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
}

/** One at a time: opens, consumes, and after a failure that may pass opens again. */
export class Follower {
  /** undefined: it follows. Otherwise one sentence that says why not. */
  problem: string | undefined;
  private readonly options: FollowerOptions;
  private subscription: Subscription | undefined;
  private running: Promise<void> | undefined;
  private stopping = false;
  private wake: (() => void) | undefined;

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

  private async run(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!this.stopping) {
      try {
        await this.follow(() => (retryMs = firstRetryMs));
      } catch (error) {
        if (error instanceof TableSetChanged) continue;
        this.problem = messageOf(error);
        const { topic, partition, logger } = this.options;
        logger.error({ err: error, topic: topic.name, partition }, "cannot follow this partition");
        if (permanent.some((code) => isWattlogError(error, code))) return;
        await this.pause(retryMs);
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
    }
  }

  private async follow(onProgress: () => void): Promise<void> {
    const { log, topic, partition, open, handle, maxRecords } = this.options;
    const from = await open();
    if (this.stopping) return;
    const handler = async (batch: LogBatch) => {
      await handle(batch);
      this.problem = undefined;
      onProgress();
    };
    this.subscription = log.consume(topic, partition, from, handler, { maxRecords });
    await this.subscription.done;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
