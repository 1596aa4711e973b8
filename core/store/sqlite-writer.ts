// The writing connection of state.db. What several callers want to write at one moment goes into one transaction of
// SQLite, each caller in a savepoint of its own: a begin and a commit cost more than most of what stands between them,
// and partitions that have news have them at the same time. Who fails takes back only what was its own.
import { DatabaseSync, type StatementSync } from "node:sqlite";

import { BulkWriter } from "./sqlite-bulk.ts";
import { SqliteConnection, translateError, whileBusy } from "./sqlite-connection.ts";
import { WriteTurn } from "./sqlite-turn.ts";
import type { StoreTransaction } from "./store.ts";

/** A caller of `transaction` that waits for its turn. */
export interface Asked {
  readonly work: (tx: StoreTransaction) => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Done = { readonly asked: Asked; readonly result: unknown };

export class SqliteWriter {
  /** It could not even roll back: nothing more may be written through it. */
  broken = false;
  private readonly raw: DatabaseSync;
  private readonly connection: SqliteConnection;
  private readonly turn: WriteTurn;
  private readonly tx: StoreTransaction;
  private readonly statements: Readonly<Record<"commit" | "savepoint" | "release" | "undo", StatementSync>>;

  constructor(path: string) {
    const raw = whileBusy(() => openForWriting(path));
    this.raw = raw;
    this.connection = new SqliteConnection(raw, () => {
      if (raw.isTransaction) return;
      throw new Error("A query on a transaction that has ended: await everything inside `transaction`.");
    });
    this.turn = new WriteTurn(path, raw);
    const bulk = new BulkWriter(raw);
    this.tx = {
      db: this.connection.kysely,
      upsert: async (table, rows) => bulk.upsert(table, rows),
      insertNew: async (table, rows) => bulk.insertNew(table, rows),
      remove: async (table, keys) => bulk.remove(table, keys),
    };
    this.statements = {
      commit: raw.prepare("commit"),
      savepoint: raw.prepare("savepoint one"),
      release: raw.prepare("release one"),
      undo: raw.prepare("rollback to one"),
    };
  }

  /** One transaction for all of them, in their order; each is told once it is committed, or why it is not. */
  async write(group: readonly Asked[]): Promise<void> {
    try {
      await this.turn.begin();
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    const done: Done[] = [];
    try {
      for (const asked of group) {
        const one = await this.attempt(asked);
        if (one) done.push(one);
      }
      this.statements.commit.run();
    } catch (error) {
      this.rollBack();
      for (const asked of group) asked.reject(translateError(error));
      return;
    }
    for (const { asked, result } of done) asked.resolve(result);
  }

  close(): void {
    this.turn.close();
    this.connection.close();
  }

  /** @throws where SQLite gave up the whole transaction (disk full, failed write): nobody's part of it is left. */
  private async attempt(asked: Asked): Promise<Done | undefined> {
    const { savepoint, release, undo } = this.statements;
    savepoint.run();
    try {
      const result = await asked.work(this.tx);
      release.run();
      return { asked, result };
    } catch (error) {
      if (!this.raw.isTransaction) throw error;
      undo.run();
      release.run();
      asked.reject(translateError(error));
      return undefined;
    }
  }

  private rollBack(): void {
    try {
      if (this.raw.isTransaction) this.raw.exec("rollback");
    } catch {
      this.close();
      this.broken = true;
    }
  }
}

function openForWriting(path: string): DatabaseSync {
  // Never a wait inside SQLite, which would keep the thread from everything else: whoever is busy is waited for outside.
  const raw = new DatabaseSync(path, { timeout: 0 });
  try {
    raw.exec(`pragma journal_mode=wal; pragma synchronous=normal; pragma wal_autocheckpoint=2000;
      pragma journal_size_limit=67108864; pragma cache_size=-32000; pragma temp_store=memory`);
    return raw;
  } catch (error) {
    raw.close();
    throw error;
  }
}
