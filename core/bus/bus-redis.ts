// The CommandBus of a cluster, on Redis. Redis holds a cache: who owns a station, by epoch, and which nodes hold a lease.
// What this process owns it also keeps in memory and registers again after every reconnect, every loss that it notices
// and, in any case, every few minutes; so Redis may be killed, flushed or fail over with lost writes.
import { limits } from "../config/limits.ts";
import { trusted, type NodeId, type PartyId, type StationId } from "../ids/ids.ts";
import { pack, unpack } from "../records/msgpack.ts";
import { systemClock, type Clock, type Timer } from "../runtime/clock.ts";
import { isWattlogError, messageOf, WattlogError } from "../runtime/errors.ts";
import type { BusMessage, Claim, CommandBus } from "./bus.ts";
import { OwnClaims } from "./own-claims.ts";
import { defaultTimes, RedisClient, type ConnectRedis, type RedisLink, type RedisTimes } from "./redis-client.ts";
import { RedisKeys } from "./redis-keys.ts";
import { Listening } from "./redis-listening.ts";
import { RedisOwnership } from "./redis-ownership.ts";
import { parseRedisUrl, type RedisSecrets } from "./redis-url.ts";

export interface RedisBusOptions {
  /** redis://, rediss://, redis+sentinel://, redis+cluster:// */
  readonly url: string;
  /** Those that do not stand in it. */
  readonly secrets?: RedisSecrets;
  /** What no other cluster has: two on one Redis know nothing of each other. */
  readonly clusterId: string;
  readonly clock?: Clock;
  readonly times?: Partial<
    RedisTimes & { readonly leaseMs: number; readonly renewMs: number; readonly registerMs: number }
  >;
  /** Whenever it changes whether this process may take commands. */
  readonly onLease?: (held: boolean) => void;
  /** A message that nobody here understands, a claim that could not be registered again. */
  readonly onAnomaly?: (what: string) => void;
  /** What Redis' clock showed, epoch ms, at some time between the two of ours, monotonic ms; at each renewal. */
  readonly onTime?: (time: number, from: number, to: number) => void;
  /** Another way to Redis, for simulations. */
  readonly connect?: ConnectRedis;
}

export interface RedisBus extends CommandBus {
  /** Whether this process's lease runs, by its own clock; without it commands that come in are dropped. */
  leaseHeld(): boolean;
  /** One sentence for readiness; undefined: it works. */
  problem(): string | undefined;
  /** Waits for the first answer of Redis. @throws WattlogError `bus/unavailable` | `bus/refused`: one sentence. */
  check(): Promise<void>;
}

class BusOnRedis implements RedisBus {
  private readonly options: RedisBusOptions;
  private readonly clock: Clock;
  private readonly times: { readonly leaseMs: number; readonly renewMs: number; readonly registerMs: number };
  private readonly keys: RedisKeys;
  private readonly client: RedisLink;
  private readonly listening: Listening;
  private readonly ownership: RedisOwnership;
  private readonly claims: OwnClaims;
  private timer: Timer | undefined;
  private expiry: Timer | undefined;
  private renewing: Promise<void> | undefined;
  private leaseUntil = -Infinity;
  private wasHeld = false;
  private registerAt = -Infinity;
  private failure: WattlogError | undefined;
  /** It answers, and is no place for a bus all the same. */
  private unfit: WattlogError | undefined;
  private closed = false;

  constructor(options: RedisBusOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const { busLeaseMs, busRenewMs, busRegisterEveryMs } = limits;
    this.times = { leaseMs: busLeaseMs, renewMs: busRenewMs, registerMs: busRegisterEveryMs, ...options.times };
    const address = parseRedisUrl(options.url, options.secrets);
    const connect: ConnectRedis = options.connect ?? ((...to) => new RedisClient(...to));
    this.client = connect(address, { ...defaultTimes, ...options.times }, () => this.reconnected());
    this.keys = new RedisKeys(options.clusterId);
    this.listening = new Listening(this.client, this.keys, this.clock);
    this.ownership = new RedisOwnership(this.client, this.keys);
    this.claims = new OwnClaims(this.ownership, (claim) => this.tellSelf(claim));
    this.failure = new WattlogError("bus/unavailable", `Redis at ${address.place} has not answered yet.`);
    this.schedule();
  }

  async claim(claim: Claim): Promise<"current" | "superseded"> {
    this.open();
    // Kept before it is asked: where Redis is away, it is registered as soon as it is back.
    this.claims.add(claim);
    const verdict = await this.ownership.claim(claim);
    if (verdict === "superseded") this.claims.drop(claim);
    return verdict;
  }

  async release(claim: Claim): Promise<void> {
    this.open();
    await this.claims.release(claim);
  }

  async owner(party: PartyId, station: StationId): Promise<Claim | undefined> {
    this.open();
    return this.ownership.owner(party, station);
  }

  async send(to: NodeId, message: BusMessage): Promise<boolean> {
    this.open();
    const publishing = this.client.publish(this.keys.channel(to), pack(message));
    if (!this.client.countsReceivers) {
      const [nodes] = await Promise.all([this.nodes(), publishing]);
      return nodes.includes(to);
    }
    return (await publishing) > 0;
  }

