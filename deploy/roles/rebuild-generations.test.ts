// Rules B1 and B4 together: a rebuild that takes over goes over every generation of the log.
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";

import { LogArchive } from "../../core/archive/archive.ts";
import { ArchivedLog } from "../../core/archive/archived-log.ts";
import { createArchiver } from "../../core/archive/archiver.ts";
import { FolderBlobs } from "../../core/archive/blobs-folder.ts";
import { holdsOf } from "../../core/archive/holds.ts";
import { GenerationsLog } from "../../core/log/generation-log.ts";
import type { EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { FakeClock } from "../../core/runtime/clock.ts";
import { isWattlogError, messageOf } from "../../core/runtime/errors.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { checksumTables } from "../../core/store/checksum.ts";
import type { Store } from "../../core/store/store.ts";
import { idOf, party, type Line } from "../../processors/station.test-helper.ts";
import { readFrames } from "../../projections/rest/frames.ts";
import { partitionGroups } from "./folded-generations.ts";
import { GenerationsWorld, newLine } from "./generations-world.test-helper.ts";
import { rebuild, type RebuildOptions, type Rebuilt } from "./rebuild.ts";
import { dyingAfter } from "./rebuild-world.test-helper.ts";

const stations = ["CS-1", "CS-2", "CS-3", "CS-4", "CS-5", "CS-6"];

let world: GenerationsWorld;
let opened: GenerationsWorld | undefined;
afterEach(async () => {
  await opened?.[Symbol.asyncDispose]();
  opened = undefined;
});

const different = ({ tables }: Rebuilt) => tables.filter(({ equal }) => !equal).map(({ table }) => table);

async function rebuilt(options: Partial<RebuildOptions> = {}): Promise<Rebuilt> {
  const log = world.logs.both;
  const registry = new RegistryView(log);
  await registry.start();
  try {
    return await rebuild({ log, store: world.store, registry, batchRecords: 8, ...options });
  } finally {
    await registry.stop();
  }
}

/** A session each that begins in the first generation; those of `endIn` stop in the second one. */
async function chargeOver(partitions: readonly [number, number], endIn: readonly string[]): Promise<void> {
  world = opened = await GenerationsWorld.open(partitions);
  const { first, both } = world.logs;
  await world.settleAtOnce();
  const began = stations.map(newLine);
  // Twice, for the embedded log never gives up the events that it was told last.
  for (const say of [
    (line: Line) => [line.connected(), line.claimed()],
    (line: Line) => [line.start(), line.meter(idOf(), "5000", 10)],
  ]) {
    await world.write(first, began.flatMap(say));
    await world.folded(first);
  }
  await world.moveOn();
  await endIt(endIn);
  await world.folded(both, world.billed(endIn.length));
}

async function endIt(names: readonly string[]): Promise<void> {
  const later = names.map(newLine);
  await world.write(
    world.logs.both,
    later.flatMap((line) => [line.connected(), line.claimed(), line.meter(idOf(), "9000", 20), line.stop(idOf())]),
  );
}

/** What readers see, without the set that it stands in. */
async function seen(): Promise<Readonly<Record<string, readonly string[]>>> {
  const all: Record<string, readonly string[]> = {};
  for (const table of checksumTables) {
    const rows = await world.store.reader.selectFrom(`live_${table}`).selectAll().execute();
    all[table] = rows.map((row) => JSON.stringify({ ...row, table_set: 0 })).sort();
  }
  return all;
}

async function setsNamed(): Promise<readonly number[]> {
  const rows = await world.store.reader.selectFrom("position").selectAll().where("role", "!=", "registry").execute();
  return [...new Set(rows.map((row) => row.table_set))];
}

async function setsKept(): Promise<readonly number[]> {
  const sets = new Set<number>();
  for (const table of checksumTables) {
    const rows = await world.store.reader.selectFrom(table).select("table_set").distinct().execute();
    for (const row of rows) sets.add(row.table_set);
  }
  return [...sets];
}

test("B1, B4: tables are rebuilt over both generations and take over, what was changed by hand is healed, and the folds go on", async () => {
  const silent = stations.slice(4);
  await chargeOver([2, 5], stations.slice(0, 4));
  const before = await seen();
  await world.store.transaction(async ({ db }) => {
    await db.updateTable("session").set({ energy_mwh: 1 }).where("station", "=", "CS-1").execute();
    await db.deleteFrom("cdr").where("station", "=", "CS-2").execute();
    await db.deleteFrom("frame_index").where("station", "=", "CS-5").execute();
    await db.updateTable("registry_version").set({ document: "{}" }).where("version", "=", 1).execute();
  });
  const healed = await rebuilt();
  expect(different(healed)).toEqual(["frame_index", "session", "cdr", "registry_version"]);
  expect(healed).toMatchObject({ tableSet: 2, partitions: 10, resumed: false });
  expect(await seen()).toEqual(before);
  // Rows of ended generations too: else those of the former set would be kept for ever.
  expect([await setsNamed(), await setsKept()]).toEqual([[2], [2]]);
  await endIt(silent);
  await world.folded(world.logs.both, world.billed(stations.length));
  const sessions = await world.store.reader.selectFrom("live_session").select(["station", "energy_mwh"]).execute();
  expect(new Map(sessions.map((row) => [row.station, row.energy_mwh]))).toEqual(
    new Map(stations.map((station) => [station, 20_000_000])),
  );
  expect(different(await rebuilt())).toEqual([]);
  expect((await world.compared()).problems).toEqual([]);
});

test("B1, B4: a rebuild over generations that is killed before any of its writes is gone on with by the next run", async () => {
  await chargeOver([2, 4], stations);
  const before = await seen();
  let resumed = 0;
  for (let writes = 0; ; writes++) {
    const outcome = await rebuilt({ store: dyingAfter(world.store, writes) }).catch(messageOf);
    if (typeof outcome !== "string") break;
    expect(outcome).toBe("killed");
    expect(await seen(), `live beside what ${writes} writes left`).toEqual(before);
    const next = await rebuilt();
    expect(different(next), `gone on with after ${writes} writes`).toEqual([]);
    expect([await setsNamed(), await setsKept()], `after ${writes} writes`).toEqual([[writes + 2], [writes + 2]]);
    if (next.resumed) resumed += 1;
  }
  expect(resumed).toBeGreaterThan(20);
  expect(await seen()).toEqual(before);
}, 60_000);

/** Lets others work between any two transactions. */
function interrupted(store: Store, between: () => Promise<void>): Store {
  const around: Pick<Store, "transaction"> = {
    async transaction(work) {
      const result = await store.transaction(work);
      await between();
      return result;
    },
  };
  return Object.assign(Object.create(store) as Store, around);
}

test("B1, B4: a station that moved between partitions is seen once and as it is at any moment of the take-over", async () => {
  await chargeOver([2, 4], []);
  const waiting = [...stations];
  let looks = 0;
  const between = async () => {
    const rows = await world.store.reader.selectFrom("position").selectAll().where("role", "=", "projector").execute();
    const isHalf = new Set(rows.filter(({ generation }) => generation === 2).map((row) => row.table_set)).size > 1;
    if (!isHalf || waiting.length === 0) return;
    // Its first words of the second generation. Its session stays in the partition of the first one, and is written in the
    // set of the new one; its index of frames goes to the new one.
    await endIt(waiting.splice(0));
    const { reader } = world.store;
    const ended = reader.selectFrom("session").select("station").where("energy_mwh", "=", 20_000_000);
    await world.folded(world.logs.both, async () => (await ended.execute()).length === stations.length);
    const found = await reader
      .selectFrom("live_session")
      .select(["station", "energy_mwh"])
      .orderBy("station")
      .execute();
    expect(found).toEqual(stations.map((station) => ({ station, energy_mwh: 20_000_000 })));
    const hours = await reader.selectFrom("live_frame_index").select(["station", "hour"]).execute();
    expect(new Set(hours.map(({ station, hour }) => `${station} ${hour}`)).size).toBe(hours.length);
    looks++;
  };
  expect(different(await rebuilt({ store: interrupted(world.store, between) }))).toEqual([]);
  expect(looks).toBe(1);
  await world.folded(world.logs.both, world.billed(stations.length));
  expect(different(await rebuilt())).toEqual([]);
});

test("B2, B4: what an ended generation gave up is read from the archive by rebuilds, comparisons and whoever asks for frames", async () => {
  await chargeOver([2, 5], stations);
  const { first, second, both } = world.logs;
  const framesOf = async (log: EventLog) => {
    const all = { party, from: 0, to: Number.MAX_SAFE_INTEGER, order: "asc", limit: 100, resume: undefined } as const;
    const pages = stations.map((id) =>
      readFrames({ log, store: world.store }, { station: newLine(id).station, ...all }),
    );
    return (await Promise.all(pages)).map(({ items }) => items);
  };
  const before = await framesOf(both);
  const archive = () => new LogArchive(new FolderBlobs(join(world.folder, "archive")));
  const archiver = createArchiver({
    log: both,
    archive: archive(),
    holds: () => holdsOf(world.store, both),
    clock: new FakeClock(Date.now() + 7_200_000),
    metrics: createMetrics(),
    logger: silentLogger(),
    everyMs: 1000,
    keepMs: 3_600_000,
    segmentBytes: 1000,
    roundMs: 1000,
  });
  await archiver.look();
  expect(await first.startOffset(first.topics.frames, 0)).toBe(await first.endOffset(first.topics.frames, 0));
  expect(await first.startOffset(first.topics.events, 0)).toBeGreaterThan(0);
  await expect(framesOf(both)).rejects.toSatisfy((error) => isWattlogError(error, "log/out-of-range"));
  const log = new GenerationsLog(new ArchivedLog(second, archive()), [new ArchivedLog(first, archive())]);
  expect(await framesOf(log)).toEqual(before);
  expect((await world.compared(log)).problems).toEqual([]);
  const { tables } = await rebuilt({ log });
  expect(tables.every(({ equal }) => equal)).toBe(true);
  expect(await setsNamed()).toEqual([2]);
});

test("B1, B4: while the folds are on their way to a generation a rebuild is refused, and nothing is changed", async () => {
  world = opened = await GenerationsWorld.open([2, 4]);
  const { first } = world.logs;
  await world.settleAtOnce();
  await world.write(first, [newLine("CS-1").connected()]);
  await world.folded(first);
  await expect(rebuilt()).rejects.toSatisfy((error) => isWattlogError(error, "fold/behind"));
  expect(await world.store.reader.selectFrom("fact").selectAll().execute()).toEqual([]);
  expect(await setsNamed()).toEqual([1]);
});

test("B4: partitions that one station can stand in over the generations belong together, and no others", async () => {
  const groupsOf = (...counts: number[]) =>
    partitionGroups(counts.map((partitions) => ({ topics: { frames: { partitions } } }) as never));
  expect(groupsOf(3)).toEqual([[0], [1], [2]]);
  expect(groupsOf(3, 3)).toEqual([[0], [1], [2]]);
  expect(groupsOf(2, 4)).toEqual([
    [0, 2],
    [1, 3],
  ]);
  expect(groupsOf(4, 6, 8)).toEqual([
    [0, 2, 4, 6],
    [1, 3, 5, 7],
  ]);
  expect(groupsOf(2, 5)).toEqual([[0, 1, 2, 3, 4]]);
});
