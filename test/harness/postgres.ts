// A schema of one's own in the shared PostgreSQL: what tests make there is seen by nobody else and gone with it.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
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

/** One statement, or several, on a connection of its own; waits for a server that listens before it is ready. */
export async function runSql(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = await connected(url);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function connected(url: string): Promise<Client> {
  const until = performance.now() + 20_000;
  for (;;) {
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      return client;
    } catch (error) {
      // cannot_connect_now
      if ((error as { code?: string }).code !== "57P03" || performance.now() > until) throw error;
      await sleep(20);
    }
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

/** Its postmaster's children are the ones that answer. */
function childrenOf(postmaster: number): readonly number[] {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8");
  return children.trim().split(" ").filter(Boolean).map(Number);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

export function freezeServer(postmaster: number): void {
  signal(postmaster, "SIGSTOP");
  for (const pid of childrenOf(postmaster)) signal(pid, "SIGSTOP");
}

export function thawServer(postmaster: number): void {
  for (const pid of childrenOf(postmaster)) signal(pid, "SIGCONT");
  signal(postmaster, "SIGCONT");
}

/** kill -9 of all of it. A child that outlived its postmaster would keep the next one from starting. */
export async function killServer(postmaster: number): Promise<void> {
  // Stopped first, so that it makes no more children.
  signal(postmaster, "SIGSTOP");
  const all = [...childrenOf(postmaster), postmaster];
  for (const pid of all) signal(pid, "SIGKILL");
  while (all.some(isRunning)) await sleep(5);
}

function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
