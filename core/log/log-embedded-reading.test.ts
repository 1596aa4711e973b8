import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { EmbeddedLogServer } from "./log-embedded-server.ts";
import { EmbeddedLog, openLogReadOnly } from "./log-embedded.ts";
import { entry, readAll } from "./log.contract.ts";
import { makeTopics } from "./log.ts";

const topics = makeTopics(1, 6);
const { frames } = topics;
let folder: string;
let server: EmbeddedLogServer;
let log: EmbeddedLog;

async function open(limits = {}): Promise<void> {
  server = await EmbeddedLogServer.start({ folder, topics, limits });
  log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
}

function refusals(outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
}

async function shut(): Promise<void> {
  await log.close();
  await server.close();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-read-"));
});

afterEach(async () => {
  await shut();
  rmSync(folder, { recursive: true });
});

test("a log that is damaged is left as it is, and a sentence says what to do (promise 5)", async () => {
  await open();
  // Past a checkpoint, so that opening looks at the end only.
  for (let i = 0; i < 1_500; i++) await log.append(frames, 0, [entry("k", "x".repeat(1_000))]);
  await shut();
  const file = join(folder, "log.db");
  const damaged = readFileSync(file);
  const page = (damaged.length >> 15) * 8192;
  damaged.fill(0xa5, page, page + 8192);
  writeFileSync(file, damaged);
  await open();
  const outcomes = await Promise.allSettled([readAll(log, 0)]);
  expect(refusals(outcomes)).toMatchObject([
    { code: "log/unavailable", message: expect.stringContaining("is damaged") as string },
  ]);
  await shut();
  writeFileSync(
    file,
    "this is no database at all, and longer than a header of SQLite, which has a hundred bytes ".repeat(9),
  );
  await expect(EmbeddedLogServer.start({ folder, topics })).rejects.toMatchObject({
    code: "log/unavailable",
    message: expect.stringContaining("put back a copy") as string,
  });
});

test("any offset is found by the sparse index, in thousands of batches, also after a restart", async () => {
  await open();
  const batches = 2600;
  const expected: string[][] = Array.from({ length: frames.partitions }, () => []);
  for (let i = 0; i < batches; i++) {
    // Partition 5 is rare: its neighbours' batches lie between.
    const partition = i % 401 === 0 ? 5 : i % 5;
    const entries = Array.from({ length: 1 + (i % 3) }, (_, n) => `${i}/${n}`);
    expected[partition]!.push(...entries);
    await log.append(
      frames,
      partition,
      entries.map((value) => entry("k", value)),
    );
  }
  const check = async (): Promise<void> => {
    for (const [partition, values] of expected.entries()) {
      expect(await log.endOffset(frames, partition)).toBe(values.length);
      for (let from = 0; from < values.length; from += Math.ceil(values.length / 37)) {
        const found = await readAll(log, partition, from, from + 5);
        expect(found.map(({ value }) => Buffer.from(value).toString())).toEqual(values.slice(from, from + 5));
      }
      expect((await readAll(log, partition)).map(({ offset }) => offset)).toEqual(values.map((_, i) => i));
    }
  };
  await check();
  await shut();
  await open();
  await check();
}, 60_000);

test("a consumer of a rare partition passes over batches that hold nothing for it", async () => {
  await open();
  await log.append(frames, 0, [entry("k", "first")]);
  const filler = entry("k", new Uint8Array(900_000));
  for (let i = 0; i < 12; i++) await log.append(frames, 1, [filler]);
  await log.append(frames, 0, [entry("k", "second")]);
  const seen: number[] = [];
  const both = Promise.withResolvers<void>();
  const subscription = log.consume(frames, 0, 0, async ({ records }) => {
    seen.push(...records.map(({ offset }) => offset));
    if (seen.length === 2) both.resolve();
  });
  await both.promise;
  await subscription.stop();
  expect(seen).toEqual([0, 1]);
});

