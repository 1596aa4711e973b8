// The port between a WebSocket server and the gateway. Everything that comes through it is synchronous.
import type { CloseName } from "../connection/close-codes.ts";
import type { Admitted, Connection } from "../connection/connection.ts";
import type { Socket } from "../connection/socket.ts";

export interface UpgradeRequest {
  /** Raw path of the request line, still percent-encoded, without query. */
  readonly path: string;
  /** `Sec-WebSocket-Protocol` as sent; "" where there is none. */
  readonly subprotocols: string;
  /** `Authorization` as sent; "" where there is none. */
  readonly authorization: string;
  readonly remoteAddress: string;
  /** Over TLS. */
  readonly secure: boolean;
}

export type Headers = readonly (readonly [string, string])[];

export type UpgradeAnswer =
  | {
      readonly type: "accept";
      /** "" answers without the header (a station that named none). */
      readonly subprotocol: string;
      readonly admitted: Admitted;
      readonly headers: Headers;
    }
  /** The handshake is completed, then the socket is closed: the station learns why (ocpp.md, subprotocol). */
  | { readonly type: "acceptThenClose"; readonly close: CloseName }
  | { readonly type: "refuse"; readonly status: string; readonly headers: Headers; readonly body: string };

export interface ServerHandlers {
  upgrade(request: UpgradeRequest): UpgradeAnswer;
  opened(admitted: Admitted, socket: Socket): Connection;
  /** @param bytes dead when this returns: what is kept of them is a copy. */
  message(connection: Connection, bytes: Uint8Array): void;
  /** A ping or pong came. */
  heard(connection: Connection): void;
  closed(connection: Connection, code: number): void;
}

export interface Server {
  /** @throws WattlogError `start/port-in-use` */
  listen(host: string, port: number): Promise<number>;
  /** Ends every socket, then the port. */
  close(): void;
}
