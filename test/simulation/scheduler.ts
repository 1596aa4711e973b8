// Virtual time. Whatever happens in a run is an event here: a timer of a process, bytes that arrive, a receipt, a fault.
// One event runs at a time, and after it every microtask that it has caused; so the product's own code runs as it is, in
// an order that follows from the seed alone.
import type { Random } from "./random.ts";
import { startOfTime, type Trace } from "./trace.ts";

/** Of a killed process nothing ever happens again; of a frozen one all of it when it goes on. */
export interface Owner {
  readonly name: string;
  state: "running" | "frozen" | "dead";
  held: Event[];
}

export interface Event {
  readonly at: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  readonly kind: "timer" | "io";
  readonly what: string;
  run: (() => void) | undefined;
}

export class Scheduler {
  readonly random: Random;
  readonly trace: Trace;
  /** True time, epoch ms, with fractions. */
  now = startOfTime;
  steps = 0;
  private readonly heap: Event[] = [];
  private order = 0;

  constructor(random: Random, trace: Trace) {
    this.random = random;
    this.trace = trace;
  }

  /** @param owner undefined: the world itself, which neither dies nor freezes. */
  after(ms: number, owner: Owner | undefined, kind: Event["kind"], what: string, run: () => void): Event {
    const event: Event = { at: this.now + Math.max(0, ms), order: this.order++, owner, kind, what, run };
    push(this.heap, event);
    return event;
  }

  /** Something from outside reaches a process. */
  io(ms: number, owner: Owner | undefined, what: string, run: () => void): Event {
    return this.after(ms, owner, "io", what, run);
  }

  sleep(ms: number, owner: Owner | undefined, what: string): Promise<void> {
    return new Promise((resolve) => this.io(ms, owner, what, resolve));
  }

  freeze(owner: Owner): void {
    if (owner.state === "running") owner.state = "frozen";
  }

  /** What came meanwhile is there at once; whether timers or sockets are looked at first is chance, as in libuv. */
  thaw(owner: Owner): void {
    if (owner.state !== "frozen") return;
    owner.state = "running";
    const { held } = owner;
    owner.held = [];
    const first = this.random.chance(0.5) ? "timer" : "io";
    for (const kind of [first, first === "timer" ? "io" : "timer"] as const) {
      for (const event of held) {
        if (event.kind === kind && event.run) this.after(0, owner, kind, event.what, () => event.run?.());
      }
    }
  }

  kill(owner: Owner): void {
    owner.state = "dead";
    owner.held = [];
  }

  /** Runs events until the time is reached, or until `isOver` says so. Resolves with whether it did. */
  run(until: number, isOver: () => boolean = () => false): Promise<boolean> {
    return new Promise((resolve, reject) => {
      // A tick runs after every microtask, however many make others; so nothing is left over from one event to the next.
      const next = (): void => queueMicrotask(() => process.nextTick(step));
      const step = (): void => {
        try {
          if (isOver()) return resolve(true);
          const first = this.heap[0];
          if (first === undefined || first.at > until) {
            this.now = Math.max(this.now, until);
            return resolve(false);
          }
          this.perform(pop(this.heap));
          next();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      next();
    });
  }

  private perform(event: Event): void {
    const { owner, run } = event;
    this.now = event.at;
    if (run === undefined || owner?.state === "dead") return;
    if (owner?.state === "frozen") {
      owner.held.push(event);
      return;
    }
    this.steps++;
    this.trace.event(this.now, owner?.name ?? "world", event.what);
    event.run = undefined;
    run();
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
