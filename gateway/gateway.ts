// The gateway: holds stations' WebSockets, writes what they send into the log and answers when it is there. This file
// is all that a composition root needs; it wires the rooms of this folder together.
import type { BusMessage, CommandBus } from "../core/bus/bus.ts";
import { limits } from "../core/config/limits.ts";
import type { NodeId, PartyId } from "../core/ids/ids.ts";
import type { EventLog, LogBatch } from "../core/log/log.ts";
import type { Authoriser } from "../core/ports/ports.ts";
import { decodeRecord } from "../core/records/codec.ts";
import type { RegistryView } from "../core/registry/view.ts";
import type { Clock, Timer } from "../core/runtime/clock.ts";
import { messageOf } from "../core/runtime/errors.ts";
import type { Logger } from "../core/runtime/logger.ts";
import type { Metrics } from "../core/runtime/metrics.ts";
import type { Readiness, Service } from "../core/runtime/service.ts";
import { Appender } from "./append/appender.ts";
import { PacedCloser } from "./append/paced-closer.ts";
import { commandOf } from "./commands/command-line.ts";
import { Commands } from "./commands/commands.ts";
import { BootNotes } from "./connection/boot-notes.ts";
import { Connection, type Admitted } from "./connection/connection.ts";
import { Inbound } from "./connection/inbound.ts";
import { closeNow, takeToken, type Node } from "./connection/node.ts";
import { closeReasonOf, Ownership } from "./connection/ownership.ts";
import { Standing } from "./connection/standing.ts";
import type { Socket } from "./connection/socket.ts";
import { ConnectionTable } from "./connection/table.ts";
import { LookupCache } from "./decide/lookups.ts";
import { drainNode, within } from "./drain.ts";
import { GatewayMetrics } from "./metrics.ts";
import { Admission } from "./server/admission.ts";
import { Directory } from "./server/identity.ts";
import { KeyRotation } from "./server/key-rotation.ts";
import { RegistryWriter } from "./server/registry-writer.ts";
import { noProxies, Origins, type OriginOptions } from "./server/origin.ts";
import type { OcppTls, Server, ServerHandlers } from "./server/server.ts";
import { TlsDoor } from "./server/tls-door.ts";
import { createUwsServer } from "./server/uws-server.ts";

export interface GatewayOptions {
  readonly host: string;
  /** 0: any free one; `port()` tells. */
  readonly port: number;
  /** False: that port stays closed, `port()` is 0, and stations connect by TLS alone. */
  readonly plain?: boolean;
  /** A second port, by TLS; undefined: none. */
  readonly tls?: OcppTls | undefined;
  /** Which proxies are believed, and whose certificates; absent: nobody and nobody's. */
  readonly origins?: OriginOptions;
  /** Of stations whose path names no other one (rule I1). */
  readonly party: PartyId;
  /** How long an answer waits for the log before its socket is closed, ms. */
  readonly appendHoldMs: number;
  /** What a station that offers no subprotocol speaks. */
  readonly noSubprotocol: "reject" | "ocpp1.6";
  /** How long a CALL waits for a roaming partner's word about its token, ms. */
  readonly authoriseDeadlineMs?: number;
  /** How long a drain may take, ms. */
  readonly drainMs?: number;
}

export interface GatewayDeps {
  readonly options: GatewayOptions;
  readonly log: EventLog;
  readonly bus: CommandBus;
  /** Started by the composition root; until it follows the log, upgrades get 503. */
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly nodeId: NodeId;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Absent: no roaming partner is ever asked. */
  readonly authoriser?: Authoriser;
  /** [0, 1); jitter. */
  readonly random?: () => number;
  /** Another WebSocket server, for simulations. */
  readonly server?: (handlers: ServerHandlers) => Server;
  /** Runs its argument at the end of the event-loop turn. */
  readonly defer?: (run: () => void) => void;
}

export interface Gateway extends Service {
  /** After `start`. */
  port(): number;
  /** After `start`; undefined: there is no TLS port. */
  tlsPort(): number | undefined;
  readiness(): Readiness[];
  connections(): number;
}

/**
 * Nothing listens yet; `start` throws WattlogError `start/port-in-use`.
 * @throws WattlogError `config/invalid` where the TLS port's files are no good
 */
export function createGateway(deps: GatewayDeps): Gateway {
  return new GatewayService(deps);
}

const housekeepingMs = 1_000;
/** Most stations say something each half a minute or less often: between two of their frames they rest. */
const restAfterMs = 5_000;
const stopFlushMs = 1_000;

/** Of one partition: their sum is bounded, however many there are, and none can take the room of another. */
function queueBytes(partitions: number): number {
  return Math.min(limits.appendQueueBytesPerPartition, Math.floor(limits.appendQueueBytes / partitions));
}

