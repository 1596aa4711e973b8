// What is known on one connection of tokens whose partner is to be asked: between a card that is shown and the transaction that
// begins with it nobody is asked twice. Lost with the connection; then the partner is asked again.
import { limits } from "../../core/config/limits.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import type { Answers, TokenAnswer } from "../decide/decision.ts";

interface Known {
  readonly answer: TokenAnswer;
  /** Monotonic ms. */
  readonly until: number;
}

export class KnownAnswers implements Answers {
  private readonly clock: Clock;
  private readonly known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A card that is shown again is asked about again; a start that was commanded needs no card at all. */
  of(key: string, begins: boolean): TokenAnswer | undefined {
    const found = this.known.get(key);
    if (found === undefined || found.until <= this.clock.monotonic()) return undefined;
    return begins || found.answer.result === "commanded" ? found.answer : undefined;
  }

  /** Above the limit the oldest is forgotten. */
  keep(key: string, answer: TokenAnswer): void {
    this.known.delete(key);
    this.known.set(key, { answer, until: this.clock.monotonic() + limits.knownAnswerMs });
    if (this.known.size > limits.knownAnswersPerStation) this.known.delete(this.known.keys().next().value!);
  }

  forget(key: string): void {
    this.known.delete(key);
  }
}
