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
  /** Of the other end of the socket: the station, or a proxy. */
  readonly remoteAddress: string;
  /** What the PROXY protocol says instead; "" where it was not spoken. Anybody can speak it. */
  readonly proxiedAddress: string;
  /** What the headers in `forwardedNames` say, by name, several of one name joined by commas. Anybody can write them. */
  readonly forwarded: ReadonlyMap<string, string>;
  /** The socket itself is TLS. */
  readonly secure: boolean;
  /** PEM of the client's certificate, whose chain the TLS port has verified; "" where it showed none. */
  certificate(): string;
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

/** What a TLS port shows and asks for, as files: they are read when it is made and whenever they change. */
export interface OcppTls {
  readonly port: number;
  /** PEM, with those between it and its root. */
  readonly certFile: string;
  /** PEM, not encrypted. */
  readonly keyFile: string;
  /** PEM of the authorities whose certificates stations may show; undefined: none are asked for. */
  readonly clientCaFile: string | undefined;
  /** TLS_RSA_WITH_AES_*_GCM too: asked for by certification (2.0.1 A00.FR.318), without forward secrecy. */
  readonly rsaSuites: boolean;
  /** How often the files are looked at, ms. */
  readonly lookMs?: number;
}

export interface Server {
  /** @throws WattlogError `start/port-in-use` */
  listen(host: string, port: number): Promise<number>;
  /** Ends every socket, then the port. */
  close(): void;
}

/** A server whose certificate may change while it runs. */
export interface RenewableServer extends Server {
  /**
   * New connections get what the files hold now; open ones stay. Between the old port and the new one lie some 0.1 ms.
   * @throws Error where the files are no good: nothing has changed. WattlogError `start/port-in-use`: nothing listens any more.
   */
  renew(): Promise<void>;
  /** After a renewal that lost the port. @throws WattlogError `start/port-in-use` */
  listenAgain(): Promise<void>;
}
