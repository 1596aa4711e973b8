// A schema of one's own in the shared PostgreSQL: what tests make there is seen by nobody else and gone with it.
import { randomUUID } from "node:crypto";
import { Client } from "pg";

export interface PostgresSchema {
  /** Everything that connects with it is in the schema. */
  readonly url: string;
  readonly name: string;
  /** As the superuser, in the schema. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

export async function postgresSchema(serverUrl: string): Promise<PostgresSchema> {
  const name = `t_${randomUUID().replaceAll("-", "")}`;
  const url = new URL(serverUrl);
  url.searchParams.set("options", `-c search_path=${name}`);
  const run = async (sql: string): Promise<Record<string, unknown>[]> => {
    const client = new Client({ connectionString: url.href });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  await run(`create schema ${name}`);
  return {
    url: url.href,
    name,
    query: run,
    drop: async () => void (await run(`set client_min_messages = error; drop schema ${name} cascade`)),
  };
}
