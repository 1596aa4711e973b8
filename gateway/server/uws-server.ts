// The only file that names uWebSockets.js. Its traps (dependencies.md): a message's bytes are dead when its handler
// returns; a closed socket throws; backpressure drops in silence unless told otherwise.
import { App, SHARED_COMPRESSOR, us_socket_local_port } from "uWebSockets.js";
import type { HttpRequest, HttpResponse, TemplatedApp, WebSocket, us_listen_socket } from "uWebSockets.js";
import { limits } from "../../core/config/limits.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { closeCodes, type CloseName } from "../connection/close-codes.ts";
import type { Admitted, Connection } from "../connection/connection.ts";
import type { Socket } from "../connection/socket.ts";
import type { Server, ServerHandlers } from "./server.ts";

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
  const app = App();
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
  return new UwsServer(app);
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
  const answer = handlers.upgrade({
    path: request.getUrl(),
    subprotocols: allOf(request, "sec-websocket-protocol"),
    authorization: request.getHeader("authorization"),
    remoteAddress: Buffer.from(response.getRemoteAddressAsText()).toString("latin1"),
    secure: false,
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

/** A list may come in several lines of the same name (RFC 6455 §11.3.4); `getHeader` has only the first. */
function allOf(request: HttpRequest, name: string): string {
  const values: string[] = [];
  request.forEach((key, value) => {
    if (key === name) values.push(value);
  });
  return values.join(", ");
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

class UwsServer implements Server {
  private readonly app: TemplatedApp;

  constructor(app: TemplatedApp) {
    this.app = app;
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      // Exclusive: two gateways on one port would share its stations by chance.
      const app = this.app as unknown as ExclusiveListen;
      app.listen(host, port, exclusivePort, (socket) => {
        if (socket) resolve(us_socket_local_port(socket));
        else {
          const sentence = `${host}:${port} cannot be listened on, most likely it is in use: set WATTLOG_OCPP_PORT.`;
          reject(new WattlogError("start/port-in-use", sentence));
        }
      });
    });
  }

  close(): void {
    this.app.close();
  }
}
