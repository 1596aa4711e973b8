// Rule B5: what a log that was restored, or is a copy that ended before, does not hold any more, though the tables knew of it.
// Kept in the database, in pages, until somebody removes it: the tables that it was found in are gone after the rebuild.
import type { Kysely } from "kysely";

import type { StoreTransaction } from "../../core/store/store.ts";
import type { Schema } from "../../core/store/tables.ts";

/**
 * - `frames`: records of one source (a connection, or a process of the cluster), by their frame ids `source/sequence` (rule I2).
 * - `records`: where a station lost another number of records than its frame ids name.
 * - `session`, `cdr`, `cdrReview`, `command`: rows that are gone, or say something else now.
 * - `quarantine`: what was held of a record that is gone.
 * - `events`: a station whose events outlived the frames that they came from; they stand.
 * - `stopped`: a station whose events do not follow one another any more (rule F5): its rows stand still.
 * - `registry`: a change of the registry.
 */
export type LostKind =
  | "frames"
  | "records"
  | "session"
  | "cdr"
  | "cdrReview"
  | "command"
  | "quarantine"
  | "events"
  | "stopped"
  | "registry";

export interface LostItem {
  readonly party: string;
  /** "": of no station. */
  readonly station: string;
  readonly kind: LostKind;
  /** Of frames the first frame id, of all else the id that people know it by. */
  readonly id: string;
  /** A JSON object: what was, and what is where that is something else. */
  readonly what: Readonly<Record<string, unknown>>;
}

/** One restore. */
export interface LostList {
  /** When it was made, epoch ms; its name. */
  readonly at: number;
  readonly items: readonly LostItem[];
}

const itemsPerPage = 500;
const prefix = "lost/";
/** So that names are in the order of their pages. */
const pageDigits = 8;

/** Within the transaction that says that it was made, so that it is there once and whole. */
export async function keepLost(tx: StoreTransaction, at: number, items: readonly LostItem[]): Promise<void> {
  const rows = [];
  for (let from = 0, page = 0; from < items.length || page === 0; from += itemsPerPage, page++) {
    const name = `${prefix}${at}/${String(page).padStart(pageDigits, "0")}`;
    rows.push({ name, value: JSON.stringify(items.slice(from, from + itemsPerPage)) });
  }
  await tx.upsert("fact", rows);
}

/** The oldest first. */
export async function readLost(db: Kysely<Schema>): Promise<readonly LostList[]> {
  const rows = await db.selectFrom("fact").selectAll().where("name", "like", `${prefix}%`).orderBy("name").execute();
  const lists = new Map<number, LostItem[]>();
  for (const { name, value } of rows) {
    const at = Number(name.split("/")[1]);
    const items = lists.get(at) ?? [];
    items.push(...(JSON.parse(value) as LostItem[]));
    lists.set(at, items);
  }
  return [...lists].map(([at, items]) => ({ at, items })).sort((a, b) => a.at - b.at);
}
