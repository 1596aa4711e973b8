// The only file that names pg. Connections with the store's time-outs, its types and its words for errors.
import type { Duplex } from "node:stream";
import { Pool, type PoolClient, type QueryResult } from "pg";

import { limits } from "../config/limits.ts";
import { WattlogError } from "../runtime/errors.ts";
import { breaksConnection, translatePostgres, type Place } from "./postgres-errors.ts";
import { Slots } from "./slots.ts";
import { asStored } from "./text.ts";

export interface PostgresLimits {
  readonly connectMs: number;
  readonly queueMs: number;
  readonly statementMs: number;
  readonly answerMs: number;
  readonly idleInTransactionMs: number;
}

const defaultLimits: PostgresLimits = {
  connectMs: limits.storeConnectMs,
  queueMs: limits.storeQueueMs,
  statementMs: limits.storeStatementMs,
  answerMs: limits.storeAnswerMs,
  idleInTransactionMs: limits.storeIdleInTransactionMs,
};

export interface PoolOptions {
  readonly url: string;
  readonly connections: number;
  readonly readOnly: boolean;
  readonly limits?: Partial<PostgresLimits>;
}

const idleMs = 30_000;
const oid = { bytea: 17, int8: 20, numeric: 1700 } as const;

/** @throws WattlogError `config/invalid` */
export function parseDatabaseUrl(text: string): { readonly url: URL; readonly place: Place } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const database = decodeURIComponent(url?.pathname.slice(1) ?? "");
  if (!url || !/^postgres(?:ql)?:$/.test(url.protocol) || database === "") {
    throw new WattlogError("config/invalid", "DATABASE_URL must be postgres://user:password@host:port/database.");
  }
  const server =
    url.hostname === "" ? (url.searchParams.get("host") ?? "localhost") : `${url.hostname}:${url.port || 5432}`;
  return { url, place: { user: decodeURIComponent(url.username), server, database } };
}

/** As text of the server: integers as numbers, blobs as bytes of their own, all else as it is. */
function parserOf(type: number): (text: string) => unknown {
  if (type === oid.bytea) return bytesOf;
  if (type === oid.int8) return integerOf;
  // No table has one: a sum of integers.
  if (type === oid.numeric || type === 21 || type === 23 || type === 700 || type === 701) return Number;
  if (type === 16) return (text) => (text === "t" ? 1 : 0);
  return (text) => text;
}

