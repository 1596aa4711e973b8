import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { embeddedHarness } from "../../test/harness/embedded-log.ts";
import { entry, readAll, type LogHarness } from "../log/log.contract.ts";
import type { EventLog, Topic, TrimmableLog } from "../log/log.ts";
import { FakeClock } from "../runtime/clock.ts";
import { silentLogger } from "../runtime/logger.ts";
import { createMetrics, type Metrics } from "../runtime/metrics.ts";
import { LogArchive } from "./archive.ts";
import { ArchivedLog } from "./archived-log.ts";
import { createArchiver, type Archiver } from "./archiver.ts";
import { FolderBlobs } from "./blobs-folder.ts";
import type { Blobs } from "./blobs.ts";
import type { Hold } from "./holds.ts";

const everyMs = 60_000;
const keepMs = 3_600_000;
const roundMs = 1_000;
/** The log's clock is the machine's, and goes on while a test runs. */
const slackMs = 600_000;
const free: Hold = { offset: Number.MAX_SAFE_INTEGER, logTime: Infinity };

let harness: LogHarness;
let log: TrimmableLog;
let folder: string;
let clock: FakeClock;
let running: Archiver[];

beforeEach(async () => {
  harness = await embeddedHarness((opened) => (log = opened));
  folder = mkdtempSync(join(tmpdir(), "wattlog-archive-"));
  clock = new FakeClock(Date.now());
  running = [];
});

afterEach(async () => {
  for (const made of running) await made.stop();
  await harness.end();
  rmSync(folder, { recursive: true });
});

function archiver(
  options: {
    readonly blobs?: Blobs;
    readonly hold?: Hold;
    readonly segmentBytes?: number;
    readonly metrics?: Metrics;
  } = {},
) {
  const { metrics = createMetrics() } = options;
  const { blobs = new FolderBlobs(folder), hold = free, segmentBytes = 1_000_000 } = options;
  const made = createArchiver({
    log,
    archive: new LogArchive(blobs),
    holds: async () => ({ of: () => hold }),
    clock,
    metrics,
    logger: silentLogger(),
    everyMs,
    keepMs,
    segmentBytes,
    roundMs,
  });
  running.push(made);
  return made;
}

function pass(ms: number): void {
  clock.advance(ms + slackMs);
}

async function archived(partition = 0): Promise<number> {
  return new LogArchive(new FolderBlobs(folder)).end(log.topics.frames, partition);
}

async function fill(records: number, topic: Topic = log.topics.frames): Promise<void> {
  for (let i = 0; i < records; i++) await log.append(topic, 0, [entry("DEABC/s", `${i}`)]);
}

function segments(): string[] {
  const at = join(folder, "segments", log.topics.frames.name, "0");
  return readdirSync(at).map((name) => join(at, name));
}

test("a record is archived when it is old enough, and given up when it has been kept long enough", async () => {
  await fill(10);
  await archiver().look();
  expect(await archived()).toBe(0);
  pass(everyMs);
  await archiver().look();
  expect(await archived()).toBe(10);
  expect(await log.startOffset(log.topics.frames, 0)).toBe(0);
  await fill(1);
  pass(keepMs);
  await archiver().look();
  expect(await log.startOffset(log.topics.frames, 0)).toBe(10);
  const through: EventLog = new ArchivedLog(log, new LogArchive(new FolderBlobs(folder)));
  expect((await readAll(through, 0)).map(({ offset }) => offset)).toEqual(Array.from({ length: 11 }, (_, i) => i));
});

test("what is large enough is archived at once, the rest when it is old", async () => {
  for (let i = 0; i < 10; i++) await log.append(log.topics.frames, 0, [entry("k", "x".repeat(400))]);
  await archiver({ segmentBytes: 1_200 }).look();
  expect(await archived()).toBe(9);
  expect(segments()).toHaveLength(3);
});

