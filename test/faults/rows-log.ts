// The log's servers die, stand still, lose a replica, or cannot be reached.
import { limits } from "../../core/config/limits.ts";
import type { Direction } from "../harness/relay.ts";
import { eventually, lastAnswer, sleep } from "../harness/wait.ts";
import { detoured, holdMs, type FaultWorld } from "./fault-world.ts";
import { partitions } from "./partitions.ts";
import { flood, floodStations, offeredBytes, watchGrowth } from "./flood.ts";
import { BrokerAdmin } from "./kafka-admin.ts";
import { Probe, stationOf, upgradeStatus } from "./probe.ts";
import type { Injection, Row } from "./row.ts";

function adminOf({ parts: { kafka, log } }: FaultWorld): BrokerAdmin {
  return new BrokerAdmin(kafka.server.brokers, log.topics.frames.name);
}

const anomalies = (world: FaultWorld): Promise<number> => world.metric("gateway", "ocpp_log_anomalies_total");

/** Every partition on every broker again: a second one must not go before. */
async function inSync(world: FaultWorld): Promise<void> {
  const admin = adminOf(world);
  const isWhole = async (partition: number) => (await admin.placed(partition)).inSync.length === 3;
  await eventually(
    "every partition to be on three brokers",
    async () => (await Promise.all(Array.from({ length: partitions }, (_, i) => isWhole(i)))).every(Boolean),
    { timeoutMs: 60_000, everyMs: 300 },
  );
}

export const brokerKilled: Row = {
  name: "broker kill -9 / leader change (3 brokers, RF 3, min.insync 2)",
  async inject({ world, rng, size, injected, heals, must }) {
    const { kafka } = world.parts;
    const before = await anomalies(world);
    const all = ["broker-1", "broker-2", "broker-3"];
    const { leader } = await adminOf(world).placed(rng.int(0, partitions - 1));
    for (const broker of size === "quick" ? [leader] : all) {
      const since = Date.now();
      process.kill(kafka.node(broker).pid, "SIGKILL");
      injected(`kill -9 of ${broker}`);
      await eventually(
        "commands to be taken with two brokers",
        async () => (await world.commandsTakenSince(since + 1_000)) > 0,
        { timeoutMs: 30_000 },
      );
      heals();
      await kafka.restart(broker);
      await inSync(world);
    }
    const counted = await lastAnswer(
      () => anomalies(world),
      (now) => now > before,
      { timeoutMs: 10_000 },
    );
    must("no gateway counted an anomaly", counted > before);
  },
};

export const sickPartition: Row = {
  name: "one partition without enough replicas (needs three brokers: Kafka 4.4 acknowledges RF 1 with min.insync 2)",
  async inject(injection) {
    const { world, rng, prefix, injected, heals } = injection;
    const { kafka } = world.parts;
    const admin = adminOf(world);
    const sick = rng.int(0, partitions - 1);
    const before = (await admin.placed(sick)).replicas;
    const url = world.cluster.of("gateway-2").url!;
    const healthy = (sick + rng.int(1, partitions - 1)) % partitions;
    await admin.keepOn(sick, [1, 2]);
    await using ill = await Probe.at(url, stationOf(`${prefix}PILL`, sick));
    await using well = await Probe.at(url, stationOf(`${prefix}PWELL`, healthy));
    process.kill(kafka.node("broker-2").pid, "SIGKILL");
    injected(`kill -9 of broker-2, without which partition ${sick} has one replica`);
    try {
      await harmsOnlyItself(injection, { ill, well, url, refused: stationOf(`${prefix}PNEW`, sick) });
    } finally {
      heals();
      await kafka.restart("broker-2");
      await admin.keepOn(sick, before);
      await inSync(world);
    }
  },
};

/** What waits for a sick partition waits for the whole hold; nothing else may come near it, on a busy machine either. */
const harmedMs = holdMs * 0.7;

interface Sick {
  readonly ill: Probe;
  readonly well: Probe;
  readonly url: string;
  readonly refused: string;
}

async function harmsOnlyItself({ world, must }: Injection, { ill, well, url, refused }: Sick): Promise<void> {
  const { adminUrl } = world.cluster.of("gateway-2");
  await eventually("the stations of the sick partition to be closed", () => ill.closedWith !== undefined, {
    timeoutMs: holdMs + 15_000,
  });
  must(`its station was closed with ${ill.closedWith}`, ill.closedWith === 1013);
  must(`its station got ${ill.errors} CALLERRORs`, ill.errors === 0);
  // The others' leaders are found by now.
  const settled = performance.now();
  await sleep(4_000);
  await goesOn(well, settled);
  const status = await upgradeStatus(url, refused);
  must(`an upgrade of the sick partition is answered ${status}`, status === 503);
  const ready = await fetch(`${adminUrl}/health/ready`);
  must(`the gateway's readiness is ${ready.status}`, ready.ok);
  must(`a healthy partition was closed with ${well.closedWith}`, well.closedWith === undefined);
  must(`a healthy partition answered ${well.answersSince(settled)} times`, well.answersSince(settled) >= goingOn);
  const slowest = Math.round(well.slowestSince(settled));
  must(`a healthy partition's slowest answer took ${slowest} ms`, slowest < harmedMs);
}

