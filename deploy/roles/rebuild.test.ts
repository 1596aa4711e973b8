// Rule B1: a rebuild beside live folds, on SQLite; rebuild-on-postgres.test.ts runs the same there.
import { afterEach, beforeEach, expect, test } from "vitest";

import { checksumTables } from "../../core/store/checksum.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { ocppFold } from "../../processors/ocpp-fold.ts";
import { Line } from "../../processors/station.test-helper.ts";
import type { StationFold } from "../../processors/engine/station-fold.ts";
import type { StationState } from "../../processors/ocpp-fold.ts";
import { abandon, rebuild, type Rebuilt } from "./rebuild.ts";
import { charge, dyingAfter, RebuildWorld, up, whole } from "./rebuild-world.test-helper.ts";

let world: RebuildWorld;

beforeEach(async () => {
  world = await RebuildWorld.open();
});

afterEach(() => world.end());

const different = ({ tables }: Rebuilt) => tables.filter(({ equal }) => !equal).map(({ table }) => table);

test("B1: every table is rebuilt beside the live ones, compared, taken over, and nothing of the former set is left", async () => {
  await world.start();
  const [line] = await charge(world);
  await world.quiet();
  const before = await world.liveSums();
  const rebuilt = await rebuild(world.tools);
  expect(different(rebuilt)).toEqual([]);
  expect(rebuilt).toMatchObject({ tableSet: 2, resumed: false, partitions: 2 });
  expect(rebuilt.tables.map(({ table }) => table)).toEqual([...checksumTables, "registry_version"]);
  const rows = (name: string) => rebuilt.tables.find(({ table }) => table === name)?.rebuilt.rows;
  expect([rows("session"), rows("cdr"), rows("station_state"), rows("registry_version")]).toEqual([12, 12, 4, 2]);
  expect([await world.setOf("processor"), await world.setOf("projector")]).toEqual([2, 2]);
  expect(await world.liveSums()).toEqual(before);
  expect(rebuilt.removed).toBeGreaterThan(50);
  expect(await world.strayRows()).toEqual({});
  expect(await world.store.reader.selectFrom("fact").selectAll().execute()).toEqual([]);

  const sent = world.events.length;
  await world.write(whole(line!, 90));
  await world.quiet();
  expect(world.events.slice(sent).map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: world.events.length - sent }, (_, i) => i + lastSequence("CS1", sent) + 1),
  );
  expect(await world.store.reader.selectFrom("live_session").select("id").execute()).toHaveLength(13);
  expect(world.problems()).toEqual([]);
  expect(different(await rebuild(world.tools))).toEqual([]);
});

function lastSequence(station: string, among: number): number {
  return Math.max(
    ...world.events
      .slice(0, among)
      .filter((e) => e.station === station)
      .map((e) => e.sequence),
  );
}

test("B1, L4: rows that were changed by hand are found, told and healed, in every kind of table", async () => {
  await world.start();
  await charge(world);
  await world.quiet();
  const before = await world.liveSums();
  await world.stop();
  await world.store.transaction(async ({ db }) => {
    await db.updateTable("session").set({ energy_mwh: 1 }).where("status", "=", "completed").execute();
    await db.deleteFrom("cdr").where("station", "=", "CS2").execute();
    await db.updateTable("station_state").set({ due_at: 7 }).where("station", "=", "CS3").execute();
    await db.updateTable("registry_version").set({ document: "{}" }).where("version", "=", 1).execute();
    const [row] = await db.selectFrom("registry_version").selectAll().execute();
    await db
      .insertInto("registry_version")
      .values({ ...row!, id: "nobody's" })
      .execute();
  });
  const healed = await rebuild(world.tools);
  expect(different(healed)).toEqual(["station_state", "session", "cdr", "registry_version"]);
  expect(await world.liveSums()).toEqual(before);
  expect(different(await rebuild(world.tools))).toEqual([]);
});

