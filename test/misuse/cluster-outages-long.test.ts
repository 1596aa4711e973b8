// Servers that go wrong under a running cluster: disks that fill up, a network that is cut. Who needs them is not ready and
// says why in a sentence, nobody ends, and what was acknowledged is there when all is well again. Minutes: `npm run full`.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { openKafkaJsLog } from "../../core/log/log-kafka.ts";
import { makeTopics } from "../../core/log/log.ts";
import { ownServer, serversForTests, type OwnServer } from "../../tools/servers/ensure.ts";
import type { KafkaServer } from "../../tools/servers/protocol.ts";
import { ownDatabase } from "../faults/fault-world.ts";
import { framesOf } from "../harness/gateway.ts";
import { connectionTo } from "../harness/kafka.ts";
import { runSql } from "../harness/postgres.ts";
import { Relay } from "../harness/relay.ts";
import { mountMissing, smallDisk } from "../harness/small-disk.ts";
import { bootedStation } from "../harness/station.ts";
import { eventually } from "../harness/wait.ts";
import { bulky, sendUntilFull } from "./bulky.ts";
import { clusterServers, RoleProcess, type ClusterServers, type Environment } from "./cluster-servers.ts";

const { missing } = await serversForTests(["kafka", "redis", "postgres"]);
const longMs = 300_000;
const toldMs = 90_000;
const partitions = 4;

/** Ended with the test. */
async function servers(): Promise<ClusterServers> {
  const found = await clusterServers();
  if ("missing" in found) throw new Error(found.missing);
  onTestFinished(() => found[Symbol.asyncDispose]());
  return found;
}

async function running(env: Environment, ...names: string[]): Promise<RoleProcess[]> {
  const roles = await Promise.all(names.map((name) => RoleProcess.start(name, env)));
  onTestFinished(async () => void (await Promise.all(roles.map((role) => role.stop()))));
  await Promise.all(roles.map((role) => role.ready()));
  return roles;
}

function says(role: RoleProcess, words: RegExp): Promise<unknown> {
  const told = async (): Promise<boolean> => words.test(await role.problem());
  return eventually(`readiness to say ${words}`, told, { timeoutMs: toldMs });
}

async function lives({ adminUrl, child }: RoleProcess): Promise<void> {
  expect(child.exit, "it ended").toBeUndefined();
  expect((await fetch(`${adminUrl}/health/live`)).status, "liveness").toBe(200);
}

test(
  "a gateway that is cut off from Kafka and has nothing to write says so, and is ready again with the way",
  async (context) => {
    if (missing) return context.skip(missing);
    const own = await servers();
    await own.provision();
    const [detour] = own.kafka.server.detours;
    await using relay = await Relay.listen(detour!.port, () => detour!.to);
    const [gateway, beside] = await running(
      { ...own.environment, KAFKA_BROKERS: `127.0.0.1:${relay.port}` },
      "gateway",
      "api",
    );
    relay.hold();
    await says(gateway!, /does not answer as Kafka does/);
    await lives(gateway!);
    // It serves what is folded: its readiness takes it from nobody, and its note says why writing fails.
    const state = await eventually("the api's note", async () => {
      const found = await beside!.state();
      return found?.parts.some(({ note }) => /does not answer as Kafka does/.test(note ?? "")) ? found : undefined;
    });
    expect(state.ready).toBe(true);
    relay.release();
    await gateway!.ready();
  },
  longMs,
);

/** The broker's data on a disk that may be filled: it is started there anew. */
async function moveTo(folder: string, kafka: OwnServer<KafkaServer>): Promise<void> {
  const properties = readFileSync(`/proc/${kafka.node("broker-1").pid}/cmdline`, "utf8")
    .split("\0")
    .findLast(Boolean)!;
  process.kill(kafka.node("broker-1").pid, "SIGKILL");
  const text = readFileSync(properties, "utf8");
  const from = /^log\.dirs=(.*)$/m.exec(text)![1]!;
  cpSync(from, join(folder, "data"), { recursive: true });
  writeFileSync(properties, text.replace(/^log\.dirs=.*$/m, `log.dirs=${join(folder, "data")}`));
  await kafka.restart("broker-1");
}

