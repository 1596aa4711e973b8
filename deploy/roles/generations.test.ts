// Rule B4 over real folds on two embedded logs, counted as the generations of a cluster are.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { derivedId, logKey, newNodeId } from "../../core/ids/ids.ts";
import { offsetsPerGeneration } from "../../core/log/generations.ts";
import type { EventLog, Topics } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { openTwoGenerations, type TwoGenerations } from "../../core/log/two-generations.test-helper.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { isWattlogError } from "../../core/runtime/errors.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { moveToGeneration, whatIsBehind, whatIsBeyond, type NextGeneration } from "../../core/store/next-generation.ts";
import { openSqliteStore, openStoreReadOnly } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import { createProcessor } from "../../processors/processor.ts";
import { idOf, Line, other, party } from "../../processors/station.test-helper.ts";
import { createProjector } from "../../projections/models/projector.ts";
import { readFrames } from "../../projections/rest/frames.ts";
import { eventually } from "../../test/harness/wait.ts";
import { compareWithRebuild } from "./compare.ts";
import { endsOf } from "./cluster/hand-over.ts";

const stations = ["CS-1", "CS-2", "CS-3", "CS-4", "CS-5", "CS-6"];
const keyOf = (station: string) => `${party}/${station}`;

let logs: TwoGenerations;
let folder: string;
let store: Store;
beforeEach(async () => {
  logs = await openTwoGenerations([2, 5]);
  folder = mkdtempSync(join(tmpdir(), "wattlog-generations-"));
  store = openSqliteStore(folder);
  await store.migrate();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
  await logs[Symbol.asyncDispose]();
});

async function write(log: EventLog, records: readonly FrameRecord[]): Promise<void> {
  const { frames } = log.topics;
  for (const record of records) {
    const key = logKey(record.party, record.station);
    await log.append(frames, partitionOf(key, frames.partitions), [{ key, value: encodeRecord(record) }]);
  }
}

/** Decides by the registry as `settleAtOnce` left it. */
function newLine(station: string): Line {
  return Object.assign(new Line(station), { registry: { generation: 1, offset: 1 } });
}

/** Every session has its CDR at once. */
async function settleAtOnce(log: EventLog): Promise<void> {
  const doc = { id: "settleAfterMs", value: 0 };
  const change = { party, keyId: null, changeId: "c", entity: "setting", id: doc.id, expectedVersion: 0, doc } as const;
  await log.append(log.topics.registry, 0, [{ key: "c", value: encodeChange({ ...change, at: 0, actor: "test" }) }]);
}

/** Folds and projects until it is quiet and `done` holds, then stops. */
async function folded(log: EventLog, done: () => Promise<boolean> = async () => true): Promise<void> {
  const registry = new RegistryView(log);
  await registry.start();
  const bus = new EmbeddedBusHub().client();
  const common = { log, store, registry, clock: systemClock, metrics: createMetrics(), logger: silentLogger() };
  const services = [createProcessor({ ...common, bus, nodeId: newNodeId() }), createProjector(common)];
  try {
    for (const service of services) await service.start();
    await eventually("the folds to be quiet", async () => {
      const behind = await whatIsBehind(store.reader, { from: log.topics, ends: await endsOf(log, log.topics) });
      return behind.length === 0 && (await done());
    });
  } finally {
    for (const service of services) await service.stop();
    await registry.stop();
    await bus.close();
  }
}

async function nextOf(log: EventLog, to: Topics): Promise<NextGeneration> {
  return { from: log.topics, ends: await endsOf(log, log.topics), to };
}

async function compared() {
  const log = logs.both;
  const unclosed = Object.assign(Object.create(log) as EventLog, { close: async () => undefined });
  return compareWithRebuild({
    source: {
      scratchIn: folder,
      openLog: async () => unclosed,
      openStore: async () => openStoreReadOnly(folder),
      openStoreToWrite: async () => store,
    },
  });
}

const billed = (n: number) => async () =>
  (await store.reader.selectFrom("live_cdr").select("id").execute()).length === n;

test("B4: transactions that began in one generation end in the next, in another partition, as one session and one CDR each", async () => {
  const { first, both } = logs;
  await settleAtOnce(first);
  const before = stations.map(newLine);
  await write(
    first,
    before.flatMap((line) => [line.connected(), line.claimed(), line.start(), line.meter(idOf(), "5000", 10)]),
  );
  await folded(first);
  await moveToGeneration(store, await nextOf(first, both.topics));
  const states = await store.reader.selectFrom("live_station_state").select(["station", "partition"]).execute();
  expect(states.filter(({ station }) => station !== "").map(({ partition }) => partition)).toEqual(
    states.filter(({ station }) => station !== "").map(({ station }) => partitionOf(keyOf(station), 5)),
  );
  const after = stations.map(newLine);
  await write(
    both,
    after.flatMap((line) => [line.connected(), line.claimed(), line.meter(idOf(), "9000", 20), line.stop(idOf())]),
  );
  await folded(both, billed(stations.length));
  const sessions = await store.reader.selectFrom("live_session").selectAll().orderBy("station").execute();
  expect(sessions.map(({ station, energy_mwh: energy, status }) => [station, energy, status])).toEqual(
    stations.map((station) => [station, 20_000_000, "completed"]),
  );
  const readings = await store.reader.selectFrom("reading").select(["session_id", "record_offset"]).execute();
  const ofOne = readings.filter((row) => row.session_id === sessions[0]!.id).map((row) => row.record_offset);
  expect([Math.min(...ofOne) < offsetsPerGeneration, Math.max(...ofOne) >= offsetsPerGeneration]).toEqual([true, true]);
  const broken = await store.reader
    .selectFrom("live_chain")
    .select("station")
    .where("stopped", "is not", null)
    .execute();
  expect(broken).toEqual([]);
  const same = await compared();
  expect(same.problems).toEqual([]);
  expect([same.ok, same.rows > 50, same.chains.checked]).toEqual([true, true, stations.length]);
});

