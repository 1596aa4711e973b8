import { createHash, randomBytes, randomFillSync } from "node:crypto";
import { connect as connectTcp, isIP } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";

import { decodeClose, encodeClose, encodeFrame, FrameParser, opcodes } from "./ws-frames.ts";

/** The gateway names the connection in this response header; the ledger check joins on it. */
export const connectionIdHeader = "x-wattlog-connection";

export interface WsClientOptions {
  /** ws:// or wss://, with the station's identity as last path segment. */
  readonly url: string;
  readonly protocols: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: { readonly user: string; readonly password: string | Buffer };
  readonly tls?: ConnectionOptions;
  /** Spreads a large fleet over 127.0.0.0/8, to pass the limit of ephemeral ports of one address. */
  readonly localAddress?: string;
  readonly handshakeTimeoutMs?: number;
  readonly maxMessageBytes?: number;
  /** Unsent bytes at which the peer counts as dead: the socket is destroyed. */
  readonly maxBufferedBytes?: number;
}

export interface WsOpen {
  readonly protocol: string | undefined;
  readonly connectionId: string | undefined;
  readonly headers: ReadonlyMap<string, string>;
}

/** `code` 1006 is a loss without a close frame; `httpStatus` is set when the upgrade itself was refused. */
export interface WsClosed {
  readonly code: number;
  readonly reason: string;
  readonly httpStatus?: number;
  readonly retryAfterSeconds?: number;
}

export interface WsHandlers {
  open(info: WsOpen): void;
  /** The exact bytes of one text or binary message; valid during the call only. */
  message(data: Buffer): void;
  /** Called exactly once, also when the handshake fails, but not after `destroy` or `freeze`. */
  closed(info: WsClosed): void;
}

const maxHandshakeBytes = 16 * 1024;
const defaultHandshakeTimeoutMs = 15_000;
const defaultMaxMessageBytes = 4 * 1024 * 1024;
const defaultMaxBufferedBytes = 4 * 1024 * 1024;
/** How long a peer may take to answer our close frame before the socket is destroyed. */
const closeTimeoutMs = 2_000;

/** The value that a server must answer to this key (RFC 6455, 4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

// Masks come from a pool: one call of the random generator per 1024 frames instead of one per frame.
const maskPool = new Uint32Array(1024);
let maskNext = maskPool.length;
function nextMask(): number {
  if (maskNext === maskPool.length) {
    randomFillSync(maskPool);
    maskNext = 0;
  }
  return maskPool[maskNext++] ?? 0;
}

/** A WebSocket client that can also misbehave: go silent (`freeze`), vanish (`destroy`), stop answering pings. */
export class WsClient {
  readonly #options: WsClientOptions;
  readonly #handlers: WsHandlers;
  readonly #socket: Socket;
  readonly #key = randomBytes(16).toString("base64");
  readonly #parser: FrameParser;
  readonly #maxBufferedBytes: number;
  #timer: NodeJS.Timeout | undefined;
  #head: Buffer = Buffer.alloc(0);
  #state: "handshake" | "open" | "closing" | "done" = "handshake";
  #autoPong = true;

  constructor(options: WsClientOptions, handlers: WsHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? defaultMaxBufferedBytes;
    this.#parser = new FrameParser(
      { expectMasked: false, maxMessageBytes: options.maxMessageBytes ?? defaultMaxMessageBytes },
      {
        message: (_opcode, data) => {
          if (this.#state === "open") this.#handlers.message(data);
        },
        control: (opcode, data) => this.#control(opcode, data),
        fail: (code, reason) => this.close(code, reason),
      },
    );
    this.#socket = openSocket(options, () => this.#socket.write(upgradeRequest(options, this.#key)));
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#data(chunk));
    this.#socket.on("error", (error) => this.#finish({ code: 1006, reason: error.message }));
    this.#socket.on("close", () => this.#finish({ code: 1006, reason: "connection lost" }));
    this.#timer = setTimeout(
      () => this.#finish({ code: 1006, reason: "handshake timed out" }),
      options.handshakeTimeoutMs ?? defaultHandshakeTimeoutMs,
    );
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** False when the message could not be handed to the kernel or its queue: not open, or the peer does not read. */
  sendText(payload: Buffer): boolean {
    return this.#state === "open" && this.#write(encodeFrame(opcodes.text, payload, nextMask()));
  }

  ping(payload: Buffer = Buffer.alloc(0)): boolean {
    return this.#state === "open" && this.#write(encodeFrame(opcodes.ping, payload, nextMask()));
  }

  setAutoPong(on: boolean): void {
    this.#autoPong = on;
  }

