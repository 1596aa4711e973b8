import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { postgresSchema, runSql } from "../../test/harness/postgres.ts";
import { serversForTests, type ServersOrReason } from "../../tools/servers/ensure.ts";
import { openPostgresKeyStore } from "./key-store-postgres.ts";
import { keyStoreContract } from "./key-store.contract.ts";
import type { KeyStore } from "./key-store.ts";

let found: ServersOrReason;
let serverUrl = "";

beforeAll(async () => {
  found = await serversForTests(["postgres"]);
  serverUrl = found.servers.postgres?.url ?? "";
}, 120_000);

beforeEach((context) => {
  if (found.missing) context.skip(found.missing);
});

const made: { drop(): Promise<void> }[] = [];
afterAll(async () => {
  for (const schema of made) await schema.drop();
});

/** A name that nobody has made yet. */
async function freshSchema(): Promise<string> {
  const schema = await postgresSchema(serverUrl);
  await schema.drop();
  made.push({ drop: async () => void (await runSql(serverUrl, `drop schema if exists ${schema.name} cascade`)) });
  return schema.name;
}

keyStoreContract("Postgres", async () => {
  const schema = await freshSchema();
  const opened: KeyStore[] = [];
  const another = () => {
    opened.push(openPostgresKeyStore({ url: serverUrl, schema }));
    return opened.at(-1)!;
  };
  return {
    keys: another(),
    another,
    end: async () => void (await Promise.all(opened.map((keys) => keys.close()))),
  };
});

test("the schema is made once by whoever comes first", async () => {
  const schema = await freshSchema();
  const stores = Array.from({ length: 4 }, () => openPostgresKeyStore({ url: serverUrl, schema }));
  const ids = await Promise.all(stores.map(async (keys) => (await keys.keyFor("A/subject/1")).id));
  expect(new Set(ids).size).toBe(1);
  await Promise.all(stores.map((keys) => keys.close()));
});