test(
  "Kafka's disk is full: stations are sent away and nothing unstored is answered; with room, and Kafka started, all go on",
  async (context) => {
    if (missing) return context.skip(missing);
    const disk = smallDisk(96);
    if (disk === undefined) return context.skip(mountMissing);
    onTestFinished(() => disk[Symbol.dispose]());
    const own = await servers();
    await moveTo(disk.path, own.kafka);
    const env = { ...own.environment, WATTLOG_PARTITIONS: String(partitions), WATTLOG_APPEND_HOLD_MS: "2000" };
    await own.provision(env);
    const roles = await running(env, "gateway", "processor", "projector", "api");
    const [gateway] = roles as [RoleProcess];
    const id = "FULL";
    const at = { url: gateway.ocppUrl, id };
    let station = await eventually("a station to be let in", () => bootedStation(at));
    const { makeRoom, answered, refused } = await sendUntilFull(station, () => disk.fill());
    await says(gateway, /Kafka/);
    for (const role of roles) await lives(role);

    makeRoom();
    // A broker whose only disk failed ends: its operator starts it.
    await own.kafka.restart("broker-1");
    await Promise.all(roles.map((role) => role.ready()));
    station = await eventually("to be served again", () => bootedStation(at), { timeoutMs: 60_000, everyMs: 250 });
    await station.exchange(refused.frame);
    answered.push(refused.frame.id);
    await station.close();
    const log = openKafkaJsLog({ connection: connectionTo(own.kafka.server), topics: makeTopics(1, partitions) });
    onTestFinished(() => log.close());
    const stored = (await framesOf(log)).flatMap((record) => (record.kind === "exchange" ? [record.messageId] : []));
    expect(answered.length, "answered CALLs").toBeGreaterThan(5);
    expect(
      answered.filter((each) => !stored.includes(each)),
      "answered and not in the log",
    ).toEqual([]);
  },
  longMs,
);

test(
  "Postgres' disk is full: the folds say so and wait, stations are served; with room everything is folded",
  async (context) => {
    if (missing) return context.skip(missing);
    const disk = smallDisk(64);
    if (disk === undefined) return context.skip(mountMissing);
    onTestFinished(() => disk[Symbol.dispose]());
    const own = await servers();
    const postgres = await ownServer("postgres");
    onTestFinished(() => postgres.end());
    const env = {
      ...own.environment,
      DATABASE_URL: await ownDatabase(postgres, disk),
      WATTLOG_PARTITIONS: String(partitions),
    };
    await own.provision(env);
    const [gateway, processor, projector] = await running(env, "gateway", "processor", "projector", "api");
    const station = await eventually("a station to be let in", () =>
      bootedStation({ url: gateway!.ocppUrl, id: "FULL" }),
    );
    const makeRoom = disk.fill();
    // What is free inside the tables is used up first.
    let calls = 0;
    const isFull = async (): Promise<boolean> => {
      for (let n = 0; n < 20; n++) await station.call("DataTransfer", bulky(calls++));
      return /disk of Postgres at .* is full.*Make room/.test(await processor!.problem());
    };
    await eventually("the processor to say that the disk is full", isFull, { timeoutMs: toldMs });
    expect((await gateway!.state())?.ready, "the gateway").toBe(true);
    for (const role of [processor!, projector!]) await lives(role);

    makeRoom();
    await Promise.all([processor!.ready(), projector!.ready()]);
    const log = openKafkaJsLog({ connection: connectionTo(own.kafka.server), topics: makeTopics(1, partitions) });
    onTestFinished(() => log.close());
    const { frames } = log.topics;
    let ends = 0;
    for (let partition = 0; partition < frames.partitions; partition++) ends += await log.endOffset(frames, partition);
    expect(ends, "records in the log").toBeGreaterThan(calls);
    await eventually("everything to be folded", async () => {
      const sql = `select sum(next)::int as next from position where role = 'processor' and topic = '${frames.name}'`;
      return Number((await runSql(env.DATABASE_URL, sql))[0]?.["next"]) === ends;
    });
    await station.close();
  },
  longMs,
);
