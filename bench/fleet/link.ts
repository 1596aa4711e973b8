import type { Clock, Timer } from "./clock.ts";
import type { Counts } from "./counters.ts";
import type { Rng } from "./rng.ts";
import { WsClient } from "./ws-client.ts";
import type { WsClientOptions, WsClosed } from "./ws-client.ts";

export interface LinkOptions {
  readonly socket: WsClientOptions;
  readonly subprotocol: string;
  /** Names connections where the server does not: `local-…`. */
  readonly localName: string;
  /** The longest pause before it connects again, but for what the server asks. */
  readonly maxBackoffMs: number;
  /** The longest Retry-After that it obeys. */
  readonly maxRetryAfterMs: number;
}

export interface LinkHandlers {
  up(conn: string): void;
  down(): void;
  message(data: Buffer): void;
}

const firstBackoffMs = 250;
/** A connection that lived this long was a good one; a shorter one keeps the backoff growing. */
const stableMs = 3_000;
/** How long a silent old socket stays around, as it does behind a mobile network's NAT. */
const ghostMs = [1_000, 5_000] as const;

/** One station's connection: keeps it up while it is wanted, and loses it in the ways that real links are lost. */
export class Link {
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #counts: Counts;
  readonly #handlers: LinkHandlers;
  #socket: WsClient | undefined;
  #conn: string | undefined;
  #wanted = false;
  #failures = 0;
  #over = false;
  #opened = 0;
  #upSince = 0;
  #timer: Timer | undefined;
  readonly #ghosts = new Map<WsClient, Timer>();

  constructor(options: LinkOptions, clock: Clock, rng: Rng, counts: Counts, handlers: LinkHandlers) {
    this.#options = options;
    this.#clock = clock;
    this.#rng = rng;
    this.#counts = counts;
    this.#handlers = handlers;
  }

  /** The id of the connection that is up, or undefined. */
  get conn(): string | undefined {
    return this.#conn;
  }

  /** False while the station itself wants to be offline, as opposed to a link that is being rebuilt. */
  get wanted(): boolean {
    return this.#wanted;
  }

  want(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    if (this.#socket === undefined) this.#connect();
  }

  /** True when the bytes were handed over. */
  send(frame: Buffer): boolean {
    return this.#conn !== undefined && this.#socket?.sendText(frame) === true;
  }

  /** Loses the link without a close frame and builds it up again unless it is no longer wanted. */
  lose(how: "cut" | "silent"): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (how === "silent") this.#haunt(socket);
    else socket.destroy(this.#rng.chance(0.5));
    this.#lost(this.#rng.int(50, 400));
  }

  /** Offline by the station's own will, until `want`. */
  leave(): void {
    this.#wanted = false;
    this.#timer?.cancel();
    this.lose("cut");
  }

  /** The end of the run: orderly, and no way back. */
  close(): void {
    this.#over = true;
    this.#wanted = false;
    this.#timer?.cancel();
    for (const [ghost, timer] of this.#ghosts) {
      timer.cancel();
      ghost.destroy();
    }
    this.#ghosts.clear();
    this.#conn = undefined;
    this.#socket?.close(1000, "simulation over");
    this.#socket = undefined;
  }

  #haunt(socket: WsClient): void {
    socket.freeze();
    const timer = this.#clock.after(this.#rng.int(...ghostMs), () => {
      this.#ghosts.delete(socket);
      socket.destroy();
    });
    this.#ghosts.set(socket, timer);
  }

  #connect(): void {
    this.#timer = undefined;
    const socket = new WsClient(this.#options.socket, {
      open: ({ protocol, connectionId }) => {
        if (protocol !== this.#options.subprotocol) {
          // A handshake without a subprotocol means "no match" (OCPP-J 1.6, 3.1.2): the server is about to close.
          socket.destroy();
          this.#failed({ code: 1006, reason: "no subprotocol in common" });
          return;
        }
        this.#opened++;
        this.#counts.connects++;
        this.#upSince = this.#clock.now();
        this.#conn = connectionId ?? `${this.#options.localName}-${this.#opened}`;
        this.#handlers.up(this.#conn);
      },
      message: (data) => this.#handlers.message(data),
      closed: (info) => this.#failed(info),
    });
    this.#socket = socket;
  }

  #failed(info: WsClosed): void {
    if (this.#over) return;
    if (this.#conn === undefined) this.#counts.connectFailures++;
    else if (this.#clock.now() - this.#upSince > stableMs) this.#failures = 0;
    const backoffMs = Math.min(this.#options.maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures++, 10));
    const askedMs = Math.min(this.#options.maxRetryAfterMs, (info.retryAfterSeconds ?? 0) * 1000);
    // Full jitter above what the server asked for: a fleet that lost its server together must not come back together.
    this.#lost(askedMs + backoffMs * (0.5 + this.#rng.next() / 2));
  }

  #lost(reconnectAfterMs: number): void {
    const wasUp = this.#conn !== undefined;
    this.#socket = undefined;
    this.#conn = undefined;
    if (this.#wanted) this.#timer = this.#clock.after(reconnectAfterMs, () => this.#connect());
    if (!wasUp) return;
    this.#counts.lostConnections++;
    this.#handlers.down();
  }
}
