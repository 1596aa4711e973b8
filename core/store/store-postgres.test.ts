import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { postgresDatabase, postgresSchema, type PostgresSchema } from "../../test/harness/postgres.ts";
import { serversForTests, type ServersOrReason } from "../../tools/servers/ensure.ts";
import { isWattlogError, messageOf } from "../runtime/errors.ts";
import { requireSchema, schemaVersion } from "./migrations.ts";
import { openPostgresStore } from "./store-postgres.ts";
import { positionRow, sessionRow, stateRow } from "./rows.test-helper.ts";
import { storeContract, type StoreHarness } from "./store.contract.ts";
import type { Store } from "./store.ts";

let found: ServersOrReason;
let serverUrl: string;
let localised: Awaited<ReturnType<typeof postgresDatabase>>;

beforeAll(async () => {
  found = await serversForTests(["postgres"]);
  serverUrl = found.servers.postgres?.url ?? "";
  if (!found.missing) localised = await postgresDatabase(serverUrl);
}, 120_000);

afterAll(async () => {
  if (!found.missing) await localised.drop();
});

beforeEach((context) => {
  if (found.missing) context.skip(found.missing);
});

async function postgres(url: string): Promise<StoreHarness> {
  const schema = await postgresSchema(url);
  let stores: Store[] = [];
  const open = (): Store => {
    const store = openPostgresStore({ url: schema.url });
    stores.push(store);
    return store;
  };
  const closeAll = async (): Promise<void> => {
    await Promise.all(stores.map((store) => store.close()));
    stores = [];
  };
  return {
    store: open(),
    another: async () => open(),
    async restart() {
      await closeAll();
      return open();
    },
    async pretendVersion(version) {
      await schema.query(`insert into schema_version (version) values (${version})`);
    },
    async end() {
      await closeAll();
      await schema.drop();
    },
  };
}

storeContract("Postgres", () => postgres(serverUrl));
storeContract("Postgres, text ordered as people do", () => postgres(localised.url));

