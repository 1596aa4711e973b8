// Rule L4 across adapters: the same rows give the same checksums on SQLite and on Postgres, whatever a station wrote
// into them, so that tables may be compared with a rebuild in the other store.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { postgresDatabase } from "../../test/harness/postgres.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { checksumTables, tableChecksums, type ChecksumTable } from "./checksum.ts";
import { columnsOf, type ColumnKind } from "./schema.ts";
import { openPostgresStore } from "./store-postgres.ts";
import { openSqliteStore } from "./store-sqlite.ts";
import { stateRow } from "./rows.test-helper.ts";
import type { Store } from "./store.ts";
import { primaryKeys, type Tables } from "./tables.ts";

let missing: string | undefined;
let database: Awaited<ReturnType<typeof postgresDatabase>>;
let folder: string;
let stores: readonly [Store, Store];

beforeAll(async () => {
  const found = await serversForTests(["postgres"]);
  missing = found.missing;
  if (missing !== undefined) return;
  database = await postgresDatabase(found.servers.postgres!.url);
  folder = mkdtempSync(join(tmpdir(), "wattlog-alike-"));
  stores = [openSqliteStore(folder), openPostgresStore({ url: database.url })];
  for (const store of stores) await store.migrate();
}, 120_000);

afterAll(async () => {
  if (missing !== undefined) return;
  for (const store of stores) await store.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ maxLength: 8 }),
  fc.constantFrom("", "a", "B", "ä", "a\0b", "\ud800", "null", "\\", '"', "{}", "\\x00", "😀", "\uffee"),
);

function valueOf(kind: ColumnKind): fc.Arbitrary<unknown> {
  const plain: fc.Arbitrary<unknown> = kind.startsWith("text")
    ? text
    : kind === "blob"
      ? fc.uint8Array({ maxLength: 40 })
      : fc.oneof(fc.integer({ min: 0, max: 9 }), fc.maxSafeInteger());
  return kind.endsWith("?") ? fc.option(plain, { freq: 3 }) : plain;
}

type PlainRow = Record<string, unknown>;

function rowsOf(table: ChecksumTable): fc.Arbitrary<PlainRow[]> {
  const columns = Object.entries(columnsOf(table)).map(([name, kind]) => [name, valueOf(kind)] as const);
  const row = fc.record({ ...Object.fromEntries(columns), table_set: fc.constant(1), partition: fc.nat(2) });
  return fc.array(row, { maxLength: 12 });
}

const write = (store: Store, table: ChecksumTable, rows: readonly PlainRow[], kind: "upsert" | "insertNew") =>
  store.transaction((tx) => tx[kind](table, rows as unknown as Tables[ChecksumTable][]));

async function empty(): Promise<void> {
  for (const store of stores) {
    await store.transaction(async (tx) => {
      for (const table of checksumTables) await tx.db.deleteFrom(table).execute();
    });
  }
}

const sums = (store: Store, partition?: number) => store.snapshot((db) => tableChecksums(db, 1, partition));

test("rows of every table, with whatever text, numbers and bytes, written twice over each other", async () => {
  const fleets = fc.record(Object.fromEntries(checksumTables.map((table) => [table, rowsOf(table)])));
  await fc.assert(
    fc.asyncProperty(fleets, fleets, async (first, second) => {
      await empty();
      for (const store of stores) {
        for (const table of checksumTables) {
          await write(store, table, first[table]!, "upsert");
          await write(store, table, second[table]!, "insertNew");
          await write(store, table, first[table]!.slice(0, 3).toReversed(), "upsert");
        }
      }
      const [sqlite, postgres] = [await sums(stores[0]), await sums(stores[1])];
      expect(postgres).toEqual(sqlite);
      expect(await sums(stores[1], 1)).toEqual(await sums(stores[0], 1));
    }),
    { numRuns: 40 },
  );
}, 120_000);

test("keys of more rows than a page holds, in an order that no language has", async () => {
  await empty();
  const rows = Array.from({ length: 5_000 }, (_, i) =>
    stateRow({
      station: `${["a", "B", "_", "-", "ä", "Z", "😀", "."][i % 8]}${(i * 7_919) % 5_000}`,
      partition: i % 3,
    }),
  );
  for (const store of stores) await store.transaction((tx) => tx.upsert("station_state", rows));
  const [sqlite, postgres] = [await sums(stores[0]), await sums(stores[1])];
  expect(sqlite.station_state.rows).toBe(5_000);
  expect(postgres).toEqual(sqlite);
});

test("one changed value in the other store is seen", async () => {
  await empty();
  for (const [at, store] of stores.entries()) {
    await store.transaction((tx) => tx.upsert("station_state", [stateRow({ due_at: at })]));
  }
  expect((await sums(stores[1])).station_state).not.toEqual((await sums(stores[0])).station_state);
  expect(primaryKeys.station_state).toContain("station");
});
