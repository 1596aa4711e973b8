// The Store port: SQL through kysely, the same queries on SQLite (embedded) and Postgres (cluster).
//
// Contract (store.contract.ts runs on every adapter):
//  - a transaction is all or nothing, also under kill -9; a failed one leaves no trace;
//  - after a power loss the store may be a little behind, never torn: position and state move together;
//  - integers come back as numbers, blobs as Uint8Array; text is ordered by its UTF-8 bytes, a NUL in it is U+FFFD;
//  - a row that a transaction reads and then writes was written by nobody else in between.
import type { Kysely } from "kysely";

import type { Schema, TableName, Tables } from "./tables.ts";

export interface StoreTransaction {
  /** For queries; its own connection, inside the transaction. */
  readonly db: Kysely<Schema>;
  /** Insert, or replace every column where the primary key exists. Bulk; compiled once. */
  upsert<Name extends TableName>(table: Name, rows: readonly Tables[Name][]): Promise<void>;
  /** Insert; a primary key that exists is left as it is. */
  insertNew<Name extends TableName>(table: Name, rows: readonly Tables[Name][]): Promise<void>;
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
  /** Brings the schema up to this version; idempotent. @throws WattlogError `store/schema` when it is newer. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}
