// Rule F3, the part that every fold shares: the position row of one role and partition, and the fingerprint of the record
// before it. How a role moves its row is its own, for each guards it by what it knows.
import { hash } from "node:crypto";

import { firstOffsetOf } from "../log/generations.ts";
import type { Topic } from "../log/log.ts";
import { WattlogError } from "../runtime/errors.ts";
import type { FoldStore, Store } from "./store.ts";
import type { PositionRow } from "./tables.ts";

/** The set of tables that the first fold of a partition writes; a rebuild takes over with a higher one (rule B1). */
export const firstTableSet = 1;

/** How far a row stands, and in which tables. */
export type Standing = Pick<PositionRow, "table_set" | "next">;

/** A rebuild took the partition over: whoever folds it drops what it remembers and reads the row again (rule F3). */
export class TableSetChanged extends Error {
  override readonly name = "TableSetChanged";
}

/**
 * The row stands behind the fold, where no fold ever moves one: the store has lost transactions that it had committed (it
 * was restored to an earlier state, or crashed without its last commits). What the store has now is the truth: whoever
 * may fold the partition drops what it remembers and begins again at the row. The same records give the same rows and
 * the same events (rule F6).
 */
export class StoreRewound extends Error {
  override readonly name = "StoreRewound";

  constructor(from: PositionRow, now: Standing | undefined) {
    super(
      `${from.role} of ${from.topic}/${from.partition} stood at ${from.next}, but the store is back at ${now?.next ?? "no row"}: ` +
        "it has lost what was committed after that, which is folded again.",
    );
  }
}

/** Whether the store has lost what a fold that stood at `from` had committed. */
export function isRewound(from: PositionRow, now: Standing | undefined): boolean {
  return now === undefined || (now.table_set === from.table_set && now.next < from.next);
}

/**
 * Why a row that should have moved from exactly `from` did not.
 * @returns TableSetChanged, StoreRewound, or WattlogError `fold/zombie`: another process folds this partition.
 */
export async function whyNotMoved(db: Store["reader"], from: PositionRow): Promise<Error> {
  const now = await readPosition(db, from.role, from.topic, from.partition);
  const moved = whatMoved(from, now);
  if (moved) return moved;
  return new WattlogError(
    "fold/zombie",
    `${from.role} of ${from.topic}/${from.partition} stood at ${from.next}, but another process folded it up to ` +
      `${now?.next}; this one stops. Run one ${from.role} for a partition.`,
  );
}

/**
 * Whether the row says anything else than where a fold with nothing to do left it.
 * @returns what that fold ends with: TableSetChanged or StoreRewound; undefined: nothing, or another process folded on.
 */
export function whatMoved(from: PositionRow, now: Standing | undefined): Error | undefined {
  if (now !== undefined && now.table_set !== from.table_set) return tableSetChanged(now);
  return isRewound(from, now) ? new StoreRewound(from, now) : undefined;
}

function tableSetChanged(now: Standing): TableSetChanged {
  return new TableSetChanged(`table set ${now.table_set} is live now`);
}

/** Asks whose partition it is now. @param owns undefined: no other process could have it. */
export async function isOwner(owns: (() => Promise<boolean>) | undefined): Promise<boolean> {
  if (owns === undefined) return true;
  try {
    return await owns();
  } catch {
    // The store is away: nobody knows.
    return false;
  }
}

/** First 16 hex digits of sha-256, as it stands in the position row. */
export function fingerprintOf(value: Uint8Array): string {
  return hash("sha256", value, "hex").slice(0, 16);
}

/** Where a partition of the topic begins, with nothing folded. */
export function freshPosition(
  role: PositionRow["role"],
  topic: Topic,
  partition: number,
  tableSet: number,
  logTime = 0,
): PositionRow {
  return {
    role,
    topic: topic.name,
    partition,
    generation: topic.generation,
    next: firstOffsetOf(topic),
    fingerprint: "",
    table_set: tableSet,
    applied: 0,
    skipped: 0,
    quarantined: 0,
    parked: 0,
    log_time: logTime,
  };
}

/** @returns the row, made where this partition was never folded. */
export async function openPosition(
  store: FoldStore,
  role: PositionRow["role"],
  topic: Topic,
  partition: number,
  tableSet = firstTableSet,
): Promise<PositionRow> {
  const found = await readPosition(store.reader, role, topic.name, partition);
  if (found) return found;
  const fresh = freshPosition(role, topic, partition, tableSet);
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
