// A cluster of its own for a benchmark: one Kafka broker, Redis and Postgres that nobody else uses, and one role a
// process on them, as `npm run cluster` starts them. What each of these processes costs is read from outside.
import { readdirSync, readlinkSync, statSync } from "node:fs";

import { ownServer, type OwnServer } from "../tools/servers/ensure.ts";
import { ServerMissing } from "../tools/servers/install.ts";
import { startCluster, type Cluster } from "../tools/cluster.ts";
import { cpuMicrosOf } from "./load/process-tree.ts";
import { InvalidRun } from "./report.ts";

export interface WorldOptions {
  readonly roles: readonly string[];
  readonly partitions: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** CPU by process, µs: `gateway-1`, …, `kafka`, `redis`, `postgres`. */
export type CpuByProcess = ReadonlyMap<string, number>;

type Named = Readonly<Record<"kafka" | "redis" | "postgres", OwnServer>>;

const liftRate = new URL("./load/lift-station-rate.ts", import.meta.url).href;

export class ClusterWorld {
  readonly cluster: Cluster;
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
  private readonly servers: Named;

  /** @throws InvalidRun where a server cannot be had on this machine. */
  static async start(options: WorldOptions): Promise<ClusterWorld> {
    const { kafka, redis, postgres } = await startServers();
    const servers = { kafka, redis, postgres };
    try {
      const names = {
        KAFKA_BROKERS: kafka.server.brokers.join(","),
        REDIS_URL: redis.server.url,
        DATABASE_URL: postgres.server.url,
      };
      const environment = {
        WATTLOG_ALLOW_WEAK_LOG: "true",
        WATTLOG_LOG_LEVEL: "error",
        WATTLOG_PARTITIONS: String(options.partitions),
        NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import ${liftRate}`.trim(),
        ...options.environment,
      };
      const cluster = await startCluster(names, { roles: options.roles, environment });
      return new ClusterWorld(cluster, servers, kafka.server.brokers, postgres.server.url);
    } catch (error) {
      await endAll(servers);
      throw error;
    }
  }

  private constructor(cluster: Cluster, servers: Named, brokers: readonly string[], databaseUrl: string) {
    this.cluster = cluster;
    this.servers = servers;
    this.brokers = brokers;
    this.databaseUrl = databaseUrl;
  }

  /** @throws InvalidRun where a role has ended. */
  cpu(): CpuByProcess {
    const used = new Map<string, number>();
    for (const { name, child } of this.cluster.processes) {
      if (child.exitCode !== null || child.signalCode !== null) throw new InvalidRun(`${name} has ended.`);
      used.set(name, cpuMicrosOf(child.pid ?? 0));
    }
    for (const [name, own] of Object.entries(this.servers)) {
      used.set(
        name,
        own.server.nodes.reduce((sum, { pid }) => sum + cpuMicrosOf(pid), 0),
      );
    }
    return used;
  }

  /** What Kafka's segments hold, bytes, of all topics: the files that the broker has open. */
  logBytes(): number {
    const files = this.servers.kafka.server.nodes.flatMap(({ pid }) =>
      readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => segment(`/proc/${pid}/fd/${descriptor}`)),
    );
    return [...new Set(files)].reduce((sum, file) => sum + statSync(file).size, 0);
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    await endAll(this.servers);
  }
}

/** The file behind a descriptor where it is a segment of records; a descriptor may be closed by then. */
function segment(descriptor: string): string[] {
  try {
    const file = readlinkSync(descriptor);
    return /\/\d{20}\.log$/.test(file) ? [file] : [];
  } catch {
    return [];
  }
}

async function startServers() {
  try {
    // One after another: on few cores they start no faster together.
    const kafka = await ownServer("kafka");
    const redis = await ownServer("redis");
    const postgres = await ownServer("postgres");
    return { kafka, redis, postgres };
  } catch (error) {
    if (error instanceof ServerMissing) throw new InvalidRun(error.message);
    throw error;
  }
}

async function endAll(servers: Named): Promise<void> {
  await Promise.all(Object.values(servers).map((own) => own.end()));
}

/** By process, and `all`. */
export function cpuBetween(before: CpuByProcess, after: CpuByProcess): CpuByProcess {
  const used = new Map([...after].map(([name, micros]) => [name, micros - (before.get(name) ?? 0)]));
  return used.set(
    "all",
    [...used.values()].reduce((sum, micros) => sum + micros, 0),
  );
}
