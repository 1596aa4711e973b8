// A whole cluster: servers, roles, stations, callers and misfortune, out of one seed.
import { randomUUID } from "node:crypto";
import { encodeChange } from "../../core/records/registry-change.ts";
import { Callers } from "./callers.ts";
import { wreakHavoc } from "./chaos.ts";
import { describe, Journal } from "./journal.ts";
import { LogServer } from "./log.ts";
import { Network } from "./network.ts";
import { Process } from "./process.ts";
import { Projection } from "./projection.ts";
import type { Random } from "./random.ts";
import { RedisServer } from "./redis.ts";
import { ApiRole, GatewayRole, party, ProcessorRole, times, type Servers } from "./roles.ts";
import { Scheduler } from "./scheduler.ts";
import { checkLost } from "./rules/ownership.ts";
import { checkCommit } from "./rules/store.ts";
import { checkWritten } from "./rules/written.ts";
import { Station } from "./station.ts";
import { StoreServer } from "./store.ts";
import type { Trace } from "./trace.ts";
import { Weather } from "./weather.ts";

const protocols = ["ocpp1.6", "ocpp2.0.1"] as const;

export class World {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly journal: Journal;
  readonly log: LogServer;
  readonly redis: RedisServer;
  readonly store = new StoreServer();
  readonly network: Network;
  readonly gateways: GatewayRole[] = [];
  readonly processors: ProcessorRole[] = [];
  readonly apis: ApiRole[] = [];
  readonly stations: readonly Station[];
  readonly callers: Callers;
  readonly partitions: number;
  /** A process of nobody, for looking at things. */
  readonly onlooker: Process;
  /** Those that drain are still there, and nobody's any more. */
  private readonly assignment: number[];
  private readonly servers: Servers;
  private names = 0;

  constructor(random: Random, trace: Trace) {
    this.scheduler = new Scheduler(random, trace);
    this.onlooker = new Process(this.scheduler, "onlooker");
    this.partitions = random.whole(1, 2);
    this.weather = new Weather(random, this.partitions);
    this.journal = new Journal(this.partitions);
    const projection = new Projection(this.scheduler, this.store);
    this.log = new LogServer(this.scheduler, this.weather, this.partitions, {
      stored: (topic, partition, record) => {
        if (topic === this.log.topics.frames) {
          const fact = this.journal.stored(partition, record);
          trace.detail(() => describe(fact));
          checkLost(this.journal, this.redis, fact);
        }
        if (topic === this.log.topics.events) projection.stored(topic, record.value);
      },
      acknowledged: () => undefined,
    });
    this.redis = new RedisServer(this.scheduler, this.weather);
    this.network = new Network(this.scheduler, this.weather, (line, text) => checkWritten(this.journal, line, text));
    const { scheduler, weather, log, redis, store, network, journal } = this;
    const committed = (changed: ReadonlySet<string>, server: StoreServer): void =>
      checkCommit(journal, changed, server);
    this.servers = { scheduler, weather, log, redis, store, network, committed };
    this.seedRegistry();
    this.assignment = Array.from({ length: this.partitions }, () => 0);
    for (let at = random.whole(1, 3); at > 0; at--) this.startGateway(this.gateways.length);
    for (let at = random.whole(1, 2); at > 0; at--) this.startProcessor(this.processors.length);
    for (let at = random.whole(1, 2); at > 0; at--) this.startApi(this.apis.length);
    this.stations = Array.from({ length: random.whole(1, 4) }, (_, at) => {
      const gateway = () => {
        const open = this.gateways.filter((one) => one.isOpen || random.chance(0.2));
        return open.length === 0 ? undefined : random.pick(open).sockets;
      };
      return new Station(`CS-${at + 1}`, random.pick(protocols), { network, random, journal, gateway });
    });
    this.callers = new Callers(this);
  }

