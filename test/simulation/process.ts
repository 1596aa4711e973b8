// One process of the cluster: what may be killed or frozen, and a clock of its own whose wall time may be wrong.
import { SteeredClock } from "../../core/runtime/steered-clock.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import type { Event, Owner, Scheduler } from "./scheduler.ts";

/** The machine's clock: monotonic time goes on while the process is frozen, as it does on Linux. */
class MachineClock implements Clock {
  /** Of the wall clock, ms. */
  skew = 0;
  private readonly scheduler: Scheduler;
  private readonly owner: Owner;

  constructor(scheduler: Scheduler, owner: Owner) {
    this.scheduler = scheduler;
    this.owner = owner;
  }

  now(): number {
    return Math.floor(this.scheduler.now + this.skew);
  }

  monotonic(): number {
    return this.scheduler.now - 1_000_000;
  }

  after(ms: number, run: () => void): Timer {
    const event = this.scheduler.after(ms, this.owner, "timer", "timer", run);
    return { cancel: () => void (event.run = undefined) };
  }
}

export class Process implements Owner {
  readonly name: string;
  state: Owner["state"] = "running";
  held: Event[] = [];
  readonly machine: MachineClock;
  /** What the product is given, as in a cluster: put right by the servers' clocks. */
  readonly clock: SteeredClock;
  /** What happens to the world when it is killed: its sockets close. */
  readonly onDeath: (() => void)[] = [];

  constructor(scheduler: Scheduler, name: string) {
    this.name = name;
    this.machine = new MachineClock(scheduler, this);
    this.clock = new SteeredClock(this.machine);
  }

  get isAlive(): boolean {
    return this.state !== "dead";
  }
}
