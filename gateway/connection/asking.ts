// A CALL that waits for a roaming partner's word. It alone waits: what the station says meanwhile is decided and appended before
// it. Settled once, by whatever comes first: the answer, the deadline, the end of the connection.
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import type { TokenAnswer } from "../decide/decision.ts";

export class Asking {
  private readonly timer: Timer;
  private decide: ((answer: TokenAnswer) => void) | undefined;

  constructor(clock: Clock, deadlineMs: number, decide: (answer: TokenAnswer) => void) {
    this.decide = decide;
    this.timer = clock.after(deadlineMs, () => this.settle({ result: "noAnswer", why: "timeout" }));
  }

  settle(answer: TokenAnswer): void {
    const { decide } = this;
    // What comes late finds nobody, and keeps nothing alive.
    this.decide = undefined;
    this.timer.cancel();
    decide?.(answer);
  }
}
