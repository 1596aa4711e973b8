import type { Clock, Timer } from "./clock.ts";
import type { Counts } from "./counters.ts";
import type { Call, ConnectorState, Dialect, Payload, StationIdentity, StopCause, Transaction } from "./dialect.ts";
import type { Journal } from "./journal.ts";
import { Meter } from "./meter.ts";
import type { Reading, ReadingContext } from "./meter.ts";
import type { Role } from "./outbox.ts";
import { planRepeat, planSession } from "./plan.ts";
import type { LinkLoss, PlanOptions, Repeat, SessionPlan } from "./plan.ts";
import type { Rng } from "./rng.ts";
import { txEndLine, txStartLine } from "./tx-journal.ts";

export interface TxSending {
  readonly role: Role;
  readonly tx: Transaction;
  readonly meterWh: number;
  readonly repeat: Repeat;
  readonly loss: LinkLoss | undefined;
  readonly settled: (payload: Payload | undefined) => void;
}

/** What a connector needs of its station. */
export interface ConnectorHost {
  readonly identity: StationIdentity;
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly counts: Counts;
  readonly journal: Journal;
  readonly plans: PlanOptions;
  /** Undefined: steps come from `step` alone. */
  readonly stepMs: number | undefined;
  /** One more session of the fleet's allowance; false when it is used up or the run ends. */
  takeSession(): boolean;
  accepted(): boolean;
  online(): boolean;
  transactionName(): { readonly key: string; readonly csmsTx: string | undefined };
  sendPlain(call: Call, settled?: (payload: Payload | undefined) => void): void;
  sendTx(call: Call, sending: TxSending): void;
  statusChanged(connector: number, state: ConnectorState): void;
  goOffline(connector: number, steps: number): void;
  /** A step of this connector is over; counts down its offline window. */
  stepTaken(connector: number): void;
}