test.each([
  ["a position", { offset: 4, logTime: Infinity }],
  ["an event in the outbox", { offset: Number.MAX_SAFE_INTEGER, logTime: 0 }],
])("%s holds what comes after it in the log", async (_, hold) => {
  await fill(10);
  pass(everyMs + keepMs);
  const metrics = createMetrics();
  await archiver({ hold, metrics }).look();
  expect(await archived()).toBe(10);
  expect(await log.startOffset(log.topics.frames, 0)).toBe(0);
  // An alert asks for how long; what nobody holds is not told.
  const overdue = async () =>
    (await metrics.retentionOverdue.get()).values.find(({ labels }) => labels.partition === "0")?.value;
  expect(await overdue()).toBeCloseTo((everyMs + slackMs) / 1000, -2);
  await archiver({ metrics }).look();
  expect(await overdue()).toBe(0);
});

test("the registry is archived and never given up", async () => {
  const { registry } = log.topics;
  await fill(10, registry);
  pass(everyMs + keepMs);
  await archiver().look();
  expect(await new LogArchive(new FolderBlobs(folder)).end(registry, 0)).toBe(10);
  expect(await log.startOffset(registry, 0)).toBe(0);
});

test("a segment that is not whole in the archive is given up by nobody, and whoever reads it is told its name", async () => {
  await fill(10);
  pass(everyMs);
  await archiver().look();
  const [segment] = segments();
  const bytes = readFileSync(segment!);
  bytes[bytes.length - 5]! ^= 1;
  writeFileSync(segment!, bytes);
  await fill(1);
  pass(keepMs);
  const second = archiver();
  await second.look();
  expect(await log.startOffset(log.topics.frames, 0)).toBe(0);
  expect(second.readiness()[0]!.problem).toMatch(/holds other bytes than the manifest says/);
  await expect(async () => {
    const reads = new LogArchive(new FolderBlobs(folder)).read(log.topics.frames, 0, 0, 1);
    for await (const _ of reads) expect.unreachable("a damaged segment was read");
  }).rejects.toThrow(/other bytes/);
});

test("a crash between a segment and its entry leaves nothing that counts; the next start archives it again", async () => {
  await fill(10);
  pass(everyMs);
  const place = new FolderBlobs(folder);
  const dying: Blobs = {
    place: folder,
    get: (name) => place.get(name),
    list: (...at) => place.list(...at),
    close: () => undefined,
    put: (name, bytes) => (name.startsWith("manifest/") ? Promise.reject(new Error("died")) : place.put(name, bytes)),
  };
  const first = archiver({ blobs: dying });
  await first.look();
  expect(first.readiness()[0]!.problem).toMatch(/died/);
  expect(segments()).toHaveLength(1);
  expect(await archived()).toBe(0);
  await fill(1);
  await archiver().look();
  expect(await archived()).toBe(11);
});

test("of two archivers one writes each range; the other says so and goes on behind it", async () => {
  await fill(10);
  pass(everyMs);
  const place = new FolderBlobs(folder);
  const second = archiver({
    blobs: {
      place: folder,
      get: (name) => place.get(name),
      list: (...at) => place.list(...at),
      close: () => undefined,
      async put(name, bytes) {
        // The first one comes in between.
        if (name.startsWith("manifest/ocpp")) await archiver().look();
        return place.put(name, bytes);
      },
    },
  });
  await second.look();
  expect(second.readiness()[0]!.problem).toMatch(/Another archiver/);
  expect(await archived()).toBe(10);
});

test("the archive of another log takes nothing, and nothing is given up", async () => {
  await fill(10);
  pass(everyMs);
  await archiver().look();
  await harness.end();
  harness = await embeddedHarness((opened) => (log = opened));
  const shorter = archiver();
  await shorter.look();
  expect(shorter.readiness()[0]!.problem).toMatch(/ends at 0: the archive is another log's/);
  await fill(20);
  pass(everyMs + keepMs);
  const longer = archiver();
  await longer.look();
  expect(longer.readiness()[0]!.problem).toMatch(/its last record is not the log's/);
  expect(await archived()).toBe(10);
  expect(await log.startOffset(log.topics.frames, 0)).toBe(0);
});
