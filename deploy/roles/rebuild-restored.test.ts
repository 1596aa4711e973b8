// Rule B5 on SQLite: tables that hold more than a log which was restored; rebuild-restored-on-postgres.test.ts runs the same there.
import { afterEach, beforeEach, expect, test } from "vitest";

import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { fingerprintOf } from "../../core/store/position.ts";
import { ocppFold } from "../../processors/ocpp-fold.ts";
import { Line } from "../../processors/station.test-helper.ts";
import { readLost, type LostItem } from "./lost.ts";
import { abandon, rebuild } from "./rebuild.ts";
import { rebuildRestored } from "./rebuild-restored.ts";
import { RestoredRegistry } from "./restored-registry.ts";
import { charge, dyingAfter, RebuildWorld, up, whole } from "./rebuild-world.test-helper.ts";

let world: RebuildWorld;

beforeEach(async () => {
  world = await RebuildWorld.open();
});

afterEach(() => world.end());

const topics = () => world.world.log.topics;
const at = 1_800_000_000_000;

/** As if it were restored to an earlier hour. @returns the frames that are gone */
function cut(lost: { readonly frames?: number; readonly events?: number; readonly registry?: number }) {
  const { log } = world.world;
  const gone = log.all(topics().frames).splice(log.all(topics().frames).length - (lost.frames ?? 0));
  log.all(topics().events).splice(log.all(topics().events).length - (lost.events ?? 0));
  log.all(topics().registry).splice(log.all(topics().registry).length - (lost.registry ?? 0));
  return gone.map(({ value }) => decodeRecord(value));
}

/** Folded to their end, and stopped. */
async function folded(): Promise<readonly Line[]> {
  await world.start();
  const lines = await charge(world);
  await world.quiet();
  await world.stop();
  return lines;
}

/** With the view of the registry that the log has now. */
async function restored() {
  await world.registry.stop();
  world.registry = new RestoredRegistry(world.world.log);
  await world.registry.start();
  return rebuildRestored(world.tools, at);
}

/** Every frame id that a list names. */
function framesIn(items: readonly LostItem[]): string[] {
  return items
    .filter(({ kind }) => kind === "frames")
    .flatMap(({ station, what }) => {
      const [first, last] = [Number(what["first"]), Number(what["last"])];
      return Array.from({ length: last - first + 1 }, (_, i) => `${station} ${String(what["source"])}/${first + i}`);
    })
    .toSorted();
}

const namesOf = (frames: readonly FrameRecord[]) =>
  frames.map(({ station, source, sequence }) => `${station} ${source}/${sequence}`).toSorted();

const idsOf = (items: readonly LostItem[], kind: LostItem["kind"]) =>
  items.filter((item) => item.kind === kind).map(({ id }) => id);

async function idsIn(table: "live_session" | "live_cdr"): Promise<string[]> {
  const rows = await world.store.reader.selectFrom(table).select("id").orderBy("id").execute();
  return rows.map(({ id }) => id);
}

/** The folds go on, and all they have follows from the log. */
async function expectGoesOn(lines: readonly Line[]): Promise<void> {
  await world.start();
  await world.quiet();
  const before = (await idsIn("live_session")).length;
  for (const line of lines) await world.write([...up(line), ...whole(line, 400)]);
  await world.quiet();
  expect(world.problems()).toEqual([]);
  expect(await idsIn("live_session")).toHaveLength(before + lines.length);
  const stopped = await world.store.reader.selectFrom("live_chain").select("stopped").execute();
  expect(stopped.filter((row) => row.stopped !== null)).toEqual([]);
  await world.stop();
  const again = await rebuild(world.tools);
  expect(again.tables.filter(({ equal }) => !equal).map(({ table }) => table)).toEqual([]);
}

const another = () => ["CS1", "CS2", "CS3", "CS4"].map((name) => new Line(name));