/** One plug: its meter, its state, and the session of the moment. */
export class Connector {
  readonly number: number;
  readonly meter: Meter;
  readonly #host: ConnectorHost;
  readonly #rng: Rng;
  readonly #timing: Rng;
  #state: ConnectorState = "available";
  #operative = true;
  #finishing = false;
  #authorizing = false;
  #plan: SessionPlan;
  #messages: Rng;
  #sessionNo = 0;
  #idleLeft: number;
  #step = 0;
  #tx: Transaction | undefined;
  #held: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(number: number, host: ConnectorHost, rng: Rng) {
    this.number = number;
    this.#host = host;
    this.#rng = rng;
    this.#timing = rng.fork("timing");
    this.#messages = rng.fork("messages", 0);
    this.#plan = planSession(rng.fork("session", 0), host.plans);
    this.#idleLeft = this.#plan.idleSteps;
    this.meter = new Meter(rng.int(0, 5_000_000));
  }

  get state(): ConnectorState {
    return this.#state;
  }

  get transaction(): Transaction | undefined {
    return this.#tx;
  }

  /** Nothing is open here and nothing waits to be sent. */
  get idle(): boolean {
    return this.#tx === undefined && !this.#authorizing && this.#held === undefined;
  }

  get free(): boolean {
    return this.idle && this.#operative && !this.#finishing;
  }

  /** Starts the connector's own timer, unless the pacer moves it. */
  run(): void {
    const stepMs = this.#host.stepMs;
    if (stepMs === undefined || this.#finishing) return;
    const delayMs = stepMs * (0.9 + 0.2 * this.#timing.next());
    this.#timer = this.#host.clock.after(delayMs, () => {
      this.step();
      this.run();
    });
  }

  /** Moves the session on; false when nothing happened. */
  step(): boolean {
    if (this.#finishing || this.#authorizing) return false;
    this.#host.stepTaken(this.number);
    if (this.#tx === undefined) return this.#idleStep();
    this.#step++;
    this.#offlineWindow();
    const sample = this.#plan.samples[this.#step - 1];
    if (sample === undefined) {
      this.stop("local");
      return true;
    }
    this.meter.add(sample.energyWh);
    this.#sample(this.#tx, sample.powerW);
    return true;
  }

  remoteStart(idToken: string, remoteStartId: number | undefined): void {
    if (!this.free || !this.#host.takeSession()) return;
    this.#step = 0;
    this.#start(idToken, remoteStartId);
  }

  stop(cause: StopCause): void {
    const tx = this.#tx;
    if (tx === undefined) return;
    const host = this.#host;
    this.#tx = undefined;
    const reading = this.#reading("Transaction.End", 0);
    tx.ended = { at: reading.at, meterStopWh: reading.registerWh };
    host.counts.sessionsEnded++;
    host.counts.energyWh += reading.registerWh - tx.meterStartWh;
    const call = host.dialect.stop(host.identity, tx, reading, cause, !host.online());
    this.#send(call, "stop", tx, reading, (payload) => this.#settled(tx, payload !== undefined));
    this.#release();
    this.#setState(this.#operative ? "finishing" : "unavailable");
    this.#nextPlan();
  }

  setOperative(operative: boolean): void {
    this.#operative = operative;
    if (this.#tx !== undefined) return;
    if (!operative) this.#setState("unavailable");
    else if (this.#state === "unavailable") this.#setState("available");
  }

  /** A reading outside of the plan, because the CSMS asked for one. */
  triggerSample(): void {
    if (this.#tx !== undefined) this.#sample(this.#tx, 0, "Trigger");
  }

  reading(): Reading {
    return this.#reading("Trigger", 0);
  }

  /** The run ends: close what is open, begin nothing. */
  finish(): void {
    this.#finishing = true;
    this.#timer?.cancel();
    this.stop("local");
  }

  #idleStep(): boolean {
    if (!this.#operative || !this.#host.accepted()) return false;
    if (this.#idleLeft > 0) {
      this.#idleLeft--;
      if (this.#state === "finishing") this.#setState("available");
      return true;
    }
    if (!this.#host.takeSession()) return false;
    this.#plugIn();
    return true;
  }

  #plugIn(): void {
    const host = this.#host;
    this.#step = 0;
    this.#offlineWindow();
    this.#setState("preparing");
    if (this.#plan.dataTransfer) host.sendPlain(host.dialect.dataTransfer(host.identity, "plugged in"));
    // Without a link the station trusts its cache (1.6 3.5.3 / 2.0.1 C12), as it does when the answer never comes.
    if (!host.online()) return this.#start(host.identity.idToken, undefined);
    this.#authorizing = true;
    host.sendPlain(host.dialect.authorize(host.identity.idToken), (payload) => {
      this.#authorizing = false;
      if (payload === undefined || host.dialect.readAccepted(payload)) {
        if (!this.#finishing) return this.#start(host.identity.idToken, undefined);
      } else host.counts.sessionsRefused++;
      this.#nextPlan();
      this.#setState(this.#operative ? "available" : "unavailable");
    });
  }

  #start(idToken: string, remoteStartId: number | undefined): void {
    const host = this.#host;
    const reading = this.#reading("Transaction.Begin", 0);
    const tx: Transaction = {
      ...host.transactionName(),
      connector: this.number,
      idToken,
      startedAt: reading.at,
      meterStartWh: reading.registerWh,
      remoteStartId,
      seqNo: 0,
      ended: undefined,
      abandoned: false,
    };
    this.#tx = tx;
    this.#messages = this.#rng.fork("messages", this.#sessionNo);
    host.counts.sessionsStarted++;
    host.journal.append(txStartLine(host.identity, tx, reading.at));
    this.#setState("charging");
    const call = host.dialect.start(host.identity, tx, reading, !host.online());
    this.#send(call, "start", tx, reading, (payload) => this.#started(tx, payload));
  }

  #started(tx: Transaction, payload: Payload | undefined): void {
    const host = this.#host;
    if (payload === undefined) {
      tx.abandoned = true;
      return;
    }
    const id = host.dialect.readTransactionId(payload);
    if (id !== undefined) {
      tx.csmsTx = id;
      const station = host.identity.id;
      host.journal.append({ kind: "txId", t: host.clock.now(), station, tx: tx.key, csmsTx: id });
    }
    if (!host.dialect.readAccepted(payload) && this.#tx === tx) {
      host.counts.sessionsRefused++;
      this.stop("deauthorized");
    }
  }

  #sample(tx: Transaction, powerW: number, context: ReadingContext = "Sample.Periodic"): void {
    const host = this.#host;
    const reading = this.#reading(context, powerW);
    const call = host.dialect.sample(host.identity, tx, reading, !host.online());
    const send = (): void => this.#send(call, "sample", tx, reading, () => undefined);
    const late = context === "Sample.Periodic" && this.#plan.late.has(this.#step - 1) && this.#held === undefined;
    if (late) {
      this.#held = send;
      return;
    }
    send();
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  #send(call: Call, role: Role, tx: Transaction, reading: Reading, settled: TxSending["settled"]): void {
    const repeat = planRepeat(this.#messages, this.#host.plans);
    const { loss: planned } = this.#plan;
    const loss = planned !== undefined && planned.at === this.#step ? planned.how : undefined;
    this.#host.sendTx(call, { role, tx, meterWh: reading.registerWh, repeat, loss, settled });
  }

  #offlineWindow(): void {
    const { offline } = this.#plan;
    if (offline?.at === this.#step) this.#host.goOffline(this.number, offline.steps);
  }

  #nextPlan(): void {
    this.#sessionNo++;
    this.#plan = planSession(this.#rng.fork("session", this.#sessionNo), this.#host.plans);
    this.#idleLeft = this.#plan.idleSteps;
  }

  #setState(state: ConnectorState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#host.statusChanged(this.number, state);
  }

  #reading(context: ReadingContext, powerW: number): Reading {
    const done = this.#step / Math.max(1, this.#plan.samples.length);
    const socPercent = Math.min(100, Math.round(20 + 80 * done));
    return { at: this.#host.clock.now(), registerWh: this.meter.registerWh, powerW, socPercent, context };
  }

  #settled(tx: Transaction, answered: boolean): void {
    const { counts, journal, identity, clock } = this.#host;
    if (answered) counts.sessionsSettled++;
    const line = txEndLine(identity, tx, clock.now(), answered);
    if (line !== undefined) journal.append(line);
  }
}
