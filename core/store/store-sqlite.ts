// The embedded Store: state.db, write-ahead log, `synchronous=normal`. After a power loss it may be a little behind
// and is never torn; the folds then read the log again. Several threads of the process open a Store each on the same
// file; SQLite lets one of them write at a time. Off the gateway's thread: every query blocks its own.
import { resolve as resolvePath } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Kysely } from "kysely";

import { WattlogError } from "../runtime/errors.ts";
import { migrateSchema } from "./migrations.ts";
import { Mutex } from "./mutex.ts";
import { BulkWriter } from "./sqlite-bulk.ts";
import { SqliteConnection, statePath, translateError, whileBusy } from "./sqlite-connection.ts";
import { WriteTurn } from "./sqlite-turn.ts";
import type { Store, StoreTransaction } from "./store.ts";
import type { Schema } from "./tables.ts";

/** How long `begin` may block the thread for another thread's transaction before it lets the thread's own work run. */
const busyMs = 20;
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

interface Writer {
  readonly connection: SqliteConnection;
  readonly bulk: BulkWriter;
  readonly turn: WriteTurn;
  readonly commit: StatementSync;
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
  private readonly mutex: Mutex;
  private readonly reads: ReadSide;
  private writer: Writer | undefined;
  private closed = false;

  constructor(path: string) {
    this.path = path;
    this.mutex = mutexOf(path);
    this.writer = this.openWriter();
    this.reads = new ReadSide(path);
    this.reader = this.reads.reader.kysely;
  }

  snapshot<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    return this.reads.snapshot(work);
  }

  async transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const release = await this.mutex.acquire();
    try {
      if (this.closed) throw new WattlogError("store/unavailable", "The store is closed.");
      this.writer ??= this.openWriter();
      return await this.inTransaction(this.writer, work);
    } finally {
      release();
    }
  }

  async migrate(): Promise<void> {
    await this.transaction((tx) => migrateSchema(tx.db, this.dialect));
  }

  async close(): Promise<void> {
    const release = await this.mutex.acquire();
    this.closed = true;
    this.reads.close();
    this.writer?.turn.close();
    this.writer?.connection.close();
    this.writer = undefined;
    release();
  }

  private async inTransaction<T>(writer: Writer, work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    await writer.turn.begin();
    const { bulk, connection } = writer;
    const tx: StoreTransaction = {
      db: connection.kysely,
      upsert: async (table, rows) => bulk.upsert(table, rows),
      insertNew: async (table, rows) => bulk.insertNew(table, rows),
    };
    try {
      const result = await work(tx);
      writer.commit.run();
      return result;
    } catch (error) {
      this.rollBack(writer);
      throw translateError(error);
    }
  }

  /** A connection that cannot even roll back is given up; the next transaction opens another. */
  private rollBack({ connection, turn }: Writer): void {
    try {
      // SQLite has already rolled back by itself after some errors (disk full, failed write).
      if (connection.raw.isTransaction) connection.raw.exec("rollback");
    } catch {
      turn.close();
      connection.close();
      this.writer = undefined;
    }
  }

  private openWriter(): Writer {
    const raw = whileBusy(() => openForWriting(this.path));
    const connection = new SqliteConnection(raw, () => {
      if (raw.isTransaction) return;
      throw new Error("A query on a transaction that has ended: await everything inside `transaction`.");
    });
    return {
      connection,
      bulk: new BulkWriter(raw),
      turn: new WriteTurn(this.path, raw),
      commit: raw.prepare("commit"),
    };
  }
}

function openForWriting(path: string): DatabaseSync {
  const raw = new DatabaseSync(path, { timeout: busyMs });
  try {
    raw.exec(`pragma journal_mode=wal; pragma synchronous=normal; pragma wal_autocheckpoint=2000;
      pragma journal_size_limit=67108864; pragma cache_size=-32000; pragma temp_store=memory`);
    return raw;
  } catch (error) {
    raw.close();
    throw error;
  }
}

/**
 * The folder must exist. Call `migrate` before anything else.
 * @throws WattlogError `store/unavailable` when state.db cannot be opened.
 */
export function openSqliteStore(folder: string): Store {
  return new SqliteStore(resolvePath(statePath(folder)));
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