test("B5: a log restored to an earlier hour: each lost frame is listed by station and frame id, with the sessions, CDRs and changes that went with it", async () => {
  await folded();
  const [sessions, cdrs] = [await idsIn("live_session"), await idsIn("live_cdr")];
  // The reports of all four, and of the last round CS4's session and the end of CS3's.
  const gone = cut({ frames: 9, events: 30, registry: 1 });
  const found = await restored();
  expect(found).toMatchObject({ resumed: false, tableSet: 2, lost: { at } });
  expect(found!.ends.map(({ role, next, end, why }) => [role, next - end, why])).toEqual([
    ["processor", 9, "shorter"],
    ["projector", 30, "shorter"],
    ["registry", 1, "shorter"],
  ]);
  const { items } = found!.lost;
  expect(framesIn(items)).toEqual(namesOf(gone));
  expect(idsOf(items, "records")).toEqual([]);
  expect(idsOf(items, "registry")).toEqual(["token/T1"]);
  expect(await readLost(world.store.reader)).toEqual([found!.lost]);
  expect(await world.strayRows()).toEqual({});

  // What the events lost is sent again.
  await world.start();
  await world.quiet();
  await world.stop();
  const left = await idsIn("live_session");
  expect(left).toHaveLength(11);
  const lostSessions = items.filter(({ kind }) => kind === "session");
  expect(lostSessions.filter(({ what }) => what["is"] === null).map(({ id }) => id)).toEqual(
    sessions.filter((id) => !left.includes(id)),
  );
  expect(lostSessions.filter(({ what }) => what["is"] !== null)).toMatchObject([
    { station: "CS3", what: { was: { status: "completed" }, is: { status: "active", cdr_id: null } } },
  ]);
  const cdrsLeft = await idsIn("live_cdr");
  expect(idsOf(items, "cdr").toSorted()).toEqual(cdrs.filter((id) => !cdrsLeft.includes(id)));
  expect(cdrsLeft).toHaveLength(10);
  await expectGoesOn(another());
});

test("B5: a CDR that is lost is listed with its document, its number and the partners who took it, and what they took stays proven", async () => {
  await folded();
  const [lost] = await world.store.reader.selectFrom("live_cdr").selectAll().orderBy("last_updated", "desc").execute();
  const { party, id } = lost!;
  const block = { id: party, first: 1, last: 12, from: 0, until: lost!.last_updated + 1, hash: "" };
  await world.world.put("cdrChain", party, block);
  await world.start();
  await world.quiet();
  await world.stop();
  const delivery = { party, partner: "P1", module: "cdrs", object: id, attempts: 0, body: null };
  const told = { told: "digest", proof: "https://partner.example/cdrs/1", delivered_at: at };
  await world.store.transaction((tx) => tx.upsert("ocpi_delivery", [{ ...delivery, ...told }]));
  cut({ frames: 5, events: 12, registry: 1 });
  const { items } = (await restored())!.lost;
  expect(items.filter(({ kind }) => kind === "cdr")).toMatchObject([
    { station: lost!.station, id, what: { was: { document: lost!.document }, is: null, number: 12, partners: ["P1"] } },
  ]);
  expect(items.filter(({ kind }) => kind === "registry")).toMatchObject([{ id: `cdrChain/${party}`, what: { block } }]);
  expect(await world.store.reader.selectFrom("ocpi_delivery").select("object").execute()).toEqual([{ object: id }]);
});

test("B5: events that are lost whose frames survived are concluded and sent again, and nothing is listed", async () => {
  await folded();
  const [sessions, cdrs] = [await idsIn("live_session"), await idsIn("live_cdr")];
  cut({ events: 20 });
  const found = await restored();
  expect(found!.ends.map(({ role }) => role)).toEqual(["projector"]);
  expect(found!.lost.items).toEqual([]);
  await world.start();
  await world.quiet();
  expect([await idsIn("live_session"), await idsIn("live_cdr")]).toEqual([sessions, cdrs]);
  await world.stop();
  await expectGoesOn(another());
});

