import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { limits } from "../../core/config/limits.ts";
import { makeTopics, type Entry, type EventLog } from "../../core/log/log.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { openPosition } from "../../core/store/position.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { bundlesOf, rowOf, type Bundle, type Outgoing } from "./outgoing.ts";
import { Relay } from "./relay.ts";

const topics = makeTopics(1, 1);
let folder: string;
let store: Store;
let relay: Relay;
/** Of the fold, whose batches are a record each. */
let position: PositionRow;
/** First bytes of the events, in the order of the log. */
let sent: number[];
let append: (entries: readonly Entry[]) => Promise<void>;

const event = (sequence: number): Outgoing => ({
  sequence,
  key: "DEWLG/CS1",
  value: new Uint8Array(new Uint32Array([sequence]).buffer),
});
const bundles = (from: number, count: number) =>
  bundlesOf(
    { tableSet: 1, partition: 0 },
    Array.from({ length: count }, (_, n) => event(from + n)),
  );
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

async function put(some: readonly Bundle[]): Promise<void> {
  const to = { ...position, next: position.next + 1 };
  await store.write({
    move: { from: position, to },
    changes: [{ act: "insertNew", table: "outbox", rows: some.map(rowOf) }],
  });
  position = to;
}

const logIsAway = (): Promise<void> => Promise.reject(new Error("the log is away"));

/** As a partition does it: committed, then told. */
async function commit(some: readonly Bundle[]): Promise<void> {
  await put(some);
  relay.wake(position, some);
}

/** What a store that comes back without its last commits has of this fold: the row as it was, and nothing that waits. */
async function loseCommits(to: PositionRow): Promise<void> {
  await store.transaction(async (tx) => {
    const rows = await tx.db.selectFrom("outbox").select(["table_set", "partition", "sequence"]).execute();
    await tx.remove("outbox", rows);
    await tx.upsert("position", [to]);
  });
}

function relayOn(some: Store): Relay {
  const log = {
    topics,
    append: async (_topic: unknown, _partition: number, entries: readonly Entry[]) => {
      await append(entries);
      for (const { value } of entries) sent.push(new DataView(value.buffer, value.byteOffset).getUint32(0, true));
      return { baseOffset: 0, logTime: 0 };
    },
  } as unknown as EventLog;
  return new Relay({ log, store: some, clock: systemClock, logger: createLogger("test", "silent"), partition: 0 });
}

const withReader = (reader: Store["reader"]): Store => ({
  dialect: store.dialect,
  reader,
  snapshot: (work) => store.snapshot(work),
  transaction: (work) => store.transaction(work),
  write: (writing) => store.write(writing),
  migrate: () => store.migrate(),
  close: () => store.close(),
});

const waiting = () => store.reader.selectFrom("outbox").select("sequence").execute();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-relay-"));
  store = openSqliteStore(folder);
  await store.migrate();
  position = await openPosition(store, "processor", topics.frames, 0);
  sent = [];
  append = async () => undefined;
  relay = relayOn(store);
});
afterEach(async () => {
  await relay.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

test("F6: what an earlier run left goes first, then what is committed, each once and in order", async () => {
  await put(bundles(0, 700));
  relay.wake(position);
  for (let from = 700; from < 1_000; from += 50) await commit(bundles(from, 50));
  await relay.drain();
  expect(sent).toEqual(numbers(1_000));
  expect(await waiting()).toEqual([]);
});

test("F6: more than memory holds while the log is away is read back from the outbox", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  append = () => promise;
  relay.wake(position);
  for (let from = 0; from < 20_000; from += 500) await commit(bundles(from, 500));
  resolve();
  await relay.drain();
  expect(sent).toEqual(numbers(20_000));
  expect(await waiting()).toEqual([]);
});

test("F6: an append that failed is tried again as it was", async () => {
  let failures = 2;
  append = async () => {
    if (failures-- > 0) throw new Error("the log is away");
  };
  for (let from = 0; from < 30; from += 10) await commit(bundles(from, 10));
  await expect.poll(async () => (await waiting()).length, { timeout: 5_000 }).toBe(0);
  expect(sent).toEqual(numbers(30));
  expect(relay.problem).toBeUndefined();
});

test("F6: events share rows of the outbox, none larger than one append, and one that is too large for any stands alone", async () => {
  const large = { ...event(1_000), value: new Uint8Array(limits.appendBatchBytes) };
  const all = [...Array.from({ length: 1_000 }, (_, n) => event(n)), large, event(1_001)];
  const made = bundlesOf({ tableSet: 1, partition: 0 }, all);
  expect(made.map(({ key, entries }) => [key.sequence, entries.length])).toEqual([
    [511, 512],
    [999, 488],
    [1_000, 1],
    [1_001, 1],
  ]);
  expect(made.flatMap(({ entries }) => entries)).toEqual(all);
});

test("F6: a removal that failed is tried again, and nothing is sent again for it", async () => {
  const write = store.write.bind(store);
  let failures = 2;
  store.write = (writing) =>
    writing.canWait && failures-- > 0 ? Promise.reject(new Error("the store is away")) : write(writing);
  for (let from = 0; from < 30; from += 10) await commit(bundles(from, 10));
  await expect.poll(async () => (await waiting()).length, { timeout: 5_000 }).toBe(0);
  expect(failures).toBeLessThan(0);
  expect(sent).toEqual(numbers(30));
});

test("F6: what is committed while an append is on its way stays in the outbox until it was sent itself", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let appends = 0;
  append = () => gates[appends++]!.promise;
  relay.wake(position);
  // Empty, so from here on the relay goes by what it is told.
  await expect.poll(() => store.reader.selectFrom("outbox").select("sequence").execute()).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await commit(bundles(0, 10));
  await expect.poll(() => appends).toBe(1);
  await commit(bundles(10, 10));
  gates[0]!.resolve();
  await expect.poll(() => appends).toBe(2);
  await expect.poll(waiting).toEqual([{ sequence: 19 }]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await waiting()).toEqual([{ sequence: 19 }]);
  gates[1]!.resolve();
  await relay.drain();
  expect(sent).toEqual(numbers(20));
  expect(await waiting()).toEqual([]);
});

