// A schema of one's own in the shared PostgreSQL: what tests make there is seen by nobody else and gone with it.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Client } from "pg";

export interface PostgresSchema {
  /** Everything that connects with it is in the schema. */
  readonly url: string;
  readonly name: string;
  /** As the superuser, in the schema. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

const freshName = (): string => `t_${randomUUID().replaceAll("-", "")}`;

/** One statement, or several, on a connection of its own. */
export async function runSql(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

export async function postgresSchema(serverUrl: string): Promise<PostgresSchema> {
  const name = freshName();
  const url = new URL(serverUrl);
  url.searchParams.set("options", `-c search_path=${name}`);
  const query = (sql: string) => runSql(url.href, sql);
  await query(`create schema ${name}`);
  return {
    url: url.href,
    name,
    query,
    drop: async () => void (await query(`set client_min_messages = error; drop schema ${name} cascade`)),
  };
}

/** A database whose text is ordered as people order it, which is not how the store must. */
export async function postgresDatabase(
  serverUrl: string,
  settings = "locale_provider icu icu_locale 'en-US'",
): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = freshName();
  await runSql(serverUrl, `create database ${name} template template0 ${settings}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: async () => void (await runSql(serverUrl, `drop database ${name} with (force)`)) };
}

/** Every process of the server: its postmaster's children are the ones that answer. */
export function processesOf(postmaster: number): readonly number[] {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8");
  return [postmaster, ...children.trim().split(" ").filter(Boolean).map(Number)];
}

export function signalServer(postmaster: number, signal: NodeJS.Signals): void {
  for (const pid of processesOf(postmaster)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}
