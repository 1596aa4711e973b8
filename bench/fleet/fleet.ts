import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { CommandDriver } from "./command-driver.ts";
import { Histogram, newCounts } from "./counters.ts";
import type { Counts } from "./counters.ts";
import type { Dialect, Protocol, StationIdentity } from "./dialect.ts";
import type { Declared } from "./journal-format.ts";
import { noJournal, openJournal } from "./journal.ts";
import type { Journal } from "./journal.ts";
import type { SimulateOptions } from "./options.ts";
import { naturalPacer, RatePacer } from "./pacer.ts";
import type { Pacer } from "./pacer.ts";
import { sampleSeconds } from "./plan.ts";
import type { PlanOptions } from "./plan.ts";
import { Rng } from "./rng.ts";
import { dialect16 } from "./station-16.ts";
import { dialect201, dialect21 } from "./station-201.ts";
import { Station } from "./station.ts";
import type { StationDeps } from "./station.ts";

/** A fleet's state at one moment, mergeable over processes. */
export interface Snapshot {
  readonly connected: number;
  readonly charging: number;
  readonly unanswered: number;
  readonly commandsPending: number;
  /** Stations that the server has not (yet) accepted, or that never reached it. */
  readonly notAccepted: number;
  readonly counts: Counts;
  readonly latencyBuckets: readonly number[];
  readonly latencyMaxMs: number;
}

/** Whom the fleet is told about, apart from its options. */
export interface FleetDeps {
  readonly clock?: Clock;
  /** Overrides what the options say about a session, for a demonstration or a test. */
  readonly plans?: Partial<PlanOptions>;
  readonly signal?: AbortSignal;
  /** Instead of the file that `--journal` names. */
  readonly journal?: Journal;
}

const dialects: Readonly<Record<Protocol, Dialect>> = { "1.6": dialect16, "2.0.1": dialect201, "2.1": dialect21 };
/** What `mixed` means: two in five speak 1.6, two 2.0.1, one 2.1. */
const mixture: readonly Protocol[] = ["1.6", "2.0.1", "1.6", "2.0.1", "2.1"];
const checkMs = 50;
/** Above this many stations one loopback address runs short of ephemeral ports when the fleet reconnects at once. */
const stationsPerLocalAddress = 10_000;

function identityOf(options: SimulateOptions, offset: number): StationIdentity {
  const index = options.first + offset;
  const number = String(index).padStart(6, "0");
  const protocol = options.protocol === "mixed" ? (mixture[(index - 1) % mixture.length] ?? "1.6") : options.protocol;
  return {
    id: `${options.prefix}-${number}`,
    index,
    protocol,
    idToken: `TAG-${number}`,
    unit: index % 5 === 4 ? "kWh" : "Wh",
    connectorCount: index % 4 === 0 ? 2 : 1,
  };
}

function socketOptions(options: SimulateOptions, { id, index }: StationIdentity) {
  const url = `${options.url.replace(/\/+$/, "")}/${encodeURIComponent(id)}`;
  const password = options.passwordTemplate?.replaceAll("{id}", id).replaceAll("{index}", String(index));
  const loopback = /^wss?:\/\/127\./.test(options.url);
  const address = Math.floor(index / stationsPerLocalAddress) + 1;
  return {
    url,
    ...(password === undefined ? {} : { auth: { user: id, password } }),
    ...(loopback && address > 1 ? { localAddress: `127.0.1.${address % 250}` } : {}),
  };
}

export function makeRunId(now: number): string {
  const random = Math.floor(Math.random() * 36 ** 2);
  return `${now.toString(36)}${random.toString(36).padStart(2, "0")}`;
}

function declared(options: SimulateOptions): readonly Declared[] {
  const transactions = options.sessions > 0 || options.seconds > 0 ? (["transactions"] as const) : [];
  return ["calls", "answers", ...transactions, ...(options.commands > 0 ? (["commands"] as const) : [])];
}

/** All stations of one process, from the first connection to the journal's last line. */
export class Fleet {
  readonly #options: SimulateOptions;
  readonly #clock: Clock;
  readonly #runId: string;
  readonly #counts = newCounts();
  readonly #latency = new Histogram();
  readonly #stations: readonly Station[];
  readonly #journal: Journal;
  readonly #commands: CommandDriver | undefined;
  readonly #signal: AbortSignal | undefined;
  #pacer: Pacer = naturalPacer;
  #sessionsLeft: number;
  #failure: Error | undefined;

