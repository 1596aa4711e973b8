import type { Clock, Timer } from "./clock.ts";
import { Connector } from "./connector.ts";
import type { ConnectorHost, TxSending } from "./connector.ts";
import type { Counts } from "./counters.ts";
import type {
  Call,
  CommandHost,
  ConnectorState,
  Dialect,
  Payload,
  StationIdentity,
  TriggeredMessage,
} from "./dialect.ts";
import type { Journal } from "./journal.ts";
import { Messenger } from "./messenger.ts";
import type { MessengerDeps, MessengerOptions } from "./messenger.ts";
import type { Paced } from "./pacer.ts";
import type { PlanOptions } from "./plan.ts";
import type { Rng } from "./rng.ts";
import { txEndLine } from "./tx-journal.ts";

export interface StationOptions extends MessengerOptions {
  readonly plans: PlanOptions;
  /** Time between two steps of a session; undefined when the pacer moves sessions. */
  readonly stepMs: number | undefined;
  /** In a paced run, the shortest time between two steps of this station. */
  readonly minAdvanceGapMs: number;
}

/** What the stations of a fleet share. */
export interface StationDeps extends MessengerDeps {
  takeSession(): boolean;
}

/** In a paced run sessions stand still while this much waits to be sent. */
const pacedQueueLimit = 20;
const resetMs = [500, 1500] as const;
/** Where a Pending or Rejected answer names no interval. */
const defaultBootRetryMs = 10_000;

/** A charging station: boots, keeps its heart beating, obeys, and lets its connectors charge. */
export class Station implements Paced, ConnectorHost, CommandHost {
  readonly identity: StationIdentity;
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly counts: Counts;
  readonly journal: Journal;
  readonly plans: PlanOptions;
  readonly stepMs: number | undefined;
  readonly connectors: readonly Connector[];
  readonly #options: StationOptions;
  readonly #deps: StationDeps;
  readonly #rng: Rng;
  readonly #messenger: Messenger;
  #boot: "due" | "asked" | "waiting" | "accepted" = "due";
  #bootReason: "powerUp" | "reset" = "powerUp";
  #bootTimer: Timer | undefined;
  #heartbeatMs = 0;
  #heartbeatTimer: Timer | undefined;
  #transactionNo = 0;
  #offline: { readonly connector: number; steps: number } | undefined;
  #staleStatus = new Set<number>();
  #finishing = false;
  #lastAdvance = 0;
  #nextConnector = 0;

  constructor(options: StationOptions, deps: StationDeps) {
    const { identity } = options;
    this.identity = identity;
    this.dialect = options.dialect;
    this.clock = deps.clock;
    this.counts = deps.counts;
    this.journal = deps.journal;
    this.plans = options.plans;
    this.stepMs = options.stepMs;
    this.#options = options;
    this.#deps = deps;
    this.#rng = deps.rng.fork("station");
    const handlers = {
      up: () => this.#up(),
      command: (action: string, payload: Payload) => this.dialect.command(this, action, payload),
    };
    this.#messenger = new Messenger(options, deps, handlers, this);
    this.connectors = Array.from({ length: identity.connectorCount }, (_, i) => {
      this.#staleStatus.add(i + 1);
      return new Connector(i + 1, this, deps.rng.fork("connector", i + 1));
    });
  }

  /** Messages that still wait for an answer. */
  get unanswered(): number {
    return this.#messenger.unanswered;
  }

  /** Nothing open, nothing queued, nothing in flight. */
  get drained(): boolean {
    return this.unanswered === 0 && this.connectors.every((connector) => connector.idle);
  }

  start(): void {
    this.#messenger.link.want();
    for (const connector of this.connectors) connector.run();
  }

  /** Ends what is open and comes back online; `drained` says when all of it is answered. */
  finish(): void {
    this.#finishing = true;
    this.#offline = undefined;
    for (const connector of this.connectors) connector.finish();
    this.#messenger.link.want();
    this.#messenger.work();
  }

