import type { Clock, Timer } from "./clock.ts";
import type { Counts } from "./counters.ts";
import { isObject, textField } from "./dialect.ts";
import type { Payload } from "./dialect.ts";
import type { Journal } from "./journal.ts";
import type { Rng } from "./rng.ts";
import type { Station } from "./station.ts";
import { randomCommand } from "./random-command.ts";
import type { RandomCommand } from "./random-command.ts";

export interface CommandDriverOptions {
  /** Base of the REST API, `http://host:8080`. */
  readonly api: string;
  readonly token: string;
  readonly perSecond: number;
  /** What each command asks for as its `timeoutSeconds`. */
  readonly timeoutSeconds: number;
  readonly runId: string;
}

export interface CommandDriverDeps {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly journal: Journal;
  readonly counts: Counts;
  readonly stations: readonly Station[];
}

const tickMs = 20;
const pollMs = 500;
const requestTimeoutMs = 10_000;
/** Beyond it new commands are skipped, not queued: an API that hangs must not fill this process. */
const maxOpenRequests = 64;
const maxWatched = 5_000;
/** A command that has not ended by then is left as it is in the journal, and the ledger check will say so. */
const watchForMs = 120_000;
const keyProbability = 0.3;
const twiceProbability = 0.3;

interface Watched {
  readonly station: string;
  readonly action: string;
  readonly key: string | null;
  readonly since: number;
}

interface ApiAnswer {
  readonly httpStatus: number;
  readonly body: Payload;
}

/** Posts random commands through REST at a rate, and follows each until its outcome is known. */
export class CommandDriver {
  readonly #options: CommandDriverOptions;
  readonly #deps: CommandDriverDeps;
  readonly #watched = new Map<string, Watched>();
  /** Connectors made inoperative are made operative again soon, or the fleet would go out of service bit by bit. */
  readonly #restore: RandomCommand[] = [];
  #budget = 0;
  #last: number;
  #open = 0;
  #keyNo = 0;
  #closed = false;
  #timer: Timer | undefined;
  #pollTimer: Timer | undefined;

  constructor(options: CommandDriverOptions, deps: CommandDriverDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#last = deps.clock.now();
  }

  get pending(): number {
    return this.#watched.size + this.#open;
  }

  start(): void {
    this.#last = this.#deps.clock.now();
    this.#tick();
    this.#poll();
  }

  /** No new commands; those asked for are followed on until `close`. */
  stop(): void {
    this.#timer?.cancel();
  }

  close(): void {
    this.#closed = true;
    this.stop();
    this.#pollTimer?.cancel();
  }

  #tick(): void {
    const now = this.#deps.clock.now();
    const { perSecond } = this.#options;
    this.#budget = Math.min(Math.max(1, perSecond), this.#budget + ((now - this.#last) / 1000) * perSecond);
    this.#last = now;
    for (; this.#budget >= 1; this.#budget--) {
      if (this.#open >= maxOpenRequests || this.#watched.size >= maxWatched) break;
      void this.#post();
    }
    this.#timer = this.#deps.clock.after(tickMs, () => this.#tick());
  }

  async #post(): Promise<void> {
    const { rng, stations, counts } = this.#deps;
    const command = this.#restore.length > 3 ? this.#restore.shift() : randomCommand(rng, rng.pick(stations));
    const key = rng.chance(keyProbability) ? `${this.#options.runId}-${++this.#keyNo}` : null;
    const twice = key !== null && rng.chance(twiceProbability);
    if (command === undefined) return;
    if (command.undo !== undefined) this.#restore.push(command.undo);
    counts.commandsRequested++;
    this.#open++;
    try {
      // A caller that saw no answer asks again with its key: the same command, not a second one.
      await Promise.all(Array.from({ length: twice ? 2 : 1 }, () => this.#request(command, key)));
    } finally {
      this.#open--;
    }
  }

  async #request({ station, action, payload }: RandomCommand, key: string | null): Promise<void> {
    const body = {
      action,
      payload,
      timeoutSeconds: this.#options.timeoutSeconds,
      ...(key === null ? {} : { idempotencyKey: key }),
    };
    const answer = await this.#call(`/api/v1/stations/${encodeURIComponent(station)}/commands`, body);
    const commandId = textField(answer.body, "id") ?? null;
    const watched: Watched = { station, action, key, since: this.#deps.clock.now() };
    this.#journal(watched, answer.httpStatus < 300 ? commandId : null, answer);
    if (answer.httpStatus >= 300 || commandId === null) this.#deps.counts.commandsFailed++;
    else if (textField(answer.body, "status") === "done") this.#deps.counts.commandsDone++;
    else this.#watched.set(commandId, watched);
  }

  #poll(): void {
    this.#pollTimer = this.#deps.clock.after(pollMs, () => void this.#pollRound());
  }

  async #pollRound(): Promise<void> {
    await this.#pollAll();
    if (!this.#closed) this.#poll();
  }

  async #pollAll(): Promise<void> {
    const ids = [...this.#watched.keys()];
    for (let i = 0; i < ids.length; i += maxOpenRequests) {
      await Promise.all(ids.slice(i, i + maxOpenRequests).map((id) => this.#pollOne(id)));
    }
  }

  async #pollOne(id: string): Promise<void> {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    const answer = await this.#call(`/api/v1/commands/${encodeURIComponent(id)}`);
    const done = answer.httpStatus === 200 && textField(answer.body, "status") === "done";
    if (!done && this.#deps.clock.now() - watched.since < watchForMs) return;
    // Two polls of one id can cross; the first counts.
    if (!this.#watched.delete(id)) return;
    if (done) this.#deps.counts.commandsDone++;
    this.#journal(watched, id, answer);
  }

  #journal(watched: Watched, commandId: string | null, answer: ApiAnswer): void {
    this.#deps.journal.append({
      kind: "requested",
      t: this.#deps.clock.now(),
      station: watched.station,
      commandId,
      action: watched.action,
      idempotencyKey: watched.key,
      httpStatus: answer.httpStatus,
      status: textField(answer.body, "status") ?? null,
      outcome: textField(answer.body, "outcome") ?? null,
    });
  }

  /** Status 0 is a request whose fate is unknown: no connection, or none that lasted until the answer. */
  async #call(path: string, body?: Payload): Promise<ApiAnswer> {
    try {
      const response = await fetch(`${this.#options.api.replace(/\/+$/, "")}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${this.#options.token}`, "content-type": "application/json" },
        signal: AbortSignal.timeout(requestTimeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const parsed: unknown = await response.json();
      return { httpStatus: response.status, body: isObject(parsed) ? parsed : {} };
    } catch {
      return { httpStatus: 0, body: {} };
    }
  }
}
