// What every Store promises, run on each adapter.
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { Adapter } from "../../tools/test-adapters.ts";
import { unpackBundle } from "../records/bundle.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { tableChecksums } from "./checksum.ts";
import { schemaVersion } from "./migrations.ts";
import { unpackReadings } from "./meter-values.ts";
import { positionRow, sessionRow, stateRow } from "./rows.test-helper.ts";
import type { Store } from "./store.ts";
import { writeContract } from "./store-write.contract.ts";
import { derivedTables, type SessionRow, type StationStateRow } from "./tables.ts";

export interface StoreHarness {
  readonly store: Store;
  /** Another Store on the same tables, as another thread or process has. */
  another(): Promise<Store>;
  /** Closes every store and opens one on what is stored. */
  restart(): Promise<Store>;
  /** Makes the tables look as if a wattlog with this schema version had made them. */
  pretendVersion(version: number): Promise<void>;
  end(): Promise<void>;
}

interface Parts {
  readonly harness: StoreHarness;
  readonly store: Store;
}

export function storeContract(adapter: Adapter, make: () => Promise<StoreHarness>): void {
  describe(`Store contract on ${adapter}`, () => {
    let harness: StoreHarness;
    let store: Store;

    beforeEach(async () => {
      harness = await make();
      store = harness.store;
      await store.migrate();
    });

    afterEach(async () => {
      await harness.end();
    });

    const parts = (): Parts => ({ harness, store });
    transactionContract(parts);
    writeContract(parts);
    bulkContract(parts);
    readContract(parts);
    liveViewContract(parts);
    schemaContract(parts);
  });
}

async function nextOf(store: Pick<Store, "reader">, partition = 0): Promise<number | undefined> {
  const query = store.reader.selectFrom("position").select("next").where("partition", "=", partition);
  return (await query.executeTakeFirst())?.next;
}

function transactionContract(parts: () => Parts): void {
  test("state, events and position of one transaction are seen together, by every store", async () => {
    const { harness, store } = parts();
    const other = await harness.another();
    await store.transaction(async (tx) => {
      await tx.upsert("position", [positionRow({ next: 5 })]);
      await tx.upsert("station_state", [stateRow()]);
      expect(await nextOf(other)).toBeUndefined();
    });
    expect(await nextOf(other)).toBe(5);
    expect(await other.reader.selectFrom("station_state").selectAll().execute()).toHaveLength(1);
  });

  test("a transaction that fails leaves no trace, and its own error comes out", async () => {
    const { store } = parts();
    const failing = store.transaction(async (tx) => {
      await tx.upsert("position", [positionRow({ next: 5 })]);
      await tx.db.deleteFrom("session").execute();
      throw new Error("cannot fold");
    });
    await expect(failing).rejects.toThrow("cannot fold");
    expect(await nextOf(store)).toBeUndefined();
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 6 })]));
    expect(await nextOf(store)).toBe(6);
  });

  test("F3: of transactions asked for at once, one that fails takes back its own rows and nobody else's", async () => {
    const { store } = parts();
    const move = (partition: number, next: number, fails = false): Promise<void> =>
      store.transaction(async (tx) => {
        await tx.upsert("position", [positionRow({ partition, next })]);
        await tx.upsert("station_state", [stateRow({ partition, station: `of-${partition}` })]);
        if (fails) throw new Error("another process folds this partition");
      });
    const ends = await Promise.allSettled([move(0, 5), move(1, 6, true), move(2, 7), move(3, 8, true), move(4, 9)]);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
    const nexts = await Promise.all([0, 1, 2, 3, 4].map((partition) => nextOf(store, partition)));
    expect(nexts).toEqual([5, undefined, 7, undefined, 9]);
    const states = await store.reader.selectFrom("station_state").select("station").orderBy("station").execute();
    expect(states.map(({ station }) => station)).toEqual(["of-0", "of-2", "of-4"]);
  });

  test("a transaction reads its own writes, and an update says how many rows it met", async () => {
    const { store } = parts();
    await store.transaction(async (tx) => {
      await tx.upsert("position", [positionRow({ next: 5 })]);
      const update = tx.db.updateTable("position").set({ next: 9 });
      expect((await update.where("next", "=", 5).executeTakeFirst()).numUpdatedRows).toBe(1n);
      expect((await update.where("next", "=", 5).executeTakeFirst()).numUpdatedRows).toBe(0n);
    });
    expect(await nextOf(store)).toBe(9);
  });

  test("writers of several stores take turns: no update is lost", async () => {
    const { harness, store } = parts();
    const stores = [store, await harness.another(), await harness.another()];
    await store.transaction((tx) => tx.upsert("position", [positionRow()]));
    const addOne = (one: Store): Promise<void> =>
      one.transaction(async (tx) => {
        const { next } = await tx.db.selectFrom("position").select("next").executeTakeFirstOrThrow();
        await new Promise((resolve) => setTimeout(resolve, 1));
        await tx.upsert("position", [positionRow({ next: next + 1 })]);
      });
    await Promise.all(Array.from({ length: 30 }, (_, i) => addOne(stores[i % 3]!)));
    expect(await nextOf(store)).toBe(30);
  });

  test("what was committed is there after a restart", async () => {
    const { harness, store } = parts();
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 5 })]));
    expect(await nextOf(await harness.restart())).toBe(5);
  });

  test("a closed store says so", async () => {
    const { harness } = parts();
    const other = await harness.another();
    await other.close();
    const refused = other.transaction(async () => {});
    await expect(refused).rejects.toSatisfy((error) => isWattlogError(error, "store/unavailable"));
  });
}

