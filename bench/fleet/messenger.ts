import { hash } from "node:crypto";

import { receiveCommand } from "./command-inbox.ts";
import type { CommandInboxDeps } from "./command-inbox.ts";
import type { Clock, Timer } from "./clock.ts";
import type { TxSending } from "./connector.ts";
import type { Counts, Histogram } from "./counters.ts";
import type { Call, CommandReply, Dialect, Payload, StationIdentity } from "./dialect.ts";
import type { Journal } from "./journal.ts";
import { Link } from "./link.ts";
import { callFrame, parseFrame } from "./ocpp-frames.ts";
import { Outbox, plainMessage } from "./outbox.ts";
import type { Message } from "./outbox.ts";
import type { Paced, Pacer } from "./pacer.ts";
import type { Rng } from "./rng.ts";
import type { WsClientOptions } from "./ws-client.ts";

export interface MessengerOptions {
  readonly identity: StationIdentity;
  readonly dialect: Dialect;
  readonly socket: Omit<WsClientOptions, "protocols">;
  readonly runId: string;
  readonly messageTimeoutMs: number;
  /** A transaction message that got no answer waits this long times its attempts (1.6 TransactionMessageRetryInterval). */
  readonly retryIntervalMs: number;
  readonly maxBackoffMs: number;
  readonly maxRetryAfterMs: number;
}

export interface MessengerDeps {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly journal: Journal;
  readonly counts: Counts;
  readonly latency: Histogram;
  pacer(): Pacer;
}

export interface MessengerHandlers {
  up(): void;
  command(action: string, payload: Payload): CommandReply;
}

interface Inflight {
  readonly message: Message;
  readonly conn: string;
  sentAt: number;
  timer: Timer | undefined;
  /** The second sending of an answered message: its answer, or the lack of one, changes nothing. */
  readonly echo: boolean;
}

/** Heartbeats, status and the like that may wait; beyond it the oldest goes, as it says the least by now. */
const maxPlainMessages = 50;
const maxErrorAttempts = 3;
const maxRetryFactor = 5;
/** This many time-outs in a row, and a station takes the link for dead. */
const timeoutsToGiveUpLink = 2;

/** A station's mail: one CALL outstanding, a durable queue for transactions, each frame in the journal before it leaves. */
export class Messenger {
  readonly link: Link;
  readonly #options: MessengerOptions;
  readonly #deps: MessengerDeps;
  readonly #handlers: MessengerHandlers;
  readonly #inbox: CommandInboxDeps;
  readonly #station: Paced;
  readonly #rng: Rng;
  readonly #outbox = new Outbox();
  #plain: Message[] = [];
  /** Sent also while the station is not accepted: BootNotification. */
  #urgent: Message[] = [];
  #gateOpen = false;
  #inflight: Inflight | undefined;
  #requested = false;
  #retryTimer: Timer | undefined;
  /** One count for each kind of message: how often a heartbeat fell due must not rename a transaction's frames. */
  readonly #numbers = { t: 0, p: 0, r: 0 };
  #timeoutsInARow = 0;
  lastSentAt = 0;

  constructor(options: MessengerOptions, deps: MessengerDeps, handlers: MessengerHandlers, station: Paced) {
    const { identity, dialect, runId } = options;
    this.#options = options;
    this.#deps = deps;
    this.#handlers = handlers;
    this.#station = station;
    this.#rng = deps.rng.fork("resend");
    this.link = new Link(
      {
        socket: { ...options.socket, protocols: [dialect.subprotocol] },
        subprotocol: dialect.subprotocol,
        localName: `local-${runId}-${identity.index}`,
        maxBackoffMs: options.maxBackoffMs,
        maxRetryAfterMs: options.maxRetryAfterMs,
      },
      deps.clock,
      deps.rng.fork("link"),
      deps.counts,
      { up: (conn) => this.#up(conn), down: () => this.#down(), message: (data) => this.#received(data) },
    );
    const { clock, journal, counts } = deps;
    this.#inbox = {
      station: identity.id,
      clock,
      journal,
      counts,
      link: this.link,
      reply: (action, payload) => handlers.command(action, payload),
    };
  }

  get online(): boolean {
    return this.link.conn !== undefined;
  }

  /** Messages that still wait for an answer. */
  get unanswered(): number {
    return this.#outbox.length + this.#plain.length + this.#urgent.length + (this.#inflight === undefined ? 0 : 1);
  }

  get queuedTransactionMessages(): number {
    return this.#outbox.length;
  }

  /** Whether anything but urgent messages may leave. */
  setGate(open: boolean): void {
    this.#gateOpen = open;
    this.work();
  }

