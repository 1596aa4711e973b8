// Rule B4 over real folds on two embedded logs, counted as the generations of a cluster are.
import { afterEach, beforeEach, expect, test } from "vitest";

import { derivedId } from "../../core/ids/ids.ts";
import { offsetsPerGeneration } from "../../core/log/generations.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { isWattlogError } from "../../core/runtime/errors.ts";
import { moveToGeneration, whatIsBehind, whatIsBeyond } from "../../core/store/next-generation.ts";
import { idOf, Line, other, party } from "../../processors/station.test-helper.ts";
import { readFrames } from "../../projections/rest/frames.ts";
import { endsOf } from "./cluster/hand-over.ts";
import { GenerationsWorld, keyOf, newLine, nextOf } from "./generations-world.test-helper.ts";

const stations = ["CS-1", "CS-2", "CS-3", "CS-4", "CS-5", "CS-6"];

let world: GenerationsWorld;
beforeEach(async () => {
  world = await GenerationsWorld.open([2, 5]);
});
afterEach(() => world[Symbol.asyncDispose]());

test("B4: transactions that began in one generation end in the next, in another partition, as one session and one CDR each", async () => {
  const { first, both } = world.logs;
  await world.settleAtOnce();
  const before = stations.map(newLine);
  await world.write(
    first,
    before.flatMap((line) => [line.connected(), line.claimed(), line.start(), line.meter(idOf(), "5000", 10)]),
  );
  await world.folded(first);
  await world.moveOn();
  const states = await world.store.reader.selectFrom("live_station_state").select(["station", "partition"]).execute();
  expect(states.filter(({ station }) => station !== "").map(({ partition }) => partition)).toEqual(
    states.filter(({ station }) => station !== "").map(({ station }) => partitionOf(keyOf(station), 5)),
  );
  const after = stations.map(newLine);
  await world.write(
    both,
    after.flatMap((line) => [line.connected(), line.claimed(), line.meter(idOf(), "9000", 20), line.stop(idOf())]),
  );
  await world.folded(both, world.billed(stations.length));
  const sessions = await world.store.reader.selectFrom("live_session").selectAll().orderBy("station").execute();
  expect(sessions.map(({ station, energy_mwh: energy, status }) => [station, energy, status])).toEqual(
    stations.map((station) => [station, 20_000_000, "completed"]),
  );
  const readings = await world.store.reader.selectFrom("reading").select(["session_id", "record_offset"]).execute();
  const ofOne = readings.filter((row) => row.session_id === sessions[0]!.id).map((row) => row.record_offset);
  expect([Math.min(...ofOne) < offsetsPerGeneration, Math.max(...ofOne) >= offsetsPerGeneration]).toEqual([true, true]);
  const broken = await world.store.reader
    .selectFrom("live_chain")
    .select("station")
    .where("stopped", "is not", null)
    .execute();
  expect(broken).toEqual([]);
  const same = await world.compared();
  expect(same.problems).toEqual([]);
  expect([same.ok, same.rows > 50, same.chains.checked]).toEqual([true, true, stations.length]);
});

test("B4: the frames of a station are read over both generations, each once and in order", async () => {
  const { first, both } = world.logs;
  const [line, later] = [new Line("CS-1"), new Line("CS-1")];
  await world.write(first, [line.connected(), line.claimed(), line.start()]);
  await world.folded(first);
  await world.moveOn();
  await world.write(both, [later.connected(), later.claimed(), later.stop(idOf())]);
  await world.folded(both);
  const query = { party, station: line.station, from: 0, to: Number.MAX_SAFE_INTEGER, limit: 100, resume: undefined };
  const kinds = async (order: "asc" | "desc", limit = 100, resume?: number) => {
    const page = await readFrames({ log: both, store: world.store }, { ...query, order, limit, resume });
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
  const { first, both } = world.logs;
  await world.settleAtOnce();
  const line = newLine("CS-2");
  const unreadable = { kind: "quarantined", protocol: "ocpp1.6", reason: "noMessage", answer: null } as const;
  await world.write(first, [line.connected(), line.claimed(), line.record({ ...unreadable, bytes: Buffer.from("?") })]);
  await world.folded(first);
  await world.moveOn();
  const partition = partitionOf(keyOf("CS-2"), 2);
  const quarantineId = derivedId("quarantine", first.topics.frames.name, String(partition), "2");
  await world.write(both, [other("CS-2").record({ kind: "release", quarantineId, actor: "test" })]);
  await world.folded(both);
  const rows = await world.store.reader.selectFrom("live_quarantine").selectAll().execute();
  expect(rows.map(({ id, state, partition: where }) => [id, state, where])).toEqual([
    [quarantineId, "released", partition],
  ]);
  expect((await world.compared()).problems).toEqual([]);
});

test("B4: a fold that is not at its generation's end is not handed over, and one that was is not handed over twice", async () => {
  const { first, both } = world.logs;
  const line = new Line("CS-3");
  await world.write(first, [line.connected(), line.claimed()]);
  await world.folded(first);
  const early = await nextOf(first, both.topics);
  await world.write(first, [line.start()]);
  const late = await nextOf(first, both.topics);
  expect(await whatIsBehind(world.store.reader, late)).toEqual([
    expect.stringContaining("processor of ocpp.frames.g1"),
  ]);
  await expect(moveToGeneration(world.store, late)).rejects.toSatisfy((error) => isWattlogError(error, "fold/behind"));
  const opened = () => world.store.reader.selectFrom("position").select("topic").where("generation", "=", 2).execute();
  expect(await opened()).toEqual([]);
  await expect(moveToGeneration(world.store, early)).resolves.toBeUndefined();
  const positions = await opened();
  expect(positions).toHaveLength(5 + 5 + 1);
  await moveToGeneration(world.store, early);
  expect(await opened()).toEqual(positions);
});

test("B4: a generation has as many partitions as the one before it, or more", async () => {
  await using fewer = await GenerationsWorld.open([2, 1]);
  await fewer.folded(fewer.logs.first);
  await expect(fewer.moveOn()).rejects.toThrow(/as many as the one before it, or more/);
});

test("B5: tables that hold more than the log are told, partition by partition, and those that wait for it are not", async () => {
  const { first } = world.logs;
  const line = new Line("CS-4");
  await world.write(first, [line.connected(), line.claimed(), line.start()]);
  await world.folded(first);
  const rows = await world.store.reader.selectFrom("position").selectAll().execute();
  const ends = await endsOf(first, first.topics);
  expect(whatIsBeyond(rows, { from: first.topics, ends })).toEqual([]);
  await world.write(first, [line.meter(idOf(), "2000", 1)]);
  expect(whatIsBeyond(rows, { from: first.topics, ends: await endsOf(first, first.topics) })).toEqual([]);
  const restored = { ...ends, frames: ends.frames.map((end) => Math.max(0, end - 1)) };
  const partition = partitionOf(keyOf("CS-4"), 2);
  expect(whatIsBeyond(rows, { from: first.topics, ends: restored })).toEqual([
    `processor of ocpp.frames.g1/${partition} stands at 3, and the log ends at 2`,
  ]);
});
