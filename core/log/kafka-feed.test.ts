import { expect, test } from "vitest";

import { KafkaFeed } from "./kafka-feed.ts";
import type { LogRecord } from "./log.ts";

const record = (offset: number): LogRecord => ({ offset, logTime: 1, key: "k", value: Buffer.alloc(10) });
const records = (from: number, count: number) => Array.from({ length: count }, (_, n) => record(from + n));
const offsets = (some: readonly LogRecord[]) => some.map(({ offset }) => offset);

test("all that came while the reader worked is one batch, up to what it takes", async () => {
  const feed = new KafkaFeed({ topic: "t", partition: 0 }, 0, 1_000, () => undefined);
  for (let from = 0; from < 30; from += 3) feed.deliver(records(from, 3));
  expect(offsets(await feed.take(7))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  feed.deliver(records(30, 2));
  expect(offsets(await feed.take(14))).toEqual(Array.from({ length: 14 }, (_, n) => 7 + n));
  expect(offsets(await feed.take(100))).toEqual(Array.from({ length: 11 }, (_, n) => 21 + n));
});

test("a feed is full at its bytes, and tells when there is room again", async () => {
  let told = 0;
  const feed = new KafkaFeed({ topic: "t", partition: 0 }, 0, 50, () => told++);
  feed.deliver(records(0, 3));
  expect(feed.hasRoom).toBe(true);
  feed.deliver(records(3, 3));
  expect(feed.hasRoom).toBe(false);
  await feed.take(1);
  expect([feed.hasRoom, told]).toEqual([false, 0]);
  await feed.take(1);
  expect([feed.hasRoom, told]).toEqual([true, 1]);
});

test("what came before a failure is handed over first", async () => {
  const feed = new KafkaFeed({ topic: "t", partition: 0 }, 5, 1_000, () => undefined);
  feed.deliver(records(5, 2));
  feed.deliver(records(8, 1));
  expect(offsets(await feed.take(10))).toEqual([5, 6]);
  await expect(feed.take(10)).rejects.toThrow("goes on at 8 where 7 was due");
});

test("a reader that can wait gets what gathers: so many, or after so long", async () => {
  const feed = new KafkaFeed({ topic: "t", partition: 0 }, 0, 1_000, () => undefined);
  feed.deliver(records(0, 2));
  const began = performance.now();
  const enough = feed.gathered(5, 10_000);
  feed.deliver(records(2, 2));
  feed.deliver(records(4, 2));
  await enough;
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(offsets(await feed.take(100))).toEqual([0, 1, 2, 3, 4, 5]);
  await feed.gathered(5, 20);
  expect(performance.now() - began).toBeGreaterThanOrEqual(19);
  await feed.gathered(5, -1);
  const ended = feed.gathered(5, 10_000);
  feed.end();
  await ended;
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("a full feed is not waited for", async () => {
  const feed = new KafkaFeed({ topic: "t", partition: 0 }, 0, 50, () => undefined);
  feed.deliver(records(0, 5));
  const began = performance.now();
  await feed.gathered(100, 10_000);
  expect(performance.now() - began).toBeLessThan(5_000);
});
