// node:sqlite for kysely: its SQLite dialect wants better-sqlite3's face, which is this. Also turns SQLite's errors
// into the closed set, so that every query through the store speaks of it in the same words.
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";

import { messageOf, WattlogError } from "../runtime/errors.ts";
import type { Schema } from "./tables.ts";
import { asStored } from "./text.ts";

/** Compiled statements kept for a connection; queries built with varying `in` lists would fill memory otherwise. */
const keptStatements = 500;
const openRetryMs = 10;
const openRetries = 500;

export const sqliteCodes = { busy: 5, locked: 6, corrupt: 11, full: 13, notADatabase: 26 } as const;
/** Lost dependencies, not bugs: busy, locked, nomem, readonly, ioerr, corrupt, cantopen, notadb. */
const unavailableCodes = new Set<number>([5, 6, 7, 8, 10, 11, 14, 26]);

export function statePath(folder: string): string {
  return join(folder, "state.db");
}

/** Primary result code of an error that SQLite raised. */
export function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}

/** @returns `store/full` or `store/unavailable` where the database is to blame, else the error itself. */
export function translateError(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === sqliteCodes.full) {
    const sentence = "The disk of the data folder is full: nothing was stored, nothing is lost. Make room.";
    return new WattlogError("store/full", sentence, { cause: error });
  }
  if (code === sqliteCodes.corrupt || code === sqliteCodes.notADatabase) {
    const damaged = `state.db is damaged (${messageOf(error)}): stop wattlog and delete state.db, state.db-wal and state.db-shm; the next start makes them again from the log, and nothing is lost.`;
    return new WattlogError("store/unavailable", damaged, { cause: error });
  }
  if (code === undefined || !unavailableCodes.has(code)) return error;
  const sentence = `state.db cannot be used now: ${messageOf(error)}. Check the data folder's disk and rights.`;
  return new WattlogError("store/unavailable", sentence, { cause: error });
}

/** Runs `work` until SQLite no longer says busy: threads that open a new file at once get in each other's way. */
export function whileBusy<T>(work: () => T): T {
  for (let tries = 0; ; tries++) {
    try {
      return work();
    } catch (error) {
      if (sqliteCode(error) !== sqliteCodes.busy || tries >= openRetries) throw translateError(error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, openRetryMs);
    }
  }
}

interface Prepared {
  readonly statement: StatementSync;
  readonly reader: boolean;
}

/** A connection with its kysely. `guard` runs before each query and may throw. */
export class SqliteConnection {
  readonly raw: DatabaseSync;
  readonly kysely: Kysely<Schema>;
  private readonly prepared = new Map<string, Prepared>();
  private readonly guard: () => void;

  constructor(raw: DatabaseSync, guard: () => void = () => {}) {
    this.raw = raw;
    this.guard = guard;
    const close = (): void => this.close();
    this.kysely = new Kysely<Schema>({
      dialect: new SqliteDialect({ database: { prepare: (sql) => this.face(sql), close } }),
    });
  }

  close(): void {
    this.prepared.clear();
    if (this.raw.isOpen) this.raw.close();
  }

  private face(sql: string) {
    const { statement, reader } = this.translated(() => this.prepare(sql));
    const values = (parameters: readonly unknown[]) => parameters.map(toSqlite);
    return {
      reader,
      all: (parameters: readonly unknown[]) => this.translated(() => statement.all(...values(parameters))),
      run: (parameters: readonly unknown[]) => this.translated(() => statement.run(...values(parameters))),
      // A statement of its own: a kept one would be reset under the iteration by the next use.
      iterate: (parameters: readonly unknown[]) =>
        this.translated(() => this.raw.prepare(sql).iterate(...values(parameters))) as IterableIterator<unknown>,
    };
  }

  private translated<T>(work: () => T): T {
    this.guard();
    try {
      return work();
    } catch (error) {
      throw translateError(error);
    }
  }

  private prepare(sql: string): Prepared {
    const known = this.prepared.get(sql);
    if (known) return known;
    const statement = this.raw.prepare(sql);
    const made = { statement, reader: statement.columns().length > 0 };
    if (this.prepared.size >= keptStatements) this.prepared.clear();
    this.prepared.set(sql, made);
    return made;
  }
}

/** SQLite has no booleans. */
function toSqlite(value: unknown): SQLInputValue {
  if (typeof value === "string") return asStored(value);
  return typeof value === "boolean" ? Number(value) : (value as SQLInputValue);
}