  /** Lost with the link, and `settled(undefined)` says so. */
  sendPlain(call: Call, settled?: Message["settled"]): void {
    if (!this.online) {
      settled?.(undefined);
      return;
    }
    if (this.#plain.length >= maxPlainMessages) this.#plain.shift()?.settled?.(undefined);
    this.#plain.push(plainMessage(this.#newId("p"), call, settled));
    this.work();
  }

  sendUrgent(call: Call, settled: Message["settled"]): void {
    this.#urgent.push(plainMessage(this.#newId("p"), call, settled));
    this.work();
  }

  sendTx(call: Call, sending: TxSending): void {
    const id = this.#newId("t");
    const rest = { call, firstId: id, id, frame: undefined, sha: "", attempts: 0, notBefore: 0 };
    if (!this.#outbox.push({ ...sending, ...rest })) this.#deps.counts.discarded++;
    this.work();
  }

  /** Asks for the right to send when there is something to send. */
  work(): void {
    if (this.#requested || this.#inflight !== undefined || !this.online) return;
    const queued = this.#gateOpen && (this.#plain.length > 0 || this.#outbox.length > 0);
    if (!queued && this.#urgent.length === 0) return;
    this.#requested = true;
    this.#deps.pacer().request(this.#station);
  }

  /** Sends one frame; false when there was nothing to send after all. */
  grant(): boolean {
    this.#requested = false;
    if (this.#inflight !== undefined || !this.online) return false;
    const message = this.#pick();
    return message !== undefined && this.#transmit(message, false);
  }

  /** The end. Returns what never got its answer. */
  close(): readonly Message[] {
    this.#retryTimer?.cancel();
    this.#inflight?.timer?.cancel();
    this.link.close();
    const inflight = this.#inflight;
    return [...(inflight === undefined || inflight.echo ? [] : [inflight.message]), ...this.#outbox.all()];
  }

  #up(conn: string): void {
    const { identity, dialect } = this.#options;
    const t = this.#deps.clock.now();
    this.#deps.journal.append({ kind: "connected", t, station: identity.id, conn, protocol: dialect.protocol });
    this.#timeoutsInARow = 0;
    this.#handlers.up();
    this.work();
  }

  #down(): void {
    const inflight = this.#inflight;
    this.#inflight = undefined;
    inflight?.timer?.cancel();
    const lost = [...this.#urgent.splice(0), ...this.#plain.splice(0)];
    if (inflight !== undefined && !inflight.echo) {
      if (inflight.message.role === "plain") lost.unshift(inflight.message);
      else this.#retryLater(inflight.message, this.#rng.chance(0.5));
    }
    for (const message of lost) message.settled?.(undefined);
  }

  #newId(kind: "t" | "p" | "r"): string {
    const number = ++this.#numbers[kind];
    return `${this.#options.runId}-${this.#options.identity.index.toString(36)}-${kind}${number.toString(36)}`;
  }

  #pick(): Message | undefined {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined || !this.#gateOpen) return urgent;
    const plain = this.#plain.shift();
    if (plain !== undefined) return plain;
    const next = this.#outbox.next(this.#deps.clock.now(), (message) => this.#discard(message));
    if (typeof next !== "number") return next;
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#deps.clock.after(next, () => this.work());
    return undefined;
  }

  #transmit(message: Message, echo: boolean): boolean {
    const conn = this.link.conn;
    if (conn === undefined) return false;
    if (message.frame === undefined) {
      const payload = message.call.build();
      if (payload === undefined) {
        // Its start was answered without a transactionId: there is no name to send it under.
        this.#discard(message);
        this.work();
        return false;
      }
      message.frame = callFrame(message.id, message.call.action, payload);
      message.sha = hash("sha256", message.frame, "hex");
    }
    const twice = message.repeat === "beforeAnswer";
    if (twice) message.repeat = "none";
    this.#journalCall(message, conn, echo);
    if (twice) this.#journalCall(message, conn, true);
    const inflight: Inflight = { message, conn, sentAt: 0, timer: undefined, echo };
    this.#inflight = inflight;
    this.#deps.journal.whenDurable(() => this.#write(inflight, twice));
    return true;
  }

  /** Behind the sync of its journal line. The link may have been lost meanwhile: then the frame never left. */
  #write(inflight: Inflight, twice: boolean): void {
    if (this.#inflight !== inflight || this.link.conn !== inflight.conn) return;
    const { message } = inflight;
    const { clock, counts } = this.#deps;
    if (message.frame === undefined) return;
    inflight.sentAt = clock.now();
    this.lastSentAt = inflight.sentAt;
    inflight.timer = clock.after(this.#options.messageTimeoutMs, () => this.#timedOut(inflight));
    for (let i = 0; i < (twice ? 2 : 1); i++) {
      if (!this.link.send(message.frame)) return;
      counts.callsSent++;
      if (i === 0 && !inflight.echo) continue;
      counts.repeatsSent++;
      this.#deps.pacer().spend();
    }
    if (message.loss === undefined || message.loss === "afterAnswer") return;
    const how = message.loss === "halfOpen" ? "silent" : "cut";
    message.loss = undefined;
    // A few milliseconds: sometimes before the answer, sometimes behind it, now and then while it is being made.
    clock.after(this.#rng.int(0, 5), () => {
      if (this.link.conn === inflight.conn) this.link.lose(how);
    });
  }

  #journalCall(message: Message, conn: string, repeat: boolean): void {
    const { identity, dialect } = this.#options;
    this.#deps.journal.append({
      kind: "call",
      dir: "out",
      t: this.#deps.clock.now(),
      station: identity.id,
      protocol: dialect.protocol,
      conn,
      id: message.id,
      action: message.call.action,
      sha: message.sha,
      message: message.firstId,
      ...(message.tx === undefined ? {} : { tx: message.tx.key }),
      ...(message.meterWh === undefined ? {} : { meterWh: message.meterWh }),
      ...(repeat ? { repeat: true as const } : {}),
    });
  }

  #timedOut(inflight: Inflight): void {
    if (this.#inflight !== inflight) return;
    this.#inflight = undefined;
    this.#deps.counts.timeouts++;
    if (!inflight.echo) {
      if (inflight.message.role === "plain") inflight.message.settled?.(undefined);
      else this.#retryLater(inflight.message, false);
    }
    if (++this.#timeoutsInARow >= timeoutsToGiveUpLink) this.link.lose("cut");
    this.work();
  }

  #retryLater(message: Message, newId: boolean): void {
    message.attempts++;
    const factor = Math.min(maxRetryFactor, message.attempts);
    message.notBefore = this.#deps.clock.now() + this.#options.retryIntervalMs * factor;
    if (newId) {
      message.id = this.#newId("r");
      message.frame = undefined;
    }
    this.#deps.counts.resent++;
    this.#outbox.putBack(message);
  }

  #discard(message: Message): void {
    this.#deps.counts.discarded++;
    message.settled?.(undefined);
  }

  #received(data: Buffer): void {
    const frame = parseFrame(data);
    if (frame === undefined) {
      this.#deps.counts.badFrames++;
      return;
    }
    const sha = hash("sha256", data, "hex");
    if (frame.type === 2) receiveCommand(this.#inbox, { ...frame, sha });
    else this.#answer(frame.type, frame.id, frame.payload, sha);
  }

  #answer(type: 3 | 4, id: string, payload: Payload, sha: string): void {
    const { journal, counts, clock, latency } = this.#deps;
    const conn = this.link.conn ?? "";
    journal.append({
      kind: "answer",
      dir: "in",
      t: clock.now(),
      station: this.#options.identity.id,
      conn,
      id,
      type,
      sha,
    });
    const inflight = this.#inflight;
    if (inflight?.message.id !== id || inflight.sentAt === 0) {
      const late = this.#outbox.take(id);
      if (late === undefined) counts.strayAnswers++;
      else this.#settle(late, type, payload);
      return this.work();
    }
    this.#inflight = undefined;
    this.#timeoutsInARow = 0;
    inflight.timer?.cancel();
    latency.add(clock.now() - inflight.sentAt);
    if (!inflight.echo) this.#settle(inflight.message, type, payload);
    this.work();
  }

  #settle(message: Message, type: 3 | 4, payload: Payload): void {
    const { counts, clock } = this.#deps;
    counts.answered++;
    if (type === 4) {
      counts.callErrors++;
      if (message.role === "plain") message.settled?.(undefined);
      else if (++message.attempts >= maxErrorAttempts) this.#discard(message);
      else {
        message.notBefore = clock.now() + this.#options.retryIntervalMs * message.attempts;
        this.#outbox.putBack(message);
      }
      return;
    }
    message.settled?.(payload);
    if (message.repeat === "afterAnswer") {
      message.repeat = "none";
      this.#transmit(message, true);
    } else if (message.repeat === "newIdAfterReconnect") {
      this.#forgetAnswer(message);
    } else if (message.loss === "afterAnswer") this.link.lose("cut");
  }

  /** As a station does that lost power before it noted the answer: the same content again, under a new id. */
  #forgetAnswer(message: Message): void {
    const { tx } = message;
    const { counts } = this.#deps;
    const settled = (payload: Payload | undefined): void => {
      if (message.role !== "start" || payload === undefined) return;
      const id = this.#options.dialect.readTransactionId(payload);
      if (id !== undefined && id !== tx?.csmsTx) counts.idConflicts++;
    };
    const id = this.#newId("r");
    this.#outbox.putBack({ ...message, id, frame: undefined, repeat: "none", loss: undefined, settled });
    counts.resent++;
    this.link.lose("cut");
  }
}
