// Rule B1: a rebuild folds into table sets of its own beside the live ones, under position rows of its own role, and takes
// over partition by partition. Here is what both folds share: which rows those are, the change of the live position row,
// and the removal of what nobody reads any more.
import { sql, type Kysely } from "kysely";

import { limits } from "../config/limits.ts";
import { readPosition } from "./position.ts";
import type { Change, FoldStore, KeyOf, StoreTransaction } from "./store.ts";
import { derivedTables, primaryKeys, type DerivedTable, type PositionRow, type Schema } from "./tables.ts";

export type FoldRole = (typeof derivedTables)[DerivedTable];

/** Of the position rows that a rebuild keeps beside the live ones; no view and no reader goes by them. */
export function rebuildRole(role: FoldRole): string {
  return `rebuild/${role}`;
}

/** One partition of one fold. */
export interface FoldPlace {
  readonly role: FoldRole;
  readonly topic: string;
  readonly partition: number;
}

/**
 * The live row, which nobody else changes until the transaction ends: a fold that would waits, or begins again.
 * @returns undefined where the partition was never folded
 */
export async function holdPosition(tx: StoreTransaction, place: FoldPlace): Promise<PositionRow | undefined> {
  const { role, topic, partition } = place;
  await tx.db
    .updateTable("position")
    .set((eb) => ({ table_set: eb.ref("table_set") }))
    .where("role", "=", role)
    .where("topic", "=", topic)
    .where("partition", "=", partition)
    .execute();
  return readPosition(tx.db, role, topic, partition);
}

/**
 * The rebuilt set becomes the live one. What was concluded and not yet sent goes with it: those events are live's, the
 * rebuild itself sends nothing at or below this cut.
 * @param live held, and standing where `rebuilt` stands
 */
export async function raiseTableSet(tx: StoreTransaction, live: PositionRow, rebuilt: PositionRow): Promise<void> {
  if (live.next !== rebuilt.next || live.fingerprint !== rebuilt.fingerprint) {
    throw new Error(
      `${live.role} of ${live.topic}/${live.partition}: the rebuild stands at ${rebuilt.next}, live at ${live.next}`,
    );
  }
  const { role, topic, partition } = live;
  await tx.remove("position", [{ role: rebuilt.role, topic, partition }]);
  await tx.upsert("position", [{ ...rebuilt, role }]);
  await raiseEnded(tx, rebuilt, role);
  if (role !== "processor") return;
  await tx.db
    .updateTable("outbox")
    .set({ table_set: rebuilt.table_set })
    .where("table_set", "=", live.table_set)
    .where("partition", "=", partition)
    .execute();
}

/** The rows of generations that have ended stand at their ends, and name the same set: what was folded from them is in it. */
async function raiseEnded(tx: StoreTransaction, rebuilt: PositionRow, role: string): Promise<void> {
  const ended = await tx.db
    .selectFrom("position")
    .selectAll()
    .where("role", "=", rebuilt.role)
    .where("partition", "=", rebuilt.partition)
    .where("generation", "<", rebuilt.generation)
    .execute();
  await tx.remove("position", ended);
  await tx.upsert(
    "position",
    ended.map((row) => ({ ...row, role })),
  );
}

/** The highest set that any fold or rebuild has used. */
export async function highestTableSet(db: Kysely<Schema>): Promise<number> {
  const row = await db
    .selectFrom("position")
    .select((eb) => eb.fn.max("table_set").as("highest"))
    .executeTakeFirst();
  return row?.highest ?? 0;
}

/**
 * Removes the rows of sets up to `upTo` that no live position row names, a page a write: a killed run leaves the rest to
 * the next one. @returns how many
 */
export async function removeUnusedSets(
  store: FoldStore,
  upTo: number,
  onPage: (table: DerivedTable, removed: number) => void = () => undefined,
): Promise<number> {
  let removed = 0;
  for (const table of Object.keys(derivedTables) as DerivedTable[]) {
    let after: KeyOf<DerivedTable> | undefined;
    for (;;) {
      const page = await unusedKeys(store.reader, table, upTo, after);
      after = page.at(-1);
      if (!after) break;
      await store.write({ changes: [{ act: "remove", table, rows: page } as Change] });
      removed += page.length;
      onPage(table, removed);
    }
  }
  return removed;
}

/** In the order of the key and past the last page, so that what is gone is not looked at again. */
async function unusedKeys(
  db: Kysely<Schema>,
  table: DerivedTable,
  upTo: number,
  after: KeyOf<DerivedTable> | undefined,
): Promise<readonly KeyOf<DerivedTable>[]> {
  const key: readonly string[] = primaryKeys[table];
  // As the index has it: the set comes last, but for the two tables that are read in order of the log.
  const order = [...key.filter((column) => column !== "table_set"), "table_set"];
  const columns = sql.join(order.map((column) => sql.ref(`t.${column}`)));
  const values = after as Readonly<Record<string, unknown>> | undefined;
  const past = values ? sql`and (${columns}) > (${sql.join(order.map((column) => values[column]))})` : sql``;
  const page = await sql<KeyOf<DerivedTable>>`select ${columns} from ${sql.table(table)} t
    where t.table_set <= ${upTo} ${past} and not exists (select 1 from position p
      where p.role = ${derivedTables[table]} and p.partition = t.partition and p.table_set = t.table_set)
    order by ${columns} limit ${sql.lit(limits.rebuildSweepRows)}`.execute(db);
  return page.rows;
}