test("F6: a batch that memory cannot hold, committed while the outbox was read and found empty, is sent all the same", async () => {
  const large = bundles(0, 3 * limits.foldBatchRecords);
  let isFirst = true;
  const reader = store.reader.withPlugin({
    transformQuery: ({ node }) => node,
    // The answer is there, and comes late.
    transformResult: async ({ result }) => {
      if (isFirst) {
        isFirst = false;
        await commit(large);
      }
      return result;
    },
  });
  relay = relayOn(withReader(reader));
  relay.wake(position);
  await expect.poll(() => sent.length, { timeout: 5_000 }).toBe(large.flatMap(({ entries }) => entries).length);
  await relay.drain();
  expect(sent).toEqual(numbers(3 * limits.foldBatchRecords));
});

test("F6: after the store has lost commits nothing goes before what was lost with it, until the fold begins again", async () => {
  append = logIsAway;
  const before = position;
  relay.wake(position);
  await commit(bundles(0, 10));
  await expect.poll(() => relay.problem).toContain("the log is away");
  await loseCommits(before);
  // Told of while the relay pauses: this it remembers, and those before it are to be read again.
  relay.wake({ ...position, next: position.next + 1 }, bundles(10, 10));
  append = async () => undefined;
  await expect.poll(() => relay.problem, { timeout: 5_000 }).toContain("has lost what was committed");
  expect(sent).toEqual([]);

  position = before;
  relay.wake(position);
  await commit(bundles(0, 20));
  await expect.poll(waiting, { timeout: 5_000 }).toEqual([]);
  await expect.poll(() => sent).toEqual(numbers(20));
  expect(relay.problem).toBeUndefined();
});

test("F6: what was committed before a loss, and told after the outbox was read, does not go without what came before it", async () => {
  const before = position;
  await put(bundles(0, 10));
  const [lost, told] = [position, bundles(10, 10)];
  await loseCommits(before);
  let isFirst = true;
  const reader = store.reader.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      if (isFirst) relay.wake({ ...lost, next: lost.next + 1 }, told);
      isFirst = false;
      return result;
    },
  });
  relay = relayOn(withReader(reader));
  relay.wake(lost);
  await expect.poll(() => relay.problem, { timeout: 5_000 }).toContain("has lost what was committed");
  expect(sent).toEqual([]);
});

test("F6, B1: rows that a rebuild has taken over are not overtaken by what is remembered of later ones", async () => {
  append = logIsAway;
  relay.wake(position);
  await commit(bundles(0, 10));
  await expect.poll(() => relay.problem).toContain("the log is away");
  await loseCommits({ ...position, table_set: 2 });
  relay.wake({ ...position, next: position.next + 1 }, bundles(10, 10));
  append = async () => undefined;
  await expect.poll(() => relay.problem, { timeout: 5_000 }).toContain("table set 2 is live now");
  expect(sent).toEqual([]);
});
