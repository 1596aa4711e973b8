// Kysely's face of a connection: a cursor for streams, names for what is asked again and again.
import { Kysely, PostgresDialect } from "kysely";

import type { PostgresSession, Row } from "./postgres-connection.ts";
import type { Schema } from "./tables.ts";

type QueryResult = Awaited<ReturnType<PostgresSession["query"]>>;

/** Kysely on sessions: `take` is asked for each query, `give` gets it back. */
export function kyselyOn(
  take: () => Promise<PostgresSession>,
  give: (session: PostgresSession) => void,
): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: new PostgresDialect({
      cursor: Cursor as never,
      pool: { connect: async () => new ClientFace(await take(), give), end: async () => {} } as never,
    }),
  });
}

class ClientFace {
  private readonly session: PostgresSession;
  private readonly give: (session: PostgresSession) => void;

  constructor(session: PostgresSession, give: (session: PostgresSession) => void) {
    this.session = session;
    this.give = give;
  }

  query(query: string | Cursor, values: readonly unknown[] = []): Promise<QueryResult> | Cursor {
    if (query instanceof Cursor) return query.on(this.session);
    // Without parameters it may be several statements, which have no plan to keep.
    return this.session.query(query, values, values.length > 0 ? nameOf(query) : undefined);
  }

  release(): void {
    this.give(this.session);
  }
}

/** A text that came so often is one of those that every turn of a fold asks, and not a page with somebody's filters. */
const preparedFrom = 8;
/** Of each connection the server keeps so many plans at most. */
const preparedMost = 200;
const seen = new Map<string, number>();
const prepared = new Map<string, string>();

/** The server plans a query anew each time unless it has a name, which costs more than to run it. */
function nameOf(text: string): string | undefined {
  const name = prepared.get(text);
  if (name !== undefined || prepared.size >= preparedMost) return name;
  const times = (seen.get(text) ?? 0) + 1;
  seen.set(text, times);
  // Texts with lists of any length are many; those that come again will be seen again.
  if (seen.size > 10 * preparedMost) seen.clear();
  if (times < preparedFrom) return undefined;
  seen.delete(text);
  prepared.set(text, `wattlog_query_${prepared.size}`);
  return prepared.get(text);
}

let cursors = 0;

/** A cursor of SQL, so that a stream holds one chunk in memory; outside a transaction it opens one of its own. */
class Cursor {
  private readonly sql: string;
  private readonly values: readonly unknown[];
  private readonly name = `wattlog_${++cursors}`;
  private session: PostgresSession | undefined;
  private isDeclared = false;
  private isOwnTransaction = false;

  constructor(sql: string, values: readonly unknown[]) {
    this.sql = sql;
    this.values = values;
  }

  on(session: PostgresSession): this {
    this.session = session;
    return this;
  }

  async read(rows: number): Promise<Row[]> {
    const session = this.session!;
    if (!this.isDeclared) {
      this.isOwnTransaction = !session.inTransaction;
      if (this.isOwnTransaction) session.begin("read only");
      await session.query(`declare ${this.name} no scroll cursor for ${this.sql}`, this.values);
      this.isDeclared = true;
    }
    return (await session.query(`fetch forward ${rows} from ${this.name}`)).rows;
  }

  async close(): Promise<void> {
    if (this.isOwnTransaction) await this.session!.rollback();
    else if (this.isDeclared) await this.session!.query(`close ${this.name}`).catch(() => undefined);
  }
}
