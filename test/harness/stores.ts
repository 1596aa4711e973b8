// The Store that tests of the folds and of the api run on: SQLite in their folder, or PostgreSQL where the test file
// said so before it imported them.
import { beforeAll, beforeEach, afterAll } from "vitest";

import { openPostgresStore } from "../../core/store/store-postgres.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import { primaryKeys } from "../../core/store/tables.ts";
import { ranOn } from "../../tools/ran-on.ts";
import type { Adapter } from "../../tools/test-adapters.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { postgresSchema, type PostgresSchema } from "./postgres.ts";

let serverUrl: string | undefined;
let adapter: Adapter = "SQLite";

/** Not migrated yet. */
export function openTestStore(folder: string): Store {
  ranOn(adapter);
  return serverUrl === undefined ? openSqliteStore(folder) : new BorrowedStore(serverUrl);
}

/** Call it at the head of a test file, then import the tests that shall run on PostgreSQL. */
export function testOnPostgres(): void {
  adapter = "Postgres";
  let missing: string | undefined;
  beforeAll(async () => {
    const found = await serversForTests(["postgres"]);
    missing = found.missing;
    serverUrl = found.servers.postgres?.url;
  }, 120_000);
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });
  afterAll(async () => {
    for (const { store, schema } of free.splice(0)) {
      await store.close();
      await schema.drop();
    }
  });
}

interface Kept {
  readonly schema: PostgresSchema;
  readonly store: Store;
}

/** Made once and emptied after use: a property test takes hundreds. */
const free: Kept[] = [];

class BorrowedStore implements Store {
  readonly dialect = "postgres";
  private readonly server: string;
  private kept: Kept | undefined;

  constructor(server: string) {
    this.server = server;
  }

  get reader(): Store["reader"] {
    return this.inner.reader;
  }

  async migrate(): Promise<void> {
    this.kept ??= free.pop() ?? (await make(this.server));
    await this.kept.store.migrate();
  }

  snapshot<T>(work: Parameters<Store["snapshot"]>[0]): Promise<T> {
    return this.inner.snapshot(work) as Promise<T>;
  }

  transaction<T>(work: Parameters<Store["transaction"]>[0]): Promise<T> {
    return this.inner.transaction(work) as Promise<T>;
  }

  write(writing: Parameters<Store["write"]>[0]): Promise<void> {
    return this.inner.write(writing);
  }

  async close(): Promise<void> {
    const { kept } = this;
    if (!kept) return;
    this.kept = undefined;
    await kept.schema.query(
      Object.keys(primaryKeys)
        .map((table) => `delete from "${table}"`)
        .join("; "),
    );
    free.push(kept);
  }

  private get inner(): Store {
    if (!this.kept) throw new Error("This store is closed, or was not migrated.");
    return this.kept.store;
  }
}

async function make(server: string): Promise<Kept> {
  const schema = await postgresSchema(server);
  return { schema, store: openPostgresStore({ url: schema.url }) };
}