test("B5, F5: events that outlived their frames stand, and their stations' next events follow them", async () => {
  await folded();
  const [sessions, cdrs] = [await idsIn("live_session"), await idsIn("live_cdr")];
  const gone = cut({ frames: 9 });
  const { items } = (await restored())!.lost;
  expect(framesIn(items)).toEqual(namesOf(gone));
  const outlived = new Map(items.filter(({ kind }) => kind === "events").map(({ station, what }) => [station, what]));
  const [last] = await world.store.reader
    .selectFrom("live_session")
    .selectAll()
    .orderBy("started_at", "desc")
    .execute();
  expect(last).toMatchObject({ station: "CS4", status: "completed" });
  expect(outlived.get("CS4")).toMatchObject({ sessions: [last!.id], cdrs: [last!.cdr_id] });
  expect(outlived.get("CS3")).toMatchObject({ cdrs: [expect.any(String)] });
  expect([await idsIn("live_session"), await idsIn("live_cdr")]).toEqual([sessions, cdrs]);
  await world.start();
  for (const line of another()) await world.write([...up(line), ...whole(line, 400)]);
  await world.quiet();
  expect(world.problems()).toEqual([]);
  const stopped = await world.store.reader.selectFrom("live_chain").select("stopped").execute();
  expect(stopped.filter((row) => row.stopped !== null)).toEqual([]);
  expect(await idsIn("live_session")).toHaveLength(sessions.length + 4);
});

test("B5: other records where the tables stand: what was written since the restore is folded, what was there before is listed", async () => {
  await folded();
  const gone = cut({ frames: 9, events: 30 });
  const late = new Line("CS9");
  await world.write([...up(late), ...whole(late, 300), ...whole(late, 310), ...whole(late, 320)]);
  const found = await restored();
  expect(found!.ends.map(({ role, why }) => [role, why])).toEqual([
    ["processor", "otherRecords"],
    ["projector", "shorter"],
  ]);
  expect(framesIn(found!.lost.items)).toEqual(namesOf(gone));
  await expectGoesOn(another());
  expect(
    await world.store.reader.selectFrom("live_session").select("id").where("station", "=", "CS9").execute(),
  ).toHaveLength(3);
});

test("B5: a run that is killed before any of its writes is gone on with by the next one, to the same list and the same tables", async () => {
  await world.start();
  await charge(world, 1);
  await world.quiet();
  await world.stop();
  const gone = cut({ frames: 6, events: 20, registry: 1 });
  await world.registry.stop();
  world.registry = await world.world.view();
  const deaths: unknown[] = [];
  const store = (writes: number) => dyingAfter(world.store, writes);
  const run = () => rebuildRestored({ ...world.tools, store: store(deaths.length) }, at).catch(messageOf);
  let outcome = await run();
  for (; typeof outcome === "string"; outcome = await run()) {
    deaths.push(outcome);
    await expect(rebuild(world.tools)).rejects.toThrow(/--restored|do not belong/);
  }
  expect(framesIn(outcome!.lost.items)).toEqual(namesOf(gone));
  expect(new Set(deaths)).toEqual(new Set(["killed"]));
  expect(deaths.length).toBeGreaterThan(5);
  expect(await world.strayRows()).toEqual({});
  expect(await readLost(world.store.reader)).toHaveLength(1);
  await expectGoesOn(another());
});

test("B5: a log that holds all that was folded is left alone; a run that was given up leaves the tables as they were", async () => {
  await folded();
  const before = await world.liveSums();
  expect(await restored()).toBeUndefined();
  expect(await world.store.reader.selectFrom("fact").selectAll().execute()).toEqual([]);
  cut({ frames: 9, events: 30 });
  await expect(rebuildRestored({ ...world.tools, store: dyingAfter(world.store, 6) })).rejects.toThrow("killed");
  expect(await abandon(world.tools)).toBeGreaterThan(0);
  expect(await world.liveSums()).toEqual(before);
  expect(await world.strayRows()).toEqual({});
});

