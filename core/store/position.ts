// Rule F3, the part that every fold shares: the position row of one role and partition, and the fingerprint of the record
// before it. How a role moves its row is its own, for each guards it by what it knows.
import { hash } from "node:crypto";

import type { Topic } from "../log/log.ts";
import type { Store } from "./store.ts";
import type { PositionRow } from "./tables.ts";

/** The set of tables that the first fold of a partition writes; a rebuild takes over with a higher one (rule B1). */
export const firstTableSet = 1;

/** A rebuild took the partition over: whoever folds it drops what it remembers and reads the row again (rule F3). */
export class TableSetChanged extends Error {
  override readonly name = "TableSetChanged";
}

/** First 16 hex digits of sha-256, as it stands in the position row. */
export function fingerprintOf(value: Uint8Array): string {
  return hash("sha256", value, "hex").slice(0, 16);
}

/** @returns the row, made where this partition was never folded. */
export async function openPosition(
  store: Store,
  role: PositionRow["role"],
  topic: Topic,
  partition: number,
  tableSet = firstTableSet,
): Promise<PositionRow> {
  const found = await readPosition(store.reader, role, topic.name, partition);
  if (found) return found;
  const fresh: PositionRow = {
    role,
    topic: topic.name,
    partition,
    generation: topic.generation,
    next: 0,
    fingerprint: "",
    table_set: tableSet,
    applied: 0,
    skipped: 0,
    quarantined: 0,
    parked: 0,
    log_time: 0,
  };
  return store.transaction(async (tx) => {
    await tx.insertNew("position", [fresh]);
    return (await readPosition(tx.db, role, topic.name, partition)) ?? fresh;
  });
}

export function readPosition(db: Store["reader"], role: string, topic: string, partition: number) {
  return db
    .selectFrom("position")
    .selectAll()
    .where("role", "=", role)
    .where("topic", "=", topic)
    .where("partition", "=", partition)
    .executeTakeFirst();
}
