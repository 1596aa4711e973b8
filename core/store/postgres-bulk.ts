// Bulk writes on Postgres: one prepared statement for each table and kind, whatever the number of rows: a column is one
// array parameter, which `unnest` turns into rows. Nothing here waits for an answer: the transaction's end does.
import { columnsOf } from "./schema.ts";
import { ArrayEncoder, arrayTypeOf, type ArrayType } from "./postgres-arrays.ts";
import type { PostgresSession } from "./postgres-connection.ts";
import { asStored } from "./text.ts";
import { primaryKeys, type TableName, type Tables } from "./tables.ts";

/** Some megabytes a statement with the largest rows there are; the position moves with the last of them all the same. */
const rowsPerStatement = 4_096;

interface Compiled {
  readonly name: string;
  readonly sql: string;
  readonly columns: readonly (readonly [name: string, type: ArrayType])[];
  readonly keys: readonly string[];
}

const upserts = new Map<TableName, Compiled>();
const inserts = new Map<TableName, Compiled>();
const encoder = new ArrayEncoder();

export function upsertRows<Name extends TableName>(
  session: PostgresSession,
  table: Name,
  rows: readonly Tables[Name][],
): void {
  const compiled = upserts.get(table) ?? compile(table, "upsert");
  upserts.set(table, compiled);
  // One statement may not change a row twice.
  run(session, compiled, lastOfEachKey(compiled.keys, rows as readonly object[] as readonly PlainRow[]));
}

export function insertNewRows<Name extends TableName>(
  session: PostgresSession,
  table: Name,
  rows: readonly Tables[Name][],
): void {
  const compiled = inserts.get(table) ?? compile(table, "insert");
  inserts.set(table, compiled);
  run(session, compiled, rows as readonly object[] as readonly PlainRow[]);
}

type PlainRow = Readonly<Record<string, unknown>>;

function lastOfEachKey(keys: readonly string[], rows: readonly PlainRow[]): readonly PlainRow[] {
  if (rows.length < 2) return rows;
  const byKey = new Map<string, PlainRow>();
  for (const row of rows) {
    let key = "";
    for (const column of keys) key += `${asStored(String(row[column]))}\0`;
    byKey.set(key, row);
  }
  return byKey.size === rows.length ? rows : [...byKey.values()];
}

function run(session: PostgresSession, compiled: Compiled, rows: readonly PlainRow[]): void {
  for (let at = 0; at < rows.length; at += rowsPerStatement) {
    const some = rows.length <= rowsPerStatement ? rows : rows.slice(at, at + rowsPerStatement);
    const values = compiled.columns.map(([column, type]) => encoder.encode(type, column, some));
    session.post(compiled.sql, values, compiled.name);
  }
}

function compile(table: TableName, kind: "upsert" | "insert"): Compiled {
  const columns = Object.entries(columnsOf(table)).map(([name, of]) => [name, arrayTypeOf(of)] as const);
  const keys: readonly string[] = primaryKeys[table];
  const names = columns.map(([name]) => `"${name}"`).join(", ");
  const arrays = columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(", ");
  const others = columns.filter(([name]) => !keys.includes(name)).map(([name]) => `"${name}" = excluded."${name}"`);
  const act = kind === "upsert" ? `do update set ${others.join(", ")}` : "do nothing";
  const target = keys.map((key) => `"${key}"`).join(", ");
  const sql = `insert into "${table}" (${names}) select * from unnest(${arrays}) on conflict (${target}) ${act}`;
  return { name: `wattlog_${kind}_${table}`, sql, columns, keys };
}
