// The schema, version by version, written once for SQLite and Postgres. A version that was released is never edited:
// what changes goes into the next one.
import { sql, type CreateTableBuilder, type Kysely } from "kysely";

import { packBundle } from "../records/bundle.ts";
import { WattlogError } from "../runtime/errors.ts";
import { indexesOfVersion1, tablesOfVersion1 } from "./schema-version-1.ts";
import { indexesOfVersion2, tablesOfVersion2 } from "./schema-version-2.ts";
import { tablesOfVersion3 } from "./schema-version-3.ts";
import { tablesOfVersion5 } from "./schema-version-5.ts";
import { joinReadings, tablesOfVersion6 } from "./schema-version-6.ts";
import { indexesOfVersion8, sessionsByEnd, tablesOfVersion8 } from "./schema-version-8.ts";
import { indexesOfVersion9, tablesOfVersion9 } from "./schema-version-9.ts";
import { indexesOfVersion10, intervalsOfFaults, tablesOfVersion10 } from "./schema-version-10.ts";
import type { ColumnKind } from "./schema.ts";
import type { Store } from "./store.ts";
import { derivedTables, primaryKeys, type DerivedTable, type Schema, type TableName } from "./tables.ts";

type Dialect = Store["dialect"];

/** Schema-building goes past the checked types: the tables come to be in it. */
type Builder = Kysely<Schema>;

interface Migration {
  readonly version: number;
  readonly apply: (db: Builder, dialect: Dialect) => Promise<void>;
}

const migrations: readonly Migration[] = [
  {
    version: 1,
    async apply(db, dialect) {
      await createTables(db, dialect, tablesOfVersion1);
      await createIndexes(db, indexesOfVersion1);
      for (const table of derivedOf(tablesOfVersion1)) await createLiveView(db, table);
    },
  },
  {
    version: 2,
    async apply(db, dialect) {
      await createTables(db, dialect, tablesOfVersion2);
      await createIndexes(db, indexesOfVersion2);
      for (const table of derivedOf(tablesOfVersion2)) await createLiveView(db, table);
    },
  },
  {
    version: 3,
    apply: (db, dialect) => createTables(db, dialect, tablesOfVersion3),
  },
  { version: 4, apply: rewriteInPlace },
  { version: 5, apply: bundleOutbox },
  { version: 6, apply: shareRows },
  { version: 7, apply: indexUnfinishedSessions },
  {
    version: 8,
    async apply(db, dialect) {
      await createTables(db, dialect, tablesOfVersion8);
      await createIndexes(db, indexesOfVersion8);
      await sql.raw(sessionsByEnd).execute(db);
      for (const table of derivedOf(tablesOfVersion8)) await createLiveView(db, table);
    },
  },
  {
    version: 9,
    async apply(db, dialect) {
      await createTables(db, dialect, tablesOfVersion9);
      await createIndexes(db, indexesOfVersion9);
    },
  },
  {
    version: 10,
    async apply(db, dialect) {
      await createTables(db, dialect, tablesOfVersion10);
      await createIndexes(db, indexesOfVersion10);
      await sql.raw(intervalsOfFaults).execute(db);
      for (const table of derivedOf(tablesOfVersion10)) await createLiveView(db, table);
    },
  },
  {
    version: 11,
    async apply(db) {
      await sql`alter table ocpi_push add column body text`.execute(db);
    },
  },
];

/**
 * Sessions that have not ended, or have no CDR, are counted for metrics every few seconds, of all that there ever were. Only
 * columns that change once or twice are in these, so that rows are rewritten in place as before.
 */
async function indexUnfinishedSessions(db: Builder): Promise<void> {
  await sql`create index if not exists session_active on session (started_at) where ended_at is null`.execute(db);
  await sql`create index if not exists session_without_cdr on session (ended_at) where ended_at is not null and cdr_id is null`.execute(
    db,
  );
}

async function shareRows(db: Builder, dialect: Dialect): Promise<void> {
  await sql`drop view live_meter_value`.execute(db);
  await sql`alter table meter_value rename to meter_value_1`.execute(db);
  // On Postgres its name would be taken.
  if (dialect === "postgres") {
    await sql`alter table meter_value_1 rename constraint meter_value_key to meter_value_1_key`.execute(db);
  }
  await createTables(db, dialect, tablesOfVersion6);
  await joinReadings(db);
  await sql`drop table meter_value_1`.execute(db);
  await createLiveView(db, "meter_value");
}

interface EventOfVersion1 {
  readonly table_set: number;
  readonly partition: number;
  readonly sequence: number;
  readonly party: string;
  readonly station: string;
  readonly event: Uint8Array;
}

/** What waits goes on waiting: each event becomes a bundle of one. */
async function bundleOutbox(db: Builder, dialect: Dialect): Promise<void> {
  const waiting = await sql<EventOfVersion1>`select * from outbox`.execute(db);
  await sql`drop view live_outbox`.execute(db);
  await sql`drop table outbox`.execute(db);
  await createTables(db, dialect, tablesOfVersion5);
  await createLiveView(db, "outbox");
  // Postgres would try to compress what is larger than a page's share, on every write and in vain.
  if (dialect === "postgres") await sql`alter table outbox alter column events set storage external`.execute(db);
  for (const { table_set, partition, sequence, party, station, event } of waiting.rows) {
    const events = packBundle([{ key: `${party}/${station}`, value: event }]);
    await db.insertInto("outbox").values({ table_set, partition, sequence, count: 1, events }).execute();
  }
}

