// Rule T3: a node counts as lost only after the bus has answered for two lease times without its lease. A bus that does
// not answer proves nothing, so silence starts the count again.
import type { CommandBus } from "../../../core/bus/bus.ts";
import type { NodeId } from "../../../core/ids/ids.ts";
import type { Clock, Timer } from "../../../core/runtime/clock.ts";

export class LeaseWatch {
  private readonly bus: Pick<CommandBus, "nodes">;
  private readonly clock: Clock;
  private readonly leaseMs: number;
  private alive = new Set<string>();
  /** Or, of one that never was, when it was first asked about. */
  private lastSeen = new Map<string, number>();
  /** Monotonic; undefined: the bus does not answer. */
  private answersSince: number | undefined;
  /** Monotonic. */
  private answeredAt = Number.NEGATIVE_INFINITY;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(bus: Pick<CommandBus, "nodes">, clock: Clock, leaseMs: number) {
    this.bus = bus;
    this.clock = clock;
    this.leaseMs = leaseMs;
  }

  start(): void {
    void this.look();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  isLost(nodeId: NodeId): boolean {
    if (this.answersSince === undefined || this.alive.has(nodeId)) return false;
    const now = this.clock.monotonic();
    if (this.isSilent(now)) return false;
    const lastSeen = this.lastSeen.get(nodeId);
    // Perhaps younger than the last answer: the stations of a node that has just started are here before its lease is.
    if (lastSeen === undefined) this.lastSeen.set(nodeId, now);
    return now - Math.max(this.answersSince, lastSeen ?? now) >= 2 * this.leaseMs;
  }

  /** Also of a process that was frozen: of the time in which it did not look it knows nothing. */
  private isSilent(now: number): boolean {
    return now - this.answeredAt > this.leaseMs;
  }

  private async look(): Promise<void> {
    try {
      const nodes = await this.bus.nodes();
      const now = this.clock.monotonic();
      if (this.isSilent(now)) this.answersSince = undefined;
      this.answeredAt = now;
      this.alive = new Set(nodes);
      for (const node of nodes) this.lastSeen.set(node, now);
      for (const [node, at] of this.lastSeen) if (now - at > 10 * this.leaseMs) this.lastSeen.delete(node);
      this.answersSince ??= now;
    } catch {
      this.answersSince = undefined;
    }
    if (!this.stopped) this.timer = this.clock.after(this.leaseMs / 3, () => void this.look());
  }
}
