// Rule L4: two table sets are alike when these are. One pass over each table in the order of its key, a page at a
// time, so that a table larger than memory works on both dialects.
import { createHash, type Hash } from "node:crypto";
import { sql, type Kysely, type RawBuilder } from "kysely";

import { derivedTables, primaryKeys, type DerivedTable, type Schema } from "./tables.ts";

export interface TableChecksum {
  readonly rows: number;
  /** Hex. */
  readonly sha256: string;
}

/** The outbox is how far a relay has come, not what the log says: the new set of a rebuild never fills it. */
export type ChecksumTable = Exclude<DerivedTable, "outbox">;

const pageRows = 2000;

export const checksumTables = Object.keys(derivedTables).filter((t): t is ChecksumTable => t !== "outbox");

/**
 * Of every derived table's rows in one set, without the set's number; of one partition where it is given. Take it in
 * a snapshot: pages of a table that changes meanwhile do not belong together.
 */
export async function tableChecksums(
  db: Kysely<Schema>,
  tableSet: number,
  partition?: number,
): Promise<Record<ChecksumTable, TableChecksum>> {
  const sums: Partial<Record<ChecksumTable, TableChecksum>> = {};
  for (const table of checksumTables) sums[table] = await checksumOf(db, table, tableSet, partition);
  return sums as Record<ChecksumTable, TableChecksum>;
}

/** Which set of which partition: of one role, for the tables that are its own. */
export type SetsOfPartitions = ReadonlyMap<number, number>;

/**
 * The same of each partition by itself, in one pass over each table.
 * @param sets what to look at, by role
 * @returns by `table/partition`, also where there are no rows
 */
export async function partitionChecksums(
  db: Kysely<Schema>,
  sets: Readonly<Record<(typeof derivedTables)[DerivedTable], SetsOfPartitions>>,
): Promise<Map<string, TableChecksum>> {
  const sums = new Map<string, TableChecksum>();
  for (const table of checksumTables) {
    const of = sets[derivedTables[table]];
    const parts = new Map([...of].map(([partition, set]) => [partition, { set, hash: createHash("sha256"), rows: 0 }]));
    for await (const row of rowsOf(db, table, [...new Set(of.values())])) {
      const part = parts.get(row["partition"] as number);
      if (!part || part.set !== row["table_set"]) continue;
      hashRow(part.hash, row);
      part.rows += 1;
    }
    for (const [partition, { hash, rows }] of parts) {
      sums.set(`${table}/${partition}`, { rows, sha256: hash.digest("hex") });
    }
  }
  return sums;
}

/** In the order of their keys. */
async function* rowsOf(db: Kysely<Schema>, table: ChecksumTable, sets: readonly number[]): AsyncGenerator<Row> {
  if (sets.length === 0) return;
  const key = primaryKeys[table].filter((column) => column !== "table_set");
  const some = sql`table_set in (${sql.join(sets)})`;
  let after: Row | undefined;
  do {
    const page = await readPage(db, table, some, [...key, "table_set"], after);
    yield* page;
    after = page.length < pageRows ? undefined : page.at(-1);
  } while (after);
}

type Row = Readonly<Record<string, unknown>>;

async function checksumOf(
  db: Kysely<Schema>,
  table: ChecksumTable,
  tableSet: number,
  partition: number | undefined,
): Promise<TableChecksum> {
  const hash = createHash("sha256");
  const key = primaryKeys[table].filter((column) => column !== "table_set");
  const only = partition === undefined ? sql`` : sql`and partition = ${partition}`;
  const which = sql`table_set = ${tableSet} ${only}`;
  let rows = 0;
  let after: Row | undefined;
  for (;;) {
    const page: readonly Row[] = await readPage(db, table, which, key, after);
    for (const row of page) hashRow(hash, row);
    rows += page.length;
    after = page.at(-1);
    if (!after || page.length < pageRows) return { rows, sha256: hash.digest("hex") };
  }
}

async function readPage(
  db: Kysely<Schema>,
  table: ChecksumTable,
  which: RawBuilder<unknown>,
  key: readonly string[],
  after: Row | undefined,
): Promise<readonly Row[]> {
  const columns = sql.join(key.map((column) => sql.ref(column)));
  const past = after ? sql`and (${columns}) > (${sql.join(key.map((column) => after[column]))})` : sql``;
  const page = await sql<Row>`select * from ${sql.table(table)} where ${which} ${past}
    order by ${columns} limit ${sql.lit(pageRows)}`.execute(db);
  return page.rows;
}

/** Columns by name; each value with its kind and length, so that no two rows read alike. */
function hashRow(hash: Hash, row: Row): void {
  let text = "";
  for (const column of Object.keys(row).sort()) {
    if (column === "table_set") continue;
    const value = row[column];
    if (value instanceof Uint8Array) {
      hash.update(`${text}${column}:b${value.length}:`).update(value);
      text = ";";
    } else text += `${column}:${scalar(value)};`;
  }
  hash.update(`${text}\n`);
}

function scalar(value: unknown): string {
  if (value === null) return "n";
  if (typeof value === "number" || typeof value === "bigint") return `i${value}`;
  if (typeof value === "string") return `s${value.length}:${value}`;
  throw new TypeError(`A column holds a ${typeof value}, which no table has.`);
}
