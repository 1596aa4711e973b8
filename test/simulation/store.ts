// The store: one server with tables in memory, and a client for each process. A commit is all or nothing; it may be lost
// with those after it, as with a server that comes back without its last ones.
import type { Kysely } from "kysely";
import type { KeyOf, Store, StoreTransaction, Writing } from "../../core/store/store.ts";
import { primaryKeys, type PositionRow, type Schema, type TableName, type Tables } from "../../core/store/tables.ts";
import { writeWithin } from "../../core/store/write-within.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import type { Process } from "./process.ts";
import { kyselyOver, type Row, type Rows } from "./query.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Weather } from "./weather.ts";

const unavailable = (): WattlogError => new WattlogError("store/unavailable", "The store does not answer.");
/** Commits that may be lost again. */
const keptCommits = 12;

interface Undo {
  readonly table: string;
  readonly key: string;
  readonly before: Row | undefined;
}

export interface Commit {
  readonly changes: readonly Undo[];
}

/** Told of each commit, before anybody can see it. */
export type CommitWatch = (changed: ReadonlySet<string>, server: StoreServer) => void;

export class StoreServer implements Rows {
  private readonly tables = new Map<string, Map<string, Row>>();
  private commits: Commit[] = [];
  private open: Undo[] | undefined;
  /** Tables that belong to nobody's fold: the projection's, which are views here. */
  private readonly views = new Map<string, () => Iterable<Row>>();

  of(table: string): Iterable<Row> {
    return this.views.get(table)?.() ?? this.table(table).values();
  }

  view(name: string, rows: () => Iterable<Row>): void {
    this.views.set(name, rows);
  }

  rows<Name extends TableName>(table: Name): readonly Tables[Name][] {
    return [...this.table(table).values()] as unknown as Tables[Name][];
  }

  position(partition: number): PositionRow | undefined {
    return this.rows("position").find((row) => row.role === "processor" && row.partition === partition);
  }

  update(table: string, matches: (row: Row) => boolean, values: Row): number {
    let count = 0;
    for (const [key, row] of this.table(table)) {
      if (!matches(row)) continue;
      this.put(table, key, { ...row, ...values });
      count++;
    }
    return count;
  }

  upsert(table: string, rows: readonly Row[], isNew: boolean): void {
    for (const row of rows) {
      const key = keyOf(table, row);
      if (!isNew || !this.table(table).has(key)) this.put(table, key, { ...row });
    }
  }

  remove(table: string, keys: readonly Row[]): void {
    for (const key of keys) this.put(table, keyOf(table, key), undefined);
  }

  begin(): void {
    if (this.open) throw new Error("two transactions at once");
    this.open = [];
  }

  rollback(): void {
    const open = this.open ?? [];
    this.open = undefined;
    this.takeBack(open);
  }

  /** @returns tables that were changed. */
  commit(): ReadonlySet<string> {
    const changes = this.open ?? [];
    this.open = undefined;
    if (changes.length > 0) this.commits.push({ changes });
    if (this.commits.length > keptCommits) this.commits.shift();
    return new Set(changes.map(({ table }) => table));
  }

  /** The newest commits are gone, as if they had never been. */
  loseCommits(count: number): number {
    const lost = this.commits.splice(Math.max(0, this.commits.length - count));
    for (const { changes } of lost.toReversed()) this.takeBack(changes);
    return lost.length;
  }

  private takeBack(changes: readonly Undo[]): void {
    for (const { table, key, before } of changes.toReversed()) {
      if (before) this.table(table).set(key, before);
      else this.table(table).delete(key);
    }
  }

  private put(table: string, key: string, row: Row | undefined): void {
    const rows = this.table(table);
    this.open?.push({ table, key, before: rows.get(key) });
    if (row) rows.set(key, row);
    else rows.delete(key);
  }

  private table(name: string): Map<string, Row> {
    let rows = this.tables.get(name);
    if (!rows) this.tables.set(name, (rows = new Map<string, Row>()));
    return rows;
  }
}

function keyOf(table: string, row: Row): string {
  return primaryKeys[table as TableName].map((column) => String(row[column])).join("|");
}

/** @param network absent: nothing takes time and nothing fails, for a refold beside the run. */
export function openStore(
  server: StoreServer,
  watch: CommitWatch = () => undefined,
  network?: { readonly scheduler: Scheduler; readonly weather: Weather; readonly process: Process },
): Store {
  return new StoreClient(server, watch, network);
}

class StoreClient implements Store {
  readonly dialect = "postgres";
  readonly reader: Kysely<Schema>;
  private readonly server: StoreServer;
  private readonly watch: CommitWatch;
  private readonly network: Parameters<typeof openStore>[2];
  private readonly tx: StoreTransaction;

  constructor(server: StoreServer, watch: CommitWatch, network: Parameters<typeof openStore>[2]) {
    this.server = server;
    this.watch = watch;
    this.network = network;
    this.reader = kyselyOver(server, () => this.asked("query"));
    this.tx = {
      db: kyselyOver(server, () => undefined),
      upsert: async (table, rows) => server.upsert(table, rows as unknown as Row[], false),
      insertNew: async (table, rows) => server.upsert(table, rows as unknown as Row[], true),
      remove: async <Name extends TableName>(table: Name, keys: readonly KeyOf<Name>[]) => server.remove(table, keys),
    };
  }

  snapshot<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    return work(this.reader);
  }

  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const { network } = this;
    if (!network) return this.perform(work);
    const { scheduler, weather, process } = network;
    const fate = weather.write();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const answer = (what: string, tell: () => void): void =>
      void scheduler.io(weather.latency(), process, `store ${what}`, tell);
    if (fate === "refused") {
      answer("refuses", () => reject(unavailable()));
      return promise;
    }
    // The server does what it was sent also where the one who sent it is gone.
    scheduler.io(weather.syncLatency(), undefined, "commit", () => {
      this.perform(work).then(
        (result) =>
          fate === "well"
            ? answer("committed", () => resolve(result))
            : answer("does not say", () => reject(unavailable())),
        (error: unknown) => answer("throws", () => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    });
    return promise;
  }

  write(writing: Writing): Promise<void> {
    return this.transaction((tx) => writeWithin(tx, writing));
  }

  migrate(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Nothing else happens until it is done: its work waits for nothing but the tables. */
  private async perform<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    this.server.begin();
    try {
      const result = await work(this.tx);
      this.watch(this.server.commit(), this.server);
      return result;
    } catch (error) {
      this.server.rollback();
      throw error;
    }
  }

  private async asked(what: string): Promise<void> {
    if (!this.network) return;
    const { scheduler, weather, process } = this.network;
    await scheduler.sleep(weather.latency(), process, what);
    if (weather.storeReadFails()) throw unavailable();
  }
}
