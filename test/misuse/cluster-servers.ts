// Servers of a test file's own, that it may set wrong, and roles started against them as a user starts them.
import { createServer, connect, type Server, type Socket } from "node:net";
import { onTestFailed } from "vitest";

import type { Readiness } from "../../core/runtime/service.ts";
import { ensureServers, ownServer, type OwnServer } from "../../tools/servers/ensure.ts";
import { ServerMissing } from "../../tools/servers/install.ts";
import type { KafkaServer, RedisServer } from "../../tools/servers/protocol.ts";
import { runCommand, type CommandResult } from "../harness/cli.ts";
import { commandFile } from "../harness/paths.ts";
import { freePorts } from "../harness/ports.ts";
import { postgresDatabase, runSql } from "../harness/postgres.ts";
import { Child, cleanEnvironment } from "../harness/process.ts";
import { eventually } from "../harness/wait.ts";

export type Environment = Readonly<Record<string, string>>;

/** No sentence may hold them. */
export const secrets = ["wrong-secret", "an-administrators-token"];

export class ClusterServers implements AsyncDisposable {
  readonly kafka: OwnServer<KafkaServer>;
  readonly redis: OwnServer<RedisServer>;
  readonly postgresUrl: string;
  readonly databaseUrl: string;
  private readonly undo: (() => unknown)[];

  constructor(
    kafka: OwnServer<KafkaServer>,
    redis: OwnServer<RedisServer>,
    postgresUrl: string,
    databaseUrl: string,
    undo: (() => unknown)[],
  ) {
    this.kafka = kafka;
    this.redis = redis;
    this.postgresUrl = postgresUrl;
    this.databaseUrl = databaseUrl;
    this.undo = undo;
  }

  /** Everything right, but for the topics and the schema, which `provision` makes. */
  get environment(): Environment {
    return {
      KAFKA_BROKERS: this.kafka.server.brokers.join(","),
      REDIS_URL: this.redis.server.url,
      DATABASE_URL: this.databaseUrl,
      WATTLOG_ALLOW_WEAK_LOG: "true",
      WATTLOG_ADMIN_TOKEN: "an-administrators-token",
      WATTLOG_SETTLE_AFTER_SECONDS: "2",
      WATTLOG_UNKNOWN_STATIONS: "accept",
      WATTLOG_LOG_LEVEL: "warn",
    };
  }

  run(args: readonly string[], more: Environment = {}): Promise<CommandResult> {
    return runCommand(args, { env: { ...this.environment, ...more } });
  }

  async provision(more: Environment = {}): Promise<void> {
    for (const { code, stderr } of await Promise.all([this.run(["topics"], more), this.run(["migrate"], more)])) {
      if (code !== 0) throw new Error(`the servers could not be provisioned: ${stderr}`);
    }
  }

  /** Another empty database on the same server. */
  async database(): Promise<string> {
    const made = await postgresDatabase(this.postgresUrl, "");
    this.undo.push(() => made.drop());
    return made.url;
  }

  sql(sql: string, url = this.databaseUrl): Promise<Record<string, unknown>[]> {
    return runSql(url, sql);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const step of this.undo.splice(0).toReversed()) await step();
  }
}

/** @returns what is missing where this machine has no servers; with CI=true that is a failure. */
export async function clusterServers(): Promise<ClusterServers | { readonly missing: string }> {
  const undo: (() => unknown)[] = [];
  try {
    const [kafka, redis, { postgres }] = await Promise.all([
      ownServer("kafka"),
      ownServer("redis"),
      ensureServers(["postgres"]),
    ]);
    undo.push(
      () => kafka.end(),
      () => redis.end(),
    );
    const database = await postgresDatabase(postgres!.url, "");
    undo.push(() => database.drop());
    return new ClusterServers(kafka, redis, postgres!.url, database.url, undo);
  } catch (error) {
    if (!(error instanceof ServerMissing) || process.env["CI"] === "true") throw error;
    return { missing: `needs kafka, redis, postgres: ${error.message}` };
  }
}

export interface RoleState {
  readonly ready: boolean;
  readonly parts: readonly Readiness[];
}

let names = 0;

/** One role in a process of its own, on free ports. */
export class RoleProcess implements AsyncDisposable {
  readonly child: Child;
  readonly adminUrl: string;
  readonly httpUrl: string;
  readonly ocppUrl: string;

  private constructor(role: string, env: Environment, [ocpp, http, admin]: readonly string[]) {
    this.adminUrl = `http://127.0.0.1:${admin}`;
    this.httpUrl = `http://127.0.0.1:${http}`;
    this.ocppUrl = `ws://127.0.0.1:${ocpp}`;
    const ports = { WATTLOG_OCPP_PORT: ocpp!, WATTLOG_HTTP_PORT: http!, WATTLOG_ADMIN_PORT: admin! };
    const own = { ...ports, WATTLOG_NODE_NAME: `${role}-${++names}`, ...env };
    this.child = new Child(process.execPath, [commandFile, role], { env: cleanEnvironment(own) });
  }

  static async start(role: string, env: Environment): Promise<RoleProcess> {
    const started = new RoleProcess(role, env, await freePorts(3));
    try {
      onTestFailed(() => console.error(`${role} said:\n${started.child.words()}`));
    } catch {
      // Not inside a test.
    }
    return started;
  }

  /** Undefined: it does not answer. */
  async state(): Promise<RoleState | undefined> {
    try {
      const answer = await fetch(`${this.adminUrl}/health/ready`, { signal: AbortSignal.timeout(2_000) });
      return (await answer.json()) as RoleState;
    } catch {
      return undefined;
    }
  }

  /** What it says is wrong, in one line; "" where it is ready, or does not answer. */
  async problem(): Promise<string> {
    const parts = (await this.state())?.parts ?? [];
    return parts.flatMap(({ problem }) => problem ?? []).join(" | ");
  }

  ready(timeoutMs = 90_000): Promise<RoleState> {
    return eventually(
      "the role to be ready",
      async () => {
        if (this.child.exit) throw new Error(`it ended: ${this.child.words()}`);
        const state = await this.state();
        return state?.ready ? state : undefined;
      },
      { timeoutMs, everyMs: 100 },
    );
  }

  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  async stop(): Promise<void> {
    this.child.signal("SIGTERM");
    const late = setTimeout(() => this.child.signal("SIGKILL"), 15_000);
    await this.child.exited;
    clearTimeout(late);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Sentences on standard error: what is no line of the log. */
export function sentencesOf({ child }: RoleProcess): string[] {
  return child.stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("{"));
}

/** A port of this machine that leads to a server, or (until `open`) to nobody. */
export class Door implements AsyncDisposable {
  readonly address: string;
  private readonly port: number;
  private readonly to: number;
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;

  private constructor(port: number, to: number) {
    this.port = port;
    this.to = to;
    this.address = `127.0.0.1:${port}`;
  }

  static async to(port: number): Promise<Door> {
    const [own] = await freePorts(1);
    return new Door(Number(own), port);
  }

  async open(): Promise<void> {
    this.server = createServer((client) => {
      const server = connect(this.to, "127.0.0.1");
      for (const socket of [client, server]) {
        this.sockets.add(socket);
        socket.on("error", () => undefined);
      }
      client.pipe(server).pipe(client);
    });
    await new Promise<void>((resolve) => this.server!.listen(this.port, "127.0.0.1", resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => (this.server ? this.server.close(() => resolve()) : resolve()));
  }
}