  constructor(options: SimulateOptions, deps: FleetDeps = {}) {
    this.#options = options;
    this.#clock = deps.clock ?? systemClock;
    this.#signal = deps.signal;
    this.#runId = options.runId ?? makeRunId(this.#clock.now());
    this.#sessionsLeft = options.sessions === 0 ? Infinity : options.sessions;
    this.#journal = deps.journal ?? this.#openJournal();
    const rng = new Rng(options.seed);
    const plans: PlanOptions = {
      repeat: options.repeat,
      offline: options.offline,
      reconnect: options.reconnect,
      disorder: options.disorder,
      samples: [4, 12],
      idleSteps: options.rate > 0 ? [0, 1] : [0, 5],
      ...deps.plans,
    };
    this.#stations = Array.from({ length: options.stations }, (_, i) =>
      this.#station(identityOf(options, i), plans, rng),
    );
    const { api, token, commands: perSecond, commandTimeoutSeconds: timeoutSeconds } = options;
    const stations = this.#stations;
    if (perSecond > 0 && api !== undefined && token !== undefined) {
      this.#commands = new CommandDriver(
        { api, token, perSecond, timeoutSeconds, runId: this.#runId },
        {
          clock: this.#clock,
          rng: rng.fork("commands", options.first),
          journal: this.#journal,
          counts: this.#counts,
          stations,
        },
      );
    }
  }

  snapshot(): Snapshot {
    let connected = 0;
    let charging = 0;
    let unanswered = 0;
    let notAccepted = 0;
    for (const station of this.#stations) {
      if (station.online()) connected++;
      if (!station.accepted()) notAccepted++;
      unanswered += station.unanswered;
      for (const { transaction } of station.connectors) if (transaction !== undefined) charging++;
    }
    return {
      connected,
      charging,
      unanswered,
      notAccepted,
      commandsPending: this.#commands?.pending ?? 0,
      counts: { ...this.#counts },
      latencyBuckets: [...this.#latency.buckets],
      latencyMaxMs: this.#latency.maxMs,
    };
  }

  /** Connects, charges until the time or the sessions are over, gets everything answered, and closes. */
  async run(): Promise<Snapshot> {
    const { seconds, graceSeconds, rate } = this.#options;
    const startedAt = this.#clock.now();
    if (rate > 0) this.#pacer = new RatePacer(rate, this.#stations, this.#clock);
    await this.#connectAll();
    this.#commands?.start();
    const endAt = seconds > 0 ? startedAt + seconds * 1000 : Infinity;
    await this.#until(() => this.#clock.now() >= endAt || this.#sessionsOver() || this.#signal?.aborted === true);
    this.#commands?.stop();
    for (const station of this.#stations) station.finish();
    const graceEnd = this.#clock.now() + graceSeconds * 1000;
    await this.#until(() => this.#drained() || this.#clock.now() >= graceEnd);
    return this.#close();
  }

  async #close(): Promise<Snapshot> {
    const last = this.snapshot();
    this.#commands?.close();
    this.#pacer.stop();
    for (const station of this.#stations) station.close();
    const counts = { ...last.counts, unanswered: last.unanswered, commandsPending: last.commandsPending };
    this.#journal.append({ kind: "end", t: this.#clock.now(), counts });
    await this.#journal.close();
    if (this.#failure !== undefined) throw this.#failure;
    return last;
  }

  #openJournal(): Journal {
    const { journal, token, ...rest } = this.#options;
    if (journal === undefined) return noJournal;
    const opened = openJournal(journal, `${this.#runId}-${this.#options.first}`, (error) => {
      this.#failure = new Error("the journal cannot be written, so no frame may leave any more", { cause: error });
    });
    opened.append({
      kind: "header",
      t: this.#clock.now(),
      version: 1,
      declared: declared(this.#options),
      // The token stays out of the ledger, which is kept and passed on.
      args: { ...rest, token: token === undefined ? null : "given" },
      seed: this.#options.seed,
      runId: this.#runId,
    });
    return opened;
  }

  #station(identity: StationIdentity, plans: PlanOptions, rng: Rng): Station {
    const { rate, speed, stations, messageTimeoutSeconds, retrySeconds } = this.#options;
    const deps: StationDeps = {
      clock: this.#clock,
      rng: rng.fork("station", identity.index),
      journal: this.#journal,
      counts: this.#counts,
      latency: this.#latency,
      pacer: () => this.#pacer,
      takeSession: () => this.#takeSession(),
    };
    return new Station(
      {
        identity,
        dialect: dialects[identity.protocol],
        socket: socketOptions(this.#options, identity),
        runId: this.#runId,
        plans,
        stepMs: rate > 0 ? undefined : (sampleSeconds * 1000) / speed,
        minAdvanceGapMs: rate > 0 ? (500 * stations) / rate : 0,
        messageTimeoutMs: messageTimeoutSeconds * 1000,
        retryIntervalMs: retrySeconds * 1000,
        maxBackoffMs: this.#options.reconnectMaxSeconds * 1000,
        maxRetryAfterMs: this.#options.retryAfterMaxSeconds * 1000,
      },
      deps,
    );
  }

  #takeSession(): boolean {
    if (this.#sessionsLeft <= 0) return false;
    this.#sessionsLeft--;
    return true;
  }

  /** At a rate: a server that has just started must not see the whole fleet in one millisecond. */
  async #connectAll(): Promise<void> {
    const perCheck = Math.max(1, Math.ceil((this.#options.connectRate * checkMs) / 1000));
    for (let i = 0; i < this.#stations.length; i += perCheck) {
      if (this.#signal?.aborted === true) return;
      for (const station of this.#stations.slice(i, i + perCheck)) station.start();
      if (i + perCheck < this.#stations.length)
        await this.#pause((checkMs * perCheck * 1000) / (this.#options.connectRate * checkMs));
    }
  }

  #sessionsOver(): boolean {
    if (this.#sessionsLeft > 0) return false;
    return this.#stations.every((station) => station.connectors.every((connector) => connector.idle));
  }

  #drained(): boolean {
    return (this.#commands?.pending ?? 0) === 0 && this.#stations.every((station) => station.drained);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (this.#failure === undefined && !condition()) await this.#pause(checkMs);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}
