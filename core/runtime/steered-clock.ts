// A process's clock in a cluster. Machines' clocks go wrong by hours, and no promise may rest on them: what stations are
// told (`currentTime` sets their clocks), when tokens expire, when timers of log time are due. So the clock is compared
// with those of the servers, and one that is off by more than a tolerance is not believed.
import { limits } from "../config/limits.ts";
import { systemClock, type Clock, type Timer } from "./clock.ts";

/** `log`: Kafka's receipts, the only time that folds know (rule T1). The others are servers whose word counts as ours. */
export type TimeSource = "log" | "redis" | "postgres";

interface Heard {
  /** Its time less our monotonic one, ms. */
  readonly ahead: number;
  /** Monotonic, ms. */
  readonly at: number;
}

export interface Skew {
  readonly against: TimeSource;
  /** How far the machine's clock is ahead, ms; negative: behind. */
  readonly ms: number;
}

export class SteeredClock implements Clock {
  private readonly machine: Clock;
  private readonly heardFrom = new Map<TimeSource, Heard>();

  /** @param machine the clock of this machine; only its wall clock may be wrong */
  constructor(machine: Clock = systemClock) {
    this.machine = machine;
  }

  /** The machine's clock, or what the servers' show where it differs by more than `clockSkewMs`. */
  now(): number {
    const own = this.machine.now();
    if (this.heardFrom.size === 0) return own;
    const monotonic = this.machine.monotonic();
    const ahead = this.believed(own - monotonic, monotonic);
    return Math.abs(own - monotonic - ahead) > limits.clockSkewMs ? Math.round(monotonic + ahead) : own;
  }

  monotonic(): number {
    return this.machine.monotonic();
  }

  after(ms: number, run: () => void): Timer {
    return this.machine.after(ms, run);
  }

  /**
   * A server's clock showed `time` (epoch ms) at some time between two of ours (monotonic ms). What took long says too
   * little and is dropped.
   */
  heard(source: TimeSource, time: number, from: number, to: number): void {
    if (to - from > limits.clockAnswerMs) return;
    this.heardFrom.set(source, { ahead: time - (from + to) / 2, at: to });
  }

  /** When it was last heard from, monotonic ms. */
  heardAt(source: TimeSource): number {
    return this.heardFrom.get(source)?.at ?? -Infinity;
  }

  /** Against each server that was heard from lately. */
  skews(): Skew[] {
    const monotonic = this.machine.monotonic();
    const own = this.machine.now() - monotonic;
    return this.fresh(monotonic).map(([against, { ahead }]) => ({ against, ms: own - ahead }));
  }

  /** The log's word; without it that of the majority, for one server may be as wrong as we are. */
  private believed(own: number, monotonic: number): number {
    const log = this.heardFrom.get("log");
    if (log && monotonic - log.at < limits.clockHeardMs) return log.ahead;
    const votes = [own, ...this.fresh(monotonic).map(([, { ahead }]) => ahead)].sort((a, b) => a - b);
    return votes.length < 3 ? own : votes[Math.floor(votes.length / 2)]!;
  }

  private fresh(monotonic: number): [TimeSource, Heard][] {
    return [...this.heardFrom].filter(([, { at }]) => monotonic - at < limits.clockHeardMs);
  }
}
