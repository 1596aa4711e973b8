// WebSockets between stations and gateways: frames in order and with delay, closes that reach the other end or do not, links
// that are dead while both ends believe in them.
import type { Connection } from "../../gateway/connection/connection.ts";
import type { Socket } from "../../gateway/connection/socket.ts";
import type { Server, ServerHandlers } from "../../gateway/server/server.ts";
import { plainRequest } from "../../gateway/testing/fake-server.test-helper.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Weather } from "./weather.ts";

/** The station's end. */
export interface LineEvents {
  refused(): void;
  opened(): void;
  message(text: string): void;
  closed(code: number): void;
}

/** Told of what a gateway writes, in the turn in which it writes it. */
export type WriteWatch = (line: Line, text: string) => void;

const abnormal = 1006;

export class GatewaySockets implements Server {
  readonly process: Process;
  readonly lines = new Set<Line>();
  readonly network: Network;
  private readonly handlers: ServerHandlers;

  constructor(network: Network, process: Process, handlers: ServerHandlers) {
    this.network = network;
    this.process = process;
    this.handlers = handlers;
    process.onDeath.push(() => {
      for (const line of this.lines) line.lostGateway();
    });
  }

  listen(): Promise<number> {
    return Promise.resolve(9000);
  }

  close(): void {
    for (const line of this.lines) line.end(abnormal);
  }

  accept(line: Line): void {
    const { path, subprotocol } = line;
    const answer = this.handlers.upgrade({ ...plainRequest, path, subprotocols: subprotocol });
    if (answer.type !== "accept") return line.refuse();
    this.lines.add(line);
    line.open(this, answer.admitted.id);
    line.connection = this.handlers.opened(answer.admitted, line);
  }

  message(connection: Connection, text: string): void {
    const bytes = Buffer.from(text);
    this.handlers.message(connection, bytes);
    // As with uWebSockets.js: whoever kept them sees that they are gone.
    bytes.fill(0);
  }

  pong(connection: Connection): void {
    this.handlers.heard(connection);
  }

  closed(line: Line, code: number): void {
    this.lines.delete(line);
    if (line.connection) this.handlers.closed(line.connection, code);
  }
}

export class Network {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly written: WriteWatch;

  constructor(scheduler: Scheduler, weather: Weather, written: WriteWatch) {
    this.scheduler = scheduler;
    this.weather = weather;
    this.written = written;
  }

  /** @param to undefined: nobody listens there. */
  connect(to: GatewaySockets | undefined, path: string, subprotocol: string, events: LineEvents): Line {
    const line = new Line(this, path, subprotocol, events);
    if (!to?.process.isAlive) line.refuse();
    else {
      this.scheduler.io(this.weather.latency(), to.process, `upgrade ${path}`, () => to.accept(line));
      to.process.onDeath.push(() => line.refuseUnopened());
    }
    return line;
  }
}

/** One WebSocket, both ends of it. */
export class Line implements Socket {
  readonly path: string;
  readonly subprotocol: string;
  connection: Connection | undefined;
  connectionId = "";
  private readonly network: Network;
  private readonly events: LineEvents;
  private gateway: GatewaySockets | undefined;
  private isOpenAtGateway = false;
  /** The station has closed it, or was told that it is closed. */
  private isOverAtStation = false;
  /** Nothing gets through any more, and neither end knows. */
  private isCut = false;
  private toStationAt = 0;
  private toGatewayAt = 0;

  constructor(network: Network, path: string, subprotocol: string, events: LineEvents) {
    this.network = network;
    this.path = path;
    this.subprotocol = subprotocol;
    this.events = events;
  }

  get isOver(): boolean {
    return this.isOverAtStation;
  }

  // --- the gateway's end ---

  send(bytes: Uint8Array): "sent" | "dropped" | "closed" {
    if (!this.isOpenAtGateway) return "closed";
    const text = Buffer.from(bytes).toString();
    this.network.written(this, text);
    this.toStation(`frame to ${this.path}`, () => this.events.message(text));
    return "sent";
  }

  ping(): void {
    this.toStation(`ping to ${this.path}`, () => {
      this.toGateway("pong", (gateway, connection) => gateway.pong(connection));
    });
  }

  end(code: number): void {
    if (!this.isOpenAtGateway) return;
    this.isOpenAtGateway = false;
    this.toStation(`close ${code} to ${this.path}`, () => this.overAtStation(code));
    this.gateway?.closed(this, code);
  }

  destroy(): void {
    this.end(abnormal);
  }

  refuse(): void {
    this.toStation(`refused ${this.path}`, () => {
      this.isOverAtStation = true;
      this.events.refused();
    });
  }

  open(gateway: GatewaySockets, connectionId: string): void {
    this.gateway = gateway;
    this.connectionId = connectionId;
    this.isOpenAtGateway = true;
    this.toStation(`opened ${this.path}`, () => this.events.opened());
    // Whoever connected has gone away meanwhile.
    if (this.isOverAtStation) this.closeSoon();
  }

  /** The process was killed: its kernel closes the socket, unless the whole machine is gone. */
  lostGateway(): void {
    this.isOpenAtGateway = false;
    if (this.network.scheduler.random.chance(0.25)) this.isCut = true;
    this.toStation(`reset to ${this.path}`, () => this.overAtStation(abnormal));
  }

  refuseUnopened(): void {
    if (this.connectionId === "") this.refuse();
  }

  // --- the station's end ---

  says(text: string): void {
    if (this.isOverAtStation) return;
    this.toGateway(`frame from ${this.path}`, (gateway, connection) => gateway.message(connection, text));
  }

  leaves(): void {
    if (this.isOverAtStation) return;
    this.isOverAtStation = true;
    this.closeSoon();
  }

  /** The link is gone without a word; the station may notice by itself. */
  cut(): void {
    this.isCut = true;
  }

  /** The station gives it up without a word that could arrive. */
  abandon(): void {
    this.isCut = true;
    this.isOverAtStation = true;
  }

  private closeSoon(): void {
    this.toGateway("close", (gateway) => {
      this.isOpenAtGateway = false;
      gateway.closed(this, 1000);
    });
  }

  private overAtStation(code: number): void {
    if (this.isOverAtStation) return;
    this.isOverAtStation = true;
    this.events.closed(code);
  }

  private toStation(what: string, run: () => void): void {
    const { scheduler, weather } = this.network;
    this.toStationAt = Math.max(this.toStationAt, scheduler.now + weather.latency());
    scheduler.io(this.toStationAt - scheduler.now, undefined, what, () => {
      if (!this.isCut && !this.isOverAtStation) run();
    });
  }

  private toGateway(what: string, run: (gateway: GatewaySockets, connection: Connection) => void): void {
    const { scheduler, weather } = this.network;
    const { gateway } = this;
    if (!gateway) return;
    this.toGatewayAt = Math.max(this.toGatewayAt, scheduler.now + weather.latency());
    scheduler.io(this.toGatewayAt - scheduler.now, undefined, `${what} on its way`, () => {
      // A frozen process finds it in its socket later, also where the link is cut after that.
      if (this.isCut) return;
      scheduler.io(0, gateway.process, what, () => {
        if (this.isOpenAtGateway && this.connection) run(gateway, this.connection);
      });
    });
  }
}
