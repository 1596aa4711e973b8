// A WebSocket client that costs as little as Node allows: no streams on the reading side, one buffer that all sockets
// read into, no masks, no copies. It knows as much of RFC 6455 as uWebSockets.js needs to talk to it.
import { connect, type Socket } from "node:net";

import { clientFrame, opcodes } from "./frames.ts";

export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly subprotocol: string | undefined;
  /** Thousands of clients are spread over 127.0.0.0/8: an address has only some 28 000 ephemeral ports. */
  readonly localAddress: string | undefined;
  /** `user:password` for basic auth. */
  readonly credentials?: string;
}

/** What its owner is told. A message lies in `bytes` from `at` to `end` and is gone when the call returns. */
export interface ClientEvents {
  message(bytes: Buffer, at: number, end: number): void;
  /** Not after `close`. */
  lost(why: string): void;
}

// Reads happen one at a time in a process, so that all sockets can share it.
const readBuffer = Buffer.allocUnsafe(256 * 1024);
const longestMessage = 128 * 1024;
const handshakeKey = "d2F0dGxvZy1iZW5jaG1hcg==";

export class LoadClient {
  events: ClientEvents;
  private readonly socket: Socket;
  private readonly opened = Promise.withResolvers<void>();
  private state: "handshake" | "open" | "done" = "handshake";
  /** A message whose end has not come yet. */
  private rest: Buffer | undefined;

  /** Resolves once the upgrade is done; rejects with a sentence when it is refused. */
  static async open(options: ClientOptions, events: ClientEvents): Promise<LoadClient> {
    const client = new LoadClient(options, events);
    await client.opened.promise;
    return client;
  }

  private constructor(options: ClientOptions, events: ClientEvents) {
    this.events = events;
    const { host, port, localAddress } = options;
    this.socket = connect({
      host,
      port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
      onread: {
        buffer: readBuffer,
        callback: (length, bytes) => {
          this.read(Buffer.from(bytes.buffer, bytes.byteOffset, length));
          return true;
        },
      },
    });
    this.socket.on("connect", () => this.socket.write(upgradeRequest(options)));
    this.socket.on("error", (error) => this.end(error.message));
    this.socket.on("close", () => this.end("the connection was lost"));
  }

  /** @param frame from frames.ts; with one message outstanding it is with the kernel before it is patched again. */
  send(frame: Buffer): void {
    this.socket.write(frame);
  }

  close(): void {
    this.state = "done";
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.rest) {
      bytes = Buffer.concat([this.rest, chunk]);
      this.rest = undefined;
    }
    let at = 0;
    if (this.state === "handshake") {
      at = this.handshake(bytes);
    }
    while (this.state === "open" && at < bytes.length) {
      const next = this.frame(bytes, at);
      if (next === at) break;
      at = next;
    }
    if (at < bytes.length && this.state !== "done") this.keep(bytes.subarray(at));
  }

  private keep(rest: Buffer): void {
    if (rest.length > longestMessage) this.end("a message was longer than 128 KiB");
    else this.rest = Buffer.from(rest);
  }

  /** @returns where the first frame begins, 0 while the response is not complete. */
  private handshake(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    const head = bytes.toString("latin1", 0, end);
    if (head.startsWith("HTTP/1.1 101")) {
      this.state = "open";
      this.opened.resolve();
    } else {
      this.end(`the upgrade was answered with ${head.split("\r\n", 1)[0]}`);
    }
    return end + 4;
  }

  /** Handles one frame. @returns where the next one begins, `at` where this one is not complete. */
  private frame(bytes: Buffer, at: number): number {
    if (at + 2 > bytes.length) return at;
    let length = bytes[at + 1]!;
    let start = at + 2;
    if (length === 126) {
      if (at + 4 > bytes.length) return at;
      length = bytes.readUInt16BE(at + 2);
      start = at + 4;
    } else if (length === 127) {
      if (at + 10 > bytes.length) return at;
      length = Number(bytes.readBigUInt64BE(at + 2));
      start = at + 10;
    }
    const end = start + length;
    if (end > bytes.length) return at;
    const opcode = bytes[at]!;
    if (opcode === (0x80 | opcodes.text)) this.events.message(bytes, start, end);
    else this.control(opcode & 0x0f, bytes, start, end);
    return end;
  }

  private control(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === opcodes.ping) this.send(clientFrame(opcodes.pong, bytes.subarray(start, end)));
    else if (opcode === opcodes.close) {
      const code = end - start < 2 ? 1005 : bytes.readUInt16BE(start);
      this.end(`it was closed with ${code} ${bytes.toString("utf8", start + 2, end)}`);
    } else if (opcode !== opcodes.pong) this.end(`a frame with opcode ${opcode} came`);
  }

  private end(why: string): void {
    if (this.state === "done") return;
    const wasOpen = this.state === "open";
    this.state = "done";
    this.socket.destroy();
    if (wasOpen) this.events.lost(why);
    else this.opened.reject(new Error(why));
  }
}

function upgradeRequest({ host, port, path, subprotocol, credentials }: ClientOptions): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${handshakeKey}`,
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
    ...(credentials === undefined ? [] : [`Authorization: Basic ${Buffer.from(credentials).toString("base64")}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