function bulkContract(parts: () => Parts): void {
  test("integers come back as numbers, blobs as bytes, text and nulls as they were", async () => {
    const { store } = parts();
    const state = Uint8Array.from({ length: 70_000 }, (_, i) => i);
    await store.transaction(async (tx) => {
      await tx.upsert("session", [sessionRow()]);
      await tx.upsert("station_state", [stateRow({ state, due_at: 1_700_000_000_000 })]);
    });
    const session = await store.reader.selectFrom("session").selectAll().executeTakeFirstOrThrow();
    expect({ ...session }).toEqual(sessionRow());
    const row = await store.reader.selectFrom("station_state").selectAll().executeTakeFirstOrThrow();
    expect(row.state).toBeInstanceOf(Uint8Array);
    expect(Buffer.compare(row.state, state)).toBe(0);
    expect(row.due_at).toBe(1_700_000_000_000);
  });

  test("text that a station may send is kept alike by every store: a NUL is replaced, so is half a surrogate pair", async () => {
    const { store } = parts();
    const odd = sessionRow({ id_token: "a\0b", stop_reason: "x\ud800y", state: '\\"{},\n\u2028😀' });
    await store.transaction((tx) => tx.upsert("session", [odd]));
    const found = await store.reader.selectFrom("session").selectAll().where("id_token", "=", "a\0b").execute();
    expect(found.map((row) => ({ ...row }))).toEqual([{ ...odd, id_token: "a\ufffdb", stop_reason: "x\ufffdy" }]);
  });

  test("numbers of any size that a number holds exactly come back", async () => {
    const { store } = parts();
    const numbers = [
      0,
      1,
      -1,
      2 ** 31,
      2 ** 32,
      2 ** 32 + 1,
      -(2 ** 31) - 1,
      -(2 ** 40) - 3,
      2 ** 53 - 1,
      -(2 ** 53) + 1,
    ];
    const rows = numbers.map((last_updated, i) => sessionRow({ id: `s${i}`, evse_id: 2 ** 33, last_updated }));
    await store.transaction((tx) => tx.upsert("session", rows));
    const found = await store.reader.selectFrom("session").selectAll().orderBy("id").execute();
    expect(found.map((row) => row.last_updated)).toEqual(numbers);
    expect(found[0]!.evse_id).toBe(2 ** 33);
    const sum = store.reader
      .selectFrom("session")
      .select(({ fn }) => [fn.sum("evse_id").as("sum"), fn.countAll().as("count")]);
    expect({ ...(await sum.executeTakeFirstOrThrow()) }).toEqual({
      sum: 2 ** 33 * numbers.length,
      count: numbers.length,
    });
  });

  test("text is ordered by its bytes, in keys, cursors and comparisons", async () => {
    const { store } = parts();
    const names = ["a", "B", "Z", "_", "-", "a-", "A", "a_b", "ab", "é", "z", "0", "ß", "😀", "\uffee"];
    const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    await store.transaction((tx) =>
      tx.upsert(
        "station_state",
        names.map((station) => stateRow({ station })),
      ),
    );
    const all = store.reader.selectFrom("station_state").select("station");
    expect((await all.orderBy("station").execute()).map(({ station }) => station)).toEqual(byBytes);
    expect((await all.orderBy("station", "desc").execute()).map(({ station }) => station)).toEqual(
      byBytes.toReversed(),
    );
    const after = await all.where("station", ">", "a").orderBy("station").execute();
    expect(after.map(({ station }) => station)).toEqual(byBytes.slice(byBytes.indexOf("a") + 1));
  });

  test("upsert replaces every column of a row that exists, insertNew leaves it", async () => {
    const { store } = parts();
    const read = async (): Promise<unknown[]> =>
      (await store.reader.selectFrom("session").select(["id", "status", "cdr_id"]).orderBy("id").execute()).map(
        (row) => ({
          ...row,
        }),
      );
    const first = sessionRow({ cdr_id: "cdr" });
    await store.transaction((tx) => tx.upsert("session", [first, sessionRow({ id: "session-2" })]));
    await store.transaction((tx) =>
      tx.insertNew("session", [sessionRow({ status: "completed" }), sessionRow({ id: "session-3" })]),
    );
    const two = { id: "session-2", status: "active", cdr_id: null };
    const three = { ...two, id: "session-3" };
    expect(await read()).toEqual([{ id: "session-1", status: "active", cdr_id: "cdr" }, two, three]);
    await store.transaction((tx) => tx.upsert("session", [sessionRow({ status: "completed" })]));
    expect(await read()).toEqual([{ id: "session-1", status: "completed", cdr_id: null }, two, three]);
  });

  test("thousands of rows in one call, the same key twice: the last wins", async () => {
    const { store } = parts();
    const rows = Array.from({ length: 3000 }, (_, i) => stateRow({ station: `s${i % 2500}`, due_at: i }));
    await store.transaction((tx) => tx.upsert("station_state", rows));
    const query = store.reader.selectFrom("station_state").select(["station", "due_at"]).orderBy("due_at");
    const found = await query.execute();
    expect(found).toHaveLength(2500);
    expect(found[0]).toMatchObject({ station: "s500", due_at: 500 });
    await store.transaction((tx) => tx.upsert("station_state", []));
  });
}

