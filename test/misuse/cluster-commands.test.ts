// The command line of a cluster: help without servers, secrets never shown, wrong use told.
import { expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";

const secrets = {
  WATTLOG_ADMIN_TOKEN: "secret-of-the-admin",
  KAFKA_SASL_PASSWORD: "secret-of-kafka",
  REDIS_URL: "redis://user:secret-of-redis@localhost:6379",
  DATABASE_URL: "postgres://user:secret-of-postgres@localhost:5432/wattlog",
};

const roles = ["gateway", "processor", "projector", "api"];

test("every role and every provisioning command has its help, needs no server for it, and ends with 0", async () => {
  const shown = await Promise.all([...roles, "topics", "migrate"].map((name) => runCommand([name, "--help"])));
  expect(shown.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
  for (const [at, { stdout }] of shown.entries()) {
    expect(stdout).toContain(`wattlog ${[...roles, "topics", "migrate"][at]}`);
    expect(stdout).toContain("Exit code 0: done");
  }
});

test("`wattlog config` says that a secret is set and shows nothing of it, as a table and as JSON", async () => {
  const env = { ...secrets, KAFKA_BROKERS: "broker-1:9092", KAFKA_SASL_USERNAME: "somebody" };
  const [table, json] = await Promise.all([runCommand(["config"], { env }), runCommand(["config", "--json"], { env })]);
  for (const { stdout, stderr, code } of [table, json]) {
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(/secret-of/);
    expect(stdout).toContain("broker-1:9092");
    expect(stdout).toContain("somebody");
  }
  const rows = JSON.parse(json.stdout) as { setting: string; value: string }[];
  const shown = new Map(rows.map(({ setting, value }) => [setting, value]));
  for (const name of Object.keys(secrets)) expect(shown.get(name), `the value of ${name}`).toBe("***");
});

test("an address that is wrong and secret is named, not shown, and is noticed although nothing else is there", async () => {
  const env = { ...secrets, KAFKA_BROKERS: "127.0.0.1:1", KAFKA_SASL_PASSWORD: "" };
  const [redis, postgres] = await Promise.all([
    runCommand(["gateway"], { env: { ...env, REDIS_URL: "http://user:secret-of-redis@localhost" } }),
    runCommand(["projector"], { env: { ...env, DATABASE_URL: "mysql://user:secret-of-postgres@localhost/wattlog" } }),
  ]);
  expect(redis.stderr).toContain("REDIS_URL must be redis://");
  expect(postgres.stderr).toContain("DATABASE_URL must be postgres://");
  expect(redis.stderr + postgres.stderr).not.toContain("secret-of");
  expect([redis.code, postgres.code]).toEqual([2, 2]);
});

test("wrong use of a role: a data folder, an option that there is not", async () => {
  const [data, option] = await Promise.all([
    runCommand(["gateway", "--data", "./data"]),
    runCommand(["processor", "--partitions", "3"]),
  ]);
  expect(data.stderr).toMatch(/keeps nothing in a folder: leave --data out/);
  expect(option.stderr).toContain("--partitions");
  expect([data.code, option.code]).toEqual([2, 2]);
});

test("`topics` and `migrate` end soon with one sentence where their server is not there or says no", async () => {
  const runs = await Promise.all([
    runCommand(["topics"], { env: { KAFKA_BROKERS: "127.0.0.1:1" } }),
    runCommand(["migrate"], { env: { DATABASE_URL: "postgres://user:secret-of-postgres@127.0.0.1:1/wattlog" } }),
    runCommand(["topics"], { env: { KAFKA_BROKERS: "" } }),
    runCommand(["migrate"], { env: { DATABASE_URL: "localhost" } }),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([1, 1, 2, 2]);
  for (const { stderr } of runs) {
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).not.toContain("secret-of");
  }
  expect(runs[0].stderr).toContain("Nothing listens at 127.0.0.1:1");
  expect(runs[1].stderr).toContain("Postgres at 127.0.0.1:1 cannot be used now");
});