describe("the Store on Postgres", () => {
  let schema: PostgresSchema;
  let store: Store;
  let retries: unknown[];

  beforeEach(async () => {
    schema = await postgresSchema(serverUrl);
    retries = [];
    store = openPostgresStore({ url: schema.url, onRetry: (error) => retries.push(error) });
    await store.migrate();
  });

  afterEach(async () => {
    await store.close();
    await schema.drop();
  });

  const nextOf = async (): Promise<number | undefined> =>
    (await store.reader.selectFrom("position").select("next").executeTakeFirst())?.next;

  test("a conflict in what was sent without waiting is run again, though a query sent behind it was refused too", async () => {
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 1 })]));
    let attempts = 0;
    await store.transaction(async (tx) => {
      await tx.db.selectFrom("position").select("next").execute();
      if (++attempts === 1) await schema.query("update position set next = 2");
      await Promise.all([
        tx.upsert("position", [positionRow({ next: 3 })]),
        tx.db.selectFrom("position").select("next").execute(),
      ]);
    });
    expect(attempts).toBe(2);
    expect(retries.map((error) => (error as { code: string }).code)).toEqual(["40001"]);
    expect(await nextOf()).toBe(3);
  });

  test("two transactions that lock rows crosswise: the one that the server ends is run again, both are stored", async () => {
    await store.transaction((tx) =>
      tx.upsert("station_state", [stateRow({ station: "a" }), stateRow({ station: "b" })]),
    );
    const bothHold = Promise.withResolvers<void>();
    let holding = 0;
    const crosswise = (first: string, second: string, due_at: number): Promise<void> =>
      store.transaction(async (tx) => {
        await tx.db.updateTable("station_state").set({ due_at }).where("station", "=", first).execute();
        if (++holding === 2) bothHold.resolve();
        await bothHold.promise;
        await tx.db.updateTable("station_state").set({ due_at }).where("station", "=", second).execute();
      });
    await Promise.all([crosswise("a", "b", 1), crosswise("b", "a", 2)]);
    expect(retries.length).toBeGreaterThan(0);
    expect(retries.map((error) => (error as { code: string }).code)).toContain("40P01");
    const rows = await store.reader.selectFrom("station_state").select("due_at").execute();
    expect(new Set(rows.map((row) => row.due_at)).size).toBe(1);
  });

  test("a zombie that waits for the owner's transaction finds the position moved, and stores nothing", async () => {
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 5 })]));
    const moved = Promise.withResolvers<void>();
    const move = (tx: Parameters<Parameters<Store["transaction"]>[0]>[0], to: number) =>
      tx.db.updateTable("position").set({ next: to }).where("next", "=", 5).executeTakeFirst();
    const owner = store.transaction(async (tx) => {
      const { numUpdatedRows } = await move(tx, 10);
      moved.resolve();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return numUpdatedRows;
    });
    await moved.promise;
    const zombie = store.transaction(async (tx) => {
      await tx.upsert("session", [sessionRow()]);
      if ((await move(tx, 9)).numUpdatedRows === 0n) throw new Error("zombie");
    });
    await expect(zombie).rejects.toThrow("zombie");
    expect(await owner).toBe(1n);
    expect(await nextOf()).toBe(10);
    expect(await store.reader.selectFrom("session").selectAll().execute()).toEqual([]);
  });

  test("transactions that meet for ever end with a sentence, not never", async () => {
    const conflict = Object.assign(new Error("could not serialize access"), { code: "40001" });
    let runs = 0;
    const endless = store.transaction(async () => {
      runs++;
      throw conflict;
    });
    await expect(endless).rejects.toSatisfy((error) => isWattlogError(error, "store/unavailable"));
    expect(runs).toBeGreaterThan(10);
    expect(runs).toBeLessThan(100);
  });

  test("a statement that failed and was caught does not let the rest of the transaction pass for stored", async () => {
    const careless = store.transaction(async (tx) => {
      await tx.upsert("position", [positionRow({ next: 5 })]);
      await sql`select nonsense`.execute(tx.db).catch(() => undefined);
    });
    await expect(careless).rejects.toThrow(/had failed/);
    expect(await nextOf()).toBeUndefined();
  });

  test("a query on a transaction that has ended is refused, also while another uses the connection", async () => {
    let escaped: (() => Promise<unknown>) | undefined;
    await store.transaction(async (tx) => {
      escaped = () => tx.db.selectFrom("session").selectAll().execute();
    });
    await store.transaction(async () => {
      await expect(escaped!()).rejects.toThrow(/has ended/);
    });
  });

  test("reader and snapshots cannot write", async () => {
    await expect(store.reader.deleteFrom("session").execute()).rejects.toThrow(/read-only/);
    const writing = store.snapshot((db) => db.deleteFrom("session").execute());
    await expect(writing).rejects.toThrow(/read-only/);
  });

  test("a stream that is left early gives its connection back", async () => {
    await store.transaction((tx) =>
      tx.upsert(
        "station_state",
        Array.from({ length: 50 }, (_, i) => stateRow({ station: `s${i}` })),
      ),
    );
    for (let i = 0; i < 30; i++) {
      for await (const row of store.reader.selectFrom("station_state").selectAll().stream(5)) {
        if (row.station !== "") break;
      }
    }
    expect(await nextOf()).toBeUndefined();
  });

  test("a session that goes on is written in place, without a touch of its indexes", async () => {
    const write = (energy_mwh: number) =>
      store.transaction((tx) => tx.upsert("session", [sessionRow({ energy_mwh, last_updated: energy_mwh })]));
    for (let i = 1; i <= 20; i++) await write(i);
    const counts = () =>
      schema.query(`select n_tup_upd::int as updates, n_tup_hot_upd::int as in_place from pg_stat_user_tables
        where relname = 'session' and schemaname = current_schema()`);
    await expect.poll(counts, { timeout: 20_000 }).toEqual([{ updates: 19, in_place: 19 }]);
  });

  test("a migration by many processes at once happens once", async () => {
    const fresh = await postgresSchema(serverUrl);
    const many = Array.from({ length: 6 }, () => openPostgresStore({ url: fresh.url }));
    await Promise.all(many.map((one) => one.migrate()));
    expect(await fresh.query("select version from schema_version order by version")).toEqual(
      Array.from({ length: schemaVersion }, (_, i) => ({ version: i + 1 })),
    );
    await Promise.all(many.map((one) => one.close()));
    await fresh.drop();
  });

  test.each([
    ["by id", "select * from live_session where id = 'x'"],
    [
      "by station",
      "select * from live_session where party = 'DEABC' and station = 's' order by started_at desc limit 9",
    ],
    ["by status", "select * from live_session where party = 'DEABC' and status = 'active' order by started_at limit 9"],
    [
      "changed since",
      "select * from live_cdr where party = 'DEABC' and last_updated > 5 order by last_updated limit 9",
    ],
    ["values of a session", "select * from live_meter_value where session_id = 'x' order by sequence"],
    ["a command", "select * from live_command where id = 'x'"],
    ["a station", "select * from live_station where party = 'DEABC' and station = 's'"],
    ["timers due", "select * from station_state where table_set = 1 and partition = 2 and due_at <= 5 order by due_at"],
    ["of a node", "select * from station_state where table_set = 1 and partition = 2 and node_id = 'n'"],
    ["the outbox", "select * from outbox where table_set = 1 and partition = 2 and sequence > 5 order by sequence"],
  ])("what is asked for often (%s) can be found by an index, without a sort", async (_name, query) => {
    const plan = await store.snapshot(async (db) => {
      // Empty tables are read whole rather than by an index; what matters is that there is one.
      await sql`set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off`.execute(
        db,
      );
      return sql<Record<string, string>>`explain ${sql.raw(query)}`.execute(db);
    });
    const text = plan.rows.map((row) => row["QUERY PLAN"]).join("\n");
    expect(text).toMatch(/Index (?:Only )?Scan/);
    expect(text).not.toMatch(/Seq Scan|Sort/);
  });

  describe("tables of another version", () => {
    const refused = (): Promise<string> => requireSchema(store.reader, "postgres").then(String, messageOf);

    test("the same version is taken", async () => {
      expect(await refused()).toBe("undefined");
    });

    test("none, older and newer are refused with a sentence that says what to do", async () => {
      await schema.query(`delete from schema_version where version < ${schemaVersion}`);
      await schema.query("update schema_version set version = 0");
      expect(await refused()).toMatch(/run `wattlog migrate` first/);
      await schema.query(`update schema_version set version = ${schemaVersion + 1}`);
      expect(await refused()).toMatch(/run the newer wattlog/);
      await expect(store.migrate()).rejects.toSatisfy((error) => isWattlogError(error, "store/schema"));
      await schema.query("drop table schema_version");
      expect(await refused()).toMatch(/no tables yet, this wattlog needs \d+: run `wattlog migrate` first/);
    });
  });
});
