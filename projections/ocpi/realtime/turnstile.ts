// How many ask one partner at once, and whether it is asked at all: one that is away costs nobody more than its share.
import { limits } from "../../../core/config/limits.ts";
import { pauseAfter } from "../pushes/patience.ts";

export class Turnstile {
  private inFlight = 0;
  private failures = 0;
  /** Monotonic ms; before that nobody is let in. */
  private resumeAt = 0;

  /** @returns false: not now. Who gets true calls `leave` once. */
  enter(now: number): boolean {
    if (now < this.resumeAt || this.inFlight >= this.most) return false;
    this.inFlight++;
    return true;
  }

  /** @param isAlive whether it answered, whatever it said. @param random 0 to 1 */
  leave(isAlive: boolean, now: number, random: number): void {
    this.inFlight--;
    this.failures = isAlive ? 0 : this.failures + 1;
    const tooMany = this.failures - limits.ocpiAuthorisationFailures + 1;
    this.resumeAt = tooMany > 0 ? now + Math.min(limits.ocpiAuthorisationPauseMs, pauseAfter(tooMany, random)) : 0;
  }

  /** Nothing needs to be remembered of it. */
  get isIdle(): boolean {
    return this.inFlight === 0 && this.failures === 0;
  }

  /** One that failed lately gets one question at a time, until it answers. */
  private get most(): number {
    return this.failures >= limits.ocpiAuthorisationFailures ? 1 : limits.ocpiAuthorisationsInFlight;
  }
}
