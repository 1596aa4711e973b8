// Redis as the bus uses it: four scripts, a hash for each owner, channels. `OwnershipTable` is the rule that the Lua scripts
// write down once more (bus.contract.ts holds both to the same contract).
import { OwnershipTable } from "../../core/bus/ownership.ts";
import type { Claim } from "../../core/bus/bus.ts";
import type { ConnectRedis, RedisLink, RedisListener, ScriptName } from "../../core/bus/redis-client.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Weather } from "./weather.ts";

const unavailable = (): WattlogError => new WattlogError("bus/unavailable", "Redis does not answer.");
/** What a failover may lose. */
const keptStates = 20;

interface State {
  readonly claims: ReadonlyMap<string, Claim>;
  readonly leases: ReadonlyMap<string, number>;
}

export class RedisServer {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  private table = new OwnershipTable();
  /** By key of Redis, what the table holds. */
  private claims = new Map<string, Claim>();
  private leases = new Map<string, number>();
  private readonly past: State[] = [];
  /** By node, its lease without a break: when the first one began, when the newest one did, and until when that runs. */
  private readonly leased = new Map<string, { readonly first: number; from: number; until: number }>();
  private readonly links = new Set<Link>();
  readonly listeners = new Set<Listener>();

  constructor(scheduler: Scheduler, weather: Weather) {
    this.scheduler = scheduler;
    this.weather = weather;
  }

  connect(process: Process): ConnectRedis {
    return (_address, times, onReady) => {
      const link = new Link(this, process, times.commandMs, onReady);
      this.links.add(link);
      return link;
    };
  }

  owner(party: Claim["party"], station: Claim["station"]): Claim | undefined {
    return this.table.owner(party, station);
  }

  flush(): void {
    this.become({ claims: new Map(), leases: new Map() });
  }

  /** A failover to a replica that had not heard of the last writes. */
  loseWrites(): void {
    const state = this.past.at(-this.scheduler.random.whole(1, Math.max(1, this.past.length)));
    if (state) this.become(state);
    this.past.length = 0;
  }

  down(): void {
    this.weather.isBusDown = true;
    this.dropAll(() => true);
  }

  up(): void {
    this.weather.isBusDown = false;
    for (const link of this.links) link.comeBack();
  }

  cutOff(process: Process): void {
    this.weather.cutOffBus.add(process);
    this.dropAll((of) => of === process);
  }

  reconnect(process: Process): void {
    this.weather.cutOffBus.delete(process);
    for (const link of this.links) if (link.process === process) link.comeBack();
  }

  reaches(process: Process): boolean {
    return !this.weather.isBusDown && !this.weather.cutOffBus.has(process);
  }

  /** The scripts of core/bus/lua. */
  run(name: ScriptName, key: string, args: readonly (string | number)[]): unknown {
    const now = Math.floor(this.scheduler.now);
    switch (name) {
      case "claim":
        return this.claim(key, args);
      case "release":
        return this.release(key, args);
      case "renew": {
        this.remember();
        const [leaseMs, ...nodes] = args as [number, ...string[]];
        for (const [node, until] of this.leases) if (until <= now) this.leases.delete(node);
        const known = nodes.every((node) => this.leases.has(node)) ? 1 : 0;
        for (const node of nodes) {
          this.leases.set(node, now + leaseMs);
          const before = this.leased.get(node) ?? { first: now, from: now, until: now };
          this.leased.set(node, { ...before, from: before.until < now ? now : before.from, until: now + leaseMs });
        }
        return [now, known];
      }
      case "nodes":
        return [...this.leases].filter(([, until]) => until > now).map(([node]) => node);
    }
  }

  fields(key: string): (string | null)[] {
    const claim = this.claims.get(key);
    const held = claim && this.table.owner(claim.party, claim.station);
    if (!held) return [null, null, null, null, null];
    const { epoch, connectionId, nodeId, protocol } = held;
    return [String(epoch.generation), String(epoch.offset), connectionId, nodeId, protocol];
  }