test("a reader in another thread follows the writer without polling", async () => {
  await open();
  const port = server.connect();
  const code = `
    const { workerData, parentPort } = require("node:worker_threads");
    import(workerData.module).then(({ EmbeddedLog }) => {
      const { port, folder, topics } = workerData;
      const log = EmbeddedLog.attach({ port, folder, topics });
      const subscription = log.consume(topics.frames, 2, 0, async ({ records }) => {
        for (const record of records) {
          parentPort.postMessage(Buffer.from(record.value).toString());
          if (record.offset === 199) setImmediate(() => subscription.stop().then(() => log.close()));
        }
      });
      parentPort.postMessage("ready");
    });`;
  const module = new URL("./log-embedded.ts", import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { module, port, folder, topics }, transferList: [port] });
  const heard: string[] = [];
  const ready = Promise.withResolvers<void>();
  worker.on("message", (value: string) => (value === "ready" ? ready.resolve() : heard.push(value)));
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  await ready.promise;
  const expected = Array.from({ length: 200 }, (_, i) => `v${i}`);
  for (const value of expected) await log.append(frames, 2, [entry("k", value)]);
  await exited;
  expect(heard).toEqual(expected);
});

test("a folder is read beside its live writer, and follows it", async () => {
  await open();
  await log.append(frames, 1, [entry("k", "a")]);
  const reader = openLogReadOnly(folder);
  expect(reader.topics).toEqual(topics);
  expect(await readAll(reader, 1)).toHaveLength(1);
  const second = Promise.withResolvers<number>();
  const subscription = reader.consume(frames, 1, 1, async ({ records }) => second.resolve(records[0]!.offset));
  await log.append(frames, 1, [entry("k", "b")]);
  expect(await second.promise).toBe(1);
  await subscription.stop();
  await expect(reader.append(frames, 1, [entry("k", "c")])).rejects.toSatisfy((e) => isWattlogError(e));
  await reader.close();
});

test("a folder whose writer has ended in order is read without one", async () => {
  await open();
  await log.append(frames, 1, [entry("k", "a")]);
  await shut();
  const reader = openLogReadOnly(folder);
  expect((await readAll(reader, 1)).map(({ key }) => key)).toEqual(["k"]);
  await reader.close();
  await open();
  expect((await log.append(frames, 1, [entry("k", "b")])).baseOffset).toBe(1);
});

test("a folder without a log says so", async () => {
  await open();
  expect(() => openLogReadOnly(join(folder, "nowhere"))).toThrow(/cannot be read/);
});

test("beyond the queue's limit an append is refused at once, and those before it are taken", async () => {
  await open({ queueBytes: 100_000 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => log.append(frames, 0, [entry("k", new Uint8Array(10_000))])),
  );
  const taken = outcomes.filter(({ status }) => status === "fulfilled");
  expect(taken).toHaveLength(9);
  expect(refusals(outcomes).filter((reason) => !isWattlogError(reason, "log/full"))).toEqual([]);
  expect(log.queuedBytes).toBe(0);
  expect(await log.endOffset(frames, 0)).toBe(9);
});

test("a clock that is set back does not turn log time back", async () => {
  await open();
  const { logTime } = await log.append(frames, 0, [entry("k", "a")]);
  server.shiftClock(-3_600_000);
  expect((await log.append(frames, 0, [entry("k", "b")])).logTime).toBeGreaterThanOrEqual(logTime);
  server.shiftClock(3_600_000);
  expect((await log.append(frames, 0, [entry("k", "c")])).logTime).toBeGreaterThanOrEqual(logTime + 3_500_000);
  const ahead = (await readAll(log, 0)).at(-1)!.logTime;
  await shut();
  await open();
  expect((await log.append(frames, 1, [entry("k", "d")])).logTime).toBe(ahead);
});

test("a log made with another number of partitions is refused with a sentence", async () => {
  await open();
  await shut();
  const other = EmbeddedLogServer.start({ folder, topics: makeTopics(1, 7) });
  await expect(other).rejects.toSatisfy((error) => isWattlogError(error, "config/invalid"));
  await open();
});

test("appends of a server that has closed are refused, none hangs", async () => {
  await open();
  const appends = Array.from({ length: 50 }, () => log.append(frames, 0, [entry("k", "v")]));
  await server.close();
  const late = log.append(frames, 0, [entry("k", "late")]);
  const outcomes = await Promise.allSettled([...appends, late]);
  expect(refusals(outcomes).filter((reason) => !isWattlogError(reason, "log/unavailable"))).toEqual([]);
  expect(outcomes.at(-1)!.status).toBe("rejected");
});
