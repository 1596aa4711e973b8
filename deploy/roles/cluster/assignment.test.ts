import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { array, assert, integer, property, subarray } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { FakeClock } from "../../../core/runtime/clock.ts";
import { silentLogger } from "../../../core/runtime/logger.ts";
import { createMetrics } from "../../../core/runtime/metrics.ts";
import { openSqliteStore } from "../../../core/store/store-sqlite.ts";
import type { Store } from "../../../core/store/store.ts";
import { Assignment, movesOf, type Ownership } from "./assignment.ts";

const names = ["pod-0", "pod-1", "pod-2", "pod-3"];

/** Turns in the order of `live` until nobody moves; returns the owners. */
function settle(partitions: readonly Ownership[], live: readonly string[]): { owners: Ownership[]; moved: number } {
  let owners = [...partitions];
  let moved = 0;
  for (let round = 0; round < 100; round++) {
    let quiet = true;
    for (const me of live) {
      const { release, claim } = movesOf(me, new Set(live), owners);
      if (release.length + claim.length > 0) quiet = false;
      moved += claim.length;
      owners = owners.map((o) => {
        if (release.includes(o.partition)) return { ...o, owner: undefined };
        return claim.includes(o.partition) ? { ...o, owner: me } : o;
      });
    }
    if (quiet) return { owners, moved };
  }
  throw new Error("the members never agree");
}

const unowned = (count: number): Ownership[] =>
  Array.from({ length: count }, (_, partition) => ({ partition, owner: undefined }));

describe("who should have which partition", () => {
  test("whoever comes and goes, every partition finds one live owner and shares differ by one at most", () => {
    const groups = subarray(names, { minLength: 1 });
    assert(
      property(integer({ min: 1, max: 30 }), array(groups, { minLength: 1, maxLength: 6 }), (count, steps) => {
        let owners = unowned(count);
        for (const live of steps) {
          owners = settle(owners, live).owners;
          const shares = live.map((name) => owners.filter(({ owner }) => owner === name).length);
          expect(owners.every(({ owner }) => owner !== undefined && live.includes(owner))).toBe(true);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("a member that leaves moves its own partitions and no others", () => {
    const before = settle(unowned(12), names).owners;
    const after = settle(before, names.slice(1));
    expect(after.moved).toBe(3);
    for (const { partition, owner } of before) {
      expect(owner === "pod-0" || after.owners[partition]!.owner === owner, `partition ${partition}`).toBe(true);
    }
  });
});

describe("processes that share partitions through the store", () => {
  let folder: string;
  let store: Store;
  let clock: FakeClock;
  const running: Assignment[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "assignment-"));
    store = openSqliteStore(folder);
    await store.migrate();
    clock = new FakeClock();
  });

  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  async function member(name: string, log: string[]): Promise<Assignment> {
    const assignment = new Assignment({
      role: "processor",
      name,
      partitions: 6,
      store,
      clock,
      metrics: createMetrics(),
      logger: silentLogger(),
      leaseMs: 10_000,
      beatMs: 1_000,
      take: async (partition) => void log.push(`${name} takes ${partition}`),
      give: async (partition) => void log.push(`${name} gives ${partition}`),
    });
    running.push(assignment);
    await assignment.start();
    return assignment;
  }

  async function pass(ms: number): Promise<void> {
    for (let gone = 0; gone < ms; gone += 500) {
      clock.advance(500);
      // Turns are asynchronous: let them end before time goes on.
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
  }

  const all = () => running.flatMap((one) => one.partitions).sort((a, b) => a - b);

  test("a second process gets its half; nobody has a partition twice", async () => {
    const log: string[] = [];
    const a = await member("pod-0", log);
    expect(a.partitions).toEqual([0, 1, 2, 3, 4, 5]);
    const b = await member("pod-1", log);
    await pass(8_000);
    expect(a.partitions).toHaveLength(3);
    expect(b.partitions).toHaveLength(3);
    expect(all()).toEqual([0, 1, 2, 3, 4, 5]);
    // Given before taken: the other's take follows our give.
    for (const partition of b.partitions) {
      expect(log.indexOf(`pod-0 gives ${partition}`)).toBeLessThan(log.indexOf(`pod-1 takes ${partition}`));
    }
  });

  test("a process that restarts under its name within the lease gets its own back, the others keep theirs", async () => {
    const log: string[] = [];
    const a = await member("pod-0", log);
    const b = await member("pod-1", log);
    await pass(8_000);
    const [ofA, ofB] = [a.partitions, b.partitions];
    await b.stop();
    running.pop();
    log.length = 0;
    await pass(4_000);
    const again = await member("pod-1", log);
    await pass(3_000);
    expect(again.partitions).toEqual(ofB);
    expect(a.partitions).toEqual(ofA);
    expect(log.filter((line) => line.startsWith("pod-0"))).toEqual([]);
  });

  test("a process that stays away loses its partitions after the lease, and no earlier", async () => {
    const log: string[] = [];
    const a = await member("pod-0", log);
    const b = await member("pod-1", log);
    await pass(8_000);
    await b.stop();
    running.pop();
    await pass(8_000);
    expect(a.partitions).toHaveLength(3);
    await pass(5_000);
    expect(a.partitions).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
