import { createServer, type AddressInfo } from "node:net";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";

import { postgresDatabase, runSql } from "../../test/harness/postgres.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { openPostgresStore } from "./store-postgres.ts";

let missing: string | undefined;
let serverUrl: string;

beforeAll(async () => {
  const found = await serversForTests(["postgres"]);
  missing = found.missing;
  serverUrl = found.servers.postgres?.url ?? "";
}, 120_000);

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

describe("what is wrong with DATABASE_URL or the server is said in one sentence, and soon", () => {
  async function refusal(url: string, code = "store/unavailable"): Promise<string> {
    const store = openPostgresStore({ url, limits: { connectMs: 500 } });
    const error: unknown = await store.migrate().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await store.close();
    if (!isWattlogError(error)) throw new Error("it was not refused as it should be", { cause: error });
    expect(error.code).toBe(code);
    expect(error.message).not.toContain("\n");
    return error.message;
  }
  const changed = (change: (url: URL) => void): string => {
    const url = new URL(serverUrl);
    change(url);
    return url.href;
  };

  test("a wrong password", async () => {
    const sentence = await refusal(
      changed((url) => (url.password = "hunter2")),
      "store/refused",
    );
    expect(sentence).toMatch(/does not accept the password of wattlog: correct it in DATABASE_URL/);
    expect(sentence).not.toContain("hunter2");
  });

  test("a database that is not there", async () => {
    const url = changed((one) => (one.pathname = "/nowhere"));
    expect(await refusal(url, "store/refused")).toMatch(/no database nowhere: create it/);
  });

  test("nobody listens; the host is unknown; the server says nothing", async () => {
    expect(await refusal(changed((url) => (url.port = "1")))).toMatch(/cannot be used now.*ECONNREFUSED/);
    expect(await refusal(changed((url) => (url.hostname = "nowhere.invalid")))).toMatch(
      /nowhere\.invalid.*cannot be used/,
    );
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const started = performance.now();
    expect(await refusal(changed((url) => (url.port = String(port))))).toMatch(/cannot be used now/);
    expect(performance.now() - started).toBeLessThan(20_000);
    silent.close();
  });

  test("an address that is none", async () => {
    for (const url of ["", "localhost", "mysql://a:b@c/d", "postgres://user:secret@host:5432"]) {
      expect(() => openPostgresStore({ url })).toThrow(
        /^DATABASE_URL must be postgres:\/\/user:password@host:port\/database\.$/,
      );
    }
  });

  test("a user without rights; a user without a connection left", async () => {
    const database = await postgresDatabase(serverUrl);
    const role = `r_${database.url.slice(-8)}`;
    await runSql(database.url, `create role ${role} login password 'p'; revoke all on schema public from public`);
    const as = new URL(database.url);
    [as.username, as.password] = [role, "p"];
    expect(await refusal(as.href, "store/refused")).toMatch(/has no schema in the database .* to put tables into/);
    await runSql(serverUrl, `alter role ${role} connection limit 0`);
    expect(await refusal(as.href)).toMatch(/no connection left: raise its max_connections/);
    await database.drop();
    await runSql(serverUrl, `drop role ${role}`);
  });

  test("TLS where the server has none", async () => {
    const url = changed((one) => one.searchParams.set("sslmode", "require"));
    expect(await refusal(url, "store/refused")).toMatch(/does not speak TLS: take sslmode out of DATABASE_URL/);
  });

  test("a database that cannot hold every name; one that is read-only", async () => {
    const ascii = await postgresDatabase(serverUrl, "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'");
    expect(await refusal(ascii.url, "store/schema")).toMatch(/encoding is SQL_ASCII.*UTF8/);
    await ascii.drop();
    const standby = changed((url) => url.searchParams.set("options", "-c default_transaction_read_only=on"));
    expect(await refusal(standby)).toMatch(/read-only: DATABASE_URL must lead to the primary/);
  });
});
