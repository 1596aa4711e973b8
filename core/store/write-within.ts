// A fold's writing as statements of a transaction, for a store that has nothing better.
import { whyNotMoved } from "./position.ts";
import type { Change, FoldStore, StoreTransaction, Writing } from "./store.ts";
import type { PositionRow } from "./tables.ts";

/** The store as a transaction sees it, for a fold whose batches are steps of something larger. */
export function storeWithin(tx: StoreTransaction): FoldStore {
  return {
    reader: tx.db,
    transaction: (work) => work(tx),
    write: (writing) => writeWithin(tx, writing),
  };
}

export async function writeWithin(tx: StoreTransaction, { move, changes }: Writing): Promise<void> {
  if (move) await movePosition(tx, move.from, move.to);
  for (const change of changes) if (change.act === "remove") await make(tx, change);
  for (const change of changes) if (change.act !== "remove") await make(tx, change);
}

function make(tx: StoreTransaction, { act, table, rows }: Change): Promise<void> {
  // Each table goes with its own rows, which the compiler cannot follow through a union.
  return (tx[act] as (table: unknown, rows: unknown) => Promise<void>)(table, rows);
}

/** @throws WattlogError `fold/zombie`; TableSetChanged; StoreRewound. */
async function movePosition(tx: StoreTransaction, from: PositionRow, to: PositionRow): Promise<void> {
  const { next, fingerprint, applied, skipped, quarantined, parked, log_time } = to;
  const { numUpdatedRows } = await tx.db
    .updateTable("position")
    .set({ next, fingerprint, applied, skipped, quarantined, parked, log_time })
    .where("role", "=", from.role)
    .where("topic", "=", from.topic)
    .where("partition", "=", from.partition)
    .where("generation", "=", from.generation)
    .where("next", "=", from.next)
    .where("fingerprint", "=", from.fingerprint)
    .where("table_set", "=", from.table_set)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows !== 1n) throw await whyNotMoved(tx.db, from);
}