function readContract(parts: () => Parts): void {
  test("a snapshot sees one state while others write; the reader sees the newest", async () => {
    const { store } = parts();
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 1 })]));
    await store.snapshot(async (db) => {
      const next = async (): Promise<unknown> =>
        (await db.selectFrom("position").select("next").executeTakeFirst())?.next;
      await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 2 })]));
      expect(await next()).toBe(1);
      expect(await nextOf(store)).toBe(2);
      await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 3 })]));
      expect(await next()).toBe(1);
    });
    const after = store.snapshot((db) => db.selectFrom("position").select("next").executeTakeFirst());
    expect(await after).toMatchObject({ next: 3 });
  });

  test("many snapshots at once, also failing ones, neither block nor leak", async () => {
    const { store } = parts();
    const works = Array.from({ length: 40 }, (_, i) =>
      store.snapshot(async (db) => {
        await db.selectFrom("session").selectAll().execute();
        if (i % 4 === 0) throw new Error("reader failed");
        return i;
      }),
    );
    const outcomes = await Promise.allSettled(works);
    expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(10);
  });

  test("rows stream", async () => {
    const { store } = parts();
    const rows = Array.from({ length: 500 }, (_, i) => stateRow({ station: `s${String(i).padStart(3, "0")}` }));
    await store.transaction((tx) => tx.upsert("station_state", rows));
    const seen: string[] = [];
    const query = store.reader.selectFrom("station_state").select("station").orderBy("station");
    for await (const { station } of query.stream(100)) seen.push(station);
    expect(seen).toEqual(rows.map(({ station }) => station));
  });
}

