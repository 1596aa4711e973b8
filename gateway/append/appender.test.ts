import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../../core/runtime/clock.ts";
import { settle } from "../testing/fake-server.test-helper.ts";
import { MemoryLog } from "../testing/memory-log.test-helper.ts";
import { Appender, type AppenderOptions } from "./appender.ts";
import { ControlRecord } from "./control-record.ts";

const options: AppenderOptions = { holdMs: 1_000, queueBytes: 100_000, batchRecords: 10, batchBytes: 10_000 };

function rig(changed: Partial<AppenderOptions> = {}) {
  const clock = new FakeClock();
  const log = new MemoryLog(clock, 2);
  const events: string[] = [];
  const appender = new Appender(
    log,
    clock,
    { ...options, ...changed },
    {
      stalled: (partition) => events.push(`stalled ${partition}`),
      recovered: (partition) => events.push(`recovered ${partition}`),
      rejected: (partition) => events.push(`rejected ${partition}`),
    },
    queueMicrotask,
  );
  const add = (partition: number, name: string, essential = false, bytes = 10) => {
    const record = new ControlRecord("k", Buffer.alloc(bytes, name), essential, {
      acknowledged: (offset) => events.push(`${name}@${offset}`),
      lost: () => events.push(`${name} lost`),
    });
    return appender.enqueue(partition, record);
  };
  const addUrgent = (partition: number, name: string, key: string) => {
    const told = {
      acknowledged: (offset: number) => void events.push(`${name}@${offset}`),
      lost: () => void events.push(`${name} lost`),
    };
    return appender.enqueue(partition, new ControlRecord(key, Buffer.from(name), false, told), true);
  };
  return { clock, log, events, appender, add, addUrgent };
}