  /** What a look now and then cannot miss: how old the node is, and how long it was without a lease, ms. */
  leaseOf(node: string, lookMs: number): { readonly ageMs: number; readonly absentMs: number } {
    const { now } = this.scheduler;
    const lease = this.leased.get(node);
    if (!lease) return { ageMs: Number.POSITIVE_INFINITY, absentMs: Number.POSITIVE_INFINITY };
    const isBrief = Math.min(now, lease.until) - lease.from < lookMs;
    return { ageMs: now - lease.first, absentMs: isBrief ? Number.POSITIVE_INFINITY : now - lease.until };
  }

  removeLease(node: string): number {
    this.cutLease(node);
    return this.leases.delete(node) ? 1 : 0;
  }

  publish(channel: string, message: Uint8Array): number {
    const { random } = this.scheduler;
    let receivers = 0;
    for (const listener of this.listeners) {
      if (!listener.channels.has(channel)) continue;
      receivers++;
      if (random.chance(this.weather.busLoss)) continue;
      listener.deliver(channel, message);
      if (random.chance(this.weather.busRepeats)) listener.deliver(channel, message);
    }
    return receivers;
  }

  private claim(key: string, args: readonly (string | number)[]): unknown {
    const [generation, offset, connection, node, protocol] = args as [number, number, string, string, string];
    const claim = {
      ...stationOf(key),
      connectionId: trusted.connection(connection),
      nodeId: trusted.node(node),
      epoch: { generation, offset },
      protocol: protocol as Protocol,
    };
    this.remember();
    const { verdict, displaced } = this.table.claim(claim);
    if (verdict === "superseded") return [0];
    this.claims.set(key, claim);
    return displaced && displaced.connectionId !== connection ? [1, displaced.nodeId, displaced.connectionId] : [1];
  }

  private release(key: string, args: readonly (string | number)[]): unknown {
    const [generation, offset] = args as [number, number];
    const held = this.claims.get(key);
    if (!held) return 0;
    this.remember();
    this.table.release({ ...held, epoch: { generation, offset } });
    if (this.table.owner(held.party, held.station) === undefined) this.claims.delete(key);
    return 1;
  }

  private remember(): void {
    this.past.push({ claims: new Map(this.claims), leases: new Map(this.leases) });
    if (this.past.length > keptStates) this.past.shift();
  }

  /** @param until what Redis says now; it may have forgotten that the lease was made longer. */
  private cutLease(node: string, until = 0): void {
    const lease = this.leased.get(node);
    if (lease) lease.until = Math.min(lease.until, Math.max(this.scheduler.now, until));
  }

  private become({ claims, leases }: State): void {
    this.table = new OwnershipTable();
    this.claims = new Map(claims);
    this.leases = new Map(leases);
    for (const node of this.leased.keys()) this.cutLease(node, leases.get(node));
    for (const claim of claims.values()) this.table.claim(claim);
  }

  private dropAll(of: (process: Process) => boolean): void {
    for (const listener of this.listeners) if (of(listener.process)) listener.drop();
  }
}

function stationOf(key: string): Pick<Claim, "party" | "station"> {
  const [party = "", station = ""] = /\{(.+)\}/.exec(key)?.[1]?.split("/") ?? [];
  return { party: trusted.party(party), station: trusted.station(station) };
}

/** A connection for commands. */
class Link implements RedisLink {
  readonly countsReceivers = true;
  readonly process: Process;
  private readonly server: RedisServer;
  private readonly commandMs: number;
  private readonly onReady: () => void;
  private lastArrival = 0;
  private isClosed = false;

  constructor(server: RedisServer, process: Process, commandMs: number, onReady: () => void) {
    this.server = server;
    this.process = process;
    this.commandMs = commandMs;
    this.onReady = onReady;
    this.comeBack();
  }