  /** Orderly close; `closed` is called with the peer's code, or ours when it does not answer in time. */
  close(code: number, reason: string): void {
    if (this.#state === "handshake") return this.#finish({ code: 1006, reason });
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#socket.write(encodeClose(code, reason, nextMask()));
    this.#timer = setTimeout(() => this.#finish({ code, reason }), closeTimeoutMs);
  }

  /** Vanishes without a close frame, by FIN or (`reset`) by RST. `closed` is not called. */
  destroy(reset = false): void {
    this.#state = "done";
    clearTimeout(this.#timer);
    if (reset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  /** A dead link: the socket stays, nothing is read, sent or answered any more. End it with `destroy`. */
  freeze(): void {
    this.#state = "done";
    this.#autoPong = false;
    clearTimeout(this.#timer);
    this.#socket.pause();
  }

  #write(frame: Buffer): boolean {
    this.#socket.write(frame);
    if (this.#socket.writableLength <= this.#maxBufferedBytes) return true;
    this.#finish({ code: 1006, reason: "the peer does not read" });
    return false;
  }

  #data(chunk: Buffer): void {
    if (this.#state === "open" || this.#state === "closing") return this.#parser.push(chunk);
    if (this.#state !== "handshake") return;
    this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#head.length > maxHandshakeBytes) this.#finish({ code: 1006, reason: "handshake too long" });
      return;
    }
    const response = parseResponse(this.#head.toString("latin1", 0, end));
    const rest = this.#head.subarray(end + 4);
    this.#head = Buffer.alloc(0);
    this.#upgraded(response, rest);
  }

  #upgraded(response: { status: number; headers: Map<string, string> }, rest: Buffer): void {
    const { status, headers } = response;
    if (status !== 101) {
      const retryAfter = Number(headers.get("retry-after"));
      return this.#finish({
        code: 1006,
        reason: `upgrade refused with ${status}`,
        httpStatus: status,
        ...(Number.isFinite(retryAfter) && retryAfter >= 0 ? { retryAfterSeconds: retryAfter } : {}),
      });
    }
    if (headers.get("sec-websocket-accept") !== acceptKey(this.#key)) {
      return this.#finish({ code: 1006, reason: "wrong Sec-WebSocket-Accept" });
    }
    const protocol = headers.get("sec-websocket-protocol");
    if (protocol !== undefined && !this.#options.protocols.includes(protocol)) {
      return this.#finish({ code: 1006, reason: `subprotocol ${protocol} was not offered` });
    }
    clearTimeout(this.#timer);
    this.#state = "open";
    this.#handlers.open({ protocol, connectionId: headers.get(connectionIdHeader), headers });
    if (rest.length > 0) this.#data(rest);
  }

  #control(opcode: number, data: Buffer): void {
    if (opcode === opcodes.ping) {
      if (this.#autoPong && this.#state === "open") this.#write(encodeFrame(opcodes.pong, data, nextMask()));
      return;
    }
    if (opcode !== opcodes.close) return;
    const { code, reason } = decodeClose(data);
    if (this.#state === "open") this.#socket.end(encodeClose(code === 1005 ? 1000 : code, "", nextMask()));
    this.#finish({ code, reason }, false);
  }

  #finish(info: WsClosed, destroy = true): void {
    if (this.#state === "done") return;
    this.#state = "done";
    clearTimeout(this.#timer);
    if (destroy) this.#socket.destroy();
    // The close frame's echo is flushed first; a peer that never ends its side must not keep the socket.
    else this.#timer = setTimeout(() => this.#socket.destroy(), closeTimeoutMs).unref();
    this.#handlers.closed(info);
  }
}

function openSocket(options: WsClientOptions, connected: () => void): Socket {
  const url = new URL(options.url);
  const secure = url.protocol === "wss:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  const local = options.localAddress === undefined ? {} : { localAddress: options.localAddress };
  return secure
    ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...local, ...options.tls }, connected)
    : connectTcp({ host, port, ...local }, connected);
}

function upgradeRequest(options: WsClientOptions, key: string): string {
  const url = new URL(options.url);
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
  ];
  if (options.protocols.length > 0) lines.push(`Sec-WebSocket-Protocol: ${options.protocols.join(", ")}`);
  if (options.auth !== undefined) {
    const password = options.auth.password;
    const raw = [Buffer.from(`${options.auth.user}:`), typeof password === "string" ? Buffer.from(password) : password];
    lines.push(`Authorization: Basic ${Buffer.concat(raw).toString("base64")}`);
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) lines.push(`${name}: ${value}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function parseResponse(head: string): { status: number; headers: Map<string, string> } {
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(statusLine.split(" ")[1] ?? 0), headers };
}