test("B1, F5: chargers go on while it works, also at the very moments of comparison and take-over", async () => {
  await world.start();
  const [line] = await charge(world);
  await world.quiet();
  let more = 100;
  const steps = new Set<string>();
  const rebuilt = await rebuild({
    ...world.tools,
    // Told between its transactions: a frame at each of these moments, which the live folds take up while it goes on.
    onProgress({ doing }) {
      steps.add(doing.replaceAll(/\d+/g, "N"));
      if (more < 130) void world.write(whole(line!, more++));
    },
  });
  expect(different(rebuilt)).toEqual([]);
  expect(more).toBeGreaterThan(115);
  expect([...steps].join("\n")).toMatch(/checksums of the live tables[^]*is rebuilt/);
  await world.quiet();
  expect(world.problems()).toEqual([]);
  expect(await world.setOf("processor")).toBe(2);
  expect(await world.store.reader.selectFrom("live_cdr").select("id").execute()).toHaveLength(12 + more - 100);
  expect(different(await rebuild(world.tools))).toEqual([]);
});

test("B1: a rebuild that is killed before any of its writes is gone on with by the next run, to the same end", async () => {
  await world.start();
  const [line] = await charge(world, 1);
  await world.quiet();
  const before = await world.liveSums();
  let resumed = 0;
  for (let writes = 0; ; writes++) {
    const outcome = await rebuild({ ...world.tools, store: dyingAfter(world.store, writes) }).catch(messageOf);
    if (typeof outcome !== "string") break;
    expect(outcome).toBe("killed");
    expect(await world.liveSums(), `live beside what ${writes} writes left`).toEqual(before);
    const next = await rebuild(world.tools);
    expect(different(next), `gone on with after ${writes} writes`).toEqual([]);
    expect(next.tableSet).toBe(writes + 2);
    expect(await world.setOf("projector")).toBe(writes + 2);
    expect(await world.strayRows(), `gone on with after ${writes} writes`).toEqual({});
    if (next.resumed) resumed += 1;
  }
  expect(resumed).toBeGreaterThan(20);
  expect(await world.liveSums()).toEqual(before);
  await world.write(whole(line!, 90));
  await world.quiet();
  expect(world.problems()).toEqual([]);
}, 60_000);

/** As an older version that concluded more of each record: sequences and hashes differ from those of a fold today. */
const talkative: StationFold<StationState> = {
  ...ocppFold,
  evolve(state, record, context) {
    const after = ocppFold.evolve(state, record, context);
    if (record.kind === "exchange") context.emit({ kind: "stationSeen" });
    return after;
  },
};

test("B1: a fold of another version goes on where the former one's events ended: sequence and hash are taken from live", async () => {
  await world.start(talkative);
  const lines = await charge(world);
  await world.quiet();
  await world.stop();
  const sent = world.events.length;
  const rebuilt = await rebuild(world.tools);
  expect(different(rebuilt)).toEqual(["station_state"]);
  expect(world.events, "it sends nothing").toHaveLength(sent);
  await world.start();
  for (const line of lines) await world.write(whole(line, 90));
  await world.quiet();
  expect(world.problems()).toEqual([]);
  const chains = await world.store.reader.selectFrom("live_chain").select(["station", "stopped"]).execute();
  expect(chains.filter(({ stopped }) => stopped !== null)).toEqual([]);
  expect(await world.store.reader.selectFrom("live_session").select("id").execute()).toHaveLength(16);
});

