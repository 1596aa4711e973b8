import type { Clock, Timer } from "./clock.ts";

/** A station as the pacer sees it. */
export interface Paced {
  /** Send one frame now; false when there was nothing to send after all. */
  grant(): boolean;
  /** Take the next step of a session; false when nothing can move. */
  advance(): boolean;
}

/** Who may send when. Every CALL of the fleet passes through here. */
export interface Pacer {
  request(station: Paced): void;
  /** A frame left without having been granted: the second sending of a repeat. */
  spend(): void;
  stop(): void;
}

/** No limit: frames leave as they come up, sessions follow their own timers. */
export const naturalPacer: Pacer = {
  request: (station) => void station.grant(),
  spend: () => undefined,
  stop: () => undefined,
};

const tickMs = 5;

/**
 * A token bucket over the fleet. Tokens go to stations with a frame waiting; what is left moves sessions on, round
 * robin, so the rate asked for is reached as long as the answers keep up (one CALL outstanding per station).
 */
export class RatePacer implements Pacer {
  readonly #rate: number;
  readonly #clock: Clock;
  readonly #stations: readonly Paced[];
  #waiting: Paced[] = [];
  #budget = 0;
  #last: number;
  #next = 0;
  #timer: Timer | undefined;

  constructor(framesPerSecond: number, stations: readonly Paced[], clock: Clock) {
    this.#rate = framesPerSecond;
    this.#stations = stations;
    this.#clock = clock;
    this.#last = clock.now();
    this.#schedule();
  }

  request(station: Paced): void {
    this.#waiting.push(station);
  }

  spend(): void {
    this.#budget--;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#clock.after(tickMs, () => {
      this.#schedule();
      this.#tick();
    });
  }

  #tick(): void {
    const now = this.#clock.now();
    // At most a quarter of a second is caught up: a pause of this process must not become a burst.
    const cap = Math.max(1, this.#rate / 4);
    this.#budget = Math.min(cap, this.#budget + ((now - this.#last) / 1000) * this.#rate);
    this.#last = now;
    this.#grantWaiting();
    // One turn at most per tick: a station that is offline moves without spending a token, and must not race ahead.
    let left = Math.min(this.#stations.length, Math.ceil(this.#budget));
    let looked = 0;
    while (this.#budget >= 1 && left > 0 && looked < this.#stations.length) {
      looked++;
      const station = this.#stations[this.#next++ % this.#stations.length];
      if (station?.advance() === true) left--;
      this.#grantWaiting();
    }
  }

  #grantWaiting(): void {
    if (this.#budget < 1 || this.#waiting.length === 0) return;
    const batch = this.#waiting;
    this.#waiting = [];
    let i = 0;
    for (; i < batch.length && this.#budget >= 1; i++) {
      if (batch[i]?.grant() === true) this.#budget--;
    }
    if (i < batch.length) this.#waiting = batch.slice(i).concat(this.#waiting);
  }
}