describe("batches", () => {
  test("what comes in one turn is one append; receipts keep the order", async () => {
    const { log, events, add } = rig();
    for (const name of ["a", "b", "c"]) add(0, name);
    await settle();
    expect(log.appends).toEqual([{ topic: "ocpp.frames.g1", partition: 0, count: 3 }]);
    expect(events).toEqual(["a@0", "b@1", "c@2"]);
  });

  test("one batch is outstanding a partition: what comes meanwhile is the next one", async () => {
    const { log, events, add } = rig();
    log.holding.add(0);
    add(0, "a");
    await settle();
    add(0, "b");
    add(0, "c");
    await settle();
    expect(log.heldAppends()).toBe(1);
    log.letGo();
    await settle();
    expect(events).toEqual(["a@0", "b@1", "c@2"]);
    expect(log.appends.map(({ count }) => count)).toEqual([1, 2]);
  });

  test("an urgent record goes beside the batch on its way, but behind what is of its own station", async () => {
    const { log, events, add, addUrgent } = rig();
    log.holding.add(0);
    add(0, "a");
    await settle();
    addUrgent(0, "b", "other");
    expect(log.heldAppends()).toBe(2);
    for (const [name, key] of [
      ["c", "k"],
      ["d", "other"],
    ] as const)
      addUrgent(0, name, key);
    await settle();
    expect(log.heldAppends()).toBe(2);
    log.letGo();
    await settle();
    expect(events.toSorted()).toEqual(["a@0", "b@1", "c@2", "d@3"]);
  });

  test("an urgent record that the log refuses is lost alone, and makes the partition sick until it takes one again", async () => {
    const { log, events, appender, add, addUrgent } = rig();
    log.holding.add(0);
    add(0, "a");
    await settle();
    log.failing.add(0);
    addUrgent(0, "b", "other");
    await settle();
    expect(events).toEqual(["rejected 0", "b lost"]);
    expect(appender.isSick(0)).toBe(true);
    // Sick, it sends nothing beside a batch.
    addUrgent(0, "c", "third");
    log.failing.clear();
    log.letGo();
    await settle();
    expect(events).toEqual(["rejected 0", "b lost", "a@0", "recovered 0", "c@1"]);
    await appender.flushed();
    expect(appender.queuedBytes()).toBe(0);
  });

  test("a batch is bounded in records and bytes", async () => {
    const { clock, log, add } = rig();
    for (let i = 0; i < 25; i++) add(0, "x");
    for (let i = 0; i < 3; i++) add(1, "y", false, 6_000);
    for (let round = 0; round < 3; round++) {
      await settle();
      clock.advance(1);
    }
    const counts = (partition: number) => log.appends.filter((a) => a.partition === partition).map((a) => a.count);
    expect(counts(0)).toEqual([10, 10, 5]);
    expect(counts(1)).toEqual([1, 1, 1]);
  });

  test("whatever the log does, a station's records are in the log in the order of their enqueue", async () => {
    const step = fc.constantFrom("add", "add", "addUrgent", "hold", "letGo", "reject", "rejectStored", "time");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { log, clock, appender, events } = rig();
        let next = 0;
        const value = (n: number) => Buffer.from(String(n).padStart(6, "0"));
        for (const todo of steps) {
          if (todo === "hold") log.holding.add(0);
          else if (todo === "letGo") log.letGo();
          else if (todo === "reject") log.rejectHeld(false);
          else if (todo === "rejectStored") log.rejectHeld(true);
          else if (todo === "time") clock.advance(700);
          else {
            const n = next++;
            const told = { acknowledged: () => void events.push(`ok ${n}`), lost: () => void events.push(`lost ${n}`) };
            const record = new ControlRecord(`k${n % 3}`, value(n), false, told);
            if (!appender.enqueue(0, record, todo === "addUrgent")) events.push(`lost ${n}`);
          }
          await settle();
        }
        log.letGo();
        clock.advance(10_000);
        await settle();
        const stored: number[] = [];
        for await (const batch of log.read(log.topics.frames, 0, 0, 1_000)) {
          stored.push(...batch.records.map((record) => Number(Buffer.from(record.value).toString())));
        }
        for (const station of [0, 1, 2]) {
          const own = stored.filter((n) => n % 3 === station);
          expect(own).toEqual([...own].sort((a, b) => a - b));
        }
        // Each is told exactly once, and what was acknowledged is there.
        const outcomes = events.filter((event) => /^(ok|lost) /.test(event));
        expect(outcomes).toHaveLength(next);
        const acknowledged = outcomes.filter((event) => event.startsWith("ok")).map((event) => Number(event.slice(3)));
        expect(acknowledged.filter((n) => !stored.includes(n))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a log that does not take it", () => {
  test("one sick partition harms only its own", async () => {
    const { log, clock, events, appender, add } = rig();
    log.holding.add(0);
    add(0, "a");
    await settle();
    add(0, "b");
    clock.advance(1_200);
    expect(events).toEqual(["b lost", "stalled 0"]);
    expect([appender.isSick(0), appender.isSick(1)]).toEqual([true, false]);
    expect(add(0, "c")).toBe(false);
    add(1, "d");
    await settle();
    expect(events).toContain("d@0");
    log.letGo();
    await settle();
    expect(events.slice(-2)).toEqual(["a@0", "recovered 0"]);
    expect(appender.isSick(0)).toBe(false);
    expect(add(0, "e")).toBe(true);
  });

  test("bytes over the bound stall it as well", async () => {
    const { log, events, add } = rig({ queueBytes: 1_000 });
    log.holding.add(0);
    add(0, "a", false, 600);
    await settle();
    expect(add(0, "b", false, 600)).toBe(false);
    expect(events).toEqual(["stalled 0"]);
  });

  test("a rejected append: its records are lost, never retried; essential ones are retried until they are in", async () => {
    const { log, clock, events, appender, add } = rig();
    log.failing.add(0);
    add(0, "a");
    add(0, "gone", true);
    await settle();
    expect(events).toEqual(["rejected 0", "a lost"]);
    expect(appender.isSick(0)).toBe(true);
    clock.advance(100);
    await settle();
    log.failing.clear();
    clock.advance(5_000);
    await settle();
    expect(events.slice(-2)).toEqual(["gone@0", "recovered 0"]);
    expect(appender.queuedBytes()).toBe(0);
  });

  test("stop loses what waits and takes nothing more", async () => {
    const { log, events, appender, add } = rig();
    log.holding.add(0);
    add(0, "a");
    await settle();
    add(0, "b");
    appender.stop();
    expect(events).toEqual(["b lost"]);
    expect(add(0, "c")).toBe(false);
  });

  test("the log's clock is estimated from the last receipt", async () => {
    const { clock, appender, add } = rig();
    add(0, "a");
    await settle();
    const then = clock.now();
    clock.advance(500);
    expect(appender.logNow(0)).toBe(then + 500);
  });
});
