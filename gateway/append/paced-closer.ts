// Closes many sockets at a rate, so that neither a sick partition nor a drain becomes a storm on the other nodes.
import type { Clock, Timer } from "../../core/runtime/clock.ts";

const tickMs = 50;

export interface Closing {
  /** Does nothing where it was closed meanwhile. */
  close(): void;
  /** False: it may stay after all (its partition recovered and none of its frames was given up). */
  stillDue(): boolean;
}

export class PacedCloser {
  private readonly clock: Clock;
  private readonly random: () => number;
  private perSecond: number;
  private waiting: Closing[] = [];
  private credit = 0;
  private timer: Timer | undefined;
  private idleWaiters: (() => void)[] = [];

  constructor(clock: Clock, perSecond: number, random: () => number) {
    this.clock = clock;
    this.perSecond = perSecond;
    this.random = random;
  }

  /** A drain with a deadline may need to be faster. */
  atLeast(perSecond: number): void {
    this.perSecond = Math.max(this.perSecond, perSecond);
  }

  add(closing: Closing): void {
    this.waiting.push(closing);
    this.timer ??= this.clock.after(this.random() * tickMs, () => this.tick());
  }

  get size(): number {
    return this.waiting.length;
  }

  /** Resolves when nothing waits to be closed. */
  done(): Promise<void> {
    if (this.waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  stop(): void {
    this.timer?.cancel();
    this.waiting = [];
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private tick(): void {
    this.timer = undefined;
    this.credit += (this.perSecond * tickMs) / 1000;
    let at = 0;
    for (; at < this.waiting.length && this.credit >= 1; at++) {
      const closing = this.waiting[at]!;
      if (!closing.stillDue()) continue;
      this.credit--;
      closing.close();
    }
    this.waiting = this.waiting.slice(at);
    if (this.waiting.length > 0) {
      // Jitter: nodes that drain together must not send their stations back in step.
      this.timer = this.clock.after(tickMs * (0.5 + this.random()), () => this.tick());
      return;
    }
    this.credit = Math.min(this.credit, 1);
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }
}