/**
 * Rows that nearly every batch writes again stay where they are on Postgres, and their indexes are left alone: no index on
 * what always changes, and room on each page for the next version of its rows.
 */
async function rewriteInPlace(db: Builder, dialect: Dialect): Promise<void> {
  await sql`drop index if exists session_by_party_last_updated`.execute(db);
  if (dialect !== "postgres") return;
  for (const table of ["position", "station_state", "frame_index", "chain", "station", "connector", "session"]) {
    await sql`alter table ${sql.table(table)} set (fillfactor = 50)`.execute(db);
  }
}

function derivedOf(tables: Readonly<Record<string, unknown>>): DerivedTable[] {
  return (Object.keys(derivedTables) as DerivedTable[]).filter((table) => table in tables);
}

export const schemaVersion = migrations.at(-1)!.version;

/**
 * Inside a transaction. Idempotent.
 * @throws WattlogError `store/schema` when the tables come from a newer wattlog.
 */
export async function migrateSchema(db: Builder, dialect: Dialect): Promise<void> {
  await sql`create table if not exists schema_version (version integer primary key)`.execute(db);
  const current = await versionOf(db, dialect);
  if (current > schemaVersion) throw newerSchema(current);
  for (const { version, apply } of migrations) {
    if (version <= current) continue;
    await apply(db, dialect);
    await sql`insert into schema_version (version) values (${version})`.execute(db);
  }
}

/**
 * For a role that must not change the tables itself.
 * @throws WattlogError `store/schema` when they are not of this very version.
 */
export async function requireSchema(db: Builder, dialect: Dialect): Promise<void> {
  const current = await versionOf(db, dialect);
  if (current > schemaVersion) throw newerSchema(current);
  if (current === schemaVersion) return;
  const found = current === 0 ? "There are no tables yet" : `The tables have schema version ${current}`;
  throw new WattlogError(
    "store/schema",
    `${found}, this wattlog needs ${schemaVersion}: run \`wattlog migrate\` first.`,
  );
}

async function versionOf(db: Builder, dialect: Dialect): Promise<number> {
  const table = await (
    dialect === "postgres"
      ? sql<{ name: string | null }>`select to_regclass('schema_version')::text as name`
      : sql<{ name: string }>`select name from sqlite_schema where type = 'table' and name = 'schema_version'`
  ).execute(db);
  if (!table.rows[0]?.name) return 0;
  const found = await sql<{ version: number | null }>`select max(version) as version from schema_version`.execute(db);
  return found.rows[0]?.version ?? 0;
}

function newerSchema(found: number): WattlogError {
  return new WattlogError(
    "store/schema",
    `The tables have schema version ${found}, this wattlog knows ${schemaVersion}: run the newer wattlog that made ` +
      "them, or put back a backup from before its first start.",
  );
}

/**
 * Text of Postgres is compared byte by byte, as SQLite does: else keys, cursors and checksums would follow the
 * database's locale. Its `integer` ends at 2^31, SQLite's does not: an EVSE number out of a frame may be larger.
 */
function dataType(kind: ColumnKind, dialect: Dialect) {
  const plain = kind.replace("?", "") as "text" | "integer" | "bigint" | "blob";
  if (dialect === "sqlite") return plain;
  return ({ text: sql`text collate "C"`, integer: "bigint", bigint: "bigint", blob: "bytea" } as const)[plain];
}

type Columns = Readonly<Record<string, ColumnKind>>;

async function createTables(db: Builder, dialect: Dialect, tables: Readonly<Record<string, Columns>>): Promise<void> {
  for (const table of Object.keys(tables)) await createTable(db, dialect, table as TableName, tables[table]!);
}

async function createTable(db: Builder, dialect: Dialect, table: TableName, columns: Columns): Promise<void> {
  let builder: CreateTableBuilder<string, string> = db.schema.createTable(table);
  for (const [column, kind] of Object.entries(columns)) {
    builder = builder.addColumn(column, dataType(kind, dialect), (c) => (kind.endsWith("?") ? c : c.notNull()));
  }
  await builder.addPrimaryKeyConstraint(`${table}_key`, keyOrder(table)).execute();
}

async function createIndexes(
  db: Builder,
  tables: Readonly<Record<string, readonly (readonly string[])[]>>,
): Promise<void> {
  for (const [table, indexes] of Object.entries(tables)) {
    for (const columns of indexes) {
      const name = `${table}_by_${columns.join("_")}`;
      await db.schema
        .createIndex(name)
        .on(table)
        .columns([...columns])
        .execute();
    }
  }
}

/**
 * The set comes last: a reader knows an id and not the set, which differs by partition, and so finds it by the front
 * of the key. The two tables that are only read in order of the log keep the set in front.
 */
function keyOrder(table: TableName): string[] {
  const key: readonly string[] = primaryKeys[table];
  if (table === "outbox" || table === "parked" || !key.includes("table_set")) return [...key];
  return [...key.filter((column) => column !== "table_set"), "table_set"];
}

const topicOf = { processor: "ocpp.frames.g%", projector: "charging.events.g%" } as const;

/** Rule B1: the rows of each partition's active set, which its position row of the highest generation names. */
async function createLiveView(db: Builder, table: DerivedTable): Promise<void> {
  const role = derivedTables[table];
  await sql`create view ${sql.table(`live_${table}`)} as select t.* from ${sql.table(table)} t where t.table_set =
    (select p.table_set from position p where p.role = ${sql.lit(role)} and p.partition = t.partition
     and p.topic like ${sql.lit(topicOf[role])} order by p.generation desc limit 1)`.execute(db);
}
