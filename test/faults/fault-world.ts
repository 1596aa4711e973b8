// A whole cluster on servers of its own, three brokers among them, every part of which may be killed, frozen, cut off or
// filled up: the world in which each row of the fault matrix happens.
import { readFileSync, chownSync, statSync } from "node:fs";

import { openKafkaJsLog } from "../../core/log/log-kafka.ts";
import { makeTopics, type EventLog } from "../../core/log/log.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { startCluster, type Cluster, type ClusterProcess } from "../../tools/cluster.ts";
import { ownServer, serversForTests, type OwnServer } from "../../tools/servers/ensure.ts";
import type { KafkaServer, PostgresServer, RedisServer } from "../../tools/servers/protocol.ts";
import { connectionTo } from "../harness/kafka.ts";
import { runSql } from "../harness/postgres.ts";
import { Relay } from "../harness/relay.ts";
import { Rest } from "../harness/rest.ts";
import { smallDisk, type SmallDisk } from "../harness/small-disk.ts";
import { eventually } from "../harness/wait.ts";
import { Front } from "./front.ts";
import { partitions } from "./partitions.ts";
import { Probe, stationOf } from "./probe.ts";

/** How long an answer waits for the log here, ms: somewhat short, so that outages are seen whole within seconds. */
export const holdMs = 8_000;
/** The gateway whose way to the brokers leads through relays. */
export const detoured = "gateway-1";

const roles = ["gateway", "gateway", "processor", "processor", "projector", "api"];
const diskMegabytes = 256;
const readyWithinMs = 120_000;
const keptLines = 400;

type Undo = () => Promise<void> | void;

interface Parts {
  readonly kafka: OwnServer<KafkaServer>;
  readonly redis: OwnServer<RedisServer>;
  readonly postgres: OwnServer<PostgresServer>;
  readonly databaseUrl: string;
  readonly disk: SmallDisk | undefined;
  readonly detours: readonly Relay[];
  readonly cluster: Cluster;
  readonly front: Front;
  readonly log: EventLog;
  readonly environment: Readonly<Record<string, string>>;
}

export interface LoggedRecord {
  readonly partition: number;
  readonly logTime: number;
  readonly record: FrameRecord;
}

/** @returns what the matrix needs and this machine has not. */
export async function missingServers(): Promise<string | undefined> {
  return (await serversForTests(["kafka", "redis", "postgres"])).missing;
}

export class FaultWorld implements AsyncDisposable {
  readonly parts: Parts;
  readonly words: readonly string[];
  readonly rest: Rest;
  private readonly undo: Undo[];

  static async start(): Promise<FaultWorld> {
    const undo: Undo[] = [];
    const words: string[] = [];
    const keep = (name: string, line: string): void => {
      words.push(`${name} ${line}`);
      if (words.length > keptLines) words.shift();
    };
    try {
      const world = new FaultWorld(await build(undo, keep), words, undo);
      await warm(world);
      return world;
    } catch (error) {
      for (const step of undo.splice(0).toReversed()) await step();
      throw new Error(`the cluster did not start\n${words.slice(-20).join("\n")}`, { cause: error });
    }
  }

  private constructor(parts: Parts, words: readonly string[], undo: Undo[]) {
    this.parts = parts;
    this.words = words;
    this.undo = undo;
    this.rest = new Rest(parts.cluster.consoleUrl, parts.cluster.token);
  }

  get cluster(): Cluster {
    return this.parts.cluster;
  }

  ofRole(role: string): readonly ClusterProcess[] {
    return this.cluster.processes.filter((process) => process.role === role);
  }

  pid(name: string): number {
    return this.cluster.of(name).child.pid!;
  }

  query(sql: string): Promise<Record<string, unknown>[]> {
    return runSql(this.parts.databaseUrl, sql);
  }

  /** Resolves once every role says that it is ready. */
  async ready(): Promise<void> {
    const isReady = async ({ adminUrl }: ClusterProcess): Promise<boolean> => {
      const answer = await fetch(`${adminUrl}/health/ready`).catch(() => undefined);
      return answer?.ok === true;
    };
    const all = async () => (await Promise.all(this.cluster.processes.map(isReady))).every(Boolean);
    await eventually("every role to be ready", all, { timeoutMs: readyWithinMs });
  }

  /** Commands that were asked for since then and that a station has taken. */
  async commandsTakenSince(epochMs: number): Promise<number> {
    const rows = await this.query(
      `select count(*) as taken from live_command where requested_at > ${epochMs} and outcome in ('accepted', 'rejected')`,
    );
    return Number(rows[0]?.["taken"]);
  }