test("B1, F6: what waits to be sent goes along, once, and leaves after the take-over", async () => {
  await world.start();
  await charge(world);
  await world.quiet();
  const sent = world.events.length;
  const { log } = world.world;
  const append = log.append.bind(log);
  log.append = (topic, ...rest) =>
    topic.name === log.topics.events.name ? Promise.reject(new Error("away")) : append(topic, ...rest);
  const late = new Line("CS9");
  await world.write([...up(late), ...whole(late, 95)]);
  const waiting = () => world.store.reader.selectFrom("live_outbox").select("count").execute();
  await world.until("events wait", async () => (await waiting()).reduce((sum, { count }) => sum + count, 0) >= 5);
  const rebuilt = await rebuild(world.tools);
  expect(different(rebuilt)).toEqual([]);
  expect((await waiting()).length).toBeGreaterThan(0);
  expect(world.events).toHaveLength(sent);
  log.append = append;
  await world.quiet();
  expect(world.problems()).toEqual([]);
  const sequences = world.events.filter(({ station }) => station === "CS9").map(({ sequence }) => sequence);
  expect(sequences.length).toBeGreaterThan(4);
  expect(new Set(sequences)).toEqual(new Set(Array.from({ length: Math.max(...sequences) }, (_, i) => i + 1)));
  expect(
    await world.store.reader.selectFrom("live_cdr").select("id").where("station", "=", "CS9").execute(),
  ).toHaveLength(1);
});

test("Q2, B1: what is held is held again until the same record, also where that comes while it is rebuilt", async () => {
  let isPoison = true;
  const fold: StationFold<StationState> = {
    ...ocppFold,
    evolve(state, record, context) {
      if (isPoison && record.kind === "exchange" && record.action === "StartTransaction" && record.station !== "CS1") {
        throw new Error("poison");
      }
      return ocppFold.evolve(state, record, context);
    },
  };
  await world.start(fold);
  await charge(world);
  await world.quiet();
  const held = await world.held();
  expect(held).toHaveLength(9);
  isPoison = false;
  // One before, one while, one after.
  await world.endHold("redrive", held[0]!.record_offset, held[0]!.station);
  await world.quiet();
  let ended = false;
  const rebuilt = await rebuild({
    ...world.tools,
    fold,
    onProgress() {
      if (!ended) void world.endHold("release", held[1]!.record_offset, held[1]!.station);
      ended = true;
    },
  });
  expect(different(rebuilt)).toEqual([]);
  await world.quiet();
  await world.endHold("redrive", held[2]!.record_offset, held[2]!.station);
  await world.quiet();
  expect((await world.held()).map(({ state }) => state)).toEqual([
    "redriven",
    "released",
    "redriven",
    ...Array(6).fill("held"),
  ]);
  expect(await world.store.reader.selectFrom("live_session").select("id").execute()).toHaveLength(6);
  expect(different(await rebuild({ ...world.tools, fold }))).toEqual([]);
  expect(world.problems()).toEqual([]);
});

test("B1: a rebuild that is given up leaves no row and no trace", async () => {
  await world.start();
  await charge(world);
  await world.quiet();
  const before = await world.liveSums();
  await expect(rebuild({ ...world.tools, store: dyingAfter(world.store, 9) })).rejects.toThrow("killed");
  expect(Object.keys(await world.strayRows())).toContain("station_state");
  expect(await abandon(world.tools)).toBeGreaterThan(0);
  expect(await world.strayRows()).toEqual({});
  expect(await world.liveSums()).toEqual(before);
  expect(
    await world.store.reader.selectFrom("position").select("role").where("role", "like", "rebuild%").execute(),
  ).toEqual([]);
  expect(await abandon(world.tools)).toBeUndefined();
  expect(different(await rebuild(world.tools))).toEqual([]);
});

test.each(["shorter", "another"] as const)(
  "B5: a log that is %s than the one that was folded is refused before anything is changed",
  async (which) => {
    await world.start();
    await charge(world);
    await world.quiet();
    await world.stop();
    const { log } = world.world;
    const frames = log.all(log.topics.frames);
    if (which === "shorter") frames.length -= 3;
    else frames[frames.length - 1] = { ...frames.at(-1)!, value: Uint8Array.of(1) };
    const before = await world.liveSums();
    await expect(rebuild(world.tools)).rejects.toMatchObject({ code: "fold/fingerprint" });
    expect(await world.liveSums()).toEqual(before);
    expect(await world.store.reader.selectFrom("fact").selectAll().execute()).toEqual([]);
    expect(await world.strayRows()).toEqual({});
  },
);
