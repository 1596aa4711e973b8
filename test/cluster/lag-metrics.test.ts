// What operations sees of a cluster's folds: lag against the log's end, who has which partition, and readiness that fails
// where a fold is stuck or the store is away, while liveness stays.
import { getPriority } from "node:os";
import { isDeepStrictEqual } from "node:util";

import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import type { ClusterProcess } from "../../tools/cluster.ts";
import { killServer } from "../harness/postgres.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { parseMetrics, type Metrics } from "../harness/wattlog.ts";
import { missingServers, ServerWorld } from "./server-world.ts";

const missing = await missingServers();
const partitions = 4;
let world: ServerWorld;

beforeAll(async () => {
  if (missing !== undefined) return;
  const roles = ["gateway", "processor", "processor", "projector", "api"];
  const environment = { WATTLOG_PARTITIONS: String(partitions) };
  world = await ServerWorld.start({ kafka: "kafka", redis: "plain", roles, environment });
}, 180_000);

afterAll(() => world?.end(), 60_000);

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

async function metricsOf({ adminUrl }: ClusterProcess): Promise<Metrics> {
  return parseMetrics(await (await fetch(`${adminUrl}/metrics`)).text());
}

/** Of all processes of a role; a partition that two of them tell of is told with both values. */
async function byPartition(role: string, metric: string, labels = ""): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  for (const process of world.ofRole(role)) {
    for (const [name, value] of await metricsOf(process)) {
      if (!name.startsWith(`${metric}{`) || !name.includes(labels)) continue;
      const partition = Number(/partition="(\d+)"/.exec(name)?.[1]);
      found.set(partition, [...(found.get(partition) ?? []), value]);
    }
  }
  return found;
}

interface Health {
  readonly status: number;
  readonly parts: readonly { readonly name: string; readonly problem?: string }[];
}

async function health({ adminUrl }: ClusterProcess, what: "ready" | "live"): Promise<Health> {
  const answer = await fetch(`${adminUrl}/health/${what}`);
  const { parts = [] } = (await answer.json()) as Partial<Health>;
  return { status: answer.status, parts };
}

const inOrder = (byPartitions: ReadonlyMap<number, number[]>) => [...byPartitions].toSorted(([a], [b]) => a - b);

const lagOf = (role: string) => byPartition(role, "wattlog_consumer_lag_records", `role="${role}"`);