function liveViewContract(parts: () => Parts): void {
  test("live views show each partition's active set, and a take-over is one change of the position row", async () => {
    const { store } = parts();
    const projector = { role: "projector", topic: "charging.events.g1" };
    await store.transaction(async (tx) => {
      await tx.upsert(
        "position",
        [0, 1].map((partition) => positionRow({ ...projector, partition })),
      );
      await tx.upsert("position", [positionRow({ table_set: 7 })]);
      for (const table_set of [1, 2]) {
        const of = (partition: number): SessionRow =>
          sessionRow({ table_set, partition, id: `p${partition}`, status: `set${table_set}` });
        await tx.upsert("session", [of(0), of(1), of(2)]);
      }
    });
    const live = async (): Promise<string[]> => {
      const rows = await store.reader.selectFrom("live_session").select(["id", "status"]).orderBy("id").execute();
      return rows.map(({ id, status }) => `${id} ${status}`);
    };
    expect(await live()).toEqual(["p0 set1", "p1 set1"]);
    await store.transaction((tx) => tx.upsert("position", [positionRow({ ...projector, partition: 1, table_set: 2 })]));
    expect(await live()).toEqual(["p0 set1", "p1 set2"]);
    await store.transaction((tx) =>
      tx.upsert("position", [
        positionRow({ role: "projector", topic: "charging.events.g2", generation: 2, table_set: 2 }),
      ]),
    );
    expect(await live()).toEqual(["p0 set2", "p1 set2"]);
  });

  test("every derived table has its live view", async () => {
    const { store } = parts();
    for (const table of Object.keys(derivedTables) as (keyof typeof derivedTables)[]) {
      expect(await store.reader.selectFrom(`live_${table}`).selectAll().execute()).toEqual([]);
    }
  });
}

/** As schema version 1 had it, with an event that waits. */
async function outboxOfVersion1(db: Store["reader"], dialect: Store["dialect"]): Promise<void> {
  const blob = sql.raw(dialect === "postgres" ? "bytea" : "blob");
  await db.schema.dropView("live_outbox").execute();
  await db.schema.dropTable("outbox").execute();
  await sql`create table outbox (table_set integer, partition integer, sequence bigint, party text, station text,
    event ${blob}, primary key (table_set, partition, sequence))`.execute(db);
  await sql`create view live_outbox as select * from outbox`.execute(db);
  await sql`insert into outbox values (1, 0, 7, 'DEABC', 's1', ${Uint8Array.of(1, 2, 3)})`.execute(db);
}

/** More than one page of the migration, three readings each, so that pages end within events; in two table sets. */
const eventsOfVersion1 = 2_000;

async function meterValuesOfVersion1(db: Store["reader"]): Promise<void> {
  await db.schema.dropView("live_meter_value").execute();
  await db.schema.dropTable("meter_value").execute();
  await sql`create table meter_value (table_set integer, partition integer, session_id text, sequence bigint, party text,
    at bigint, measurand text, context text, phase text, location text, unit text, value text, energy_mwh bigint,
    last_updated bigint, constraint meter_value_key primary key (session_id, sequence, table_set))`.execute(db);
  await sql`create view live_meter_value as select * from meter_value`.execute(db);
  const rows = Array.from({ length: eventsOfVersion1 * 6 }, (_, n) => {
    const [set, event, place] = [(n % 2) + 1, Math.floor(n / 6), Math.floor(n / 2) % 3];
    const key = `${set}, 3, 'x', ${event * 65_536 + place}, 'DEABC'`;
    return `(${key}, 4, 'Energy', 'Sample', null, null, 'Wh', '${set} ${event} ${place}', ${place}, 5)`;
  });
  for (let at = 0; at < rows.length; at += 1_000) {
    await sql`insert into meter_value values ${sql.raw(rows.slice(at, at + 1_000).join(", "))}`.execute(db);
  }
}

