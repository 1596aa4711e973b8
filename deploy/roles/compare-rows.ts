// Where a table differs from its rebuild: the first rows that do, by key, and what is different in them.
import type { Kysely } from "kysely";

import type { ChecksumTable } from "../../core/store/checksum.ts";
import { primaryKeys, type Schema } from "../../core/store/tables.ts";

type Row = Readonly<Record<string, unknown>>;

/** One side of a comparison: which rows. */
export interface Side {
  readonly db: Kysely<Schema>;
  readonly tableSet: number;
}

const mostRows = 200_000;
const shownChars = 60;

/** @returns one sentence a row, at most `most`; none where there are too many rows to look at in memory. */
export async function differingRows(
  table: ChecksumTable,
  partition: number,
  live: Side,
  rebuilt: Side,
  most: number,
): Promise<readonly string[]> {
  const [before, after] = [await rowsOf(live, table, partition), await rowsOf(rebuilt, table, partition)];
  if (!before || !after) return [];
  const sentences: string[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const difference = differenceOf(before.get(key), after.get(key));
    if (difference) sentences.push(`${table} ${key}: ${difference}`);
    if (sentences.length === most) break;
  }
  return sentences;
}

async function rowsOf({ db, tableSet }: Side, table: ChecksumTable, partition: number) {
  // The key and the columns are those of `table`, whichever it is.
  const rows: readonly Row[] = await db
    .selectFrom(table as "station_state")
    .selectAll()
    .where("table_set", "=", tableSet)
    .where("partition", "=", partition)
    .limit(mostRows + 1)
    .execute();
  if (rows.length > mostRows) return undefined;
  const columns = primaryKeys[table].filter((column) => column !== "table_set");
  return new Map(rows.map((row) => [columns.map((column) => String(row[column])).join(" "), row]));
}

function differenceOf(live: Row | undefined, rebuilt: Row | undefined): string | undefined {
  if (!live) return "comes from the log and is not live";
  if (!rebuilt) return "is live and does not come from the log";
  const different = Object.keys(live).flatMap((column) => {
    if (column === "table_set") return [];
    const said = differenceOfValues(live[column], rebuilt[column]);
    return said === undefined ? [] : [`${column} ${said}`];
  });
  return different.length === 0 ? undefined : different.join("; ");
}

function differenceOfValues(live: unknown, rebuilt: unknown): string | undefined {
  if (live instanceof Uint8Array && rebuilt instanceof Uint8Array) {
    const [a, b] = [Buffer.from(live), Buffer.from(rebuilt)];
    if (a.equals(b)) return undefined;
    const at = a.findIndex((byte, index) => byte !== b[index]);
    const from = Math.max(0, (at < 0 ? a.length : at) - 8);
    const show = (bytes: Buffer) => bytes.subarray(from, from + shownChars / 2).toString("hex");
    return `has ${a.length} bytes live and ${b.length} from the log; from byte ${from} ${show(a)} and ${show(b)}`;
  }
  if (live === rebuilt) return undefined;
  const show = (value: unknown) => String(value).slice(0, shownChars);
  return `is ${show(live)} live and ${show(rebuilt)} from the log`;
}
