// Bulk writes on Postgres: one prepared statement for each table and kind, whatever the number of rows: a column is one
// array parameter, which `unnest` turns into rows. Nothing here waits for an answer: the transaction's end does.
import { columnsOf } from "./schema.ts";
import { ArrayEncoder, arrayTypeOf, type ArrayType } from "./postgres-arrays.ts";
import type { PostgresSession } from "./postgres-connection.ts";
import type { KeyOf } from "./store.ts";
import { asStored } from "./text.ts";
import { primaryKeys, type PositionRow, type TableName, type Tables } from "./tables.ts";

/** Some megabytes a statement with the largest rows there are; the position moves with the last of them all the same. */
const rowsPerStatement = 4_096;

interface Compiled {
  readonly name: string;
  readonly sql: string;
  readonly columns: readonly (readonly [name: string, type: ArrayType])[];
  readonly keys: readonly string[];
}

type Kind = "upsert" | "insert" | "add" | "remove";

const compiled = new Map<string, Compiled>();
const encoder = new ArrayEncoder();

export function upsertRows<Name extends TableName>(
  session: PostgresSession,
  table: Name,
  rows: readonly Tables[Name][],
): void {
  const statement = statementOf(table, "upsert");
  // One statement may not change a row twice.
  run(session, statement, lastOfEachKey(statement.keys, plain(rows)));
}

export function insertNewRows<Name extends TableName>(
  session: PostgresSession,
  table: Name,
  rows: readonly Tables[Name][],
): void {
  run(session, statementOf(table, "insert"), plain(rows));
}

/** Rows that are new for certain: a third cheaper for the server. One that exists fails the transaction (`isTaken`). */
export function addRows<Name extends TableName>(
  session: PostgresSession,
  table: Name,
  rows: readonly Tables[Name][],
): void {
  run(session, statementOf(table, "add"), plain(rows));
}

export function removeRows<Name extends TableName>(
  session: PostgresSession,
  table: Name,
  keys: readonly KeyOf<Name>[],
): void {
  run(session, statementOf(table, "remove"), plain(keys));
}

const places = ["role", "topic", "partition", "generation", "next", "fingerprint", "table_set"] as const;
const moving = ["next", "fingerprint", "applied", "skipped", "quarantined", "parked", "log_time"] as const;

/**
 * Each row from exactly `from` to `to`; where one does not stand there, the transaction fails (`isNotMoved`): a division by
 * zero is how a statement can fail by what it found, so that nobody has to wait for its answer before the commit.
 */
export function moveRows(
  session: PostgresSession,
  moves: readonly { readonly from: PositionRow; readonly to: PositionRow }[],
): void {
  if (moves.length === 0) return;
  const columns = columnsOf("position");
  const encoded = (side: "from" | "to", names: readonly string[]) =>
    names.map((name) => {
      const rows = plain(moves.map((move) => move[side]));
      return encoder.encode(arrayTypeOf(columns[name]!), name, rows);
    });
  session.post(moveSql(), [...encoded("from", places), ...encoded("to", moving)], "wattlog_move");
}

function moveSql(): string {
  const columns = columnsOf("position");
  const arrays = [...places, ...moving].map((name, index) => `$${index + 1}::${arrayTypeOf(columns[name]!)}[]`);
  const names = [...places.map((name) => `from_${name}`), ...moving.map((name) => `to_${name}`)];
  return `with
    asked as (select * from unnest(${arrays.join(", ")}) as a(${names.join(", ")})),
    moved as (update "position" p set ${moving.map((name) => `"${name}" = to_${name}`).join(", ")} from asked
      where p.role = from_role and p.topic = from_topic and p.partition = from_partition
      and p.generation = from_generation
      and p.next = from_next
      and p.fingerprint = from_fingerprint
      and p.table_set = from_table_set
      returning 1)
    select 1 / (case when (select count(*) from moved) = (select count(*) from asked) then 1 else 0 end)`;
}

type PlainRow = Readonly<Record<string, unknown>>;

function plain(rows: readonly object[]): readonly PlainRow[] {
  return rows as readonly PlainRow[];
}

function statementOf(table: TableName, kind: Kind): Compiled {
  const name = `wattlog_${kind}_${table}`;
  const known = compiled.get(name);
  if (known) return known;
  const made = compile(table, kind, name);
  compiled.set(name, made);
  return made;
}

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

function run(session: PostgresSession, { sql, name, columns }: Compiled, rows: readonly PlainRow[]): void {
  for (let at = 0; at < rows.length; at += rowsPerStatement) {
    const some = rows.length <= rowsPerStatement ? rows : rows.slice(at, at + rowsPerStatement);
    const values = columns.map(([column, type]) => encoder.encode(type, column, some));
    session.post(sql, values, name);
  }
}

function compile(table: TableName, kind: Kind, name: string): Compiled {
  const keys: readonly string[] = primaryKeys[table];
  const all = Object.entries(columnsOf(table)).map(([column, of]) => [column, arrayTypeOf(of)] as const);
  const columns = kind === "remove" ? all.filter(([column]) => keys.includes(column)) : all;
  const arrays = columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(", ");
  const names = listed(columns.map(([column]) => column));
  if (kind === "remove") {
    const sql = `delete from "${table}" where (${names}) in (select * from unnest(${arrays}))`;
    return { name, sql, columns, keys };
  }
  const others = columns.filter(([column]) => !keys.includes(column)).map(([column]) => column);
  const replaced = others.map((column) => `"${column}" = excluded."${column}"`).join(", ");
  const onConflict = {
    upsert: ` on conflict (${listed(keys)}) do update set ${replaced}`,
    insert: ` on conflict (${listed(keys)}) do nothing`,
    add: "",
  }[kind];
  const sql = `insert into "${table}" (${names}) select * from unnest(${arrays})${onConflict}`;
  return { name, sql, columns, keys };
}

function listed(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(", ");
}
