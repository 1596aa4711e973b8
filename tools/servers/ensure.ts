// Servers for tests: those named in the environment, else those that this working copy's keeper runs.
import { spawn } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { ServerMissing } from "./install.ts";
import {
  cacheFolder,
  endpoint,
  type AnyServer,
  type KafkaServer,
  type Own,
  type RedisServer,
  type PostgresServer,
  type Reply,
  type Request,
  type ServerName,
  type ServerNode,
  type Servers,
} from "./protocol.ts";

const keeperFile = fileURLToPath(new URL("./keeper.ts", import.meta.url));
const keeperStartMs = 30_000;

class KeeperGone extends Error {
  constructor() {
    super(`the keeper of the test servers has ended; see ${join(cacheFolder, "keeper.log")}`);
  }
}

/** A connection to the keeper. What it holds is held until it is closed, at the latest by the end of this process. */
export class KeeperClient {
  private readonly socket: Socket;
  private readonly waiting = new Map<number, (reply: Reply | "gone") => void>();
  private count = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    const gone = (): void => {
      for (const tell of this.waiting.values()) tell("gone");
    };
    // The reader passes on its socket's error, and one that nobody listens to ends the process.
    createInterface({ input: socket })
      .on("line", (line) => {
        const { id, ...reply } = JSON.parse(line) as Reply & { readonly id: number };
        this.waiting.get(id)?.(reply);
      })
      .on("error", gone);
    socket.on("error", gone);
    socket.on("close", gone);
    socket.unref();
  }

  /** Undefined where no keeper runs and `start` is false. */
  static async open(start: boolean): Promise<KeeperClient | undefined> {
    let socket = await tryConnect();
    if (!socket && !start) return undefined;
    const until = performance.now() + keeperStartMs;
    if (!socket) startKeeper();
    while (!socket) {
      if (performance.now() > until)
        throw new Error(`the keeper did not start; see ${join(cacheFolder, "keeper.log")}`);
      await sleep(50);
      socket = await tryConnect();
    }
    return new KeeperClient(socket);
  }

  /**
   * @throws ServerMissing what cannot be had here, and how it could
   * @throws KeeperGone it has ended: another may be started and asked
   */
  async ask(request: Request, tell: (progress: string) => void = () => {}): Promise<unknown> {
    const id = ++this.count;
    this.socket.ref();
    try {
      return await new Promise((resolve, reject) => {
        this.waiting.set(id, (reply) => {
          if (reply === "gone") reject(new KeeperGone());
          else if ("progress" in reply) tell(reply.progress);
          else if ("done" in reply) resolve(reply.done);
          else reject("missing" in reply ? new ServerMissing(reply.missing) : new Error(reply.failed));
        });
        if (this.socket.destroyed) reject(new KeeperGone());
        else this.socket.write(`${JSON.stringify({ id, ...request })}\n`);
      });
    } finally {
      this.waiting.delete(id);
      if (this.waiting.size === 0) this.socket.unref();
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

function tryConnect(): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(endpoint);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

function startKeeper(): void {
  mkdirSync(cacheFolder, { recursive: true });
  const log = openSync(join(cacheFolder, "keeper.log"), "w");
  const { NODE_OPTIONS: _, ...env } = process.env;
  spawn(process.execPath, [keeperFile], { detached: true, stdio: ["ignore", log, log], env }).unref();
}

/** A keeper that was about to end when it was asked is followed by another, once. */
export async function askKeeper(
  request: Request,
  tell: (progress: string) => void = () => {},
): Promise<{ readonly client: KeeperClient; readonly done: unknown }> {
  for (let again = true; ; again = false) {
    const client = (await KeeperClient.open(true))!;
    try {
      return { client, done: await client.ask(request, tell) };
    } catch (error) {
      client.close();
      if (!again || !(error instanceof KeeperGone)) throw error;
    }
  }
}

/** Names asked for so far: the connection that holds them, and what was said. */
const held = new Map<string, Promise<Servers>>();

/** `TEST_SERVERS=none` says that this machine shall have none: what a run is like where none can be had. */
function noServers(names: readonly ServerName[]): void {
  if (process.env["TEST_SERVERS"] !== "none") return;
  throw new ServerMissing(`TEST_SERVERS=none rules ${names.join(", ")} out; unset it`);
}

/**
 * Brings the servers up, or finds them up; they stay as long as this process lives.
 * @throws ServerMissing with what to install, where one cannot be had on this machine
 */
export async function ensureServers(names: readonly ServerName[]): Promise<Servers> {
  const given = fromEnvironment(names);
  const wanted = names.filter((name) => given[name] === undefined);
  if (wanted.length === 0) return given;
  noServers(wanted);
  const key = wanted.toSorted().join();
  const asked =
    held.get(key) ?? askKeeper({ op: "ensure", names: wanted, keep: false }).then(({ done }) => done as Servers);
  held.set(key, asked);
  asked.catch(() => held.delete(key));
  return { ...given, ...(await asked) };
}

function fromEnvironment(names: readonly ServerName[]): Servers {
  const { KAFKA_BROKERS: brokers, REDIS_URL: redis, DATABASE_URL: database } = process.env;
  const none = { nodes: [], caFile: "" };
  const kafka: KafkaServer | undefined = brokers
    ? { ...none, brokers: brokers.split(","), saslBrokers: [], tlsBrokers: [], detours: [], user: "", password: "" }
    : undefined;
  return {
    ...(kafka && names.includes("kafka") ? { kafka } : {}),
    ...(redis && names.includes("redis")
      ? { redis: { ...none, url: redis, tlsUrl: "", sentinelUrl: "", clusterUrl: "" } }
      : {}),
    ...(database && names.includes("postgres") ? { postgres: { nodes: [], url: database } } : {}),
  };
}

export interface ServersOrReason {
  /** What is missing and how to get it, for `context.skip("needs …")`. */
  readonly missing: string | undefined;
  readonly servers: Servers;
}

/**
 * For a test file: the servers, or the reason to skip. With CI=true a missing server is a failure, never a skip.
 *
 *     const { servers, missing } = await serversForTests(["kafka"]);
 *     beforeEach((context) => { if (missing) context.skip(missing); });
 */
export async function serversForTests(names: readonly ServerName[]): Promise<ServersOrReason> {
  try {
    return { servers: await ensureServers(names), missing: undefined };
  } catch (error) {
    if (!(error instanceof ServerMissing) || process.env["CI"] === "true") throw error;
    return { servers: {}, missing: `needs ${names.join(", ")}: ${error.message}` };
  }
}

/** A server of one's own that a test may freeze, kill and start again. */
export interface OwnServer<S extends AnyServer = AnyServer> {
  /** As of the last start of each process. */
  readonly server: S;
  node(name: string): ServerNode;
  /** Kills the process where it still runs, and starts it again on the same port and data. */
  restart(node: string): Promise<void>;
  end(): Promise<void>;
}

export function ownServer(name: "kafka" | "kafka3"): Promise<OwnServer<KafkaServer>>;
export function ownServer(name: "redis"): Promise<OwnServer<RedisServer>>;
export function ownServer(name: "postgres"): Promise<OwnServer<PostgresServer>>;
export async function ownServer(name: ServerName): Promise<OwnServer> {
  noServers([name]);
  const { client, done } = await askKeeper({ op: "own", name });
  const { instance, server: first } = done as Own;
  let server = first;
  return {
    get server() {
      return server;
    },
    node(wanted) {
      const found = server.nodes.find((node) => node.name === wanted);
      if (!found) throw new Error(`there is no ${wanted}, but ${server.nodes.map((node) => node.name).join(", ")}`);
      return found;
    },
    async restart(node) {
      server = (await client.ask({ op: "restart", instance, node })) as AnyServer;
    },
    async end() {
      await client.ask({ op: "end", instance });
      client.close();
    },
  };
}

/** The end of a test run: servers that nobody holds and nobody asked to keep stop at once. */
export async function sweepServers(): Promise<void> {
  const client = await KeeperClient.open(false);
  await client?.ask({ op: "sweep" }).catch(() => undefined);
  client?.close();
}
