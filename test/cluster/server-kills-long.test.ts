// What takes minutes: a broker of three, a Redis that fails over, a PostgreSQL that is away for a minute, one that loses
// its last commits, and a broker that answers late.
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { freezeServer, killServer, runSql, thawServer } from "../harness/postgres.ts";
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

async function expectWhole(): Promise<void> {
  const { code, stdout, stderr } = await world!.verify();
  expect(code, `${stdout}\n${stderr}\n${world!.words.join("\n")}`).toBe(0);
  await world!.healed();
}

async function expectSettled(): Promise<void> {
  for (const summary of await world!.summaries(240_000)) expect(summary.sessionsSettled).toBeGreaterThan(10);
  await expectWhole();
}

async function expectCommands(): Promise<void> {
  const since = Date.now();
  await eventually("commands reach stations", async () => (await world!.commandsTakenSince(since)) > 0, {
    timeoutMs: 40_000,
  });
}

test("promises 1-5: each of three brokers is killed in turn under load", async () => {
  world = await ServerWorld.start({ kafka: "kafka3", redis: "plain" });
  const { kafka } = world;
  world.load({ stations: 40, seconds: 130 });
  await sleep(4_000);
  for (const broker of ["broker-1", "broker-2", "broker-3"]) {
    process.kill(kafka.node(broker).pid, "SIGKILL");
    await sleep(6_000);
    await kafka.restart(broker);
    // A second one must not go before the first has caught up: two of three are needed.
    await sleep(6_000);
    await world.healed();
  }
  await expectCommands();
  await expectSettled();
}, 500_000);

test("promises 1-5: Kafka is away for longer than any reader waits; no role ends, and all goes on", async () => {
  world = await ServerWorld.start({ kafka: "kafka", redis: "plain" });
  const { kafka } = world;
  world.load({ stations: 40, seconds: 100 });
  await sleep(5_000);
  process.kill(kafka.node("broker-1").pid, "SIGKILL");
  await sleep(50_000);
  await kafka.restart("broker-1");
  await world.healed();
  await expectCommands();
  await expectSettled();
}, 500_000);

test("promises 1-5: Redis fails over by Sentinel, and what its old master knew last is lost", async () => {
  world = await ServerWorld.start({ kafka: "kafka", redis: "sentinel" });
  const { redis } = world;
  world.load({ stations: 40, seconds: 40 });
  await sleep(5_000);
  process.kill(redis.node("master").pid, "SIGKILL");
  await sleep(8_000);
  await world.healed();
  await expectCommands();
  await redis.restart("master");
  await expectSettled();
}, 400_000);

test.each(["killed", "frozen"] as const)(
  "promises 1-5: PostgreSQL is %s for a minute; stations notice nothing, and what waited is folded",
  async (how) => {
    world = await ServerWorld.start({ kafka: "kafka", redis: "plain" });
    const { postgres } = world;
    world.load({ stations: 40, seconds: 80 });
    await sleep(5_000);
    const { pid } = postgres.node("postgres");
    if (how === "killed") await killServer(pid);
    else freezeServer(pid);
    const closes = await world.metric("gateway", "ocpp_gateway_closes_total", 'reason="logUnavailable"');
    const received = await world.metric("gateway", "ocpp_frames_received_total");
    await sleep(60_000);
    expect(await world.metric("gateway", "ocpp_frames_received_total")).toBeGreaterThan(received + 100);
    expect(await world.metric("gateway", "ocpp_gateway_closes_total", 'reason="logUnavailable"')).toBe(closes);
    if (how === "killed") await postgres.restart("postgres");
    else thawServer(pid);
    await world.healed();
    await expectCommands();
    await expectSettled();
  },
  500_000,
);

test("F3, L1-L5: PostgreSQL dies and has lost its last commits; the folds go back to where it stands, by themselves", async () => {
  world = await ServerWorld.start({ kafka: "kafka", redis: "plain" });
  const { postgres } = world;
  await runSql(postgres.server.url, "alter system set synchronous_commit = off");
  await runSql(postgres.server.url, "alter system set wal_writer_delay = '10s'");
  await runSql(postgres.server.url, "select pg_reload_conf()");
  world.load({ stations: 40, seconds: 40 });
  await sleep(6_000);
  for (let round = 0; round < 3; round++) {
    await killServer(postgres.node("postgres").pid);
    await postgres.restart("postgres");
    await world.healed();
    await sleep(3_000);
  }
  const rewinds = async (role: string) => world!.metric(role, "ocpp_log_anomalies_total", 'kind="storeRewound"');
  expect((await rewinds("processor")) + (await rewinds("projector")), "commits were lost").toBeGreaterThan(0);
  await expectCommands();
  await expectSettled();
}, 400_000);

describe.each(["kafkajs", "platformatic"])("%s", (driver) => {
  test("promises 1, 2, 4: what a frozen broker took late is answered and folded once", async () => {
    world = await ServerWorld.start({
      kafka: "kafka",
      redis: "plain",
      environment: { WATTLOG_KAFKA_DRIVER: driver },
    });
    const { kafka } = world;
    world.load({ stations: 40, seconds: 90 });
    await sleep(5_000);
    for (let round = 0; round < 2; round++) {
      const { pid } = kafka.node("broker-1");
      process.kill(pid, "SIGSTOP");
      // Longer than a gateway holds an answer: what it had sent lies in the broker's sockets, closed at our end.
      await sleep(14_000);
      process.kill(pid, "SIGCONT");
      await world.healed();
      await sleep(3_000);
    }
    await expectCommands();
    const repeats = await world.metric("gateway", "ocpp_log_anomalies_total");
    expect(repeats, "requests were given up").toBeGreaterThan(0);
    await expectSettled();
  }, 400_000);
});
