// The spine on real servers, each role a process of its own: the same fleet, the same ledger check, the same rebuild.
import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { startCluster, type Cluster } from "../../tools/cluster.ts";
import { freshDatabase } from "./database.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";

const { servers, missing } = await serversForTests(["kafka", "redis", "postgres"]);
let cluster: Cluster;
let environment: Record<"KAFKA_BROKERS" | "REDIS_URL" | "DATABASE_URL", string>;
const output: string[] = [];

beforeAll(async () => {
  if (missing) return;
  environment = {
    KAFKA_BROKERS: servers.kafka!.brokers.join(","),
    REDIS_URL: servers.redis!.url,
    DATABASE_URL: await freshDatabase(servers.postgres!.url, `cluster_${randomBytes(4).toString("hex")}`),
  };
  cluster = await startCluster(environment, {
    environment: {
      WATTLOG_ALLOW_WEAK_LOG: "true",
      WATTLOG_SETTLE_AFTER_SECONDS: "2",
      WATTLOG_LOG_LEVEL: "warn",
    },
    onLine: (name, line) => output.push(`${name} ${line}`),
  });
}, 180_000);

afterAll(async () => {
  await cluster?.stop();
}, 60_000);

beforeEach((context) => {
  if (missing) context.skip(missing);
});

const faults = { repeat: 0.05, reconnect: 0.05, disorder: 0.05, offline: 0.05 };
const patience = { "message-timeout": 5, "retry-interval": 0.2, grace: 40 };

test("promises 1-5 on a cluster: every process is killed once under load and the ledger is clean", async () => {
  using journal = tempFolder("cluster-journal");
  const fleets = ["gateway-1", "gateway-2"].map((gateway, index) =>
    startFleet(
      { ocppUrl: cluster.of(gateway).url!, httpUrl: cluster.consoleUrl, token: cluster.token },
      {
        stations: 20,
        seconds: 22,
        prefix: `G${index + 1}`,
        protocol: "mixed",
        speed: 300,
        seed: 11 + index,
        commands: 2,
        journal: journal.path,
        ...faults,
        ...patience,
      },
    ),
  );
  await sleep(4_000);
  for (const name of ["gateway-1", "processor-1", "projector-1", "processor-2", "api-1", "gateway-2"]) {
    await cluster.restart(name, "SIGKILL");
  }
  const summaries = await Promise.all(fleets.map((fleet) => fleet.summary(150_000)));
  for (const summary of summaries) expect(summary.sessionsSettled).toBeGreaterThan(10);
  const { code, stdout, stderr } = await runCommand(["verify", "--journal", journal.path, "--settle", "60"], {
    env: { ...environment, WATTLOG_ALLOW_WEAK_LOG: "true" },
    timeoutMs: 150_000,
  });
  expect(code, `${stdout}\n${stderr}\n${output.slice(-60).join("\n")}`).toBe(0);
}, 300_000);

test("a role without the schema, or without the topics, says in one sentence what to run, with exit code 2", async () => {
  const env = { ...environment, WATTLOG_ALLOW_WEAK_LOG: "true", WATTLOG_ADMIN_PORT: "0" };
  const empty = await freshDatabase(servers.postgres!.url, `empty_${randomBytes(4).toString("hex")}`);
  const withoutSchema = await runCommand(["projector"], { env: { ...env, DATABASE_URL: empty } });
  expect(withoutSchema.stderr).toContain("wattlog migrate");
  expect(withoutSchema.code).toBe(2);
  const otherPartitions = await runCommand(["projector"], { env: { ...env, WATTLOG_PARTITIONS: "7" } });
  expect(otherPartitions.stderr).toContain("WATTLOG_PARTITIONS");
  expect(otherPartitions.code).toBe(2);
}, 60_000);
