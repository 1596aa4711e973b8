// Work that is done again and again, one round after the other.
import type { Clock, Timer } from "./clock.ts";

export class Rounds {
  private readonly clock: Clock;
  private readonly everyMs: number;
  private readonly work: () => Promise<void>;
  private timer: Timer | undefined;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  /**
   * @param everyMs from the end of a round to the beginning of the next
   * @param work tells of its failures itself: it never rejects
   */
  constructor(clock: Clock, everyMs: number, work: () => Promise<void>) {
    this.clock = clock;
    this.everyMs = everyMs;
    this.work = work;
  }

  /** For a round that may be given up half-way. */
  get isStopped(): boolean {
    return this.stopped;
  }

  start(firstMs: number = this.everyMs): void {
    if (this.stopped) return;
    this.timer = this.clock.after(firstMs, () => {
      this.round = this.work().finally(() => this.start());
    });
  }

  /** No round begins any more. Resolves once the one under way has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.round;
  }
}
