// The only file that names ioredis. Connections that never queue and never repeat a command: what cannot be asked now
// fails now, in the bus's words.
import { readFileSync } from "node:fs";
import { Cluster, Redis, type RedisOptions } from "ioredis";

import { limits } from "../config/limits.ts";
import { messageOf, WattlogError } from "../runtime/errors.ts";
import { freshTexts } from "../runtime/tls-files.ts";
import { unfitness } from "./redis-fitness.ts";
import type { RedisAddress, RedisHost } from "./redis-url.ts";

export interface RedisTimes {
  readonly connectMs: number;
  readonly commandMs: number;
  readonly reconnectMaxMs: number;
}

export const defaultTimes: RedisTimes = {
  connectMs: limits.busConnectMs,
  commandMs: limits.busCommandMs,
  reconnectMaxMs: limits.busReconnectMaxMs,
};

/** What the bus needs of a connection for commands: {@link RedisClient}, and what stands for it in a simulation. */
export type RedisLink = Pick<
  RedisClient,
  "countsReceivers" | "run" | "fields" | "publish" | "removeMember" | "unfitness" | "reconnect" | "ready" | "close"
> & { newSubscriber(turn: number): RedisListener };

/** The same for {@link Subscription}. */
export type RedisListener = Pick<Subscription, "open" | "subscribe" | "unsubscribe" | "ping" | "close">;

export type ConnectRedis = (address: RedisAddress, times: RedisTimes, onReady: () => void) => RedisLink;

export type ScriptName = "claim" | "release" | "renew" | "nodes";

const numberOfKeys: Readonly<Record<ScriptName, number>> = { claim: 1, release: 1, renew: 1, nodes: 1 };

function script(name: ScriptName): { lua: string; numberOfKeys: number } {
  const lua = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
  return { lua, numberOfKeys: numberOfKeys[name] };
}

/** They become methods of the client, which has a `nodes` of its own. */
const scripts = Object.fromEntries(
  (Object.keys(numberOfKeys) as ScriptName[]).map((name) => [`wattlog_${name}`, script(name)]),
);

type Scripted = Readonly<Record<`wattlog_${ScriptName}`, (...args: (string | number)[]) => Promise<unknown>>>;

const slotsRefreshMs = 5_000;

/** Only the answers of RESP 2: its other mapping changes ioredis' types. */
type Options = Omit<RedisOptions, "replyMapping">;

/** The client asks for the text at each connection. @throws WattlogError `config/invalid` */
const tlsOptions = ({ caFile }: RedisAddress): { readonly ca?: string } =>
  freshTexts(caFile === "" ? {} : { ca: { env: "The caFile of REDIS_URL", path: caFile } });

function connectionOptions(address: RedisAddress, times: RedisTimes): Options {
  return {
    ...(address.username === "" ? {} : { username: address.username }),
    ...(address.password === "" ? {} : { password: address.password }),
    ...(address.tls ? { tls: tlsOptions(address) } : {}),
    connectionName: "wattlog",
    connectTimeout: times.connectMs,
    commandTimeout: times.commandMs,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: times.reconnectMaxMs,
    // A master that became a replica: ask again who is master.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
}

function singleOptions(address: RedisAddress, times: RedisTimes): Options {
  const common = { ...connectionOptions(address, times), db: address.db };
  if (address.kind !== "sentinel") return { ...common, ...address.hosts[0] };
  const { sentinelPassword } = address;
  return {
    ...common,
    sentinels: [...address.hosts],
    name: address.masterName,
    sentinelCommandTimeout: times.commandMs,
    ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(address) } : {}),
    ...(sentinelPassword === "" ? {} : { sentinelPassword }),
  };
}

/** For commands. It finds back by itself; `onReady` runs each time that it has, `onError` may run often. */
export class RedisClient {
  private readonly redis: Redis | Cluster;
  private readonly address: RedisAddress;
  private readonly times: RedisTimes;
  private lastError: unknown;