  /** @param of a role, whose processes are summed, or a process */
  async metric(of: string, name: string, labels = ""): Promise<number> {
    const asked = this.cluster.processes.filter((process) => process.role === of || process.name === of);
    const texts = await Promise.all(asked.map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()));
    return texts
      .flatMap((text) => text.split("\n"))
      .filter((line) => line.startsWith(name) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** Where each partition of `ocpp.frames` ends now. */
  ends(): Promise<number[]> {
    const { log } = this.parts;
    const each = Array.from({ length: partitions }, (_, partition) => log.endOffset(log.topics.frames, partition));
    return Promise.all(each);
  }

  /**
   * Every record of `ocpp.frames` of stations whose identity begins so, partition by partition.
   * @param from offsets, by partition
   */
  async frames(prefix: string, from: readonly number[] = []): Promise<LoggedRecord[]> {
    const { log } = this.parts;
    const found: LoggedRecord[] = [];
    for (const [partition, end] of (await this.ends()).entries()) {
      for await (const { records } of log.read(log.topics.frames, partition, from[partition] ?? 0, end)) {
        for (const { key, logTime, value } of records) {
          if (key.slice(key.indexOf("/") + 1).startsWith(prefix))
            found.push({ partition, logTime, record: decodeRecord(value) });
        }
      }
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const step of this.undo.splice(0).toReversed()) await step();
  }
}

async function build(undo: Undo[], onLine: (name: string, line: string) => void): Promise<Parts> {
  const owned = async <S extends OwnServer>(starting: Promise<S>): Promise<S> => {
    const server = await starting;
    undo.push(() => server.end());
    return server;
  };
  const [kafka, redis, postgres] = await Promise.all([
    owned(ownServer("kafka3")),
    owned(ownServer("redis")),
    owned(ownServer("postgres")),
  ]);
  const disk = smallDisk(diskMegabytes);
  if (disk) undo.push(() => disk[Symbol.dispose]());
  const databaseUrl = await ownDatabase(postgres, disk);
  const detours: Relay[] = [];
  for (const { port, to } of kafka.server.detours) {
    const relay = await Relay.listen(port, () => to);
    undo.push(() => relay[Symbol.asyncDispose]());
    detours.push(relay);
  }
  const environment = {
    KAFKA_BROKERS: kafka.server.brokers.join(","),
    REDIS_URL: redis.server.sentinelUrl,
    DATABASE_URL: databaseUrl,
    WATTLOG_PARTITIONS: String(partitions),
    WATTLOG_SETTLE_AFTER_SECONDS: "2",
    WATTLOG_APPEND_HOLD_MS: String(holdMs),
    WATTLOG_LOG_LEVEL: "warn",
  };
  const detour = { KAFKA_BROKERS: detours.map(({ port }) => `127.0.0.1:${port}`).join(",") };
  const cluster = await startCluster(environment, {
    roles,
    environment,
    environmentOf: (name): Record<string, string> => (name === detoured ? detour : {}),
    onLine,
  });
  undo.push(() => cluster.stop());
  const front = await Front.before(() => cluster.processes.filter(({ role }) => role === "gateway"));
  undo.push(() => front[Symbol.asyncDispose]());
  const log = openKafkaJsLog({ connection: connectionTo(kafka.server), topics: makeTopics(1, partitions) });
  undo.push(() => log.close());
  return { kafka, redis, postgres, databaseUrl, disk, detours, cluster, front, log, environment };
}

/** The first records of each partition wait for much that later ones find done: a row is about its own fault. */
async function warm(world: FaultWorld): Promise<void> {
  for (const { url = "" } of world.ofRole("gateway")) {
    const each = Array.from({ length: partitions }, (_, partition) => Probe.at(url, stationOf("WARM", partition)));
    for (const probe of await Promise.all(each)) await probe[Symbol.asyncDispose]();
  }
}

/** Its tables lie on the disk that may be filled, where there is one: the server's own journal does not. */
export async function ownDatabase(postgres: OwnServer<PostgresServer>, disk: SmallDisk | undefined): Promise<string> {
  const { url } = postgres.server;
  if (disk) {
    const { uid, gid } = ownerOf(postgres.node("postgres").pid);
    chownSync(disk.path, uid, gid);
    await runSql(url, `create tablespace small location '${disk.path}'`);
  }
  await runSql(url, `create database matrix ${disk ? "tablespace small" : ""}`);
  const own = new URL(url);
  own.pathname = "/matrix";
  return own.href;
}

function ownerOf(pid: number): { readonly uid: number; readonly gid: number } {
  const found = /^Uid:\s+(\d+)[^]*^Gid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return found ? { uid: Number(found[1]), gid: Number(found[2]) } : statSync(`/proc/${pid}`);
}
