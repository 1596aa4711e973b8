// The Store port: SQL through kysely, the same queries on SQLite (embedded) and Postgres (cluster).
//
// Contract (store.contract.ts runs on every adapter):
//  - a transaction is all or nothing, also under kill -9; a failed one leaves no trace;
//  - after a power loss the store may be a little behind, never torn: position and state move together;
//  - integers come back as numbers, blobs as Uint8Array; text is ordered by its UTF-8 bytes, a NUL in it is U+FFFD;
//  - a row that a transaction reads and then writes was written by nobody else in between.
import type { Kysely } from "kysely";

import type { PositionRow, primaryKeys, Schema, TableName, Tables } from "./tables.ts";

/** Enough of a row to find it. */
export type KeyOf<Name extends TableName> = Pick<Tables[Name], (typeof primaryKeys)[Name][number] & keyof Tables[Name]>;

/** What becomes of some rows of one table: as in {@link StoreTransaction}. */
export type Change = {
  [Name in TableName]:
    | { readonly act: "upsert" | "insertNew"; readonly table: Name; readonly rows: readonly Tables[Name][] }
    | { readonly act: "remove"; readonly table: Name; readonly rows: readonly KeyOf<Name>[] };
}[TableName];

/** What one partition of a fold writes at one moment: said beforehand, so that a store may write that of many as one. */
export interface Writing {
  /** Rule F3: the position row stands at exactly `from` and moves to `to`, or nothing of this is written. */
  readonly move?: { readonly from: PositionRow; readonly to: PositionRow };
  /** Removals happen before all others. Nobody else writes these rows at the same time. */
  readonly changes: readonly Change[];
  /** Nobody needs it soon: it may go with what is written next, within a quarter of a second. */
  readonly canWait?: boolean;
}

export interface StoreTransaction {
  /** For queries; its own connection, inside the transaction. */
  readonly db: Kysely<Schema>;
  /** Insert, or replace every column where the primary key exists. Bulk; compiled once. */
  upsert<Name extends TableName>(table: Name, rows: readonly Tables[Name][]): Promise<void>;
  /** Insert; a primary key that exists is left as it is. */
  insertNew<Name extends TableName>(table: Name, rows: readonly Tables[Name][]): Promise<void>;
  /** Of rows that do not exist: nothing. */
  remove<Name extends TableName>(table: Name, keys: readonly KeyOf<Name>[]): Promise<void>;
}

export interface Store {
  readonly dialect: "sqlite" | "postgres";
  /** Outside any transaction, on a connection of its own; reads never wait for a writer. */
  readonly reader: Kysely<Schema>;
  /** One consistent view for several reads. */
  snapshot<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /**
   * SQLite: serialised with other writers, and perhaps committed together with them; one that fails takes back what is
   * its own. Postgres: writers of other rows run at the same time, and `work` runs again from its beginning where a
   * conflict with another writer was nobody's fault: it must not keep what an earlier run concluded.
   * Resolved once committed.
   * @throws WattlogError `store/unavailable` | `store/full`
   */
  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  /**
   * All or nothing. What is asked for at one moment is written together; one that fails takes back what is its own.
   * @throws WattlogError `fold/zombie`; TableSetChanged, StoreRewound: the position row did not stand at `move.from`.
   * @throws WattlogError `store/unavailable` | `store/full`
   */
  write(writing: Writing): Promise<void>;
  /** Brings the schema up to this version; idempotent. @throws WattlogError `store/schema` when it is newer. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}

/** What a fold needs of a store. Inside a transaction of somebody else's it is that transaction. */
export type FoldStore = Pick<Store, "reader" | "transaction" | "write">;