  async listen(nodeId: NodeId, handler: (message: BusMessage) => void): Promise<() => Promise<void>> {
    this.open();
    await this.listening.add(nodeId, (bytes) => this.receive(bytes, handler));
    // One that runs already does not know this node.
    await this.renewing;
    await this.renew();
    return async () => {
      await this.listening.remove(nodeId);
      if (!this.closed) await this.client.removeMember(this.keys.leases, nodeId).catch(() => undefined);
    };
  }

  async nodes(): Promise<readonly NodeId[]> {
    this.open();
    const found = (await this.client.run("nodes", [this.keys.leases], [])) as string[];
    return found.map((node) => trusted.node(node));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    const nodes = this.listening.nodes();
    this.listening.close();
    await this.renewing;
    this.expiry?.cancel();
    await Promise.allSettled(nodes.map((node) => this.client.removeMember(this.keys.leases, node)));
    this.client.close();
    this.leaseUntil = -Infinity;
    this.tellLease();
  }

  leaseHeld(): boolean {
    return this.clock.monotonic() < this.leaseUntil;
  }

  problem(): string | undefined {
    const trouble = this.failure ?? this.unfit;
    if (trouble) return trouble.message;
    return this.listening.hears ? undefined : "Redis answers, but messages from it are not heard yet.";
  }

  async check(): Promise<void> {
    await this.client.ready();
    this.unfit = await this.client.unfitness();
    if (this.unfit) throw this.unfit;
    await this.renew();
    if (this.failure) throw this.failure;
  }

  // --- leases ---

  private schedule(): void {
    if (this.closed) return;
    this.timer?.cancel();
    this.timer = this.clock.after(this.times.renewMs, () => {
      void this.renew().finally(() => this.schedule());
    });
  }

  private reconnected(): void {
    if (this.closed) return;
    this.registerAt = -Infinity;
    void this.client.unfitness().then((unfit) => (this.unfit = unfit));
    void (this.renewing ?? Promise.resolve()).then(() => this.renew());
  }

  /** Also what finds out that Redis lost something. Never rejects. */
  private renew(): Promise<void> {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async renewOnce(): Promise<void> {
    const asked = this.clock.monotonic();
    const nodes = this.listening.nodes();
    try {
      await Promise.all([this.renewLeases(nodes, asked), this.listening.check()]);
      this.failure = undefined;
    } catch (error) {
      if (!isWattlogError(error)) throw error;
      this.failure = error;
    }
    this.tellLease();
    if (!this.failure) await this.register(asked).catch(() => undefined);
    else if (!this.closed) this.client.reconnect(this.failure);
  }

  private async renewLeases(nodes: readonly NodeId[], asked: number): Promise<void> {
    const { leaseMs } = this.times;
    const answer = await this.client.run("renew", [this.keys.leases], [leaseMs, ...nodes]);
    const [time, known] = answer as [number, number];
    this.options.onTime?.(time, asked, this.clock.monotonic());
    if (nodes.length > 0) this.hold(asked + leaseMs);
    if (known === 0) this.registerAt = -Infinity;
  }

  private async register(now: number): Promise<void> {
    const isDue = now >= this.registerAt || (await this.claims.someAreGone());
    if (!isDue || this.closed) return;
    this.registerAt = now + this.times.registerMs;
    try {
      await this.claims.registerAll();
    } catch (error) {
      this.registerAt = -Infinity;
      this.options.onAnomaly?.(`claims were not registered again: ${messageOf(error)}`);
      throw error;
    }
  }

  /** By this process's own clock, which a freeze does not stop: what lay in the socket meanwhile is stale. */
  private hold(until: number): void {
    // One that had run out meanwhile is told as such, however short.
    this.tellLease();
    this.leaseUntil = until;
    this.expiry?.cancel();
    if (!this.closed) this.expiry = this.clock.after(until - this.clock.monotonic(), () => this.tellLease());
  }

  private tellLease(): void {
    const held = this.leaseHeld();
    if (held === this.wasHeld) return;
    this.wasHeld = held;
    this.options.onLease?.(held);
  }

  // --- what comes in ---

  private receive(bytes: Uint8Array, handler: (message: BusMessage) => void): void {
    if (this.closed) return;
    let message: BusMessage;
    try {
      message = unpack(bytes) as BusMessage;
    } catch (error) {
      this.options.onAnomaly?.(`a message on the bus cannot be read: ${messageOf(error)}`);
      return;
    }
    if ((message.type === "command" || message.type === "handOver") && !this.leaseHeld())
      return this.options.onAnomaly?.("a command came without a lease");
    handler(message);
  }

  /** Another node holds the station, and its word for it was lost. */
  private tellSelf(claim: Claim): void {
    this.listening.deliver(
      claim.nodeId,
      pack({ type: "superseded", connectionId: claim.connectionId } satisfies BusMessage),
    );
  }

  private open(): void {
    if (this.closed) throw new WattlogError("bus/unavailable", "The command bus is closed.");
  }
}

/**
 * Connects by itself and goes on trying; until it has, every call fails at once with `bus/unavailable`.
 * @throws WattlogError `config/invalid` when the address is none.
 */
export function openRedisBus(options: RedisBusOptions): RedisBus {
  return new BusOnRedis(options);
}
