// A Postgres that lets in nobody without TLS and a certificate of ours: by libpq's parameters in DATABASE_URL, and what is said
// where one of them is missing or wrong. On a server of its own, for its settings are changed.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { isWattlogError } from "../../core/runtime/errors.ts";
import { openPostgresStore } from "../../core/store/store-postgres.ts";
import { ownServer, serversForTests, type OwnServer } from "../../tools/servers/ensure.ts";
import type { PostgresServer } from "../../tools/servers/protocol.ts";
import { authorityAt, issued, type Certified } from "../harness/certificates.ts";
import { tempFolder } from "../harness/paths.ts";
import { runSql } from "../harness/postgres.ts";
import { eventually } from "../harness/wait.ts";

const { missing } = await serversForTests(["postgres"]);
const folder = tempFolder("postgres-tls");
const user = "wattlog";
let server: OwnServer<PostgresServer> | undefined;

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

/** Files that libpq's parameters name. */
function written(name: string, { certificate, key }: Certified) {
  const [certFile, keyFile] = [join(folder.path, `${name}.crt`), join(folder.path, `${name}.key`)];
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key);
  return { certFile, keyFile };
}

/** Written by the server itself: it refuses a key that is not its own alone. */
async function writeThere(url: string, name: string, text: string): Promise<void> {
  const base64 = Buffer.from(text).toString("base64");
  await runSql(url, `copy (select '${base64}') to program 'umask 077; base64 -d > ${name}'`);
}

/** Certificate, authority and a database that is entered by certificate alone; by a reload, as an administrator would. */
async function demandCertificates(url: string, authority: Certified, shown: Certified): Promise<void> {
  await writeThere(url, "server.crt", shown.certificate);
  await writeThere(url, "server.key", shown.key);
  await writeThere(url, "ca.crt", authority.certificate);
  const [row] = await runSql(url, "select pg_read_file('pg_hba.conf') as rules");
  const rules = ["hostssl secured all 127.0.0.1/32 cert", "hostnossl secured all 127.0.0.1/32 reject"];
  await writeThere(url, "pg_hba.conf", [...rules, String(row?.["rules"])].join("\n"));
  await runSql(url, "alter system set ssl_ca_file = 'ca.crt'");
  await runSql(url, "alter system set ssl = on");
  await runSql(url, "create database secured");
  await runSql(url, "select pg_reload_conf()");
  // The server does it in its own time; whoever connects after that meets all of it.
  await eventually("the reload", async () => (await runSql(url, "show ssl"))[0]?.["ssl"] === "on");
}

let authority: Certified;
let parameters: Readonly<Record<string, string>>;

beforeAll(async () => {
  if (missing !== undefined) return;
  server = await ownServer("postgres");
  authority = await authorityAt();
  await demandCertificates(server.server.url, authority, await issued(authority, "CN=server", 10, "127.0.0.1"));
  const { certFile, keyFile } = written("client", await issued(authority, `CN=${user}`));
  const { certFile: sslrootcert } = written("ca", authority);
  parameters = { sslmode: "verify-full", sslrootcert, sslcert: certFile, sslkey: keyFile };
});

afterAll(async () => {
  await server?.end();
  folder[Symbol.dispose]();
});

/** An address without a password: the certificate is the login. */
function address(changed: Readonly<Record<string, string | undefined>> = {}): string {
  const url = new URL(server!.server.url);
  url.password = "";
  url.pathname = "/secured";
  for (const [name, value] of Object.entries({ ...parameters, ...changed })) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

async function refusal(url: string): Promise<string> {
  const store = openPostgresStore({ url, limits: { connectMs: 5_000 } });
  try {
    await store.migrate();
    return "let in";
  } catch (error) {
    if (!isWattlogError(error)) throw error;
    return `${error.code}: ${error.message}`;
  } finally {
    await store.close();
  }
}

test("the certificate of the user opens the store, by TLS", async () => {
  const url = address();
  expect(await refusal(url)).toBe("let in");
  const [row] = await runSql(url, "select ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()");
  expect(row).toEqual({ ssl: true, client_dn: `/CN=${user}` });
});

test("what is missing or wrong is said in one sentence, and none of it is waited for", async () => {
  const foreign = await authorityAt();
  const another = written("another", await issued(authority, "CN=somebody"));
  const stranger = written("stranger", await issued(foreign, `CN=${user}`));
  const expired = written("expired", await issued(authority, `CN=${user}`, -1));
  const shown = ({ certFile, keyFile }: ReturnType<typeof written>) =>
    refusal(address({ sslcert: certFile, sslkey: keyFile }));
  const nothing = { sslcert: undefined, sslkey: undefined };
  const byName = /^store\/refused: .* lets wattlog in by a certificate of that name alone: .*sslcert=.*\.$/;
  expect(await refusal(address(nothing))).toMatch(byName);
  expect(await shown(another)).toMatch(byName);
  expect(await shown(stranger)).toMatch(/^store\/refused: .* does not take our certificate \(.*sslcert=.*\.$/);
  expect(await shown(expired)).toMatch(
    /^store\/refused: .* does not take our certificate \(certificate expired\).*\.$/,
  );
  expect(await refusal(address({ ...nothing, sslmode: "disable", sslrootcert: undefined }))).toMatch(
    /^store\/refused: .* does not let wattlog in without TLS: add \?sslmode=verify-full/,
  );
  const { certFile: sslrootcert } = written("foreign", foreign);
  expect(await refusal(address({ sslrootcert }))).toMatch(/^store\/refused: .* is not trusted .*sslrootcert= in/);
  const sslcert = join(folder.path, "nowhere.crt");
  expect(await refusal(address({ sslcert }))).toMatch(/^store\/refused: A file that DATABASE_URL names cannot be read/);
});
