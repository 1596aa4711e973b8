// A cluster of a test file's own, where the run's shared one has too few processes, or they are frozen. Kafka and Redis
// are its own too: their names are the product's, so that two clusters on one server would be one.
import { afterAll, beforeAll, beforeEach } from "vitest";

import { openKafkaJsLog } from "../../core/log/log-kafka.ts";
import { makeTopics } from "../../core/log/log.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { startCluster, type Cluster } from "../../tools/cluster.ts";
import { ensureServers, ownServer } from "../../tools/servers/ensure.ts";
import { ServerMissing } from "../../tools/servers/install.ts";
import { framesOf } from "../harness/gateway.ts";
import { connectionTo } from "../harness/kafka.ts";
import { postgresDatabase, runSql } from "../harness/postgres.ts";
import { Rest } from "../harness/rest.ts";

export interface OwnCluster extends AsyncDisposable {
  readonly processes: Cluster;
  /** One for each api. */
  readonly rests: readonly Rest[];
  /** Of the gateways, ws://… */
  readonly gateways: readonly string[];
  /** For commands of the command line that read its log and its store. */
  readonly environment: Readonly<Record<string, string>>;
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Every record of `ocpp.frames` as it lies in the log now. */
  frames(): Promise<FrameRecord[]>;
  freeze(name: string): void;
  thaw(name: string): void;
  /** What the processes said last. */
  words(): string;
}

export interface OwnClusterOptions {
  readonly roles: readonly string[];
  readonly partitions?: number;
  /** Settings of every process and of the command line, beside the usual ones. */
  readonly settings?: Readonly<Record<string, string>>;
}

const keptLines = 400;

const startMs = 300_000;
/** One that is still starting is waited for. */
const endMs = 120_000;

/** The cluster of a test file, for use inside its tests; where this machine has no servers, they are skipped. */
export function useOwnCluster(options: OwnClusterOptions): () => OwnCluster {
  let cluster: OwnCluster | undefined;
  let missing: string | undefined;
  let starting: ReturnType<typeof startOwnCluster> | undefined;
  beforeAll(async () => {
    starting = startOwnCluster(options);
    const started = await starting;
    if ("missing" in started) missing = started.missing;
    else cluster = started;
  }, startMs);
  afterAll(async () => {
    // Also one that started too late for its tests: its processes would outlive them.
    const started = await starting?.catch(() => undefined);
    if (started && !("missing" in started)) await started[Symbol.asyncDispose]();
  }, endMs);
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    context.onTestFailed(() => console.error(cluster?.words()));
  });
  return () => {
    if (!cluster) throw new Error("the cluster does not run");
    return cluster;
  };
}

/** @returns what is missing where this machine has no servers; with CI=true that is a failure. */
async function startOwnCluster(options: OwnClusterOptions): Promise<OwnCluster | { readonly missing: string }> {
  const undo: (() => Promise<void>)[] = [];
  const lines: string[] = [];
  const down = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    return await start(options, { undo, down, lines });
  } catch (error) {
    await down();
    if (!(error instanceof ServerMissing)) throw new Error(`it did not start\n${lines.join("\n")}`, { cause: error });
    if (process.env["CI"] === "true") throw error;
    return { missing: `needs kafka, redis, postgres: ${error.message}` };
  }
}

async function start(
  { roles, partitions = 4, settings: more = {} }: OwnClusterOptions,
  {
    undo,
    down,
    lines,
  }: { readonly undo: (() => Promise<void>)[]; readonly down: () => Promise<void>; readonly lines: string[] },
): Promise<OwnCluster> {
  const kafka = await ownServer("kafka");
  undo.push(() => kafka.end());
  const redis = await ownServer("redis");
  undo.push(() => redis.end());
  const { postgres } = await ensureServers(["postgres"]);
  const database = await postgresDatabase(postgres!.url);
  undo.push(() => database.drop());
  const servers = {
    KAFKA_BROKERS: kafka.server.brokers.join(","),
    REDIS_URL: redis.server.url,
    DATABASE_URL: database.url,
  };
  const settings = { WATTLOG_ALLOW_WEAK_LOG: "true", WATTLOG_PARTITIONS: String(partitions), ...more };
  const processes = await startCluster(servers, {
    roles,
    environment: { ...settings, WATTLOG_SETTLE_AFTER_SECONDS: "2", WATTLOG_LOG_LEVEL: "warn" },
    onLine: (name, line) => {
      lines.push(`${name} ${line}`);
      if (lines.length > keptLines) lines.shift();
    },
  });
  undo.push(() => processes.stop());
  const log = openKafkaJsLog({ connection: connectionTo(kafka.server), topics: makeTopics(1, partitions) });
  undo.push(() => log.close());
  const urlsOf = (role: string) => processes.processes.filter((one) => one.role === role).map(({ url = "" }) => url);
  return {
    processes,
    rests: urlsOf("api").map((url) => new Rest(url, processes.token)),
    gateways: urlsOf("gateway"),
    environment: { ...servers, ...settings },
    query: (sql) => runSql(database.url, sql),
    frames: () => framesOf(log),
    freeze: (name) => process.kill(processes.of(name).child.pid!, "SIGSTOP"),
    thaw: (name) => process.kill(processes.of(name).child.pid!, "SIGCONT"),
    words: () => lines.join("\n"),
    [Symbol.asyncDispose]: down,
  };
}
