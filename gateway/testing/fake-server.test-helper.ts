// A WebSocket server without a network, and a gateway over it whose time stands still until a test moves it.
import { newNodeId } from "../../core/ids/ids.ts";
import type { Authoriser } from "../../core/ports/ports.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { FakeClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import type { Connection } from "../connection/connection.ts";
import type { Socket } from "../connection/socket.ts";
import { createGateway, type Gateway, type GatewayOptions } from "../gateway.ts";
import type { Server, ServerHandlers, UpgradeAnswer, UpgradeRequest } from "../server/server.ts";
import { MemoryBus } from "./memory-bus.test-helper.ts";
import { MemoryLog } from "./memory-log.test-helper.ts";
import { changeOf, party } from "./rig.test-helper.ts";

export class FakeSocket implements Socket {
  readonly sent: string[] = [];
  pings = 0;
  code: number | undefined;
  connection: Connection | undefined;
  dropping = false;
  private readonly handlers: ServerHandlers;

  constructor(handlers: ServerHandlers) {
    this.handlers = handlers;
  }

  send(bytes: Uint8Array): "sent" | "dropped" | "closed" {
    if (this.code !== undefined) return "closed";
    if (this.dropping) return "dropped";
    this.sent.push(Buffer.from(bytes).toString());
    return "sent";
  }

  ping(): void {
    this.pings++;
  }

  end(code: number): void {
    if (this.code !== undefined) return;
    this.code = code;
    this.handlers.closed(this.connection!, code);
  }

  destroy(): void {
    this.end(1006);
  }

  // --- the station's side ---
  says(frame: unknown): void {
    const bytes = Buffer.from(typeof frame === "string" ? frame : JSON.stringify(frame));
    this.handlers.message(this.connection!, bytes);
    // As with uWebSockets.js: whoever kept them sees that they are gone.
    bytes.fill(0);
  }

  pong(): void {
    this.handlers.heard(this.connection!);
  }

  leaves(code = 1000): void {
    this.end(code);
  }

  answers(): unknown[][] {
    return this.sent.map((text) => JSON.parse(text) as unknown[]);
  }
}

/** By a plain socket, without credentials, from a machine of its own. */
export const plainRequest: Omit<UpgradeRequest, "path" | "subprotocols"> = {
  authorization: "",
  remoteAddress: "127.0.0.1",
  proxiedAddress: "",
  forwarded: new Map(),
  secure: false,
  certificate: () => "",
};

export class FakeServer implements Server {
  readonly handlers: ServerHandlers;

  constructor(handlers: ServerHandlers) {
    this.handlers = handlers;
  }

  listen(): Promise<number> {
    return Promise.resolve(9000);
  }

  close(): void {
    // Nothing to give back.
  }

  upgrade(path: string, request: Partial<UpgradeRequest> = {}): UpgradeAnswer {
    return this.handlers.upgrade({ ...plainRequest, path, subprotocols: "ocpp1.6", ...request });
  }

  connect(path: string, subprotocols = "ocpp1.6", authorization = ""): FakeSocket {
    return this.open(this.upgrade(path, { subprotocols, authorization }));
  }

  open(answer: UpgradeAnswer): FakeSocket {
    if (answer.type !== "accept") throw new Error(`refused: ${JSON.stringify(answer)}`);
    const socket = new FakeSocket(this.handlers);
    socket.connection = this.handlers.opened(answer.admitted, socket);
    return socket;
  }
}

export class FakeRig {
  readonly clock = new FakeClock();
  readonly log: MemoryLog;
  readonly bus = new MemoryBus();
  readonly registry: RegistryView;
  readonly metrics = createMetrics();
  readonly nodeId = newNodeId();
  readonly logger = silentLogger();
  readonly gateway: Gateway;
  server!: FakeServer;

  private constructor(
    options: Partial<GatewayOptions>,
    partitions: number,
    random: () => number,
    authoriser: Authoriser | undefined,
  ) {
    this.log = new MemoryLog(this.clock, partitions);
    this.registry = new RegistryView(this.log);
    this.gateway = createGateway({
      options: { host: "", port: 0, party, appendHoldMs: 10_000, noSubprotocol: "reject", ...options },
      log: this.log,
      bus: this.bus,
      registry: this.registry,
      clock: this.clock,
      nodeId: this.nodeId,
      metrics: this.metrics,
      logger: this.logger,
      ...(authoriser && { authoriser }),
      random,
      server: (handlers) => (this.server = new FakeServer(handlers)),
      defer: queueMicrotask,
    });
  }

  static async start(
    options: Partial<GatewayOptions> = {},
    partitions = 1,
    random: () => number = () => 0.5,
    authoriser?: Authoriser,
  ): Promise<FakeRig> {
    const rig = new FakeRig(options, partitions, random, authoriser);
    await rig.registry.start();
    const topic = rig.log.topics.registry;
    for (const id of ["unknownStations", "unknownTokens"] as const) {
      await rig.log.append(topic, 0, [changeOf(party, "setting", id, { id, value: "accept" })]);
    }
    await settle();
    await rig.gateway.start();
    return rig;
  }

  /** A connection that is claimed already. */
  async claimed(path: string, subprotocols = "ocpp1.6"): Promise<FakeSocket> {
    const socket = this.server.connect(path, subprotocols);
    await settle();
    socket.pong();
    await settle();
    return socket;
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle();
  }

  kinds(): string[] {
    return this.log.frames().map((record) => record.kind);
  }
}

/** Lets everything that is due now happen: promises and what hangs on them. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}