function schemaContract(parts: () => Parts): void {
  test("migrating again changes nothing", async () => {
    const { harness, store } = parts();
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 5 })]));
    await Promise.all([store.migrate(), (await harness.another()).migrate()]);
    expect(await nextOf(store)).toBe(5);
  });

  test("tables of schema version 1 become those of the newest, and keep their rows", async () => {
    const { store } = parts();
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 5 })]));
    await store.transaction(async ({ db }) => {
      await db.schema.dropView("live_station_document").execute();
      await db.schema.dropView("live_cdr_review").execute();
      await db.schema.dropView("live_status_interval").execute();
      const pushes = ["ocpi_push", "ocpi_delivery", "ocpi_dead_letter", "ocpi_evse_status", "ocpi_peer"];
      for (const table of ["status_interval", "cdr_review", "station_document", "fact", "name_hold", ...pushes])
        await db.schema.dropTable(table).execute();
      await outboxOfVersion1(db, store.dialect);
      await meterValuesOfVersion1(db);
      await sql`delete from schema_version where version > 1`.execute(db);
    });
    await store.migrate();
    expect(await nextOf(store)).toBe(5);
    expect(await store.reader.selectFrom("live_station_document").selectAll().execute()).toEqual([]);
    const [waiting, ...more] = await store.reader.selectFrom("live_outbox").selectAll().execute();
    expect(more).toEqual([]);
    expect(waiting).toMatchObject({ table_set: 1, partition: 0, sequence: 7, count: 1 });
    const [entry] = unpackBundle(waiting!.events);
    expect(entry).toEqual({ key: "DEABC/s1", value: Buffer.of(1, 2, 3) });
    const values = await store.reader.selectFrom("meter_value").selectAll().orderBy("sequence").execute();
    expect(values).toHaveLength(2 * eventsOfVersion1);
    for (const [index, { readings, ...row }] of values.entries()) {
      const sequence = Math.floor(index / 2);
      expect(row).toMatchObject({ partition: 3, session_id: "x", sequence, party: "DEABC", count: 3, last_updated: 5 });
      const texts = unpackReadings(readings).map(({ value, energyMwh, phase }) => [value, energyMwh, phase]);
      expect(texts).toEqual([0, 1, 2].map((place) => [`${row.table_set} ${sequence} ${place}`, place, null]));
    }
  });

  test("tables of a newer wattlog are refused with a sentence", async () => {
    const { harness, store } = parts();
    await harness.pretendVersion(schemaVersion + 1);
    await expect(store.migrate()).rejects.toSatisfy((error) => isWattlogError(error, "store/schema"));
  });

  test("checksums are alike for alike sets, whatever the order of writing, and differ for one changed value", async () => {
    const { store } = parts();
    const rows = Array.from({ length: 4100 }, (_, i) =>
      stateRow({ station: `s${i}`, partition: i % 3, due_at: i % 5 ? i : null }),
    );
    const inSet = (table_set: number): StationStateRow[] => rows.map((row) => ({ ...row, table_set }));
    await store.transaction(async (tx) => {
      await tx.upsert("station_state", inSet(1));
      await tx.upsert("station_state", inSet(2).toReversed());
    });
    const one = await store.snapshot((db) => tableChecksums(db, 1));
    expect(one.station_state.rows).toBe(4100);
    expect(await store.snapshot((db) => tableChecksums(db, 2))).toEqual(one);
    expect(one).not.toHaveProperty("outbox");
    await store.transaction((tx) =>
      tx.upsert("station_state", [stateRow({ ...rows[4099]!, table_set: 2, due_at: 0 })]),
    );
    const changed = await store.snapshot((db) => tableChecksums(db, 2));
    expect(changed.station_state).toMatchObject({ rows: 4100 });
    expect(changed.station_state.sha256).not.toBe(one.station_state.sha256);
    // 4099 lies in partition 1: the others are as they were.
    const ofPartition = (set: number, partition: number) => store.snapshot((db) => tableChecksums(db, set, partition));
    expect(await ofPartition(2, 0)).toEqual(await ofPartition(1, 0));
    expect(await ofPartition(2, 1)).not.toEqual(await ofPartition(1, 1));
  });
}