class GatewayService implements Gateway {
  readonly name = "gateway";
  private readonly deps: GatewayDeps;
  private readonly node: Node;
  private readonly directory: Directory;
  private readonly admission: Admission;
  private readonly ownership: Ownership;
  private readonly commands: Commands;
  private readonly inbound: Inbound;
  private readonly standing: Standing;
  private readonly server: Server;
  private readonly door: TlsDoor | undefined;
  private listeningOn = 0;
  private tlsListeningOn: number | undefined;
  private unlisten: (() => Promise<void>) | undefined;
  private housekeeping: Timer | undefined;
  private draining: Promise<void> | undefined;
  private drainingSince: number | undefined;
  private stopping: Promise<void> | undefined;

  constructor(deps: GatewayDeps) {
    this.deps = deps;
    const { frames } = deps.log.topics;
    this.node = this.makeNode();
    this.directory = new Directory(deps.registry);
    const writer = new RegistryWriter(deps.log, deps.clock, deps.logger);
    const { options, clock, logger } = deps;
    const origins = new Origins(options.origins ?? noProxies, clock, this.node.metrics, logger);
    const { directory } = this;
    this.admission = new Admission(this.node, { directory, writer, origins }, options, frames.partitions);
    this.ownership = new Ownership(this.node, frames.generation);
    const rotation = new KeyRotation(this.node, writer);
    this.commands = new Commands(this.node, frames.partitions, (...answer) => rotation.answered(...answer));
    this.inbound = new Inbound(this.node, this.commands, new BootNotes(this.node, writer));
    this.standing = new Standing(this.node);
    this.server = (deps.server ?? createUwsServer)(this.handlers());
    this.door = options.tls && new TlsDoor(options.tls, this.handlers(), deps);
  }

  async start(): Promise<void> {
    const { bus, log, nodeId, options } = this.deps;
    const unlisten = await bus.listen(nodeId, (message) => this.fromBus(message));
    const endTelling = log.listen?.(nodeId, (batch) => this.fromLog(batch));
    this.unlisten = async () => {
      endTelling?.();
      await unlisten();
    };
    if (options.plain !== false) this.listeningOn = await this.server.listen(options.host, options.port);
    this.tlsListeningOn = await this.door?.listen(options.host);
    this.housekeeping = this.deps.clock.after(housekeepingMs, () => this.keepHouse());
  }

  port(): number {
    return this.listeningOn;
  }

  tlsPort(): number | undefined {
    return this.tlsListeningOn;
  }

  connections(): number {
    return this.node.table.size;
  }

  readiness(): Readiness[] {
    const { registry, log } = this.deps;
    const sick = this.node.appender.sickPartitions();
    const most = sick * 2 > log.topics.frames.partitions;
    return [
      { name: "gateway", problem: this.draining ? "Draining." : undefined },
      {
        name: "gateway registry",
        problem: registry.state === "following" ? undefined : "The registry is not followed.",
      },
      ...(this.door ? [{ name: "gateway TLS port", problem: this.door.problem }] : []),
      { name: "gateway log", problem: most ? `${sick} partitions of the log take no records.` : undefined },
    ];
  }

  drain(): Promise<void> {
    if (this.draining === undefined) {
      this.admission.close();
      this.commands.drain();
      this.drainingSince = this.node.clock.monotonic();
      this.draining = drainNode(this.node, this.ownership, this.drainMs);
    }
    return this.draining;
  }

  stop(): Promise<void> {
    this.stopping ??= this.stopOnce();
    return this.stopping;
  }

  private get drainMs(): number {
    return this.deps.options.drainMs ?? limits.drainMs;
  }

  private makeNode(): Node {
    const { deps } = this;
    const { clock, random = Math.random } = deps;
    const metrics = new GatewayMetrics(deps.metrics);
    const table = new ConnectionTable();
    const closer = new PacedCloser(clock, limits.closesPerSecond, random);
    const appender = new Appender(
      deps.log,
      clock,
      {
        holdMs: deps.options.appendHoldMs,
        queueBytes: queueBytes(deps.log.topics.frames.partitions),
        batchRecords: limits.appendBatchRecords,
        batchBytes: limits.appendBatchBytes,
      },
      {
        stalled: (partition) => this.partitionStalled(partition),
        recovered: (partition) => deps.logger.info({ partition }, "the log takes records again"),
        rejected: (partition, error) => {
          metrics.appendRejected();
          deps.logger.error(
            { partition, error: messageOf(error) },
            "an append was rejected: its frames stay unanswered",
          );
        },
      },
      deps.defer,
    );
    const { nodeId: id, bus, registry, logger } = deps;
    const { authoriser, options } = deps;
    const lookups = new LookupCache(registry, authoriser);
    const authoriseDeadlineMs = options.authoriseDeadlineMs ?? limits.authoriseDeadlineMs;
    const authorising = { authoriser, authoriseDeadlineMs };
    return { id, clock, random, bus, registry, lookups, ...authorising, appender, closer, table, metrics, logger };
  }