/** Answers that show that somebody is served. */
const goingOn = 4;

/** However short the fault was until now: its station has had the time to be answered so often. */
async function goesOn(probe: Probe, since: number): Promise<void> {
  await lastAnswer(
    async () => probe.answersSince(since),
    (count) => count >= goingOn,
    { timeoutMs: 2 * holdMs },
  );
}

const bothWays: readonly Direction[] = ["there", "back"];
const oneWay: readonly (readonly Direction[])[] = [["there"], ["back"]];

export const cutOff: Row = {
  name: "broker SIGSTOP, gateway cut off from Kafka (both ways, one way)",
  async inject(injection) {
    const { world, rng, size, load, injected } = injection;
    const { leader } = await adminOf(world).placed(rng.int(0, partitions - 1));
    const { pid } = world.parts.kafka.node(leader);
    process.kill(pid, "SIGSTOP");
    try {
      injected(`SIGSTOP of ${leader}`);
      await sleep(size === "quick" ? holdMs : 3 * holdMs);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await inSync(world);
    const ways = size === "quick" ? [oneWay[rng.int(0, 1)]!] : oneWay;
    for (const directions of [bothWays, ...ways]) {
      await world.ready();
      await load.connected();
      await cut(injection, directions);
    }
  },
};

async function cut(injection: Injection, directions: readonly Direction[]): Promise<void> {
  const { world, prefix, injected, heals, must } = injection;
  const way = directions.join(" and ");
  const { url = "", adminUrl } = world.cluster.of(detoured);
  const id = `${prefix}P${directions.join("")}`;
  const floods = directions.length === 2 ? await floodStations(url, `${id}F`) : [];
  // One in each partition: a gateway learns of a partition by what it has to write there.
  const each = Array.from({ length: partitions }, (_, partition) => Probe.at(url, stationOf(id, partition)));
  const probes = await Promise.all(each);
  await using other = await Probe.at(world.cluster.of("gateway-2").url!, `${id}O`);
  await sleep(500);
  for (const relay of world.parts.detours) relay.hold(directions);
  try {
    injected(`${detoured} cut off from the brokers, ${way}`);
    const since = performance.now();
    if (floods.length > 0) await staysBounded(injection, floods);
    const closed = () => probes.every(({ closedWith }) => closedWith !== undefined);
    await eventually("its stations to be closed", closed, { timeoutMs: 4 * holdMs });
    for (const probe of probes) {
      must(`${way}: a station was closed with ${probe.closedWith}`, probe.closedWith === 1013);
      must(`${way}: a station got ${probe.errors} CALLERRORs`, probe.errors === 0);
      const late = probe.answersSince(since + 1.5 * holdMs);
      must(`${way}: a station got ${late} answers after the hold`, late === 0);
    }
    await eventually("the gateway not to be ready", async () => !(await fetch(`${adminUrl}/health/ready`)).ok);
    const status = await upgradeStatus(url, stationOf(`${id}N`, 0));
    must(`${way}: an upgrade is answered ${status}`, status === 503);
    must(`${way}: the other gateway's station was closed with ${other.closedWith}`, other.closedWith === undefined);
    await goesOn(other, since + 1_000);
    must(`${way}: the other gateway was silent`, other.answersSince(since + 1_000) >= goingOn);
  } finally {
    heals();
    for (const relay of world.parts.detours) relay.release();
    for (const probe of probes) await probe[Symbol.asyncDispose]();
  }
}

/** What waits for the log; and all that a process holds for it, records, their frames, and what is about to be freed. */
const queuedAtMost = Math.min(limits.appendQueueBytes, partitions * limits.appendQueueBytesPerPartition);
const grownAtMost = 4 * queuedAtMost;
const lookEveryMs = 100;

/** Without a bound all of the flood would wait until the hold is over. */
async function staysBounded({ world, must }: Injection, stations: Parameters<typeof flood>[0]): Promise<void> {
  must(`a flood of ${offeredBytes} bytes says nothing of a bound`, offeredBytes > 2 * queuedAtMost);
  const growth = watchGrowth(world.pid(detoured));
  const over = new AbortController();
  const watching = mostQueued(world, over.signal);
  const codes = await flood(stations, 2 * holdMs);
  over.abort();
  const queued = await watching;
  must(`${codes.length} of ${stations.length} flooding stations were sent away`, codes.length === stations.length);
  must(
    `they were closed with ${[...new Set(codes)].join()}`,
    codes.every((code) => code === 1013),
  );
  must(`${queued} bytes waited, more than ${queuedAtMost}`, queued <= queuedAtMost);
  const grown = growth();
  must(`it grew by ${grown} bytes, more than ${grownAtMost}`, grown <= grownAtMost);
}

/** The gateway tells it once a second. */
async function mostQueued(world: FaultWorld, over: AbortSignal): Promise<number> {
  let most = 0;
  while (!over.aborted) {
    most = Math.max(most, await world.metric(detoured, "ocpp_log_queue_bytes"));
    await sleep(lookEveryMs);
  }
  return most;
}
