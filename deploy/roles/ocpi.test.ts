import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

import { readSettings } from "../../core/config/settings.ts";
import { ocpiOf } from "./ocpi.ts";

const folder = mkdtempSync(join(tmpdir(), "wattlog-ocpi-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = "k".repeat(32);
const cluster = { KAFKA_BROKERS: "b:9092", REDIS_URL: "redis://r", DATABASE_URL: "postgres://d" };

test.each([
  [{}, { url: "http://127.0.0.1:8080", peers: "local" }],
  [{ WATTLOG_OCPI_URL: "https://cpo.example/" }, { url: "https://cpo.example", peers: "public" }],
  [{ WATTLOG_BIND: "0.0.0.0" }, { url: undefined, peers: "public" }],
  [
    { WATTLOG_BIND: "0.0.0.0", WATTLOG_OCPI_PEERS: "local" },
    { url: undefined, peers: "local" },
  ],
  [{ WATTLOG_OCPI_PEERS: "public" }, { url: "http://127.0.0.1:8080", peers: "public" }],
])(
  "%j: local partners are for a wattlog that nobody reaches from outside, or for who asks for them",
  (env, expected) => {
    expect(ocpiOf(readSettings({ ...env, WATTLOG_SECRETS_KEY: key }))).toMatchObject(expected);
  },
);

test("the key is made once and kept in the data folder, for its owner's eyes; a cluster has none of its own", () => {
  const settings = readSettings({ WATTLOG_DATA_DIR: folder });
  const { secret } = ocpiOf(settings);
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  expect(ocpiOf(settings).secret).toBe(secret);
  const file = join(folder, "secrets-key");
  expect([readFileSync(file, "utf8").trim(), statSync(file).mode & 0o777]).toEqual([secret, 0o600]);
  expect(ocpiOf(readSettings(cluster)).secret).toBeUndefined();
  expect(ocpiOf(readSettings({ ...cluster, WATTLOG_SECRETS_KEY: key })).secret).toBe(key);
});

test("a key of the environment is long, and is not told where it is not", () => {
  const short = () => readSettings({ WATTLOG_SECRETS_KEY: "hunter2" });
  expect(short).toThrow("WATTLOG_SECRETS_KEY");
  expect(short).not.toThrow("hunter2");
});
