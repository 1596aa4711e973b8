// The cluster's Store. Writers are many and run at once; a transaction sees one state of the database, and a row that
// another transaction changed meanwhile makes it start again (repeatable read), so that what was read and then written
// was not written by somebody else in between, as on SQLite.
import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";

import { limits } from "../config/limits.ts";
import { WattlogError } from "../runtime/errors.ts";
import { migrateSchema } from "./migrations.ts";
import { insertNewRows, removeRows, upsertRows } from "./postgres-bulk.ts";
import { PostgresPool, type PostgresLimits, type PostgresSession } from "./postgres-connection.ts";
import { isConflict, tooManyConflicts } from "./postgres-errors.ts";
import { kyselyOn } from "./postgres-kysely.ts";
import { Turns } from "./postgres-turns.ts";
import { Slots } from "./slots.ts";
import type { Store, StoreTransaction, Writing } from "./store.ts";
import type { Schema } from "./tables.ts";

/** Any number: those who migrate the same database take turns by it. */
const migrationLock = 0x77_61_74_74;

export interface PostgresStoreOptions {
  /** postgres://user:password@host:port/database, with libpq's parameters such as sslmode. */
  readonly url: string;
  readonly limits?: Partial<PostgresLimits>;
  /** For metrics: a transaction that is run again. */
  readonly onRetry?: (error: unknown) => void;
}

class PostgresStore implements Store {
  readonly dialect = "postgres";
  readonly reader: Kysely<Schema>;
  private readonly writes: PostgresPool;
  private readonly reads: PostgresPool;
  private readonly snapshots: Slots;
  private readonly onRetry: (error: unknown) => void;
  private readonly turns: Turns;

  constructor({ url, limits: own, onRetry }: PostgresStoreOptions) {
    const { storeWriters, storeReaders, storeSnapshots } = limits;
    const common = { url, ...(own ? { limits: own } : {}) };
    this.writes = new PostgresPool({ ...common, connections: storeWriters, readOnly: false });
    // Snapshots never take every connection: what reads inside one, and single lookups, always find another.
    this.reads = new PostgresPool({ ...common, connections: storeReaders + storeSnapshots, readOnly: true });
    this.snapshots = new Slots(storeSnapshots, own?.queueMs);
    this.reader = kyselyOn(
      () => this.reads.take(),
      (session) => session.release(),
    );
    this.onRetry = onRetry ?? (() => {});
    this.turns = new Turns({ transaction: (work) => this.retried(work), reader: this.reader });
  }

  async snapshot<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    await this.snapshots.take();
    try {
      const session = await this.reads.take();
      // `begin` alone sees nothing yet: the first query fixes the view, and that before `work` looks elsewhere.
      return await within(session, "isolation level repeatable read read only; select 1", async () => {
        await session.settled();
        return work(kyselyIn(session));
      });
    } finally {
      this.snapshots.give();
    }
  }

  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return this.retried((session) =>
      work({
        db: kyselyIn(session),
        upsert: async (table, rows) => upsertRows(session, table, rows),
        insertNew: async (table, rows) => insertNewRows(session, table, rows),
        remove: async (table, keys) => removeRows(session, table, keys),
      }),
    );
  }

  write(writing: Writing): Promise<void> {
    return this.turns.write(writing);
  }

  private async retried<T>(work: (session: PostgresSession) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(work);
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt >= limits.storeConflictRetries) throw tooManyConflicts(error);
        this.onRetry(error);
        // Spread: those who met would meet again.
        await sleep(Math.random() * Math.min(limits.storeConflictPauseMaxMs, 2 ** attempt));
      }
    }
  }

  async migrate(): Promise<void> {
    const session = await this.writes.take();
    session.patienceMs = limits.storeMigrateMs;
    // Read committed: a snapshot from before the lock would not see what its last holder made.
    await within(session, "isolation level read committed", async () => {
      await session.query(`set local statement_timeout = ${limits.storeMigrateMs}`);
      await session.query("select pg_advisory_xact_lock($1)", [migrationLock]);
      await requireUtf8(session);
      await migrateSchema(kyselyIn(session), this.dialect);
    });
  }

  async close(): Promise<void> {
    await this.turns.close();
    await Promise.all([this.reads.close(), this.writes.close()]);
  }

  private async attempt<T>(work: (session: PostgresSession) => Promise<T>): Promise<T> {
    const session = await this.writes.take();
    return within(session, "isolation level repeatable read", () => work(session));
  }
}

/** All or nothing; gives the connection back. */
async function within<T>(session: PostgresSession, mode: string, work: () => Promise<T>): Promise<T> {
  try {
    session.begin(mode);
    const result = await work();
    await session.commit();
    return result;
  } catch (error) {
    await session.rollback();
    throw error;
  } finally {
    session.release();
  }
}

function kyselyIn(session: PostgresSession): Kysely<Schema> {
  return kyselyOn(
    async () => session,
    () => {},
  );
}

async function requireUtf8(session: PostgresSession): Promise<void> {
  const encoding = (await session.query("show server_encoding")).rows[0]?.["server_encoding"];
  if (encoding === "UTF8") return;
  const sentence = `The database's encoding is ${String(encoding)}, which cannot hold every name: make one with UTF8.`;
  throw new WattlogError("store/schema", sentence);
}

/**
 * Connects when it is first used. Call `migrate`, or `requireSchema` where the role must not change tables.
 * @throws WattlogError `config/invalid` when the address is none.
 */
export function openPostgresStore(options: PostgresStoreOptions): Store {
  return new PostgresStore(options);
}
