import { afterEach, beforeEach, expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import {
  allGenerations,
  firstOffsetOf,
  generationAt,
  offsetsPerGeneration,
  offsetWithin,
  placesOf,
  readRegistry,
} from "./generations.ts";
import { logAsOf } from "./generation-log.ts";
import type { Entry, EventLog, LogRecord, Topic } from "./log.ts";
import { partitionOf } from "./partition.ts";
import { openTwoGenerations, type TwoGenerations } from "./two-generations.test-helper.ts";

let logs: TwoGenerations;
beforeEach(async () => {
  logs = await openTwoGenerations([2, 5]);
});
afterEach(() => logs[Symbol.asyncDispose]());

const entry = (value: string): Entry => ({ key: "DEWLG/CS-1", value: Buffer.from(value) });
const textOf = ({ value }: LogRecord) => Buffer.from(value).toString();

async function readAll(log: EventLog, topic: Topic, partition: number, from: number, to: number) {
  const found: LogRecord[] = [];
  for await (const { records } of log.read(topic, partition, from, to)) found.push(...records);
  return found;
}

test("I3: offsets of a generation begin above every offset of the one before, in receipts, ends, reads and subscriptions", async () => {
  const { first, both } = logs;
  await first.append(first.topics.frames, 1, [entry("old 0"), entry("old 1")]);
  const { frames } = both.topics;
  expect(await both.endOffset(frames, 1)).toBe(offsetsPerGeneration);
  const receipt = await both.append(frames, 1, [entry("new 0"), entry("new 1")]);
  expect(receipt.baseOffset).toBe(offsetsPerGeneration);
  expect(await both.endOffset(frames, 1)).toBe(offsetsPerGeneration + 2);
  const read = await readAll(both, frames, 1, firstOffsetOf(frames), offsetsPerGeneration + 1);
  expect(read.map((record) => [record.offset, textOf(record)])).toEqual([[offsetsPerGeneration, "new 0"]]);
  const heard = Promise.withResolvers<LogRecord>();
  const subscription = both.consume(frames, 1, offsetsPerGeneration + 1, async ({ records }) =>
    heard.resolve(records[0]!),
  );
  expect(await heard.promise).toMatchObject({ offset: offsetsPerGeneration + 1 });
  await subscription.stop();
});

test("B4: whoever reads knows where a generation ended and reads it by its own topics; nothing is appended to it", async () => {
  const { first, both } = logs;
  const [ended] = both.earlier!;
  await first.append(ended!.frames, 0, [entry("old 0")]);
  await both.append(both.topics.frames, 0, [entry("new 0")]);
  expect(allGenerations(both).map(({ frames }) => frames.generation)).toEqual([1, 2]);
  expect(await both.endOffset(ended!.frames, 0)).toBe(1);
  expect((await readAll(both, ended!.frames, 0, 0, 10)).map(textOf)).toEqual(["old 0"]);
  expect(() => both.append(ended!.frames, 0, [entry("late")])).toThrow(RangeError);
  expect(generationAt(both, 0)).toBe(ended);
  expect(generationAt(both, offsetsPerGeneration + 7)).toBe(both.topics);
});

test("an offset of the generation before is out of range in the topics of the next: never another record", async () => {
  const { both } = logs;
  await both.append(both.topics.frames, 0, [entry("new 0")]);
  const misread = readAll(both, both.topics.frames, 0, 0, 10);
  await expect(misread).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
});

test("a station's records are in the partition that each generation has for its key", () => {
  const key = "DEWLG/CS-7";
  const places = placesOf(logs.both, key).map(({ topic, partition }) => [topic.name, partition]);
  expect(places).toEqual([
    ["ocpp.frames.g1", partitionOf(key, 2)],
    ["ocpp.frames.g2", partitionOf(key, 5)],
  ]);
});

test("R2: the registry is read over all generations, in order, up to any position of any of them", async () => {
  const { first, both } = logs;
  await first.append(first.topics.registry, 0, [entry("a"), entry("b")]);
  await both.append(both.topics.registry, 0, [entry("c"), entry("d")]);
  const upTo = async (from: number, to: number) => {
    const found: string[] = [];
    for await (const { records } of readRegistry(both, from, to)) found.push(...records.map(textOf));
    return found.join("");
  };
  expect(await upTo(0, offsetsPerGeneration + 2)).toBe("abcd");
  expect(await upTo(1, offsetsPerGeneration + 1)).toBe("bc");
  expect(await upTo(0, 1)).toBe("a");
  // Beyond the end of a closed generation a position means that end.
  expect(await upTo(0, 1_000)).toBe("ab");
  expect(await upTo(offsetsPerGeneration + 1, offsetsPerGeneration + 2)).toBe("d");
});

test("the log as of an earlier generation ends with it", async () => {
  const { both } = logs;
  const [ended] = both.earlier!;
  const then = logAsOf(both, ended!);
  expect([then.topics, then.earlier]).toEqual([ended, []]);
  expect(logAsOf(both, both.topics)).toBe(both);
});

test("B2: the beginning that a generation gives up is counted as its readers count it", async () => {
  const { second } = logs;
  const { frames } = second.topics;
  for (let i = 0; i < 3; i++) await second.append(frames, 0, [entry(`new ${i}`)]);
  await second.trim(frames, new Map([[0, offsetsPerGeneration + 2]]));
  const start = await second.startOffset(frames, 0);
  expect(start).toBeLessThanOrEqual(offsetsPerGeneration + 2);
  expect(offsetWithin(start)).toBeLessThanOrEqual(2);
  expect((await readAll(second, frames, 0, offsetsPerGeneration + 2, offsetsPerGeneration + 3)).map(textOf)).toEqual([
    "new 2",
  ]);
});
