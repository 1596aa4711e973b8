import { createServer, type AddressInfo } from "node:net";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { postgresDatabase, postgresSchema, runSql, type PostgresSchema } from "../../test/harness/postgres.ts";
import { serversForTests, type ServersOrReason } from "../../tools/servers/ensure.ts";
import { isWattlogError, messageOf } from "../runtime/errors.ts";
import { requireSchema, schemaVersion } from "./migrations.ts";
import { openPostgresStore } from "./store-postgres.ts";
import { positionRow, sessionRow, stateRow, storeContract, type StoreHarness } from "./store.contract.ts";
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

storeContract("postgres", () => postgres(serverUrl));
storeContract("postgres, in a database that orders text as people do", () => postgres(localised.url));

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

  test("a migration by many processes at once happens once", async () => {
    const fresh = await postgresSchema(serverUrl);
    const many = Array.from({ length: 6 }, () => openPostgresStore({ url: fresh.url }));
    await Promise.all(many.map((one) => one.migrate()));
    expect(await fresh.query("select version from schema_version")).toEqual([{ version: schemaVersion }]);
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
      await schema.query("update schema_version set version = 0");
      expect(await refused()).toMatch(/run `wattlog migrate` first/);
      await schema.query(`update schema_version set version = ${schemaVersion + 1}`);
      expect(await refused()).toMatch(/run the newer wattlog/);
      await expect(store.migrate()).rejects.toSatisfy((error) => isWattlogError(error, "store/schema"));
      await schema.query("drop table schema_version");
      expect(await refused()).toMatch(/no tables yet, this wattlog needs 1: run `wattlog migrate` first/);
    });
  });
});

describe("what is wrong with DATABASE_URL or the server is said in one sentence, and soon", () => {
  async function refusal(url: string, code = "store/unavailable"): Promise<string> {
    const store = openPostgresStore({ url, limits: { connectMs: 500 } });
    const error: unknown = await store.migrate().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await store.close();
    if (!isWattlogError(error)) throw new Error("it was not refused as it should be", { cause: error });
    expect(error.code).toBe(code);
    expect(error.message).not.toContain("\n");
    return error.message;
  }
  const changed = (change: (url: URL) => void): string => {
    const url = new URL(serverUrl);
    change(url);
    return url.href;
  };

  test("a wrong password", async () => {
    const sentence = await refusal(changed((url) => (url.password = "hunter2")));
    expect(sentence).toMatch(/does not accept the password of wattlog: correct it in DATABASE_URL/);
    expect(sentence).not.toContain("hunter2");
  });

  test("a database that is not there", async () => {
    expect(await refusal(changed((url) => (url.pathname = "/nowhere")))).toMatch(/no database nowhere: create it/);
  });

  test("nobody listens; the host is unknown; the server says nothing", async () => {
    expect(await refusal(changed((url) => (url.port = "1")))).toMatch(/cannot be used now.*ECONNREFUSED/);
    expect(await refusal(changed((url) => (url.hostname = "nowhere.invalid")))).toMatch(
      /nowhere\.invalid.*cannot be used/,
    );
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const started = performance.now();
    expect(await refusal(changed((url) => (url.port = String(port))))).toMatch(/cannot be used now/);
    expect(performance.now() - started).toBeLessThan(3_000);
    silent.close();
  });

  test("an address that is none", async () => {
    for (const url of ["", "localhost", "mysql://a:b@c/d", "postgres://user:secret@host:5432"]) {
      expect(() => openPostgresStore({ url })).toThrow(
        /^DATABASE_URL must be postgres:\/\/user:password@host:port\/database\.$/,
      );
    }
  });

  test("a user without rights; a user without a connection left", async () => {
    const database = await postgresDatabase(serverUrl);
    const role = `r_${database.url.slice(-8)}`;
    await runSql(database.url, `create role ${role} login password 'p'; revoke all on schema public from public`);
    const as = new URL(database.url);
    [as.username, as.password] = [role, "p"];
    expect(await refusal(as.href)).toMatch(/has no schema in the database .* to put tables into/);
    await runSql(serverUrl, `alter role ${role} connection limit 0`);
    expect(await refusal(as.href)).toMatch(/no connection left: raise its max_connections/);
    await database.drop();
    await runSql(serverUrl, `drop role ${role}`);
  });

  test("a database that cannot hold every name; one that is read-only", async () => {
    const ascii = await postgresDatabase(serverUrl, "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'");
    expect(await refusal(ascii.url, "store/schema")).toMatch(/encoding is SQL_ASCII.*UTF8/);
    await ascii.drop();
    const standby = changed((url) => url.searchParams.set("options", "-c default_transaction_read_only=on"));
    expect(await refusal(standby)).toMatch(/read-only: DATABASE_URL must lead to the primary/);
  });
});
