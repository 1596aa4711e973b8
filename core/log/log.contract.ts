// What every EventLog promises, run on each adapter. The harness gives a log with topics of its own; handles are as
// separate as the adapter has them (another thread's, another process's).
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { Adapter } from "../../tools/test-adapters.ts";
import { isWattlogError } from "../runtime/errors.ts";
import type { Entry, EventLog, LogBatch, LogRecord, Receipt } from "./log.ts";

export interface LogHarness {
  readonly log: EventLog;
  /** Whether this log hands records to who listens for them; otherwise `listen` is not there. */
  readonly tells: boolean;
  /** Another handle on the same log. */
  another(): Promise<EventLog>;
  /** Ends every handle and the adapter's own processes, then opens again on what is stored. */
  restart(): Promise<EventLog>;
  end(): Promise<void>;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

export function entry(key: string, value: string | Uint8Array): Entry {
  return { key, value: typeof value === "string" ? utf8.encode(value) : value };
}

export async function readAll(log: EventLog, partition: number, from = 0, to = Infinity): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const batch of log.read(log.topics.frames, partition, from, to)) records.push(...batch.records);
  return records;
}

function values(records: readonly LogRecord[]): string[] {
  return records.map((record) => text.decode(record.value));
}

/** @param needs what is missing on this machine for the adapter, as a reason to skip; undefined: nothing */
export function eventLogContract(
  adapter: Adapter,
  make: () => Promise<LogHarness>,
  needs: () => Promise<string | undefined> = async () => undefined,
): void {
  describe(`EventLog contract on ${adapter}`, () => {
    let harness: LogHarness | undefined;
    let log: EventLog;

    beforeEach(async (context) => {
      const missing = await needs();
      if (missing !== undefined) context.skip(missing);
      harness = await make();
      log = harness.log;
    });

    afterEach(async () => {
      await harness?.end();
    });

    const append = (partition: number, ...entries: Entry[]): Promise<Receipt> =>
      log.append(log.topics.frames, partition, entries);

    const parts = (): Parts => ({ harness: harness!, log, append });
    appendContract(parts);
    tellContract(parts);
    readContract(parts);
    consumeContract(parts);
    closeContract(parts);
  });
}

interface Parts {
  readonly harness: LogHarness;
  readonly log: EventLog;
  readonly append: (partition: number, ...entries: Entry[]) => Promise<Receipt>;
}

