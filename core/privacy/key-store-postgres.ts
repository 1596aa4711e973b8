// Keys in a schema of their own, best in a database of their own: a dump that holds keys beside what they seal erases nothing.
import { PostgresPool, type PostgresSession } from "../store/postgres-connection.ts";
import { newSealingKey, type KeyStore, type SealingKey } from "./key-store.ts";

const connections = 2;
export const keySchema = "wattlog_keys";

export interface PostgresKeyOptions {
  readonly url: string;
  /** A name of letters, digits and underscores. */
  readonly schema?: string;
}

/** Connects, and makes schema and table where there are none, when it is first used. */
export function openPostgresKeyStore(options: PostgresKeyOptions): KeyStore {
  return new PostgresKeyStore(options);
}

class PostgresKeyStore implements KeyStore {
  private readonly pool: PostgresPool;
  private readonly schema: string;
  private readonly table: string;
  private isMade = false;

  constructor({ url, schema = keySchema }: PostgresKeyOptions) {
    this.pool = new PostgresPool({ url, connections, readOnly: false });
    this.schema = schema;
    this.table = `${schema}.sealing_key`;
  }

  keyFor(name: string): Promise<SealingKey> {
    return this.within(async (session) => {
      const found = await this.byName(session, name);
      if (found) return found;
      const { id, key } = newSealingKey();
      const insert = `insert into ${this.table} (name, id, key) values ($1, $2, $3) on conflict do nothing`;
      await session.query(insert, [name, id, key]);
      return (await this.byName(session, name))!;
    });
  }

  find(name: string): Promise<SealingKey | undefined> {
    return this.within((session) => this.byName(session, name));
  }

  byIds(ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.within(async (session) => {
      const { rows } = await session.query(`select id, key from ${this.table} where id = any($1)`, [ids]);
      return new Map(rows.map(({ id, key }) => [id as string, key as Uint8Array]));
    });
  }

  destroy(id: string): Promise<boolean> {
    return this.within(async (session) => {
      const { rowCount } = await session.query(`delete from ${this.table} where id = $1`, [id]);
      return (rowCount ?? 0) > 0;
    });
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private async byName(session: PostgresSession, name: string): Promise<SealingKey | undefined> {
    const { rows } = await session.query(`select id, key from ${this.table} where name = $1`, [name]);
    const [row] = rows;
    return row && { id: row["id"] as string, key: row["key"] as Uint8Array };
  }

  private async within<T>(work: (session: PostgresSession) => Promise<T>): Promise<T> {
    const session = await this.pool.take();
    try {
      if (!this.isMade) await this.make(session);
      this.isMade = true;
      return await work(session);
    } finally {
      session.release();
    }
  }

  /** Looked for first: whoever uses it every day needs no right to make a schema. One makes it, others wait. */
  private async make(session: PostgresSession): Promise<void> {
    const { rows } = await session.query("select to_regclass($1) as found", [this.table]);
    if (rows[0]?.["found"] !== null) return;
    try {
      session.begin("isolation level read committed");
      await session.query("select pg_advisory_xact_lock(hashtext($1))", [this.table]);
      await session.query(`create schema if not exists ${this.schema}`);
      const columns = "name text primary key, id text not null unique, key bytea not null";
      await session.query(`create table if not exists ${this.table} (${columns})`);
      await session.commit();
    } catch (error) {
      await session.rollback();
      throw error;
    }
  }
}