  constructor(address: RedisAddress, times: RedisTimes, onReady: () => void) {
    this.address = address;
    this.times = times;
    const pause = (attempt: number): number => Math.min(times.reconnectMaxMs, 50 * attempt);
    this.redis =
      address.kind === "cluster"
        ? new Cluster([...address.hosts], {
            scripts,
            enableOfflineQueue: false,
            redisOptions: connectionOptions(address, times),
            clusterRetryStrategy: pause,
            slotsRefreshTimeout: times.connectMs,
            slotsRefreshInterval: slotsRefreshMs,
          })
        : new Redis({ ...singleOptions(address, times), scripts, retryStrategy: pause, sentinelRetryStrategy: pause });
    this.redis.on("error", (error: unknown) => (this.lastError = error));
    this.redis.on("ready", () => {
      this.lastError = undefined;
      onReady();
    });
    // A cluster stays ready while one of its nodes is replaced.
    if (address.kind === "cluster") {
      this.redis.on("+node", onReady);
      this.redis.on("node error", (error: unknown) => (this.lastError = error));
    }
  }

  /** In a cluster only the receivers at one of its nodes are. */
  get countsReceivers(): boolean {
    return this.address.kind !== "cluster";
  }

  get isReady(): boolean {
    return this.redis.status === "ready";
  }

  /** @throws WattlogError `bus/unavailable` */
  run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.asked(() => (this.redis as unknown as Scripted)[`wattlog_${name}`](...keys, ...args));
  }

  fields(key: string, ...names: string[]): Promise<(string | null)[]> {
    return this.asked(() => this.redis.hmget(key, ...names));
  }

  /** @returns how many receive it, see `countsReceivers`. */
  publish(channel: string, message: Uint8Array): Promise<number> {
    return this.asked(() => this.redis.publish(channel, Buffer.from(message)));
  }

  removeMember(key: string, member: string): Promise<number> {
    return this.asked(() => this.redis.zrem(key, member));
  }

  /** What makes this server unfit for a bus. A user without the right to ask is taken at its word. */
  async unfitness(): Promise<WattlogError | undefined> {
    try {
      const sentence = unfitness(await this.redis.info(), this.address);
      return sentence === undefined ? undefined : new WattlogError("bus/refused", sentence);
    } catch {
      return undefined;
    }
  }

  /** A server that does not answer holds its connection open for ever: another connection may find a living one. */
  reconnect(after: WattlogError): void {
    if (this.isReady && /timed out/i.test(messageOf(after.cause))) this.redis.disconnect(true);
  }

  /** The first answer, or why there was none. @throws WattlogError `bus/unavailable` | `bus/refused` */
  async ready(): Promise<void> {
    if (this.isReady) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const settle = (): void => resolve();
    // The first error may be of one Sentinel among several.
    const timer = setTimeout(settle, this.times.connectMs + this.times.commandMs);
    this.redis.once("ready", settle);
    await promise;
    clearTimeout(timer);
    this.redis.off("ready", settle);
    if (!this.isReady) throw this.errorOf(this.lastError ?? new Error("no answer"));
  }

  close(): void {
    this.redis.disconnect();
  }

  /** Each is another connection; in a cluster at one node after another, for every node passes every message on. */
  newSubscriber(turn: number): Subscription {
    const { address, times } = this;
    if (address.kind !== "cluster") return new Subscription(singleOptions(address, times), this.errorOf);
    const known = (this.redis as Cluster).nodes("master").map(({ options }) => hostOf(options));
    const hosts = known.length > 0 ? known : address.hosts;
    return new Subscription({ ...connectionOptions(address, times), ...hosts[turn % hosts.length] }, this.errorOf);
  }

  /** One sentence for what Redis or the way to it has to say. */
  readonly errorOf = (error: unknown): WattlogError => {
    if (error instanceof WattlogError) return error;
    // "Connection is closed" says less than why it could not be opened.
    const cause = /not? .?writeable|isn't (?:writeable|ready)|Connection is closed|max retries/i.test(messageOf(error))
      ? (this.lastError ?? error)
      : error;
    return troubleOf(cause, this.address);
  };

  private async asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.errorOf(error);
    }
  }
}

