// Keys in a file of their own in the data folder, readable by its owner alone. Every thread and the command line open it.
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { messageOf, WattlogError } from "../runtime/errors.ts";
import { newSealingKey, type KeyStore, type SealingKey } from "./key-store.ts";

const ownerOnly = 0o600;
/** Another thread makes a key: one sync of the disk. */
const busyMs = 10_000;

interface Row {
  readonly id: string;
  readonly key: Uint8Array;
}

export function keysPath(folder: string): string {
  return join(folder, "keys.db");
}

/** Opened when it is first used: a folder whose wattlog seals nothing has no such file. */
export function openSqliteKeyStore(folder: string): KeyStore {
  return new SqliteKeyStore(keysPath(folder));
}

class SqliteKeyStore implements KeyStore {
  private readonly file: string;
  private opened: DatabaseSync | undefined;
  private isClosed = false;

  constructor(file: string) {
    this.file = file;
  }

  keyFor(name: string): Promise<SealingKey> {
    return this.within((db) => {
      const found = byName(db, name);
      if (found) return found;
      const { id, key } = newSealingKey();
      db.prepare("insert into sealing_key (name, id, key) values (?, ?, ?) on conflict do nothing").run(name, id, key);
      return byName(db, name)!;
    });
  }

  find(name: string): Promise<SealingKey | undefined> {
    return this.within((db) => byName(db, name));
  }

  byIds(ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.within((db) => {
      const statement = db.prepare("select id, key from sealing_key where id = ?");
      const rows = ids.flatMap((id) => (statement.get(id) as Row | undefined) ?? []);
      return new Map(rows.map(({ id, key }) => [id, key]));
    });
  }

  destroy(id: string): Promise<boolean> {
    return this.within((db) => db.prepare("delete from sealing_key where id = ?").run(id).changes > 0);
  }

  close(): Promise<void> {
    this.opened?.close();
    this.opened = undefined;
    this.isClosed = true;
    return Promise.resolve();
  }

  private within<T>(work: (db: DatabaseSync) => T): Promise<T> {
    try {
      if (this.isClosed) throw new Error("they are closed");
      this.opened ??= open(this.file);
      return Promise.resolve(work(this.opened));
    } catch (error) {
      const sentence = `keys.db cannot be used: ${messageOf(error)}. Check the data folder's disk and rights, or restore the backup of the keys.`;
      return Promise.reject(new WattlogError("store/unavailable", sentence, { cause: error }));
    }
  }
}

function byName(db: DatabaseSync, name: string): SealingKey | undefined {
  const row = db.prepare("select id, key from sealing_key where name = ?").get(name) as Row | undefined;
  return row && { id: row.id, key: row.key };
}

function open(file: string): DatabaseSync {
  // SQLite itself would make it with the rights of the day.
  closeSync(openSync(file, "a", ownerOnly));
  const db = new DatabaseSync(file, { timeout: busyMs });
  // A deleted key is overwritten in the file, and no write-ahead log keeps it.
  db.exec("pragma secure_delete = on; pragma journal_mode = delete; pragma synchronous = extra");
  db.exec("create table if not exists sealing_key (name text primary key, id text not null unique, key blob not null)");
  return db;
}