function appendContract(parts: () => Parts): void {
  test("an acknowledged record is there for every other reader at once", async () => {
    const { harness, append } = parts();
    const other = await harness.another();
    for (let i = 0; i < 20; i++) {
      const { baseOffset } = await append(3, entry("DEABC/s", `v${i}`));
      expect(values(await readAll(other, 3, baseOffset, baseOffset + 1))).toEqual([`v${i}`]);
      expect(await other.endOffset(other.topics.frames, 3)).toBe(baseOffset + 1);
    }
  });

  test("the entries of one append have consecutive offsets and one log time", async () => {
    const { log, append } = parts();
    await append(0, entry("a", "first"));
    const before = Date.now();
    const receipt = await append(0, entry("a", "1"), entry("b", "2"), entry("c", "3"));
    expect(receipt.baseOffset).toBe(1);
    expect(Math.abs(receipt.logTime - before)).toBeLessThan(60_000);
    const records = await readAll(log, 0, 1);
    expect(records.map(({ offset, key, logTime }) => ({ offset, key, logTime }))).toEqual(
      ["a", "b", "c"].map((key, i) => ({ offset: 1 + i, key, logTime: receipt.logTime })),
    );
  });

  test("appends that overlap are stored once each, whole, and told their own offsets", async () => {
    const { log, append } = parts();
    const receipts = await Promise.all(
      Array.from({ length: 200 }, (_, i) => append(i % 3, entry("k", `${i}a`), entry("k", `${i}b`))),
    );
    for (const partition of [0, 1, 2]) {
      const stored = values(await readAll(log, partition));
      const told = receipts.flatMap(({ baseOffset }, i) => (i % 3 === partition ? [[baseOffset, i] as const] : []));
      expect(stored.length).toBe(told.length * 2);
      for (const [base, i] of told) expect(stored.slice(base, base + 2)).toEqual([`${i}a`, `${i}b`]);
    }
  });

  test("appends that overlap are stored in the order of their calls, also where some turns lie between them", async () => {
    const { log, append } = parts();
    const calls: Promise<Receipt>[] = [];
    for (let i = 0; i < 300; i++) {
      calls.push(append(0, entry("k", `${i}`)));
      if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const offsets = (await Promise.all(calls)).map(({ baseOffset }) => baseOffset);
    expect(offsets).toEqual([...offsets.keys()]);
    expect(values(await readAll(log, 0))).toEqual(offsets.map(String));
  });

  test("log time never falls within a partition, and a restart does not turn it back", async () => {
    const { harness, append } = parts();
    for (let i = 0; i < 30; i++) await append(0, entry("k", `${i}`));
    const again = await harness.restart();
    for (let i = 0; i < 5; i++) await again.append(again.topics.frames, 0, [entry("k", "later")]);
    const times = (await readAll(again, 0)).map(({ logTime }) => logTime);
    expect(times).toHaveLength(35);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test("empty, large and binary values and keys beyond ASCII come back byte for byte", async () => {
    const { log, append } = parts();
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const large = new Uint8Array(1024 * 1024 - 4096).map((_, i) => i * 31);
    const entries = [entry("", new Uint8Array(0)), entry("DEABC/ü€😀", bytes), entry("large", large)];
    await append(5, ...entries);
    const records = await readAll(log, 5);
    expect(records.map(({ key }) => key)).toEqual(entries.map(({ key }) => key));
    for (const [i, { value }] of records.entries()) expect(Buffer.compare(value, entries[i]!.value)).toBe(0);
  });

  test("a value may be changed as soon as append has returned", async () => {
    const { log, append } = parts();
    const value = utf8.encode("before");
    const receipt = append(1, entry("k", value));
    value.fill(0);
    await receipt;
    expect(values(await readAll(log, 1))).toEqual(["before"]);
  });

  test("a record above 1 MiB is refused as too large and harms no other", async () => {
    const { log, append } = parts();
    const refused = append(0, entry("k", new Uint8Array(1024 * 1024 + 1)));
    const taken = append(0, entry("k", "fits"));
    await expect(refused).rejects.toSatisfy((error) => isWattlogError(error, "log/too-large"));
    expect((await taken).baseOffset).toBe(0);
    expect(values(await readAll(log, 0))).toEqual(["fits"]);
  });

  test("topics and partitions are apart from each other", async () => {
    const { log, append } = parts();
    const { frames, events, registry } = log.topics;
    for (let partition = 0; partition < frames.partitions; partition++)
      await append(partition, entry("k", `${partition}`));
    await log.append(events, 0, [entry("e", "event")]);
    await log.append(registry, 0, [entry("r", "change")]);
    for (let partition = 0; partition < frames.partitions; partition++) {
      expect(values(await readAll(log, partition))).toEqual([`${partition}`]);
    }
    expect(await log.endOffset(events, 0)).toBe(1);
    expect(await log.endOffset(registry, 0)).toBe(1);
  });

  test("a restart keeps everything and goes on at the end", async () => {
    const { harness, append } = parts();
    for (let i = 0; i < 10; i++) await append(i % 2, entry("k", `${i}`));
    const again = await harness.restart();
    expect(values(await readAll(again, 0))).toEqual(["0", "2", "4", "6", "8"]);
    expect((await again.append(again.topics.frames, 0, [entry("k", "next")])).baseOffset).toBe(5);
  });
}

function tellContract(parts: () => Parts): void {
  test("an entry that names who waits for it is stored like any other; its receipt says whether they were handed it", async () => {
    const { harness, log, append } = parts();
    const other = await harness.another();
    const heard = collector();
    const ends = [log, other].map((handle, i) => handle.listen?.(`waiter ${i}`, (batch) => void heard.handler(batch)));
    expect(ends.map((end) => end !== undefined)).toEqual([harness.tells, harness.tells]);
    const named = await Promise.all(
      [0, 1].map((i) => toldOf(harness, () => append(2, { ...entry("k", `named ${i}`), tell: `waiter ${i}` }))),
    );
    expect(named.map(({ told }) => told ?? false)).toEqual([harness.tells, harness.tells]);
    await append(2, entry("k", "for nobody"));
    const stored = await readAll(log, 2);
    expect(values(stored)).toEqual(expect.arrayContaining(["named 0", "named 1", "for nobody"]));
    if (harness.tells) await heard.reached(named.length);
    const offsets = harness.tells ? named.map(({ baseOffset }) => baseOffset) : [];
    const wanted = stored.filter(({ offset }) => offsets.includes(offset));
    const told = heard.batches.flatMap(({ records }) => records).toSorted((a, b) => a.offset - b.offset);
    expect(told.map(plain)).toEqual(wanted.map(plain));
    for (const { topic, partition } of heard.batches)
      expect([topic.name, partition]).toEqual([log.topics.frames.name, 2]);
  });

  test("what names somebody who does not listen, or no more, is not told, and its receipt says so", async () => {
    const { log, append } = parts();
    const heard = collector();
    log.listen?.("waiter", (batch) => void heard.handler(batch))();
    for (const tell of ["waiter", "nobody"]) {
      const receipt = await append(0, { ...entry("k", "unheard"), tell });
      expect(receipt.told ?? false).toBe(false);
    }
    expect(values(await readAll(log, 0))).toEqual(["unheard", "unheard"]);
    expect(heard.batches).toEqual([]);
  });
}

/** A listener of another handle may be known a moment later than its call: until then nothing is told, and nothing heard. */
async function toldOf(harness: LogHarness, append: () => Promise<Receipt>): Promise<Receipt> {
  const receipt = await append();
  return !harness.tells || receipt.told ? receipt : toldOf(harness, append);
}

function plain({ offset, logTime, key, value }: LogRecord): Record<string, unknown> {
  return { offset, logTime, key, value: text.decode(value) };
}

function readContract(parts: () => Parts): void {
  test("read gives exactly the range, and ends early where the log ends", async () => {
    const { log, append } = parts();
    for (let i = 0; i < 10; i++) await append(0, entry("k", `${i}`));
    expect(values(await readAll(log, 0, 3, 6))).toEqual(["3", "4", "5"]);
    expect(values(await readAll(log, 0, 8, 1000))).toEqual(["8", "9"]);
    expect(await readAll(log, 0, 10, 1000)).toEqual([]);
    expect(await readAll(log, 0, 5, 5)).toEqual([]);
    expect(await readAll(log, 7, 0, 10)).toEqual([]);
  });

  test("read outside the log says so instead of beginning somewhere else", async () => {
    const { log, append } = parts();
    await append(0, entry("k", "v"));
    await expect(readAll(log, 0, 2, 5)).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
    await expect(readAll(log, 0, -1, 5)).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
  });

  test("the end of an empty partition is 0", async () => {
    const { log } = parts();
    expect(await log.endOffset(log.topics.frames, 0)).toBe(0);
  });
}

interface Collected {
  readonly batches: LogBatch[];
  readonly handler: (batch: LogBatch) => Promise<void>;
  /** Resolves when so many records have come. */
  reached(records: number): Promise<void>;
}

function collector(): Collected {
  const batches: LogBatch[] = [];
  let wanted = Infinity;
  let count = 0;
  let arrived: (() => void) | undefined;
  const look = (): void => {
    if (count >= wanted) arrived?.();
  };
  return {
    batches,
    async handler(batch) {
      batches.push(batch);
      count += batch.records.length;
      look();
    },
    async reached(records) {
      wanted = records;
      await new Promise<void>((resolve) => {
        arrived = resolve;
        look();
      });
    },
  };
}

function consumeContract(parts: () => Parts): void {
  test("consume begins exactly at the offset asked for, then goes on without a gap", async () => {
    const { log, append } = parts();
    for (let i = 0; i < 20; i++) await append(2, entry("k", `${i}a`), entry("k", `${i}b`));
    const seen = collector();
    const subscription = log.consume(log.topics.frames, 2, 5, seen.handler, { maxRecords: 7 });
    await seen.reached(35);
    for (let i = 20; i < 25; i++) await append(2, entry("k", `${i}a`));
    await seen.reached(40);
    await subscription.stop();
    const offsets = seen.batches.flatMap(({ records }) => records.map(({ offset }) => offset));
    expect(offsets).toEqual(Array.from({ length: 40 }, (_, i) => 5 + i));
    for (const { records } of seen.batches) expect(records.length).toBeLessThanOrEqual(7);
  });

  test("consume at the end waits and hears of what another handle appends", async () => {
    const { harness, log } = parts();
    const other = await harness.another();
    const seen = collector();
    const subscription = log.consume(log.topics.frames, 4, 0, seen.handler);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.batches).toEqual([]);
    await other.append(other.topics.frames, 4, [entry("k", "news")]);
    await seen.reached(1);
    await subscription.stop();
    expect(values(seen.batches.flatMap(({ records }) => records))).toEqual(["news"]);
  });

  test("consumers of one partition that stand at different offsets each see all of theirs, without a gap", async () => {
    const { log, append } = parts();
    for (let i = 0; i < 30; i++) await append(2, entry("k", `${i}`));
    const consumers = [30, 0, 17, 0].map((from) => {
      const seen = collector();
      return { from, seen, subscription: log.consume(log.topics.frames, 2, from, seen.handler, { maxRecords: 7 }) };
    });
    for (let i = 30; i < 40; i++) await append(2, entry("k", `${i}`));
    for (const { from, seen, subscription } of consumers) {
      await Promise.race([seen.reached(40 - from), subscription.done]);
      await subscription.stop();
      const offsets = seen.batches.flatMap(({ records }) => records.map(({ offset }) => offset));
      expect(offsets).toEqual(Array.from({ length: 40 - from }, (_, i) => from + i));
    }
  });

  test("consume waits for its handler", async () => {
    const { log, append } = parts();
    await append(0, ...Array.from({ length: 30 }, (_, i) => entry("k", `${i}`)));
    let running = 0;
    let most = 0;
    const done = Promise.withResolvers<void>();
    const handler = async (batch: LogBatch): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
      if (batch.records.at(-1)!.offset === 29) done.resolve();
    };
    const subscription = log.consume(log.topics.frames, 0, 0, handler, { maxRecords: 5 });
    await done.promise;
    await subscription.stop();
    expect(most).toBe(1);
  });

  test("a handler that throws ends its subscription with that error, and no other", async () => {
    const { log, append } = parts();
    await append(0, entry("k", "v"));
    const seen = collector();
    const healthy = log.consume(log.topics.frames, 0, 0, seen.handler);
    let calls = 0;
    const sick = log.consume(log.topics.frames, 0, 0, async () => {
      calls++;
      throw new Error("cannot fold");
    });
    await expect(sick.done).rejects.toThrow("cannot fold");
    await append(0, entry("k", "w"));
    await seen.reached(2);
    expect(calls).toBe(1);
    await sick.stop();
    await healthy.stop();
    await healthy.done;
  });

  test("an offset outside the log ends the subscription, never moves it", async () => {
    const { log, append } = parts();
    await append(0, entry("k", "v"));
    const seen = collector();
    for (const from of [2, 1000, -1]) {
      const subscription = log.consume(log.topics.frames, 0, from, seen.handler);
      await expect(subscription.done).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
    }
    expect(seen.batches).toEqual([]);
  });

  test("stop waits for the handler call in flight, and no call follows", async () => {
    const { log, append } = parts();
    await append(0, entry("k", "1"), entry("k", "2"));
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    let calls = 0;
    let ended = false;
    const handler = async (): Promise<void> => {
      calls++;
      entered.resolve();
      await release.promise;
      ended = true;
    };
    const subscription = log.consume(log.topics.frames, 0, 0, handler, { maxRecords: 1 });
    await entered.promise;
    const stopped = subscription.stop();
    setTimeout(() => release.resolve(), 20);
    await stopped;
    expect(ended).toBe(true);
    await append(0, entry("k", "3"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(1);
    await subscription.done;
  });

  test("many consumers on many partitions each see their own, in order, under load", async () => {
    const { log, append } = parts();
    const { frames } = log.topics;
    const each = 40;
    const seen = Array.from({ length: frames.partitions }, collector);
    const subscriptions = seen.map(({ handler }, partition) => log.consume(frames, partition, 0, handler));
    const appends = Array.from({ length: each * frames.partitions }, (_, i) =>
      append(i % frames.partitions, entry("k", `${Math.floor(i / frames.partitions)}`)),
    );
    await Promise.all(appends);
    await Promise.all(seen.map((one) => one.reached(each)));
    await Promise.all(subscriptions.map((subscription) => subscription.stop()));
    for (const { batches } of seen) {
      const records = batches.flatMap((batch) => batch.records);
      expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: each }, (_, i) => i));
      expect(new Set(values(records)).size).toBe(each);
    }
  });
}

function closeContract(parts: () => Parts): void {
  test("close while appending: every append ends, and what was acknowledged is stored", async () => {
    const { harness, log, append } = parts();
    const appends = Array.from({ length: 100 }, (_, i) => append(0, entry("k", `${i}`)));
    const closed = log.close();
    const outcomes = await Promise.allSettled(appends);
    await closed;
    const again = await harness.restart();
    const stored = values(await readAll(again, 0));
    const wrong = outcomes.filter((outcome, i) =>
      outcome.status === "fulfilled" ? stored[outcome.value.baseOffset] !== `${i}` : !isWattlogError(outcome.reason),
    );
    expect(wrong).toEqual([]);
  });

  test("a closed log takes nothing more and ends its subscriptions", async () => {
    const { log, append } = parts();
    const subscription = log.consume(log.topics.frames, 0, 0, async () => {});
    await log.close();
    await subscription.done;
    await expect(append(0, entry("k", "v"))).rejects.toSatisfy((error) => isWattlogError(error, "log/closed"));
    await log.close();
  });
}
