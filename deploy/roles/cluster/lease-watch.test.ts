import { describe, expect, test } from "vitest";

import { newNodeId, type NodeId } from "../../../core/ids/ids.ts";
import { FakeClock } from "../../../core/runtime/clock.ts";
import { LeaseWatch } from "./lease-watch.ts";

const leaseMs = 6_000;

class Bus {
  alive: NodeId[] = [];
  isAway = false;

  /** Answers are on their way for as long as this is there. */
  held: (() => void)[] | undefined;

  async nodes(): Promise<readonly NodeId[]> {
    const { held } = this;
    if (held) await new Promise<void>((resolve) => held.push(resolve));
    return this.isAway ? Promise.reject(new Error("away")) : Promise.resolve(this.alive);
  }
}

function watched() {
  const [bus, clock] = [new Bus(), new FakeClock()];
  const watch = new LeaseWatch(bus, clock, leaseMs);
  watch.start();
  /** In steps, so that each look has its answer before the next. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(500);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  return { bus, watch, pass };
}

describe("a node counts as lost (T3)", () => {
  test("once its lease was missing for two lease times", async () => {
    const { bus, watch, pass } = watched();
    const node = newNodeId();
    bus.alive = [node];
    await pass(10_000);
    expect(watch.isLost(node)).toBe(false);
    bus.alive = [];
    await pass(leaseMs);
    expect(watch.isLost(node)).toBe(false);
    await pass(leaseMs + 3_000);
    expect(watch.isLost(node)).toBe(true);
  });

  test("not when it has started after the last look at the leases: its stations may be here before it is on the list", async () => {
    const { bus, watch, pass } = watched();
    await pass(60_000);
    const young = newNodeId();
    expect(watch.isLost(young)).toBe(false);
    bus.alive = [young];
    await pass(3_000);
    expect(watch.isLost(young)).toBe(false);
  });

  test("also when this process never saw it", async () => {
    const { watch, pass } = watched();
    await pass(60_000);
    const unknown = newNodeId();
    expect(watch.isLost(unknown)).toBe(false);
    await pass(2 * leaseMs);
    expect(watch.isLost(unknown)).toBe(true);
  });

  test("not for a time in which nobody looked, as in a process that was frozen", async () => {
    const { bus, watch, pass } = watched();
    const node = newNodeId();
    bus.alive = [node];
    await pass(10_000);
    bus.held = [];
    await pass(3 * leaseMs);
    bus.alive = [];
    for (const answer of bus.held) answer();
    bus.held = undefined;
    await pass(3_000);
    expect(watch.isLost(node)).toBe(false);
    await pass(2 * leaseMs);
    expect(watch.isLost(node)).toBe(true);
  });

  test("never while the bus does not answer", async () => {
    const { bus, watch, pass } = watched();
    const node = newNodeId();
    await pass(3_000);
    expect(watch.isLost(node)).toBe(false);
    bus.isAway = true;
    await pass(60_000);
    expect(watch.isLost(node)).toBe(false);
  });
});