/** A record that only a newer version can read: the fold stops in front of it (rule F8). */
async function writeUnknown(partition: number, count: number): Promise<void> {
  const producer = new Kafka({ brokers: [...world.kafka.server.brokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  // MessagePack: an array of two, of version 99.
  const value = Buffer.from([0x92, 99, 1]);
  const messages = Array.from({ length: count }, () => ({ key: "DEWLG/NEWER", value, partition }));
  await producer.send({ topic: "ocpp.frames.g1", messages });
  await producer.disconnect();
}

async function end(partition: number): Promise<number> {
  const admin = new Kafka({ brokers: [...world.kafka.server.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets("ocpp.frames.g1");
  await admin.disconnect();
  return Number(offsets.find((one) => one.partition === partition)?.high);
}

test("on one machine the folds go behind whoever answers chargers and callers", () => {
  const niceOf = (role: string) => world.ofRole(role).map(({ child }) => getPriority(child.pid));
  const ours = getPriority(0);
  const behind = Math.min(19, ours + 5);
  const found = ["gateway", "api", "processor", "projector"].map(niceOf);
  expect(found).toEqual([[ours], [ours], [behind, behind], [behind]]);
});

test("each partition is told of by its owner alone; none is without an owner; a quiet cluster has no lag", async () => {
  world.load({ stations: 12, seconds: 4 });
  for (const summary of await world.summaries(90_000)) expect(summary.ok).toBe(true);
  const told = async () => ({
    lag: { processor: inOrder(await lagOf("processor")), projector: inOrder(await lagOf("projector")) },
    seconds: {
      processor: inOrder(await byPartition("processor", "wattlog_fold_lag_seconds")),
      projector: inOrder(await byPartition("projector", "wattlog_projection_lag_seconds")),
    },
    owned: await Promise.all(
      world.ofRole("processor").map(async (one) => (await metricsOf(one)).get("wattlog_partitions_owned")),
    ),
    withoutOwner: await world.metric("processor", "wattlog_partitions_without_owner"),
    ownedByProjector: await world.metric("projector", "wattlog_partitions_owned"),
  });
  const none = Array.from({ length: partitions }, (_, partition): [number, number[]] => [partition, [0]]);
  const quiet: Awaited<ReturnType<typeof told>> = {
    lag: { processor: none, projector: none },
    seconds: { processor: none, projector: none },
    owned: [partitions / 2, partitions / 2],
    withoutOwner: 0,
    ownedByProjector: partitions,
  };
  expect(await lastAnswer(told, (now) => isDeepStrictEqual(now, quiet), { timeoutMs: 60_000 })).toEqual(quiet);
  const rows = await world.query("select sum(next) as folded from position where role = 'processor'");
  expect(Number(rows[0]?.["folded"]), "there was something to fold").toBeGreaterThan(20);
}, 240_000);

test("while the store is away every role that needs it is not ready, all of them live, and they are ready again after", async () => {
  const needing = ["processor", "projector", "api"].flatMap((role) => world.ofRole(role));
  await killServer(world.postgres.node("postgres").pid);
  try {
    await eventually("those that need the store say so", async () => {
      const answers = await Promise.all(needing.map((one) => health(one, "ready")));
      return answers.every(({ status }) => status === 503);
    });
    await eventually("the table of owners is missed, and where it was", async () => {
      const { parts } = await health(world.ofRole("processor")[0]!, "ready");
      return parts.find(({ name }) => name === "processor partitions")?.problem?.includes("Postgres at 127.0.0.1");
    });
    expect((await health(world.ofRole("gateway")[0]!, "ready")).status).toBe(200);
    for (const one of world.cluster.processes) expect((await health(one, "live")).status).toBe(200);
  } finally {
    await world.postgres.restart("postgres");
  }
  await world.healed();
}, 240_000);

test("a partition goes to another process with its metrics: what its last owner saw is told no more", async () => {
  const [first, second] = world.ofRole("processor");
  process.kill(first!.child.pid!, "SIGSTOP");
  try {
    await eventually(
      "the other has all of them",
      async () => (await metricsOf(second!)).get("wattlog_partitions_owned") === partitions,
      { timeoutMs: 90_000 },
    );
  } finally {
    process.kill(first!.child.pid!, "SIGCONT");
  }
  const shared = async () => ({
    owned: (await metricsOf(first!)).get("wattlog_partitions_owned"),
    given: (await metricsOf(second!)).get('wattlog_partition_moves_total{role="processor",move="given"}') ?? 0,
    told: [...(await lagOf("processor")).values()].map((values) => values.length),
  });
  const isShared = ({ given, owned, told }: Awaited<ReturnType<typeof shared>>): boolean =>
    given >= partitions / 2 && owned === partitions / 2 && told.join() === "1,1,1,1";
  const seen = await lastAnswer(shared, isShared, { timeoutMs: 90_000 });
  expect(seen.told, "each partition is told of once").toEqual([1, 1, 1, 1]);
  expect(seen.owned).toBe(partitions / 2);
  expect(seen.given, "the other gave what it had taken").toBeGreaterThanOrEqual(partitions / 2);
}, 240_000);

test("F8: a stuck fold is not ready, names its partition and lags by what waits; the others and liveness are unharmed", async () => {
  const stuck = 2;
  const before = await end(stuck);
  await writeUnknown(stuck, 5);
  await eventually("the lag is what waits in the log", async () => {
    const lag = await lagOf("processor");
    return lag.get(stuck)?.join() === "5" && [0, 1, 3].every((partition) => lag.get(partition)?.join() === "0");
  });
  const rows = await world.query(`select next from position where role = 'processor' and partition = ${stuck}`);
  expect(Number(rows[0]?.["next"])).toBe(before);
  await eventually("its seconds grow", async () => {
    const seconds = (await byPartition("processor", "wattlog_fold_lag_seconds")).get(stuck)?.[0] ?? 0;
    return seconds > 2 && seconds < 120;
  });
  const answers = await Promise.all(world.ofRole("processor").map((one) => health(one, "ready")));
  const problems = answers.flatMap(({ parts }) => parts.filter(({ problem }) => problem !== undefined));
  expect(problems.map(({ name }) => name)).toEqual([`fold of partition ${stuck}`]);
  expect(problems[0]?.problem).toContain("version 99");
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
  for (const one of world.cluster.processes) expect((await health(one, "live")).status).toBe(200);
}, 180_000);
