// Kafka, Redis and PostgreSQL are killed under load, one after the other, and come back. No role is restarted: each finds
// back by itself, and the ledger is clean.
import { afterEach, beforeEach, expect, test } from "vitest";

import { killServer } from "../harness/postgres.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { missingServers, ServerWorld } from "./server-world.ts";

const missing = await missingServers();
let world: ServerWorld | undefined;

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

afterEach(async () => {
  await world?.end();
  world = undefined;
}, 60_000);

test("promises 1-5: Kafka, Redis and Postgres die under load; all goes on without restart, and the ledger is clean", async () => {
  world = await ServerWorld.start({ kafka: "kafka", redis: "plain" });
  const { kafka, redis, postgres } = world;
  // Until it is told to end: nothing may heal when nobody is there.
  world.load({ stations: 40, seconds: 3600 });
  await world.charged(5);

  process.kill(kafka.node("broker-1").pid, "SIGKILL");
  await kafka.restart("broker-1");
  await world.healed();
  await sleep(2_000);

  // It keeps nothing on disk: whoever holds which station is known to the gateways alone now.
  process.kill(redis.node("redis").pid, "SIGKILL");
  await redis.restart("redis");
  await world.healed();
  await sleep(2_000);

  await killServer(postgres.node("postgres").pid);
  await postgres.restart("postgres");
  await world.healed();

  const healed = Date.now();
  await eventually("commands reach stations again", async () => (await world!.commandsTakenSince(healed)) > 0, {
    timeoutMs: 60_000,
  });
  await world.charged(12);
  world.endLoad();
  expect(await world.metric("gateway", "ocpp_log_anomalies_total"), "the broker was missed").toBeGreaterThan(0);
  for (const summary of await world.summaries(150_000)) expect(summary.sessionsSettled).toBeGreaterThan(10);
  const { code, stdout, stderr } = await world.verify();
  expect(code, `${stdout}\n${stderr}\n${world.words.join("\n")}`).toBe(0);
  await world.healed();
}, 480_000);