test("B5, R2: frames that name a position of the registry which its copy does not reach are folded by what it has", async () => {
  await world.start();
  const line = new Line("CS1");
  for (const uid of ["T1", "T2", "T3"]) {
    await world.world.put("token", uid, { uid, type: "RFID", contractId: uid, valid: true, whitelist: "ALWAYS" });
  }
  line.registry = { generation: 1, offset: 3 };
  await world.write([...up(line), ...whole(line, 10), ...whole(line, 20)]);
  await world.quiet();
  await world.stop();
  const sessions = await idsIn("live_session");
  cut({ registry: 2 });
  const { items } = (await restored())!.lost;
  expect(items.map(({ kind, id }) => [kind, id])).toEqual([
    ["registry", "token/T2"],
    ["registry", "token/T3"],
  ]);
  expect(sessions).toHaveLength(2);
  expect(await idsIn("live_session")).toEqual(sessions);
});

test("B5, Q2: what is held of a surviving record is held again, what was held of a lost one is listed, another record in its place is folded", async () => {
  let isPoison = true;
  const poison = (station: string) => isPoison && (station === "CS2" || station === "CS4");
  await world.start({
    ...ocppFold,
    evolve(state, record, context) {
      if (record.kind === "exchange" && record.action === "StartTransaction" && poison(record.station))
        throw new Error();
      return ocppFold.evolve(state, record, context);
    },
  });
  await charge(world, 1);
  await world.quiet();
  isPoison = false;
  const [kept, lost] = await world.held();
  expect([kept?.station, lost?.station]).toEqual(["CS2", "CS4"]);
  await world.endHold("redrive", kept!.record_offset, "CS2");
  await world.quiet();
  await world.stop();
  // From CS4's start on; then there is another in its place.
  cut({ frames: world.world.log.all(topics().frames).length - lost!.record_offset, events: 99 });
  const late = new Line("CS4");
  await world.write([late.start({ meterStart: 7 }), ...up(late), ...whole(late, 300), ...whole(late, 310)]);
  const { items } = (await restored())!.lost;
  expect(items.filter(({ kind }) => kind === "quarantine")).toMatchObject([
    { station: "CS2", id: kept!.id, what: { was: { state: "redriven" }, is: { state: "held" } } },
    { station: "CS4", id: lost!.id, what: { is: null } },
  ]);
  expect((await world.held()).map(({ station, state }) => [station, state])).toEqual([["CS2", "held"]]);
});

test("B5: a connection that many others followed since the restore is not told as lost, for its records are there", async () => {
  await folded();
  const gone = cut({ frames: 1, events: 5 });
  for (let n = 0; n < 70; n++) await world.write([new Line("CS1").connected()]);
  expect(framesIn((await restored())!.lost.items)).toEqual(namesOf(gone));
});

test("B5: whoever follows the events beside the folds goes on at their end; one that was not there yet stays where it is", async () => {
  await folded();
  const rows = await world.store.reader.selectFrom("position").selectAll().where("role", "=", "projector").execute();
  const early = { next: 3, fingerprint: fingerprintOf(world.world.log.all(topics().events)[2]!.value) };
  await world.store.transaction((tx) =>
    tx.upsert("position", [
      { ...rows[0]!, role: "far" },
      { ...rows[0]!, role: "near", ...early },
    ]),
  );
  cut({ events: 20 });
  const { ends } = (await restored())!;
  expect(ends.map(({ role }) => role)).toEqual(["far", "projector"]);
  const left = world.world.log.all(topics().events);
  const after = await world.store.reader
    .selectFrom("position")
    .selectAll()
    .where("role", "in", ["far", "near"])
    .orderBy("role")
    .execute();
  expect(after.map(({ next, fingerprint }) => ({ next, fingerprint }))).toEqual([
    { next: left.length, fingerprint: fingerprintOf(left.at(-1)!.value) },
    early,
  ]);
});