test("B4: the frames of a station are read over both generations, each once and in order", async () => {
  const { first, both } = logs;
  const [line, later] = [new Line("CS-1"), new Line("CS-1")];
  await write(first, [line.connected(), line.claimed(), line.start()]);
  await folded(first);
  await moveToGeneration(store, await nextOf(first, both.topics));
  await write(both, [later.connected(), later.claimed(), later.stop(idOf())]);
  await folded(both);
  const query = { party, station: line.station, from: 0, to: Number.MAX_SAFE_INTEGER, limit: 100, resume: undefined };
  const kinds = async (order: "asc" | "desc", limit = 100, resume?: number) => {
    const page = await readFrames({ log: both, store }, { ...query, order, limit, resume });
    return { kinds: page.items.map(({ kind }) => kind).join(" "), resume: page.resume };
  };
  const all = "connected claimed exchange connected claimed exchange";
  expect(await kinds("asc")).toEqual({ kinds: all, resume: undefined });
  expect((await kinds("desc")).kinds).toBe(all.split(" ").toReversed().join(" "));
  const page = await kinds("asc", 4);
  expect(page.kinds).toBe("connected claimed exchange connected");
  expect((await kinds("asc", 4, page.resume)).kinds).toBe("claimed exchange");
});

test("B4, Q2: what was held in one generation is released in the next, and is held and released again by a rebuild", async () => {
  const { first, both } = logs;
  await settleAtOnce(first);
  const line = newLine("CS-2");
  const unreadable = { kind: "quarantined", protocol: "ocpp1.6", reason: "noMessage", answer: null } as const;
  await write(first, [line.connected(), line.claimed(), line.record({ ...unreadable, bytes: Buffer.from("?") })]);
  await folded(first);
  await moveToGeneration(store, await nextOf(first, both.topics));
  const partition = partitionOf(keyOf("CS-2"), 2);
  const quarantineId = derivedId("quarantine", first.topics.frames.name, String(partition), "2");
  await write(both, [other("CS-2").record({ kind: "release", quarantineId, actor: "test" })]);
  await folded(both);
  const rows = await store.reader.selectFrom("live_quarantine").selectAll().execute();
  expect(rows.map(({ id, state, partition: where }) => [id, state, where])).toEqual([
    [quarantineId, "released", partition],
  ]);
  expect((await compared()).problems).toEqual([]);
});

test("B4: a fold that is not at its generation's end is not handed over, and one that was is not handed over twice", async () => {
  const { first, both } = logs;
  const line = new Line("CS-3");
  await write(first, [line.connected(), line.claimed()]);
  await folded(first);
  const early = await nextOf(first, both.topics);
  await write(first, [line.start()]);
  const late = await nextOf(first, both.topics);
  expect(await whatIsBehind(store.reader, late)).toEqual([expect.stringContaining("processor of ocpp.frames.g1")]);
  await expect(moveToGeneration(store, late)).rejects.toSatisfy((error) => isWattlogError(error, "fold/behind"));
  const opened = () => store.reader.selectFrom("position").select("topic").where("generation", "=", 2).execute();
  expect(await opened()).toEqual([]);
  await expect(moveToGeneration(store, early)).resolves.toBeUndefined();
  const positions = await opened();
  expect(positions).toHaveLength(5 + 5 + 1);
  await moveToGeneration(store, early);
  expect(await opened()).toEqual(positions);
});

test("B4: a generation has as many partitions as the one before it, or more", async () => {
  const fewer = await openTwoGenerations([2, 1]);
  try {
    await folded(fewer.first);
    const next = await nextOf(fewer.first, fewer.both.topics);
    await expect(moveToGeneration(store, next)).rejects.toThrow(/as many as the one before it, or more/);
  } finally {
    await fewer[Symbol.asyncDispose]();
  }
});

test("B5: tables that hold more than the log are told, partition by partition, and those that wait for it are not", async () => {
  const { first } = logs;
  const line = new Line("CS-4");
  await write(first, [line.connected(), line.claimed(), line.start()]);
  await folded(first);
  const rows = await store.reader.selectFrom("position").selectAll().execute();
  const ends = await endsOf(first, first.topics);
  expect(whatIsBeyond(rows, { from: first.topics, ends })).toEqual([]);
  await write(first, [line.meter(idOf(), "2000", 1)]);
  expect(whatIsBeyond(rows, { from: first.topics, ends: await endsOf(first, first.topics) })).toEqual([]);
  const restored = { ...ends, frames: ends.frames.map((end) => Math.max(0, end - 1)) };
  const partition = partitionOf(keyOf("CS-4"), 2);
  expect(whatIsBeyond(rows, { from: first.topics, ends: restored })).toEqual([
    `processor of ocpp.frames.g1/${partition} stands at 3, and the log ends at 2`,
  ]);
});
