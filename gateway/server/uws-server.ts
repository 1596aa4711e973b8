// The only file that names uWebSockets.js. Its traps (dependencies.md): a message's bytes are dead when its handler
// returns; a closed socket throws; backpressure drops in silence unless told otherwise.
import { App, SHARED_COMPRESSOR, SSLApp, us_listen_socket_close, us_socket_local_port } from "uWebSockets.js";
import type { HttpRequest, HttpResponse, TemplatedApp, WebSocket, us_listen_socket } from "uWebSockets.js";
import { limits } from "../../core/config/limits.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { closeCodes, type CloseName } from "../connection/close-codes.ts";
import type { Admitted, Connection } from "../connection/connection.ts";
import type { Socket } from "../connection/socket.ts";
import { forwardedNames } from "./origin.ts";
import type { OcppTls, RenewableServer, Server, ServerHandlers } from "./server.ts";

/** What travels with a socket from its upgrade on. uWebSockets.js copies the members, hence one level. */
interface UserData {
  readonly of: Peer;
}

interface Peer {
  /** Until the socket is open; not kept for the hours after. */
  admitted: Admitted | undefined;
  readonly closeAtOnce: CloseName | undefined;
  connection: Connection | undefined;
  socket: UwsSocket | undefined;
}

class UwsSocket implements Socket {
  private ws: WebSocket<UserData> | undefined;

  constructor(ws: WebSocket<UserData>) {
    this.ws = ws;
  }

  send(bytes: Uint8Array): "sent" | "dropped" | "closed" {
    const { ws } = this;
    if (ws === undefined) return "closed";
    // A single send corks by itself, and then knows whether the kernel took it; `cork` would cost a call more each way.
    return ws.send(bytes, false) === 2 ? "dropped" : "sent";
  }

  ping(): void {
    this.ws?.ping();
  }

  end(code: number, sentence: string): void {
    this.ws?.end(code, sentence);
  }

  destroy(): void {
    this.ws?.close();
  }

  /** After the close event every call on it would throw. */
  forget(): void {
    this.ws = undefined;
  }
}

const plainAnswer =
  "This is the OCPP port of wattlog. Charging stations connect here by WebSocket: ws://host:port/<station identity>, subprotocol ocpp1.6, ocpp2.0.1 or ocpp2.1.\n";

export function createUwsServer(handlers: ServerHandlers): Server {
  return new UwsServer(() => routed(App(), handlers), "WATTLOG_OCPP_PORT");
}

/** @throws Error where the files are no certificate and its key; in fewer words than `readTlsFiles` has for it. */
export function createUwsTlsServer(handlers: ServerHandlers, tls: OcppTls): RenewableServer {
  return new UwsServer(() => routed(secureApp(tls), handlers), "WATTLOG_OCPP_TLS_PORT");
}

// TLS 1.2 with forward secrecy (reliability.md). What TLS 1.3 may do is not for us to say; older versions this build refuses.
const forwardSecret = ["ECDSA", "RSA"].flatMap((by) =>
  ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].map((cipher) => `ECDHE-${by}-${cipher}`),
);
const rsaSuites = ["AES128-GCM-SHA256", "AES256-GCM-SHA384"];

function secureApp(tls: OcppTls): TemplatedApp {
  const { certFile, keyFile, clientCaFile } = tls;
  return SSLApp({
    cert_file_name: certFile,
    key_file_name: keyFile,
    // A certificate of another authority ends the handshake; none at all does not: then the password counts (profile 2).
    ...(clientCaFile === undefined ? {} : { ca_file_name: clientCaFile }),
    ssl_ciphers: [...forwardSecret, ...(tls.rsaSuites ? rsaSuites : [])].join(":"),
    ssl_prefer_low_memory_usage: true,
  });
}

function routed(app: TemplatedApp, handlers: ServerHandlers): TemplatedApp {
  app.ws<UserData>("/*", {
    // Also bounds what a compressed message inflates to.
    maxPayloadLength: limits.frameMaxBytes,
    maxBackpressure: limits.socketBackpressureBytes,
    closeOnBackpressureLimit: true,
    idleTimeout: limits.socketIdleSeconds,
    // Ours come earlier, so that three of them fit in.
    sendPingsAutomatically: false,
    compression: SHARED_COMPRESSOR,
    upgrade: (response, request, context) => upgrade(handlers, response, request, context),
    open: (ws) => opened(handlers, ws),
    message: (ws, message) => {
      const { connection } = ws.getUserData().of;
      if (connection) handlers.message(connection, Buffer.from(message));
    },
    ping: (ws) => heard(handlers, ws),
    pong: (ws) => heard(handlers, ws),
    close: (ws, code, message) => {
      const peer = ws.getUserData().of;
      peer.socket?.forget();
      if (peer.connection) handlers.closed(peer.connection, codeOf(code, message));
    },
  });
  app.any("/*", (response) => {
    response.writeHeader("content-type", "text/plain; charset=utf-8").end(plainAnswer);
  });
  return app;
}

