// Rule Q2: what is only away for now is waited for, with growing pauses, never quarantined.
import { limits } from "../../core/config/limits.ts";
import type { Clock } from "../../core/runtime/clock.ts";

/** A pause that an end can cut short. */
export class Pauses {
  private readonly clock: Clock;
  private readonly wakes = new Set<() => void>();
  private isEnded = false;
  private nextMs: number = limits.foldRetryFirstMs;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get ended(): boolean {
    return this.isEnded;
  }

  /** It went well: the next pause is short again. */
  reset(): void {
    this.nextMs = limits.foldRetryFirstMs;
  }

  pause(): Promise<void> {
    if (this.isEnded) return Promise.resolve();
    const ms = this.nextMs;
    this.nextMs = Math.min(ms * 2, limits.foldRetryMaxMs);
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.wakes.delete(done);
        resolve();
      };
      const timer = this.clock.after(ms, done);
      this.wakes.add(done);
    });
  }

  end(): void {
    this.isEnded = true;
    for (const wake of this.wakes) wake();
  }
}