  private handlers(): ServerHandlers {
    return {
      upgrade: (request) => this.admission.decide(request),
      opened: (admitted, socket) => this.opened(admitted, socket),
      message: (connection, bytes) => {
        // `claimed` goes into the log before the frame that proves life.
        if (connection.claim === "open") this.ownership.heard(connection);
        this.inbound.message(connection, bytes);
      },
      heard: (connection) => {
        const now = this.node.clock.monotonic();
        connection.heardAt = now;
        if (!connection.usable) return;
        // A ping costs as much as a frame: a flood of them must not take its neighbours' time.
        if (!takeToken(connection, now)) return closeNow(connection, "tooManyFrames");
        this.ownership.heard(connection);
      },
      closed: (connection, code) => this.closed(connection, code),
    };
  }

  private opened(admitted: Admitted, socket: Socket): Connection {
    const connection = new Connection(admitted, socket, this.node.clock.monotonic(), limits.stationFrameBurst);
    this.node.metrics.opened(connection);
    this.ownership.opened(connection);
    return connection;
  }

  private closed(connection: Connection, code: number): void {
    if (connection.closed) return;
    connection.closed = true;
    const reason = closeReasonOf(connection, code);
    this.commands.closed(connection);
    this.inbound.closed(connection);
    this.ownership.closed(connection, code, reason);
    this.node.metrics.closed(connection, code, reason);
  }

  private fromBus(message: BusMessage): void {
    switch (message.type) {
      case "command":
        return this.commands.requested(message);
      case "handOver":
        return this.commands.handedOver(message);
      case "superseded": {
        const connection = this.node.table.get(message.connectionId);
        if (connection) this.ownership.superseded(connection);
        return;
      }
      case "runningCost":
        return this.node.table.get(message.connectionId)?.tellCost(message.transactionId, message.totalCost);
      case "commandProgress":
        // For apis; a gateway waits for no command's outcome.
        return;
    }
  }

  /** Commands of this node's connections, durable: sooner than by the bus, which may say the same. */
  private fromLog({ records }: LogBatch): void {
    for (const { value, logTime } of records) {
      const command = commandOf(decodeRecord(value), logTime);
      if (command) this.commands.requested(command);
    }
  }

  /** reliability.md, outage of the log: close these stations, at a rate; the others do not notice. */
  private partitionStalled(partition: number): void {
    const { node } = this;
    node.metrics.partitionStalled();
    node.logger.error({ partition }, "the log took nothing in time: the partition's stations are closed");
    for (const connection of node.table.ofPartition(partition)) {
      node.closer.add({
        close: () => closeNow(connection, "logUnavailable"),
        stillDue: () => connection.usable && node.appender.isSick(partition),
      });
    }
  }

  /** Every second: pings, half-open sockets, counters. */
  private keepHouse(): void {
    const { node } = this;
    const now = node.clock.monotonic();
    for (const connection of node.table.all()) {
      if (now - connection.heardAt > limits.socketIdleSeconds * 1000) closeNow(connection, "silent");
      else if (now - Math.max(connection.heardAt, connection.pingedAt) > limits.socketPingSeconds * 1000) {
        connection.pingedAt = now;
        connection.socket.ping();
      }
      if (now - connection.heardAt > restAfterMs) connection.duplicates?.rest();
    }
    this.commands.forget();
    node.metrics.publish(node.appender);
    const slowest = node.metrics.takeSlowest();
    if (slowest) node.logger.warn(slowest, "the slowest answer of this second, and its record");
    node.metrics.draining(this.drainingSince === undefined ? 0 : now - this.drainingSince, this.drainMs);
    this.housekeeping = node.clock.after(housekeepingMs, () => this.keepHouse());
  }

  private async stopOnce(): Promise<void> {
    const { node } = this;
    this.admission.close();
    this.housekeeping?.cancel();
    for (const connection of node.table.all()) closeNow(connection, "draining");
    await within(node.clock, stopFlushMs, node.appender.flushed());
    this.server.close();
    await this.door?.close();
    node.closer.stop();
    node.appender.stop();
    node.lookups.stop();
    this.directory.stop();
    this.standing.stop();
    await this.unlisten?.();
  }
}