/** uWebSockets.js drops the socket without a close frame and says why in words only. */
function codeOf(code: number, message: ArrayBuffer): number {
  if (code !== 1006) return code;
  const words = Buffer.from(message).toString("latin1");
  if (words.includes("too big")) return closeCodes.tooLarge.code;
  return words.includes("UTF-8") ? closeCodes.badFrame.code : code;
}

function upgrade(
  handlers: ServerHandlers,
  response: HttpResponse,
  request: HttpRequest,
  context: Parameters<HttpResponse["upgrade"]>[4],
): void {
  // Everything is read before anything is answered: the request is gone when this returns.
  const key = request.getHeader("sec-websocket-key");
  const extensions = request.getHeader("sec-websocket-extensions");
  const listed = listedHeaders(request);
  const secure = "getX509Certificate" in response ? (response as SecureResponse) : undefined;
  const answer = handlers.upgrade({
    path: request.getUrl(),
    subprotocols: listed.get(subprotocolHeader) ?? "",
    authorization: request.getHeader("authorization"),
    remoteAddress: textOf(response.getRemoteAddressAsText()),
    proxiedAddress: textOf(response.getProxiedRemoteAddressAsText()),
    forwarded: listed,
    secure: secure !== undefined,
    certificate: () => secure?.getX509Certificate() ?? "",
  });
  if (answer.type === "refuse") {
    response.writeStatus(answer.status);
    for (const [name, value] of answer.headers) response.writeHeader(name, value);
    response.end(answer.body, true);
    return;
  }
  const accepted = answer.type === "accept" ? answer : undefined;
  const peer: Peer = {
    admitted: accepted?.admitted,
    closeAtOnce: answer.type === "acceptThenClose" ? answer.close : undefined,
    connection: undefined,
    socket: undefined,
  };
  response.writeStatus("101 Switching Protocols");
  for (const [name, value] of accepted?.headers ?? []) response.writeHeader(name, value);
  response.upgrade<UserData>({ of: peer }, key, accepted?.subprotocol ?? "", extensions, context);
}

/** What the responses of a TLS port have besides; the package's declarations leave it out. */
interface SecureResponse extends HttpResponse {
  /** PEM; "" where the client showed none. */
  getX509Certificate(): string;
}

function textOf(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString("latin1");
}

const subprotocolHeader = "sec-websocket-protocol";

/** A list may come in several lines of the same name (RFC 6455 §11.3.4); `getHeader` has only the first. */
function listedHeaders(request: HttpRequest): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  request.forEach((name, value) => {
    if (name !== subprotocolHeader && !forwardedNames.has(name)) return;
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  return values;
}

function opened(handlers: ServerHandlers, ws: WebSocket<UserData>): void {
  const peer = ws.getUserData().of;
  if (peer.admitted) {
    peer.socket = new UwsSocket(ws);
    peer.connection = handlers.opened(peer.admitted, peer.socket);
    peer.admitted = undefined;
  } else if (peer.closeAtOnce) {
    const { code, sentence } = closeCodes[peer.closeAtOnce];
    ws.end(code, sentence);
  }
}

function heard(handlers: ServerHandlers, ws: WebSocket<UserData>): void {
  const { connection } = ws.getUserData().of;
  if (connection) handlers.heard(connection);
}

/** LIBUS_LISTEN_EXCLUSIVE_PORT: an ambient enum in the package's declarations, so its value has to be named here. */
const exclusivePort = 1;

/** Typed here because the package's declarations leave out this form. */
interface ExclusiveListen {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): unknown;
}

class UwsServer implements RenewableServer {
  private readonly makeApp: () => TemplatedApp;
  private readonly setting: string;
  /** The last one listens; those before it hold the connections from before a renewal. */
  private readonly apps: TemplatedApp[];
  private host = "";
  private port = 0;
  private socket: us_listen_socket | undefined;

  constructor(makeApp: () => TemplatedApp, setting: string) {
    this.makeApp = makeApp;
    this.setting = setting;
    this.apps = [makeApp()];
  }

  async listen(host: string, port: number): Promise<number> {
    this.host = host;
    this.socket = await this.listenBy(this.apps.at(-1)!, host, port);
    this.port = us_socket_local_port(this.socket);
    return this.port;
  }

  async renew(): Promise<void> {
    const { host, port } = this;
    // Throws before anything has changed.
    const app = this.makeApp();
    if (this.socket !== undefined) us_listen_socket_close(this.socket);
    this.socket = undefined;
    this.apps.push(app);
    this.socket = await this.listenBy(app, host, port);
  }

  async listenAgain(): Promise<void> {
    this.socket ??= await this.listenBy(this.apps.at(-1)!, this.host, this.port);
  }

  close(): void {
    for (const app of this.apps) app.close();
    this.socket = undefined;
  }

  private listenBy(app: TemplatedApp, host: string, port: number): Promise<us_listen_socket> {
    return new Promise((resolve, reject) => {
      // Exclusive: two gateways on one port would share its stations by chance.
      (app as unknown as ExclusiveListen).listen(host, port, exclusivePort, (socket) => {
        if (socket) resolve(socket);
        else {
          const sentence = `${host}:${port} cannot be listened on, most likely it is in use: set ${this.setting}.`;
          reject(new WattlogError("start/port-in-use", sentence));
        }
      });
    });
  }
}
