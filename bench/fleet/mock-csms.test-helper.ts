import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { isObject } from "./dialect.ts";
import type { Payload } from "./dialect.ts";
import { acceptKey } from "./ws-client.ts";
import { encodeClose, encodeFrame, FrameParser, opcodes } from "./ws-frames.ts";

/** One CALL as the mock received it; `raw` are the exact bytes as text. */
export interface ReceivedCall {
  readonly station: string;
  readonly conn: string;
  readonly id: string;
  readonly action: string;
  readonly payload: Payload;
  readonly raw: string;
  readonly at: number;
}

/** What the mock does with a CALL: answer it, keep quiet, answer with CALLERROR, or cut the line instead. */
export type Reaction = "answer" | "silence" | "error" | "cut";

export interface MockOptions {
  react?: (call: ReceivedCall, count: number) => Reaction;
  /** Another payload than the usual one. */
  payload?: (call: ReceivedCall) => Payload | undefined;
  /** Refuse upgrades with this status and headers. */
  refuse?: () => { status: number; headers?: Record<string, string> } | undefined;
  noConnectionId?: boolean;
}

interface Socket {
  readonly station: string;
  readonly conn: string;
  readonly stream: Duplex;
}

/** A CSMS that answers like one, remembers everything, and misbehaves on request. */
export class MockCsms {
  readonly calls: ReceivedCall[] = [];
  readonly authorizations: Array<string | undefined> = [];
  readonly pongs: string[] = [];
  readonly commandAnswers = new Map<string, readonly unknown[]>();
  connections = 0;
  #transactions = 0;
  readonly #byStart = new Map<string, number>();
  readonly #sockets = new Map<string, Socket>();
  readonly #all = new Set<Duplex>();
  readonly #server = createServer((_request, response) => response.writeHead(426).end());
  readonly options: MockOptions;

  constructor(options: MockOptions = {}) {
    this.options = options;
    this.#server.on("upgrade", (request, stream) => this.#upgrade(request, stream));
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ocpp`;
  }

  listen(port = 0): Promise<this> {
    return new Promise((resolve) => this.#server.listen(port, "127.0.0.1", () => resolve(this)));
  }

  close(): Promise<void> {
    for (const stream of this.#all) stream.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  callsOf(station: string, ...actions: string[]): ReceivedCall[] {
    return this.calls.filter(
      (call) => call.station === station && (actions.length === 0 || actions.includes(call.action)),
    );
  }

  /** Sends a command to the station's newest connection. */
  command(station: string, id: string, action: string, payload: Payload): void {
    this.sendRaw(station, encodeFrame(opcodes.text, Buffer.from(JSON.stringify([2, id, action, payload]))));
  }

  sendRaw(station: string, frame: Buffer): void {
    const socket = this.#sockets.get(station);
    if (socket === undefined) throw new Error(`${station} is not connected`);
    socket.stream.write(frame);
  }

  #upgrade(request: IncomingMessage, stream: Duplex): void {
    const refused = this.options.refuse?.();
    stream.on("error", () => undefined);
    if (refused !== undefined) {
      const headers = Object.entries(refused.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
      stream.end(`HTTP/1.1 ${refused.status} No\r\n${headers.join("")}Content-Length: 0\r\n\r\n`);
      return;
    }
    const station = decodeURIComponent((request.url ?? "").split("/").at(-1) ?? "");
    const conn = `c${++this.connections}`;
    const offered = request.headers["sec-websocket-protocol"]?.split(",")[0]?.trim();
    this.authorizations.push(request.headers.authorization);
    stream.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${acceptKey(request.headers["sec-websocket-key"] ?? "")}\r\n` +
        (offered === undefined ? "" : `Sec-WebSocket-Protocol: ${offered}\r\n`) +
        `${this.options.noConnectionId === true ? "" : `X-Wattlog-Connection: ${conn}\r\n`}\r\n`,
    );
    const socket = { station, conn, stream };
    this.#sockets.set(station, socket);
    this.#all.add(stream);
    const parser = new FrameParser(
      { expectMasked: true, maxMessageBytes: 1 << 20 },
      {
        message: (_opcode, data) => this.#message(socket, data.toString()),
        control: (opcode, data) => {
          if (opcode === opcodes.close) stream.end(encodeClose(1000, ""));
          if (opcode === opcodes.pong) this.pongs.push(data.toString());
        },
        fail: () => stream.destroy(),
      },
    );
    stream.on("data", (chunk: Buffer) => parser.push(chunk));
    stream.on("close", () => this.#all.delete(stream));
  }

  #message(socket: Socket, raw: string): void {
    const parts = JSON.parse(raw) as readonly unknown[];
    const id = String(parts[1]);
    if (parts[0] !== 2) {
      this.commandAnswers.set(id, parts);
      return;
    }
    const { station, conn, stream } = socket;
    const payload = isObject(parts[3]) ? parts[3] : {};
    const call: ReceivedCall = { station, conn, id, action: String(parts[2]), payload, raw, at: performance.now() };
    this.calls.push(call);
    const reaction = this.options.react?.(call, this.calls.length) ?? "answer";
    if (reaction === "cut") stream.destroy();
    else if (reaction === "error") this.#write(stream, [4, id, "InternalError", "as the test wants", {}]);
    else if (reaction === "answer") {
      this.#write(stream, [3, id, this.options.payload?.(call) ?? this.#answer(call)]);
    }
  }

  #write(stream: Duplex, frame: readonly unknown[]): void {
    stream.write(encodeFrame(opcodes.text, Buffer.from(JSON.stringify(frame))));
  }

  #answer({ action, payload, station }: ReceivedCall): Payload {
    const currentTime = new Date().toISOString();
    const accepted = { status: "Accepted" };
    switch (action) {
      case "BootNotification":
        return { ...accepted, currentTime, interval: 300 };
      case "Heartbeat":
        return { currentTime };
      case "Authorize":
        return "idTag" in payload ? { idTagInfo: accepted } : { idTokenInfo: accepted };
      case "StartTransaction":
        return { idTagInfo: accepted, transactionId: this.#transactionId(`${station}${JSON.stringify(payload)}`) };
      case "TransactionEvent":
        return payload["eventType"] === "Started" ? { idTokenInfo: accepted } : {};
      case "DataTransfer":
        return accepted;
      default:
        return {};
    }
  }

  #transactionId(start: string): number {
    const known = this.#byStart.get(start) ?? ++this.#transactions;
    this.#byStart.set(start, known);
    return known;
  }
}
