// What a connection needs of a WebSocket. The only implementation for production is server/uws-server.ts; the simulator
// and the tests have their own.

export interface Socket {
  /** `dropped`: over the backpressure bound; the socket is of no more use. Never throws; false once closed. */
  send(bytes: Uint8Array): "sent" | "dropped" | "closed";
  ping(): void;
  /** With a close frame. The close event follows. */
  end(code: number, sentence: string): void;
  /** Without one, where nobody reads any more. The close event follows. */
  destroy(): void;
}
