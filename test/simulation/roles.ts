// The product's own roles, each in a process of the simulation: nothing of them is made anew here, they are only given
// other ports.
import { openRedisBus, type RedisBus } from "../../core/bus/bus-redis.ts";
import { newNodeId, trusted, type NodeId } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { silentLogger, type Logger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import type { Store } from "../../core/store/store.ts";
import { LeaseWatch } from "../../deploy/roles/cluster/lease-watch.ts";
import { TimedLog } from "../../deploy/roles/cluster/timed-log.ts";
import { createGateway, type Gateway } from "../../gateway/gateway.ts";
import { createProcessor, type Processor } from "../../processors/processor.ts";
import { CommandSender, type CommandAnswer, type CommandInput } from "../../projections/rest/command-sender.ts";
import { CommandWaiters } from "../../projections/rest/command-waiters.ts";
import { FrameWriter } from "../../projections/rest/frame-writer.ts";
import type { ApiOptions } from "../../projections/rest/context.ts";
import { GatewaySockets, type Network } from "./network.ts";
import type { LogServer } from "./log.ts";
import { Process } from "./process.ts";
import type { RedisServer } from "./redis.ts";
import type { Scheduler } from "./scheduler.ts";
import { openStore, type CommitWatch, type StoreServer } from "./store.ts";
import type { Weather } from "./weather.ts";

export const party = trusted.party("DEWLG");

/** Shorter than in production, so that a run of two minutes sees what takes ten. */
export const times = { appendHoldMs: 4_000, leaseMs: 6_000, renewMs: 2_000, settleAfterMs: 20_000, drainMs: 8_000 };

// Of no run: what is counted is not looked at here, and making them anew costs more than a run's records.
const metrics = createMetrics();
const logger: Logger = silentLogger();

export interface Servers {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly log: LogServer;
  readonly redis: RedisServer;
  readonly store: StoreServer;
  readonly network: Network;
  readonly committed: CommitWatch;
}

interface Joined {
  readonly process: Process;
  readonly log: EventLog;
  readonly bus: RedisBus;
  readonly registry: RegistryView;
}

function join({ scheduler, log, redis }: Servers, name: string, renewMs: number): Joined {
  const process = new Process(scheduler, name);
  const client = log.client(process);
  // Kafka's tells nobody; the embedded one does, and its clock cannot be another one.
  const timed: EventLog = Object.assign(
    new TimedLog(client, process.clock),
    client.listen && { listen: client.listen },
  );
  const bus = openRedisBus({
    url: "redis://simulated:6379",
    clusterId: "simulation",
    clock: process.clock,
    times: { leaseMs: times.leaseMs, renewMs },
    onTime: (...heard) => process.clock.heard("redis", ...heard),
    connect: redis.connect(process),
  });
  return { process, log: timed, bus, registry: new RegistryView(timed, process.clock) };
}

/** Resolves once the log has answered, however often it takes. */
async function started({ registry, process }: Joined, scheduler: Scheduler): Promise<void> {
  for (;;) {
    try {
      return await registry.start();
    } catch {
      await scheduler.sleep(500, process, "start is tried again");
    }
  }
}

export class GatewayRole {
  readonly process: Process;
  readonly nodeId: NodeId = newNodeId();
  readonly gateway: Gateway;
  sockets!: GatewaySockets;
  isOpen = false;

  constructor(servers: Servers, name: string) {
    const joined = join(servers, name, times.renewMs);
    this.process = joined.process;
    const { random } = servers.scheduler;
    this.gateway = createGateway({
      options: {
        host: "",
        port: 0,
        party,
        appendHoldMs: times.appendHoldMs,
        noSubprotocol: "reject",
        drainMs: times.drainMs,
      },
      log: joined.log,
      bus: joined.bus,
      registry: joined.registry,
      clock: this.process.clock,
      nodeId: this.nodeId,
      metrics,
      logger,
      random: random.next,
      server: (handlers) => (this.sockets = new GatewaySockets(servers.network, this.process, handlers)),
      // The end of an event-loop turn: what else has come by then is part of it.
      defer: (run) => void servers.scheduler.io(random.between(0, 0.2), this.process, "turn ends", run),
    });
    void this.start(joined, servers.scheduler);
  }

  /** Refuses upgrades at once; resolves when it has given back what it held. */
  async drain(): Promise<void> {
    this.isOpen = false;
    await this.gateway.drain();
    await this.gateway.stop();
  }

  private async start(joined: Joined, scheduler: Scheduler): Promise<void> {
    await started(joined, scheduler);
    await this.gateway.start();
    this.isOpen = true;
  }
}

export class ProcessorRole {
  readonly process: Process;
  private readonly servers: Servers;
  private readonly joined: Joined;
  private readonly store: Store;
  private readonly leases: LeaseWatch;
  private readonly folds = new Map<number, Processor>();
  private readonly owns: (partition: number, role: ProcessorRole) => boolean;
  private readonly begun: Promise<void>;

  /** @param owns what the tables of assignments say. */
  constructor(servers: Servers, name: string, owns: (partition: number, role: ProcessorRole) => boolean) {
    this.servers = servers;
    this.owns = owns;
    this.joined = join(servers, name, times.renewMs * 4);
    const { process, bus } = this.joined;
    this.process = process;
    this.store = openStore(servers.store, servers.committed, { ...servers, process });
    this.leases = new LeaseWatch(bus, process.clock, times.leaseMs);
    this.leases.start();
    this.begun = started(this.joined, servers.scheduler);
  }

  async take(partition: number): Promise<void> {
    await this.begun;
    if (this.folds.has(partition)) return;
    const { log, bus, registry, process } = this.joined;
    const processor = createProcessor({
      log,
      store: this.store,
      bus,
      registry,
      clock: process.clock,
      nodeId: newNodeId(),
      isNodeLost: (nodeId) => this.leases.isLost(nodeId),
      lostLookMs: times.leaseMs,
      metrics,
      logger,
      partitions: [partition],
      owns: async () => {
        await this.servers.scheduler.sleep(1, process, "whose partition");
        return this.owns(partition, this);
      },
    });
    this.folds.set(partition, processor);
    await processor.start();
  }

  /** Of a zombie: late, or never. */
  async giveUp(partition: number): Promise<void> {
    await this.begun;
    const fold = this.folds.get(partition);
    this.folds.delete(partition);
    await fold?.stop();
  }
}

export class ApiRole {
  readonly process: Process;
  private readonly sender: CommandSender;
  private readonly ready: Promise<void>;

  constructor(servers: Servers, name: string) {
    const joined = join(servers, name, times.renewMs * 4);
    const { process, log, bus, registry } = joined;
    this.process = process;
    const nodeId = newNodeId();
    const store = openStore(servers.store, servers.committed, { ...servers, process });
    const waiters = new CommandWaiters();
    const context: ApiOptions = {
      options: { host: "", port: 0, party },
      log,
      store,
      bus,
      registry,
      clock: process.clock,
      nodeId,
      metrics,
      logger,
      adminToken: "",
    };
    this.sender = new CommandSender(context, new FrameWriter({ log, registry, clock: process.clock, nodeId }), waiters);
    this.ready = started(joined, servers.scheduler).then(() => waiters.start({ bus, log, nodeId }));
  }

  /** As the route does, once the process has started. @throws as {@link CommandSender.request} */
  async request(station: string, input: CommandInput, waitSeconds: number): Promise<CommandAnswer> {
    await this.ready;
    const principal = { actor: "simulation", role: "operator", party, via: "rest" } as const;
    return this.sender.request(principal, trusted.station(station), input, waitSeconds);
  }
}
