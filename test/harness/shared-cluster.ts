// The one cluster of a test run, for every test file: it lives in the runner's own process, because files run in processes
// that end with them, and starts when the first test asks for it. Kafka and Redis are its own: their names are the
// product's, so that two clusters on one server would be one, and tests freeze the broker. Test files reach it through
// cluster-system.ts.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestProject } from "vitest/node";

import { startCluster, type Cluster } from "../../tools/cluster.ts";
import { ensureServers, ownServer, type OwnServer } from "../../tools/servers/ensure.ts";
import { ServerMissing } from "../../tools/servers/install.ts";
import { tempFolder } from "./paths.ts";
import { postgresDatabase } from "./postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where `SharedClusterRequest`s go. */
    sharedCluster: string;
  }
}

/** `end` and `start` name processes; `settings` are for that start alone. */
export type SharedClusterRequest =
  | { readonly op: "up" | "words" }
  | { readonly op: "end"; readonly names: readonly string[]; readonly signal: NodeJS.Signals }
  | { readonly op: "start"; readonly names: readonly string[]; readonly settings: Readonly<Record<string, string>> };

export type SharedClusterReply =
  | { readonly cluster: SharedClusterView }
  | { readonly words: string }
  /** What this machine cannot have, and how it could. */
  | { readonly missing: string }
  | { readonly failed: string };

export interface SharedClusterView {
  /** For the command line: where log, bus and store are. */
  readonly environment: Readonly<Record<string, string>>;
  readonly token: string;
  readonly httpUrl: string;
  readonly brokerPid: number;
  readonly processes: readonly {
    readonly name: string;
    readonly role: string;
    readonly pid: number;
    readonly adminUrl: string;
    /** Of a gateway, ws://…; of an api, http://… */
    readonly url?: string;
  }[];
}

/** The frozen broker is waited for so long, ms: well above what a busy broker takes, well below a test's patience. */
const appendHoldMs = 8_000;
const keptLines = 400;

interface Up {
  readonly cluster: Cluster;
  readonly broker: OwnServer;
  readonly environment: Readonly<Record<string, string>>;
  down(): Promise<void>;
}

/** For vitest's globalSetup. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = new SharedCluster();
  project.provide("sharedCluster", await shared.listen());
  return () => shared.close();
}

class SharedCluster {
  private readonly server: Server;
  private readonly lines: string[] = [];
  private up: Promise<Up> | undefined;

  constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request).then((reply) => response.end(JSON.stringify(reply)));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const up = await this.up?.catch(() => undefined);
    await up?.down();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage): Promise<SharedClusterReply> {
    try {
      const asked = JSON.parse(await text(request)) as SharedClusterRequest;
      if (asked.op === "words") return { words: this.lines.join("\n") };
      const up = await (this.up ??= this.start());
      const { cluster } = up;
      if (asked.op === "end") await Promise.all(asked.names.map((name) => cluster.end(name, asked.signal)));
      if (asked.op === "start") await Promise.all(asked.names.map((name) => cluster.start(name, asked.settings)));
      return { cluster: viewOf(up) };
    } catch (error) {
      if (error instanceof ServerMissing) return { missing: `needs kafka, redis, postgres: ${error.message}` };
      return { failed: `${String(error)}\n${this.lines.slice(-60).join("\n")}` };
    }
  }

  private async start(): Promise<Up> {
    const undo: (() => Promise<void>)[] = [];
    const down = async (): Promise<void> => {
      for (const step of undo.splice(0).toReversed()) await step();
    };
    const owned = async <S extends OwnServer>(starting: Promise<S>): Promise<S> => {
      const server = await starting;
      undo.push(() => server.end());
      return server;
    };
    try {
      const [kafka, redis, { postgres }] = await Promise.all([
        owned(ownServer("kafka")),
        owned(ownServer("redis")),
        ensureServers(["postgres"]),
      ]);
      const database = await postgresDatabase(postgres!.url);
      undo.push(() => database.drop());
      const servers = {
        KAFKA_BROKERS: kafka.server.brokers.join(","),
        REDIS_URL: redis.server.url,
        DATABASE_URL: database.url,
      };
      const folder = tempFolder("cluster");
      undo.push(async () => folder[Symbol.dispose]());
      const cluster = await this.cluster(servers, folder.path);
      undo.push(() => cluster.stop());
      return { cluster, broker: kafka, environment: { ...servers, WATTLOG_ALLOW_WEAK_LOG: "true" }, down };
    } catch (error) {
      await down();
      throw error;
    }
  }

  /** @param folder what stations upload. */
  private cluster(servers: Parameters<typeof startCluster>[0], folder: string): Promise<Cluster> {
    return startCluster(servers, {
      environment: {
        WATTLOG_DATA_DIR: folder,
        WATTLOG_ALLOW_WEAK_LOG: "true",
        WATTLOG_SETTLE_AFTER_SECONDS: "2",
        WATTLOG_APPEND_HOLD_MS: String(appendHoldMs),
        WATTLOG_LOG_LEVEL: "warn",
      },
      onLine: (name, line) => {
        this.lines.push(`${name} ${line}`);
        if (this.lines.length > keptLines) this.lines.shift();
      },
    });
  }
}

function viewOf({ cluster, broker, environment }: Up): SharedClusterView {
  return {
    environment,
    token: cluster.token,
    httpUrl: cluster.consoleUrl,
    brokerPid: broker.server.nodes[0]!.pid,
    processes: cluster.processes.map(({ name, role, child, adminUrl, url }) => {
      return { name, role, pid: child.pid!, adminUrl, ...(url === undefined ? {} : { url }) };
    }),
  };
}