function hostOf({ host, port }: RedisOptions): RedisHost {
  return { host: host ?? "localhost", port: port ?? 6_379 };
}

function troubleOf(error: unknown, address: RedisAddress): WattlogError {
  const nested = (error as { lastNodeError?: unknown } | null)?.lastNodeError;
  const text = messageOf(nested ?? error);
  const no = refusalOf(text, address);
  if (no !== undefined) return new WattlogError("bus/refused", no, { cause: error });
  return new WattlogError("bus/unavailable", sentenceOf(text, address), { cause: error });
}

/** What waiting does not heal. */
function refusalOf(text: string, { place }: RedisAddress): string | undefined {
  if (/WRONGPASS|invalid password|NOAUTH|AUTH failed|without any password/i.test(text)) {
    return `Redis at ${place} does not accept the user or password in REDIS_URL: correct it.`;
  }
  if (text.includes("NOPERM")) {
    return `The user in REDIS_URL may not do this on Redis at ${place} (${text}): extend its ACL.`;
  }
  if (/cluster support disabled/i.test(text)) {
    return `Redis at ${place} is no cluster: write REDIS_URL with redis:// instead of redis+cluster://.`;
  }
  if (text.startsWith("MOVED")) return `Redis at ${place} is a cluster: write REDIS_URL with redis+cluster://.`;
  if (/certificate|altnames/i.test(text)) {
    return `The certificate of Redis at ${place} is not trusted (${text}): name that of its authority by ?caFile= in REDIS_URL.`;
  }
  return undefined;
}

function sentenceOf(text: string, { place, masterName, tls }: RedisAddress): string {
  if (/No such master|sentinels are unreachable/i.test(text)) {
    return `The Sentinels at ${place} name no master ${masterName} that can be reached: check REDIS_URL and the Sentinels.`;
  }
  if (text.startsWith("OOM")) return `Redis at ${place} has no memory left: raise its maxmemory.`;
  if (text.startsWith("READONLY")) {
    return `Redis at ${place} takes no writes: it is a replica, so REDIS_URL must lead to the primary.`;
  }
  if (tls && /secure TLS connection|wrong version number|SSL routines|EPROTO|packet length/i.test(text)) {
    return `Redis at ${place} does not speak TLS: write REDIS_URL with redis:// instead of rediss://, or give it a TLS port.`;
  }
  // Without TLS it waits for the end of what looks like a command; with TLS alone it closes what is none.
  const or = tls ? " Where it has no TLS, write redis://." : " Where it wants TLS, write rediss://.";
  const closed = /closed|ECONNRESET|no answer|timed? ?out/i.test(text) ? or : "";
  return `Redis at ${place} cannot be used now: ${text}.${closed} Chargers go on; commands fail until it is back.`;
}

/** A connection that only listens, and ends for good at the first fault: whoever holds it makes another. */
export class Subscription {
  private readonly redis: Redis;
  private readonly errorOf: (error: unknown) => WattlogError;
  private lastError: unknown;

  constructor(options: Options, errorOf: (error: unknown) => WattlogError) {
    this.errorOf = errorOf;
    this.redis = new Redis({ ...options, lazyConnect: true, autoResubscribe: false, retryStrategy: () => null });
    this.redis.on("error", (error: unknown) => (this.lastError = error));
  }

  async open(onMessage: (channel: string, message: Uint8Array) => void, onEnd: () => void): Promise<void> {
    this.redis.on("messageBuffer", (channel: Buffer, message: Buffer) =>
      onMessage(channel.toString(), new Uint8Array(message)),
    );
    try {
      await this.redis.connect();
    } catch (error) {
      throw this.errorOf(this.lastError ?? error);
    }
    this.redis.once("end", onEnd);
  }

  async subscribe(...channels: string[]): Promise<void> {
    await this.asked(this.redis.subscribe(...channels));
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.asked(this.redis.unsubscribe(channel));
  }

  async ping(): Promise<void> {
    await this.asked(this.redis.ping());
  }

  close(): void {
    this.redis.disconnect();
  }

  private async asked(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      throw this.errorOf(error);
    }
  }
}
