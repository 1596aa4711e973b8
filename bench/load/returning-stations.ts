// Process: stations that are all cut off at one moment and all come back at the next, some of them with wrong passwords.
import { setTimeout as sleep } from "node:timers/promises";

import { WsClient, type WsClosed } from "../fleet/ws-client.ts";
import { serve } from "./process.ts";
import type { Returned, ReturningStations, StationsOptions } from "./returning.ts";

/** Whoever is refused for good asks no more after so many. */
const wrongAttempts = 3;
/** A station that keeps failing gives up here; the caller says how many were too many. */
const mostAttempts = 20;
const returnsAtMost = 5;
const handshakeTimeoutMs = 30_000;
const answerWithinMs = 30_000;
/** As a station backs off: a random share of so much, times its attempts. */
const backOffMs = 2_000;

class ReturningStation {
  readonly id: string;
  readonly isGood: boolean;
  /** Upgrades that it asked for until it was served, at most. */
  attempts = 0;
  isBack = false;
  /** Of refused upgrades; 0: lost without a word. */
  readonly refusals: number[] = [];
  accepted = 0;
  private readonly options: StationsOptions;
  private readonly password: string;
  private socket: WsClient | undefined;

  constructor(options: StationsOptions, id: string, isGood: boolean) {
    this.options = options;
    this.id = id;
    this.isGood = isGood;
    this.password = isGood ? options.password : `not ${options.password}`;
  }

  cut(): void {
    this.socket?.destroy(true);
    this.socket = undefined;
  }

  /** Until it is served, or has given up. */
  async comeBack(round: number): Promise<void> {
    this.isBack = false;
    const most = this.isGood ? mostAttempts : wrongAttempts;
    for (let attempt = 1; !this.isBack && attempt <= most; attempt++) {
      this.attempts = Math.max(this.attempts, attempt);
      const closed = await this.tryOnce(`${this.id}-${round}`);
      if (closed === undefined) return;
      this.refusals.push(closed.httpStatus ?? 0);
      await sleep((closed.retryAfterSeconds ?? 0) * 1_000 + Math.random() * backOffMs * attempt);
    }
  }

  /** @returns how it ended, where it did not end well. */
  private async tryOnce(messageId: string): Promise<WsClosed | undefined> {
    const { url } = this.options;
    const ended = Promise.withResolvers<WsClosed | undefined>();
    const late = setTimeout(() => {
      this.cut();
      ended.resolve({ code: 1006, reason: "no answer" });
    }, handshakeTimeoutMs + answerWithinMs);
    const auth = { user: this.id, password: this.password };
    const socket = new WsClient(
      { url: `${url}/${this.id}`, protocols: ["ocpp1.6"], auth, handshakeTimeoutMs },
      {
        open: () => {
          this.accepted++;
          socket.sendText(Buffer.from(JSON.stringify([2, messageId, "Heartbeat", {}])));
        },
        message: (data) => {
          const [type, id] = JSON.parse(data.toString("utf8")) as unknown[];
          if (type !== 3 || id !== messageId) return;
          this.isBack = true;
          ended.resolve(undefined);
        },
        closed: (info) => {
          this.isBack = false;
          ended.resolve(info);
        },
      },
    );
    this.socket = socket;
    const closed = await ended.promise;
    clearTimeout(late);
    return closed;
  }
}

let stations: ReturningStation[] = [];
let round = 0;

function begin(options: StationsOptions): void {
  stations = options.ids.map((id, n) => new ReturningStation(options, id, !options.wrong.includes(n)));
}

/** All at once. */
async function comeBack(): Promise<Returned> {
  round++;
  const started = performance.now();
  for (const station of stations) {
    station.cut();
    station.refusals.length = 0;
    station.accepted = 0;
    station.attempts = 0;
  }
  const good = stations.filter(({ isGood }) => isGood);
  const wrong = stations.filter(({ isGood }) => !isGood);
  const others = Promise.all(wrong.map((station) => station.comeBack(round)));
  // One that was closed after it had been served, as those of a partition that cannot be stored, comes back like all others.
  let away: readonly ReturningStation[] = good;
  for (let again = 0; away.length > 0 && again < returnsAtMost; again++) {
    await Promise.all(away.map((station) => station.comeBack(round)));
    away = good.filter(({ isBack }) => !isBack);
  }
  const seconds = (performance.now() - started) / 1_000;
  await others;
  return {
    seconds,
    attempts: good.map(({ attempts }) => attempts),
    back: good.filter(({ isBack }) => isBack).length,
    goodRefusals: good.flatMap(({ refusals }) => refusals),
    wrongLetIn: wrong.filter(({ accepted }) => accepted > 0).length,
    accepted: stations.reduce((sum, { accepted }) => sum + accepted, 0),
    refusals: stations.flatMap(({ refusals }) => refusals),
  };
}

serve<ReturningStations>({ begin: async (options) => begin(options), comeBack }, async () => {
  for (const station of stations) station.cut();
});