  comeBack(): void {
    const { scheduler, weather } = this.server;
    scheduler.io(weather.latency() + scheduler.random.between(0, 200), this.process, "redis ready", () => {
      if (!this.isClosed && this.server.reaches(this.process)) this.onReady();
    });
  }

  run(name: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.ask(name, () => this.server.run(name, keys[0] ?? "", args));
  }

  fields(key: string, ...names: string[]): Promise<(string | null)[]> {
    return this.ask("fields", () => {
      const all = ["generation", "offset", "connection", "node", "protocol"];
      const found = this.server.fields(key);
      return names.map((name) => found[all.indexOf(name)] ?? null);
    });
  }

  publish(channel: string, message: Uint8Array): Promise<number> {
    const copy = message.slice();
    return this.ask("publish", () => this.server.publish(channel, copy));
  }

  removeMember(_key: string, member: string): Promise<number> {
    return this.ask("removeMember", () => this.server.removeLease(member));
  }

  unfitness(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  reconnect(): void {
    // A connection here is as good as another one.
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
  }

  newSubscriber(): RedisListener {
    return new Listener(this.server, this.process);
  }

  /** In order of the calls; where the answer is lost, what was asked for has happened all the same. */
  ask<T>(what: string, work: () => T): Promise<T> {
    const { scheduler, weather } = this.server;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (!this.server.reaches(this.process)) {
      scheduler.io(scheduler.random.chance(0.5) ? 0 : this.commandMs, this.process, `redis ${what} fails`, () =>
        reject(unavailable()),
      );
      return promise;
    }
    this.lastArrival = Math.max(this.lastArrival, scheduler.now + weather.latency() / 4);
    const isLost = scheduler.random.chance(weather.busLoss / 4);
    scheduler.io(this.lastArrival - scheduler.now, undefined, `redis ${what}`, () => {
      const wasReached = this.server.reaches(this.process);
      const answer = wasReached ? work() : undefined;
      if (!wasReached || isLost)
        scheduler.io(this.commandMs, this.process, `redis ${what} lost`, () => reject(unavailable()));
      else scheduler.io(weather.latency() / 4, this.process, `redis ${what} answered`, () => resolve(answer as T));
    });
    return promise;
  }
}

class Listener implements RedisListener {
  readonly process: Process;
  readonly channels = new Set<string>();
  private readonly server: RedisServer;
  private onMessage: ((channel: string, message: Uint8Array) => void) | undefined;
  private onEnd: (() => void) | undefined;
  private lastArrival = 0;
  private isOver = false;

  constructor(server: RedisServer, process: Process) {
    this.server = server;
    this.process = process;
    process.onDeath.push(() => this.close());
  }

  async open(onMessage: (channel: string, message: Uint8Array) => void, onEnd: () => void): Promise<void> {
    await this.answered();
    this.onMessage = onMessage;
    this.onEnd = onEnd;
    this.server.listeners.add(this);
  }

  async subscribe(...channels: string[]): Promise<void> {
    await this.answered();
    for (const channel of channels) this.channels.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.channels.delete(channel);
    await this.answered();
  }

  ping(): Promise<void> {
    return this.answered();
  }

  close(): void {
    this.isOver = true;
    this.server.listeners.delete(this);
  }

  /** What is in the socket of a frozen process lies there until it goes on. */
  deliver(channel: string, message: Uint8Array): void {
    const { scheduler, weather } = this.server;
    this.lastArrival = Math.max(this.lastArrival, scheduler.now + weather.latency() / 4);
    scheduler.io(this.lastArrival - scheduler.now, this.process, "bus message", () => {
      if (!this.isOver) this.onMessage?.(channel, message);
    });
  }

  drop(): void {
    const { onEnd } = this;
    this.close();
    this.server.scheduler.io(0, this.process, "subscription ends", () => onEnd?.());
  }

  private async answered(): Promise<void> {
    const { scheduler, weather } = this.server;
    await scheduler.sleep(weather.latency() / 4, this.process, "redis subscriber");
    if (this.isOver || !this.server.reaches(this.process)) throw unavailable();
  }
}