function integerOf(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${text} in the database is no integer that a number can hold.`);
  return value;
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length - 2) / 2);
  Buffer.from(bytes.buffer).write(text.slice(2), "hex");
  return bytes;
}

export class PostgresPool {
  readonly place: Place;
  private readonly pool: Pool;
  private readonly slots: Slots;
  private closed = false;

  /** Connects when it is first used. */
  constructor(options: PoolOptions) {
    const { url, place } = parseDatabaseUrl(options.url);
    const own = { ...defaultLimits, ...options.limits };
    const session = {
      statement_timeout: own.statementMs,
      idle_in_transaction_session_timeout: own.idleInTransactionMs,
      default_transaction_read_only: options.readOnly ? "on" : "off",
      // A client's machine that is gone must not hold locks for two hours.
      tcp_keepalives_idle: 10,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
    };
    const settings = Object.entries(session).map(([name, value]) => `-c ${name}=${value}`);
    const given = url.searchParams.get("options");
    url.searchParams.delete("options");
    this.place = place;
    this.slots = new Slots(options.connections, own.queueMs);
    this.pool = new Pool({
      connectionString: url.href,
      options: [...settings, ...(given === null ? [] : [given])].join(" "),
      application_name: "wattlog",
      max: options.connections,
      connectionTimeoutMillis: own.connectMs,
      idleTimeoutMillis: idleMs,
      query_timeout: own.answerMs,
      keepAlive: true,
      // What a transaction sends before it needs an answer leaves together (`post`).
      pipeline: true,
      types: { getTypeParser: parserOf as never },
    });
    // Without listeners a connection that breaks while nobody asks it anything would end the process.
    this.pool.on("error", () => {});
    this.pool.on("connect", (client) => client.on("error", () => {}));
  }

  /** @throws WattlogError `store/unavailable` */
  async take(): Promise<PostgresSession> {
    if (this.closed) throw closedStore();
    await this.slots.take();
    try {
      const client = await this.pool.connect();
      return new PostgresSession(client, this.place, () => this.slots.give());
    } catch (error) {
      this.slots.give();
      throw this.closed ? closedStore() : translatePostgres(error, this.place);
    }
  }

  /** Waits for what is in use, but not for a server that is frozen. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, limits.storeConnectMs);
    await Promise.race([this.pool.end(), patience.promise]);
    clearTimeout(timer);
  }
}

function closedStore(): WattlogError {
  return new WattlogError("store/unavailable", "The store is closed.");
}

export type Row = Record<string, unknown>;

/** Public in pg's documentation, not in its types. */
interface ClientWithStream {
  readonly connection: { readonly stream: Duplex };
}

/** One connection for one piece of work: a query of the reader, a snapshot, a transaction. */
export class PostgresSession {
  /** Waits longer for an answer than usual, for migrations. */
  patienceMs: number | undefined;
  private readonly client: PoolClient;
  private readonly place: Place;
  private readonly onRelease: () => void;
  private broken = false;
  private ended = false;
  private transactionOpen = false;
  private readonly posted: Promise<void>[] = [];
  /** Of what was posted: the server refuses everything after it, with words that say nothing. */
  private postFailure: { readonly error: unknown } | undefined;
  private corked = false;

  constructor(client: PoolClient, place: Place, onRelease: () => void) {
    this.client = client;
    this.place = place;
    this.onRelease = onRelease;
  }

  get inTransaction(): boolean {
    return this.transactionOpen;
  }

  /** @param name of a statement that the server keeps prepared for this connection. */
  query(text: string, values: readonly unknown[] = [], name?: string): Promise<QueryResult<Row>> {
    return this.send({ text, values, name }, false);
  }

  /** Not waited for: whoever waits next, at the latest `commit`, is told what failed. Saves a round trip each. */
  post(text: string, values: readonly unknown[] = [], name?: string): void {
    this.refuseWhenEnded();
    this.posted.push(
      this.send({ text, values, name }, true).then(
        () => undefined,
        () => undefined,
      ),
    );
  }

  private async send(
    { text, values, name }: { text: string; values: readonly unknown[]; name: string | undefined },
    isPosted: boolean,
  ): Promise<QueryResult<Row>> {
    this.refuseWhenEnded();
    const query = {
      text,
      values: values.map(toPostgres),
      ...(name === undefined ? {} : { name }),
      ...(this.patienceMs === undefined ? {} : { query_timeout: this.patienceMs }),
    };
    try {
      this.cork();
      return await this.client.query<Row>(query);
    } catch (error) {
      if (breaksConnection(error)) this.broken = true;
      const told: unknown = this.postFailure ? this.postFailure.error : translatePostgres(error, this.place);
      // At once: the refusal of what was sent behind it may have come in the same packet.
      if (isPosted) this.postFailure ??= { error: told };
      throw told;
    }
  }

  /** What was posted has been answered. @throws what failed of it */
  async settled(): Promise<void> {
    await Promise.all(this.posted);
    if (this.postFailure) throw this.postFailure.error;
  }

  begin(mode: string): void {
    this.post(`begin ${mode}`);
    this.transactionOpen = true;
  }

  /** @throws Error when a statement had failed and `work` went on all the same: nothing is stored then. */
  async commit(): Promise<void> {
    const { command } = await this.query("commit");
    this.transactionOpen = false;
    await this.settled();
    if (command === "ROLLBACK")
      throw new Error("A statement of this transaction had failed, so nothing of it is stored.");
  }

  private refuseWhenEnded(): void {
    if (!this.ended) return;
    throw new Error("A query on a transaction that has ended: await everything inside `transaction`.");
  }

  /** Statements of one turn become one write. */
  private cork(): void {
    if (this.corked) return;
    const { stream } = (this.client as unknown as ClientWithStream).connection;
    this.corked = true;
    stream.cork();
    process.nextTick(() => {
      this.corked = false;
      stream.uncork();
    });
  }

  /** A connection that cannot even roll back is given up. */
  async rollback(): Promise<void> {
    if (!this.transactionOpen || this.broken) return;
    this.transactionOpen = false;
    await this.query("rollback").catch(() => {
      this.broken = true;
    });
    await Promise.all(this.posted);
  }

  /** Gives the connection back; what still holds this session is refused. */
  release(): void {
    if (this.ended) return;
    this.ended = true;
    this.client.release(this.broken || this.transactionOpen);
    this.onRelease();
  }
}

/** As SQLite takes them: booleans as 0 and 1, text without NUL. */
function toPostgres(value: unknown): unknown {
  if (typeof value === "string") return asStored(value);
  return typeof value === "boolean" ? Number(value) : value;
}