  begin(wildMs: number, faultEveryMs: number): void {
    const until = this.scheduler.now + wildMs;
    for (const station of this.stations) station.switchOn();
    this.callers.begin(this.scheduler.random.between(700, 4_000), until);
    wreakHavoc(this, faultEveryMs, until);
  }

  note(what: string): void {
    this.scheduler.trace.event(this.scheduler.now, "fate", what);
  }

  /** Everything is put right, and everybody who is gone comes back. */
  heal(): void {
    this.weather.clear();
    this.redis.up();
    for (const role of [...this.gateways, ...this.processors, ...this.apis]) {
      this.redis.reconnect(role.process);
      this.scheduler.thaw(role.process);
    }
    this.gateways.forEach((one, at) => one.process.isAlive || this.startGateway(at));
    this.processors.forEach((one, at) => one.process.isAlive || this.startProcessor(at));
    this.apis.forEach((one, at) => one.process.isAlive || this.startApi(at));
  }

  transactions() {
    return this.stations.flatMap(({ charging }) => charging.transactions);
  }

  // --- roles ---

  startGateway(at: number): void {
    if (this.gateways[at]?.process.isAlive) return;
    this.gateways[at] = new GatewayRole(this.servers, `gateway-${++this.names}`);
  }

  killGateway(at: number): void {
    this.kill(this.gateways[at]!.process);
  }

  /** As in a rolling update: it goes as it should, and its successor comes. */
  drainGateway(at: number): void {
    const role = this.gateways[at]!;
    if (!role.process.isAlive) return;
    const isOver = (): void => {
      this.kill(role.process);
      this.scheduler.io(500, undefined, "gateway starts anew", () => this.startGateway(at));
    };
    role.drain().then(isOver, isOver);
  }

  startProcessor(at: number): void {
    if (this.processors[at]?.process.isAlive) return;
    const name = `processor-${++this.names}`;
    const role = new ProcessorRole(this.servers, name, (partition, asks) => this.ownerOf(partition) === asks);
    this.processors[at] = role;
    this.assignment.forEach((owner, partition) => owner === at && void role.take(partition));
  }

  killProcessor(at: number): void {
    this.kill(this.processors[at]!.process);
    this.scheduler.io(1_000, undefined, "its partitions go to others", () => this.rebalance(0));
  }

  /** @param lateMs so long the owner before goes on folding. */
  rebalance(lateMs: number): void {
    const { random } = this.scheduler;
    this.assignment.forEach((before, partition) => {
      const after = random.whole(0, this.processors.length - 1);
      if (after === before) return;
      this.note(`partition ${partition} moves`);
      this.assignment[partition] = after;
      const old = this.processors[before]!;
      this.scheduler.io(lateMs, undefined, "the owner before hears of it", () => {
        if (this.ownerOf(partition) !== old) void old.giveUp(partition);
      });
      void this.processors[after]!.take(partition);
    });
  }

  startApi(at: number): void {
    if (this.apis[at]?.process.isAlive) return;
    this.apis[at] = new ApiRole(this.servers, `api-${++this.names}`);
  }

  killApi(at: number): void {
    this.kill(this.apis[at]!.process);
  }

  private ownerOf(partition: number): ProcessorRole {
    return this.processors[this.assignment[partition]!]!;
  }

  private kill(process: Process): void {
    if (!process.isAlive) return;
    this.note(`${process.name} is killed`);
    this.scheduler.kill(process);
    for (const run of process.onDeath.splice(0)) run();
  }

  private seedRegistry(): void {
    const settings = { unknownStations: "accept", unknownTokens: "accept", settleAfterMs: times.settleAfterMs };
    for (const [id, value] of Object.entries(settings)) {
      const change = {
        party,
        keyId: null,
        changeId: randomUUID(),
        entity: "setting",
        id,
        expectedVersion: null,
      } as const;
      const bytes = encodeChange({ ...change, doc: { id, value }, at: 0, actor: "simulation" });
      this.log.store(this.log.topics.registry, 0, [{ key: id, value: bytes }]);
    }
  }
}