  /** The end, drained or not. What is left unanswered is recorded as such. */
  close(): void {
    this.#bootTimer?.cancel();
    this.#heartbeatTimer?.cancel();
    for (const connector of this.connectors) connector.finish();
    for (const { role, tx } of this.#messenger.close()) {
      const line = role === "stop" && tx !== undefined ? txEndLine(this.identity, tx, this.now(), false) : undefined;
      if (line !== undefined) this.journal.append(line);
    }
  }

  grant(): boolean {
    return this.#messenger.grant();
  }

  advance(): boolean {
    if (this.#messenger.link.wanted && this.unanswered >= pacedQueueLimit) return false;
    const now = this.clock.now();
    if (now - this.#lastAdvance < this.#options.minAdvanceGapMs) return false;
    this.#lastAdvance = now;
    const connector = this.connectors[this.#nextConnector++ % this.connectors.length];
    return connector?.step() === true;
  }

  takeSession(): boolean {
    return !this.#finishing && this.#deps.takeSession();
  }

  accepted(): boolean {
    return this.#boot === "accepted";
  }

  online(): boolean {
    return this.#messenger.online;
  }

  transactionName(): { readonly key: string; readonly csmsTx: string | undefined } {
    const name = `${this.#options.runId}-${this.identity.index.toString(36)}-${++this.#transactionNo}`;
    return { key: `${this.identity.id}/${name}`, csmsTx: this.dialect.protocol === "1.6" ? undefined : name };
  }

  sendPlain(call: Call, settled?: (payload: Payload | undefined) => void): void {
    this.#messenger.sendPlain(call, settled);
  }

  sendTx(call: Call, sending: TxSending): void {
    this.#messenger.sendTx(call, sending);
  }

  /** Not queued while offline: only the last status matters, and it is told when the station is back. */
  statusChanged(connector: number, state: ConnectorState): void {
    if (!this.online() || !this.accepted()) this.#staleStatus.add(connector);
    else this.sendPlain(this.dialect.status(connector, state, this.clock.now()));
  }

  goOffline(connector: number, steps: number): void {
    if (this.#offline !== undefined || !this.accepted()) return;
    this.#offline = { connector, steps };
    this.#messenger.link.leave();
  }

  stepTaken(connector: number): void {
    if (this.#offline?.connector !== connector || --this.#offline.steps > 0) return;
    this.#offline = undefined;
    this.#messenger.link.want();
  }

  now(): number {
    return this.clock.now();
  }

  connectorState(connector: number): ConnectorState | undefined {
    return this.connectors[connector - 1]?.state;
  }

  isCharging(connector: number): boolean {
    return this.connectors[connector - 1]?.transaction !== undefined;
  }

  freeConnector(wanted: number | undefined): number | undefined {
    if (this.#finishing || !this.accepted()) return undefined;
    return this.connectors.find((c) => c.free && (wanted === undefined || c.number === wanted))?.number;
  }

  remoteStart(connector: number, idToken: string, remoteStartId: number | undefined): void {
    this.connectors[connector - 1]?.remoteStart(idToken, remoteStartId);
  }

  hasTransaction(csmsTx: string | number): boolean {
    return this.connectors.some(({ transaction }) => transaction?.csmsTx === csmsTx);
  }

  remoteStop(csmsTx: string | number): void {
    this.connectors.find(({ transaction }) => transaction?.csmsTx === csmsTx)?.stop("remote");
  }

  setAvailability(connector: number, operative: boolean): void {
    for (const c of this.connectors) if (connector === 0 || c.number === connector) c.setOperative(operative);
  }

  unlock(connector: number): void {
    this.connectors[connector - 1]?.stop("unlock");
  }

  reset(): void {
    for (const connector of this.connectors) connector.stop("reset");
    this.clock.after(200, () => {
      this.#messenger.link.leave();
      this.#messenger.setGate(false);
      this.#boot = "due";
      this.#bootReason = "reset";
      this.#offline = undefined;
      this.clock.after(this.#rng.int(...resetMs), () => this.#messenger.link.want());
    });
  }

  trigger(message: TriggeredMessage, connector: number | undefined): void {
    const { dialect, identity } = this;
    const chosen = this.connectors.filter((c) => connector === undefined || connector === 0 || c.number === connector);
    switch (message) {
      case "boot":
        return this.sendPlain(dialect.boot(identity, "triggered"), (payload) => this.#triggeredBoot(payload));
      case "heartbeat":
        return this.sendPlain(dialect.heartbeat());
      case "firmwareStatus":
        return this.sendPlain(dialect.firmwareStatus());
      case "logStatus":
        return this.sendPlain(dialect.logStatus());
      case "transaction":
        return chosen.forEach((c) => c.triggerSample());
      case "status":
        return chosen.forEach((c) => this.statusChanged(c.number, c.state));
      case "meter":
        return chosen.forEach((c) => this.sendPlain(dialect.meterValues(identity, c.number, undefined, c.reading())));
    }
  }

  report(requestId: number): void {
    for (const call of this.dialect.report(this.identity, requestId, this.clock.now())) this.sendPlain(call);
  }

  hasQueuedMessages(): boolean {
    return this.#messenger.queuedTransactionMessages > 0;
  }

  #up(): void {
    if (this.#boot === "due") this.#sendBoot();
    else if (this.#boot === "accepted") this.#nowAccepted();
  }

  #sendBoot(): void {
    this.#boot = "asked";
    const call = this.dialect.boot(this.identity, this.#bootReason);
    this.#messenger.sendUrgent(call, (payload) => this.#bootAnswered(payload));
  }

  #bootAnswered(payload: Payload | undefined): void {
    if (payload === undefined) {
      // Lost with its link: the next connection asks again. Without an answer on a living one, so does a timer.
      this.#boot = "due";
      if (this.online()) this.#bootLater(defaultBootRetryMs);
      return;
    }
    const { status, intervalSeconds } = this.dialect.readBoot(payload);
    if (status !== "Accepted")
      return this.#bootLater(intervalSeconds > 0 ? intervalSeconds * 1000 : defaultBootRetryMs);
    this.#boot = "accepted";
    this.#heartbeatMs = intervalSeconds * 1000;
    this.#nowAccepted();
  }

  /** Until then a Pending or Rejected station sends nothing of its own (1.6 4.2; 2.0.1 B02, B03). */
  #bootLater(delayMs: number): void {
    this.#boot = "waiting";
    this.#bootTimer = this.clock.after(delayMs, () => {
      this.#boot = "due";
      if (this.online()) this.#sendBoot();
    });
  }

  #triggeredBoot(payload: Payload | undefined): void {
    if (payload === undefined) return;
    const { status, intervalSeconds } = this.dialect.readBoot(payload);
    if (status === "Accepted" && intervalSeconds > 0) this.#heartbeatMs = intervalSeconds * 1000;
  }

  #nowAccepted(): void {
    this.#messenger.setGate(true);
    for (const number of this.#staleStatus) {
      const state = this.connectorState(number);
      if (state !== undefined) this.sendPlain(this.dialect.status(number, state, this.clock.now()));
    }
    this.#staleStatus.clear();
    this.#scheduleHeartbeat(this.#heartbeatMs);
  }

  /** Any message is a sign of life: a heartbeat goes out only where the station was silent for the whole interval. */
  #scheduleHeartbeat(delayMs: number): void {
    this.#heartbeatTimer?.cancel();
    if (this.#heartbeatMs <= 0) return;
    this.#heartbeatTimer = this.clock.after(delayMs, () => {
      const silentMs = this.clock.now() - this.#messenger.lastSentAt;
      if (silentMs < this.#heartbeatMs) return this.#scheduleHeartbeat(this.#heartbeatMs - silentMs);
      if (!this.#finishing) this.sendPlain(this.dialect.heartbeat());
      this.#scheduleHeartbeat(this.#heartbeatMs);
    });
  }
}
