// What the partitions of a process want to write at one moment is one transaction and one round trip: a transaction of
// its own costs each more than most of what it writes. Each position row guards what is its own: where one of them did
// not stand as it should, nothing is written, and everyone writes alone, so that only a zombie is refused.
import { WattlogError } from "../runtime/errors.ts";
import { whyNotMoved } from "./position.ts";
import { addRows, insertNewRows, moveRows, removeRows, upsertRows } from "./postgres-bulk.ts";
import type { PostgresSession } from "./postgres-connection.ts";
import { isNotMoved, isTaken } from "./postgres-errors.ts";
import type { Change, Store, Writing } from "./store.ts";
import type { TableName } from "./tables.ts";

/** Longer than the distance of a busy partition's batches. */
const waitMs = 250;
/** Memory of one turn: who comes beyond it goes with the next. */
const rowsPerTurn = 20_000;

interface Asked {
  readonly writing: Writing;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface TurnsOptions {
  /** One transaction; runs again after a conflict. */
  readonly transaction: (work: (session: PostgresSession) => Promise<void>) => Promise<void>;
  readonly reader: Store["reader"];
}

export class Turns {
  private readonly options: TurnsOptions;
  private asked: Asked[] = [];
  /** Goes with the others, or when it has waited long enough. */
  private waiting: Asked[] = [];
  private patience: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(options: TurnsOptions) {
    this.options = options;
  }

  write(writing: Writing): Promise<void> {
    return new Promise((resolve, reject) => {
      const asked = { writing, resolve, reject };
      if (writing.canWait) {
        this.waiting.push(asked);
        this.patience ??= setTimeout(() => this.go(), waitMs);
        return;
      }
      this.asked.push(asked);
      this.go();
    });
  }

  /** What waits is written at once; it must not find the connections closed. */
  async close(): Promise<void> {
    if (this.waiting.length > 0) this.go();
    await this.running;
  }

  private go(): void {
    this.running ??= this.run();
  }

  private async run(): Promise<void> {
    do {
      // What else is asked for in this turn of the event loop comes along.
      await new Promise((resolve) => setImmediate(resolve));
      clearTimeout(this.patience);
      this.patience = undefined;
      this.asked.push(...this.waiting.splice(0));
      await this.writeTogether(this.take());
    } while (this.asked.length > 0);
    this.running = undefined;
  }

  private take(): readonly Asked[] {
    let rows = 0;
    const beyond = this.asked.findIndex(({ writing }, index) => {
      for (const change of writing.changes) rows += change.rows.length;
      return index > 0 && rows > rowsPerTurn;
    });
    return this.asked.splice(0, beyond < 0 ? this.asked.length : beyond);
  }

  private async writeTogether(group: readonly Asked[]): Promise<void> {
    if (group.length === 0) return;
    try {
      await this.commit(group.map(({ writing }) => writing));
    } catch (error) {
      // Without the server nobody would fare better alone.
      if (group.length === 1 || error instanceof WattlogError) await settle(group, error, this.options.reader);
      else for (const asked of group) await this.writeTogether([asked]);
      return;
    }
    for (const { resolve } of group) resolve();
  }

  private async commit(writings: readonly Writing[]): Promise<void> {
    const { transaction } = this.options;
    try {
      await transaction(async (session) => post(session, writings, addRows));
    } catch (error) {
      if (!isTaken(error)) throw error;
      await transaction(async (session) => post(session, writings, insertNewRows));
    }
  }
}

async function settle(group: readonly Asked[], error: unknown, reader: Store["reader"]): Promise<void> {
  for (const { writing, reject } of group) {
    const { move } = writing;
    reject(move && isNotMoved(error) ? await whyNotMoved(reader, move.from).catch((why: unknown) => why) : error);
  }
}

/** Nothing is waited for: the commit that follows tells what failed. */
function post(session: PostgresSession, writings: readonly Writing[], insert: typeof addRows): void {
  moveRows(
    session,
    writings.flatMap(({ move }) => (move ? [move] : [])),
  );
  const all = writings.flatMap(({ changes }) => changes);
  for (const { table, rows } of merged(all, "remove")) removeRows(session, table, rows as never);
  for (const { table, rows } of merged(all, "upsert")) upsertRows(session, table, rows as never);
  for (const { table, rows } of merged(all, "insertNew")) insert(session, table, rows as never);
}

function merged(changes: readonly Change[], act: Change["act"]): { table: TableName; rows: readonly object[] }[] {
  const byTable = new Map<TableName, (readonly object[])[]>();
  for (const change of changes) {
    if (change.act !== act || change.rows.length === 0) continue;
    const known = byTable.get(change.table);
    if (known) known.push(change.rows);
    else byTable.set(change.table, [change.rows]);
  }
  return [...byTable].map(([table, parts]) => ({ table, rows: parts.length === 1 ? parts[0]! : parts.flat() }));
}
