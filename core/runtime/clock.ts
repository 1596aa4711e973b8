// Time, injected: the simulator replaces it.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, epoch ms. */
  now(): number;
  /** Never goes back, ms; for time-outs and leases. */
  monotonic(): number;
  after(ms: number, run: () => void): Timer;
}

// A longer delay makes Node fire at once.
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, ms), longestTimerMs));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A clock that stands still until a test advances it; timers run in order of their due time. */
export class FakeClock implements Clock {
  private time: number;
  private timers: { due: number; order: number; run: () => void }[] = [];
  private order = 0;

  constructor(start = 1_700_000_000_000) {
    this.time = start;
  }

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  after(ms: number, run: () => void): Timer {
    const timer = { due: this.time + Math.max(0, ms), order: this.order++, run };
    this.timers.push(timer);
    return {
      cancel: () => {
        this.timers = this.timers.filter((t) => t !== timer);
      },
    };
  }

  advance(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.due <= until).sort((a, b) => a.due - b.due || a.order - b.order)[0];
      if (!next) break;
      this.timers = this.timers.filter((t) => t !== next);
      this.time = Math.max(this.time, next.due);
      next.run();
    }
    this.time = until;
  }
}
