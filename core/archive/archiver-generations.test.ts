// Rules B2 and B4 together: what has ended is archived whole, and given up as the rest is.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { allGenerations, firstOffsetOf, offsetsPerGeneration } from "../log/generations.ts";
import { GenerationsLog } from "../log/generation-log.ts";
import { entry } from "../log/log.contract.ts";
import type { EventLog, LogRecord, Topic } from "../log/log.ts";
import { openTwoGenerations, type TwoGenerations } from "../log/two-generations.test-helper.ts";
import { FakeClock } from "../runtime/clock.ts";
import { silentLogger } from "../runtime/logger.ts";
import { createMetrics } from "../runtime/metrics.ts";
import { LogArchive } from "./archive.ts";
import { ArchivedLog } from "./archived-log.ts";
import { createArchiver, type Archiver } from "./archiver.ts";
import { FolderBlobs } from "./blobs-folder.ts";
import type { Hold } from "./holds.ts";

const everyMs = 3_600_000;
const keepMs = 2 * everyMs;
const free: Hold = { offset: Number.MAX_SAFE_INTEGER, logTime: Infinity };
/** Of each partition, in each generation. */
const written = 10;

let logs: TwoGenerations;
let folder: string;
let clock: FakeClock;

beforeEach(async () => {
  logs = await openTwoGenerations([2, 3]);
  folder = mkdtempSync(join(tmpdir(), "wattlog-archive-"));
  clock = new FakeClock(Date.now());
  for (const log of [logs.first, logs.both]) {
    for (const { topic, partition } of placesIn(log)) {
      for (let i = 0; i < written; i++) await log.append(topic, partition, [entry("DEABC/s", `${topic.name} ${i}`)]);
    }
  }
});

afterEach(async () => {
  await logs[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const archive = () => new LogArchive(new FolderBlobs(folder));

/** Of the newest generation of this log. */
function placesIn({ topics: { frames, events, registry } }: EventLog) {
  return [frames, events, registry].flatMap((topic) =>
    Array.from({ length: topic.partitions }, (_, partition) => ({ topic, partition })),
  );
}

function archiver(holdOf: (topic: Topic, partition: number) => Hold = () => free): Archiver {
  return createArchiver({
    log: logs.both,
    archive: archive(),
    holds: async () => ({ of: holdOf }),
    clock,
    metrics: createMetrics(),
    logger: silentLogger(),
    everyMs,
    keepMs,
    // Three records.
    segmentBytes: 100,
    roundMs: 1000,
  });
}

/** How many records of its generation each partition has in the archive. */
async function archived(log: EventLog): Promise<readonly number[]> {
  const ends = placesIn(log).map(async ({ topic, partition }) => {
    return (await archive().end(topic, partition)) - firstOffsetOf(topic);
  });
  return Promise.all(ends);
}

const given = async (topic: Topic, partition: number) =>
  (await logs.both.startOffset(topic, partition)) - firstOffsetOf(topic);

async function look(made: Archiver): Promise<void> {
  await made.look();
  expect(made.readiness()).toEqual([{ name: "archive", problem: undefined }]);
}

test("B4: the fence closes all of a generation, however young; of the one that goes on only what is full or old is closed", async () => {
  const [ended] = allGenerations(logs.both);
  await logs.first.append(ended!.frames, 1, [entry("DEABC/s", "one more")]);
  await look(archiver());
  expect(await archived(logs.first)).toEqual([10, 11, 10, 10, 10]);
  const open = await archived(logs.both);
  for (const records of open) expect(records).toBeLessThan(written);
  clock.advance(2 * everyMs);
  await look(archiver());
  expect(await archived(logs.both)).toEqual(placesIn(logs.both).map(() => written));
});

test("B2, B4: what every generation gave up is read as if it still stood there, and no registry gives up anything", async () => {
  clock.advance(2 * keepMs);
  await look(archiver());
  const through = new GenerationsLog(new ArchivedLog(logs.second, archive()), [new ArchivedLog(logs.first, archive())]);
  for (const log of [logs.first, logs.both]) {
    for (const { topic, partition } of placesIn(log)) {
      const isGiven = (await given(topic, partition)) > 0;
      expect([topic.name, isGiven]).toEqual([topic.name, topic !== log.topics.registry]);
      const first = firstOffsetOf(topic);
      const found: LogRecord[] = [];
      for await (const { records } of through.read(topic, partition, first, first + offsetsPerGeneration)) {
        found.push(...records);
      }
      expect(found.map(({ offset, value }) => [offset, Buffer.from(value).toString()])).toEqual(
        Array.from({ length: written }, (_, i) => [first + i, `${topic.name} ${i}`]),
      );
    }
  }
});

test("B2, B4: what is needed of a generation that has ended stays in its log, and holds nothing of another", async () => {
  const [ended] = allGenerations(logs.both);
  clock.advance(2 * keepMs);
  const heldAt = 4;
  await look(
    archiver((topic, partition) =>
      topic === ended!.frames && partition === 1 ? { offset: heldAt, logTime: Infinity } : free,
    ),
  );
  expect(await archived(logs.first)).toEqual([10, 10, 10, 10, 10]);
  const kept = await given(ended!.frames, 1);
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThanOrEqual(heldAt);
  expect(await given(ended!.events, 1)).toBeGreaterThan(heldAt);
  expect(await given(logs.both.topics.frames, 1)).toBeGreaterThan(heldAt);
});
