// A cluster on servers of its own, which may be killed, under a fleet that keeps its ledger.
import type { Summary } from "../../bench/fleet/report.ts";
import { startCluster, type Cluster, type ClusterProcess } from "../../tools/cluster.ts";
import { ownServer, serversForTests, type OwnServer } from "../../tools/servers/ensure.ts";
import type { KafkaServer, PostgresServer, RedisServer } from "../../tools/servers/protocol.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet, type FleetRun } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { runSql } from "../harness/postgres.ts";
import { eventually } from "../harness/wait.ts";

const healthyWithinMs = 120_000;
const verifyMs = 240_000;
const keptLines = 200;

export interface ServerWorldOptions {
  readonly kafka: "kafka" | "kafka3";
  readonly redis: "plain" | "sentinel";
  readonly roles?: readonly string[];
  /** Beside what every such cluster has. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface FleetOptions {
  readonly seconds: number;
  /** In all, on the gateways in equal parts. */
  readonly stations: number;
}

/** @returns what a test needs and this machine has not. */
export async function missingServers(): Promise<string | undefined> {
  return (await serversForTests(["kafka", "redis", "postgres"])).missing;
}

export class ServerWorld {
  readonly kafka: OwnServer<KafkaServer>;
  readonly redis: OwnServer<RedisServer>;
  readonly postgres: OwnServer<PostgresServer>;
  readonly cluster: Cluster;
  readonly words: string[];
  private readonly environment: Readonly<Record<string, string>>;
  private readonly journal = tempFolder("server-journal");
  private readonly fleets: FleetRun[] = [];
  private readonly processIds: readonly number[];

  static async start(options: ServerWorldOptions): Promise<ServerWorld> {
    const own: OwnServer[] = [];
    const words: string[] = [];
    try {
      const kafka = await ownServer(options.kafka);
      own.push(kafka);
      const redis = await ownServer("redis");
      own.push(redis);
      const postgres = await ownServer("postgres");
      own.push(postgres);
      const environment = {
        KAFKA_BROKERS: kafka.server.brokers.join(","),
        REDIS_URL: options.redis === "sentinel" ? redis.server.sentinelUrl : redis.server.url,
        DATABASE_URL: postgres.server.url,
      };
      const settings = {
        ...(options.kafka === "kafka" ? { WATTLOG_ALLOW_WEAK_LOG: "true" } : {}),
        WATTLOG_PARTITIONS: "12",
        WATTLOG_SETTLE_AFTER_SECONDS: "2",
        ...options.environment,
      };
      const cluster = await startCluster(environment, {
        ...(options.roles ? { roles: options.roles } : {}),
        environment: { WATTLOG_LOG_LEVEL: "warn", ...settings },
        onLine: (name, line) => {
          words.push(`${name} ${line}`);
          if (words.length > keptLines) words.shift();
        },
      });
      return new ServerWorld({ kafka, redis, postgres }, cluster, { ...environment, ...settings }, words);
    } catch (error) {
      await Promise.all(own.map((server) => server.end()));
      throw new Error(`the cluster did not start\n${words.slice(-20).join("\n")}`, { cause: error });
    }
  }

  private constructor(
    own: Pick<ServerWorld, "kafka" | "redis" | "postgres">,
    cluster: Cluster,
    environment: Readonly<Record<string, string>>,
    words: string[],
  ) {
    this.kafka = own.kafka;
    this.redis = own.redis;
    this.postgres = own.postgres;
    this.cluster = cluster;
    this.environment = environment;
    this.words = words;
    this.processIds = cluster.processes.map(({ child }) => child.pid!);
  }

  /** Stations that repeat, reconnect, disorder and go offline, and commands to them, on every gateway. */
  load({ seconds, stations }: FleetOptions): void {
    const gateways = this.ofRole("gateway");
    for (const [index, gateway] of gateways.entries()) {
      const target = { ocppUrl: gateway.url!, httpUrl: this.cluster.consoleUrl, token: this.cluster.token };
      const faults = { repeat: 0.05, reconnect: 0.05, disorder: 0.05, offline: 0.05 };
      const patience = { "message-timeout": 5, "retry-interval": 0.2, "reconnect-max": 3, grace: 60 };
      const own = { prefix: `S${index + 1}`, seed: 31 + index, journal: this.journal.path, protocol: "mixed" };
      const size = { stations: Math.ceil(stations / gateways.length), seconds, speed: 300, commands: 2 };
      this.fleets.push(startFleet(target, { ...own, ...size, ...faults, ...patience }));
    }
  }

  ofRole(role: string): readonly ClusterProcess[] {
    return this.cluster.processes.filter((process) => process.role === role);
  }

  query(sql: string): Promise<Record<string, unknown>[]> {
    return runSql(this.postgres.server.url, sql);
  }

  /** Every role says that it is ready, in the process in which it began. */
  async healed(): Promise<void> {
    await eventually(
      "every role is ready again by itself",
      async () => {
        const answers = await Promise.all(
          this.cluster.processes.map(({ adminUrl }) => fetch(`${adminUrl}/health/ready`).catch(() => undefined)),
        );
        return answers.every((answer) => answer?.ok);
      },
      { timeoutMs: healthyWithinMs },
    );
    const ids = this.cluster.processes.map(({ child }) =>
      child.exitCode === null ? child.pid : `code ${child.exitCode}`,
    );
    if (ids.join() !== this.processIds.join())
      throw new Error(`a process ended: ${ids.join()} of ${this.processIds.join()}`);
  }

  /** Commands that were asked for since then and that a station has taken. */
  async commandsTakenSince(epochMs: number): Promise<number> {
    const rows = await this.query(
      `select count(*) as taken from live_command where requested_at > ${epochMs} and outcome in ('accepted', 'rejected')`,
    );
    return Number(rows[0]?.["taken"]);
  }

  /** Until stations on each gateway have charged: what dies before that harms nobody, and so shows nothing. */
  async charged(sessions: number): Promise<void> {
    await eventually(
      `each gateway's stations to have ended ${sessions} sessions`,
      async () => {
        const rows = await this.query(
          "select substr(station, 1, 2) as fleet, count(*) as ended from live_session where ended_at is not null group by 1",
        );
        return rows.filter(({ ended }) => Number(ended) >= sessions).length === this.fleets.length;
      },
      { timeoutMs: healthyWithinMs },
    );
  }

  /** Sum over the processes of a role. */
  async metric(role: string, name: string, labels = ""): Promise<number> {
    const texts = await Promise.all(
      this.ofRole(role).map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()),
    );
    const lines = texts
      .flatMap((text) => text.split("\n"))
      .filter((line) => line.startsWith(name) && line.includes(labels));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** Tells the fleets to end: stations finish what they have begun. */
  endLoad(): void {
    for (const { child } of this.fleets) child.signal("SIGTERM");
  }

  /** The fleets' own view, once they have ended. */
  async summaries(withinMs: number): Promise<readonly Summary[]> {
    return Promise.all(this.fleets.map((fleet) => fleet.summary(withinMs)));
  }

  /** `wattlog verify`: L1 to L5 over everything that the fleets did. */
  verify(): ReturnType<typeof runCommand> {
    return runCommand(["verify", "--journal", this.journal.path, "--settle", "120"], {
      env: this.environment,
      timeoutMs: verifyMs,
    });
  }

  async end(): Promise<void> {
    for (const { child } of this.fleets) child.signal("SIGKILL");
    await this.cluster.stop();
    await Promise.all([this.kafka.end(), this.redis.end(), this.postgres.end()]);
    this.journal[Symbol.dispose]();
  }
}
