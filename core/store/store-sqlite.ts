// The embedded Store: state.db, write-ahead log, `synchronous=normal`. After a power loss it may be a little behind
// and is never torn; the folds then read the log again. Several threads of the process open a Store each on the same
// file; SQLite lets one of them write at a time. Off the gateway's thread: every query blocks its own.
import { resolve as resolvePath } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Kysely } from "kysely";

import { WattlogError } from "../runtime/errors.ts";
import { migrateSchema } from "./migrations.ts";
import { Mutex } from "./mutex.ts";
import { SqliteConnection, statePath, whileBusy } from "./sqlite-connection.ts";
import { SqliteWriter, type Asked } from "./sqlite-writer.ts";
import type { Store, StoreTransaction, Writing } from "./store.ts";
import type { Schema } from "./tables.ts";
import { writeWithin } from "./write-within.ts";

const readerBusyMs = 10_000;
/** Open snapshots; a further one waits. Lists and exports hold one each while they page. */
const mostSnapshots = 8;

export type ReadOnlyStore = Pick<Store, "dialect" | "reader" | "snapshot" | "close">;

/** One writer of a file at a time within a thread: waiting inside SQLite would block the very one it waits for. */
const mutexes = new Map<string, Mutex>();

function mutexOf(path: string): Mutex {
  const mutex = mutexes.get(path) ?? new Mutex();
  mutexes.set(path, mutex);
  return mutex;
}

/** Read-only connections, opened as needed: one for single queries, some for snapshots. */
class ReadSide {
  readonly path: string;
  readonly reader: SqliteConnection;
  private readonly free: SqliteConnection[] = [];
  private readonly waiting: ((connection: SqliteConnection) => void)[] = [];
  private opened = 0;

  constructor(path: string) {
    this.path = path;
    this.reader = this.open();
  }

  async snapshot<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    const connection = await this.take();
    try {
      // `begin` alone sees nothing yet: the first read fixes the view.
      connection.raw.exec("begin; select 1 from sqlite_schema limit 1");
      return await work(connection.kysely);
    } finally {
      if (connection.raw.isTransaction) connection.raw.exec("rollback");
      const next = this.waiting.shift();
      if (next) next(connection);
      else this.free.push(connection);
    }
  }

  close(): void {
    this.reader.close();
    for (const connection of this.free) connection.close();
  }

  private async take(): Promise<SqliteConnection> {
    const connection = this.free.pop();
    if (connection) return connection;
    if (this.opened >= mostSnapshots) return new Promise((resolve) => this.waiting.push(resolve));
    this.opened++;
    return this.open();
  }

  private open(): SqliteConnection {
    const raw = whileBusy(() => new DatabaseSync(this.path, { readOnly: true, timeout: readerBusyMs }));
    return new SqliteConnection(raw);
  }
}

class SqliteStore implements Store {
  readonly dialect = "sqlite";
  readonly reader: Kysely<Schema>;
  private readonly path: string;
  private readonly turnMs: number;
  private readonly mutex: Mutex;
  private readonly reads: ReadSide;
  private writer: SqliteWriter | undefined;
  private asked: Asked[] = [];
  private turns: Promise<void> | undefined;
  private lastTurnAt = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(path: string, turnMs: number) {
    this.path = path;
    this.turnMs = turnMs;
    this.mutex = mutexOf(path);
    this.writer = new SqliteWriter(path);
    this.reads = new ReadSide(path);
    this.reader = this.reads.reader.kysely;
  }

  snapshot<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    return this.reads.snapshot(work);
  }

  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.asked.push({ work, resolve: resolve as (result: unknown) => void, reject });
      this.turns ??= this.takeTurns();
    });
  }

  write(writing: Writing): Promise<void> {
    return this.transaction((tx) => writeWithin(tx, writing));
  }

  async migrate(): Promise<void> {
    await this.transaction((tx) => migrateSchema(tx.db, this.dialect));
  }

  async close(): Promise<void> {
    await this.turns;
    const release = await this.mutex.acquire();
    this.closed = true;
    this.reads.close();
    this.writer?.close();
    this.writer = undefined;
    release();
  }

  private async takeTurns(): Promise<void> {
    while (this.asked.length > 0) {
      await this.untilTurn();
      const release = await this.mutex.acquire();
      this.lastTurnAt = performance.now();
      await this.commit(this.asked.splice(0));
      release();
    }
    this.turns = undefined;
  }

  /** At once where the last write is long ago; what else is asked for in this turn of the event loop comes along. */
  private untilTurn(): Promise<void> {
    const ms = this.lastTurnAt + this.turnMs - performance.now();
    return new Promise((resolve) => {
      if (ms > 0) setTimeout(resolve, ms);
      else setImmediate(resolve);
    });
  }

  private async commit(group: readonly Asked[]): Promise<void> {
    try {
      if (this.closed) throw new WattlogError("store/unavailable", "The store is closed.");
      if (this.writer?.broken) this.writer = undefined;
      this.writer ??= new SqliteWriter(this.path);
      await this.writer.write(group);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

/**
 * The folder must exist. Call `migrate` before anything else.
 * @param options turnMs: least time from one write to the next, so that under load more goes into each; default 0.
 * @throws WattlogError `store/unavailable` when state.db cannot be opened.
 */
export function openSqliteStore(folder: string, options: { readonly turnMs?: number } = {}): Store {
  return new SqliteStore(resolvePath(statePath(folder)), options.turnMs ?? 0);
}

/**
 * For the command line, beside a live process or without one.
 * @throws WattlogError `store/unavailable` when there is no state.db in the folder.
 */
export function openStoreReadOnly(folder: string): ReadOnlyStore {
  const reads = new ReadSide(resolvePath(statePath(folder)));
  return {
    dialect: "sqlite",
    reader: reads.reader.kysely,
    snapshot: (work) => reads.snapshot(work),
    async close() {
      reads.close();
    },
  };
}
