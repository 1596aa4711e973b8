// When queued records leave for the log. A commit costs the same for two records as for fifty, so what is small gathers:
// while each event-loop turn brings more of it, while the batch before it is on its way, and for a moment after answers,
// because stations that were answered together send again together; without that moment they fall into two halves, one
// in the log while the other is answered, and every commit carries half as much. What is large leaves at once, so that
// the log works while answers are written; what is alone waits for one empty turn, some microseconds. What is urgent, a
// command's step that a caller waits for, waits for neither: it leaves with its own turn, and what has gathered with it.
import type { Clock, Timer } from "../../core/runtime/clock.ts";

/** So many records are worth a commit of their own. */
const largeRecords = 64;
/** Turns that may bring more before it leaves all the same; each one that does is work, none is waiting. */
const mostTurns = 6;
/** A turn can be long where other work shares the thread. */
const gatherMs = 0.5;
/** How long the next frames of those who were answered are waited for. */
const afterAnswersMs = 1;
/** Share of them that is worth the wait. */
const expectedShare = 0.8;
/** Waits in vain are not repeated for twice as many rounds each time, so that a fleet out of step does not pay. */
const mostRoundsSkipped = 64;
/** A sick partition, or a slow disk, holds back what is small no longer than this. */
const holdMs = 2;

export interface Gathered {
  /** Records that may leave now; large ones count for several. */
  ready(): number;
  /** @returns in how many appends they left. */
  leave(): number;
}

export class Gather {
  private readonly clock: Clock;
  private readonly defer: (run: () => void) => void;
  private readonly gathered: Gathered;
  private scheduled = false;
  private urgent = false;
  private since = 0;
  private turns = 0;
  /** In this turn. */
  private arrivals = 0;
  private round = 0;
  /** Appends of the newest round without a receipt: older ones do not hold anything back. */
  private outstanding = 0;
  private leftAt = Number.NEGATIVE_INFINITY;
  private expected = 0;
  private arrivedSinceAnswers = 0;
  private answeredAt = 0;
  private roundsToSkip = 0;
  private skipNext = 1;
  private timer: Timer | undefined;

  /** @param defer runs its argument at the end of the event-loop turn. */
  constructor(clock: Clock, defer: (run: () => void) => void, gathered: Gathered) {
    this.clock = clock;
    this.defer = defer;
    this.gathered = gathered;
  }

  /** The number of the newest round, to be given back with its receipts. */
  get newest(): number {
    return this.round;
  }

  arrived(urgent = false): void {
    this.arrivals++;
    this.arrivedSinceAnswers++;
    if (urgent) this.urgent = true;
    if (!this.scheduled) this.begin();
  }

  /** An append of that round succeeded or failed. */
  settled(round: number): void {
    if (round === this.round) this.outstanding--;
  }

  /** Receipts came and their answers were not written yet. */
  beforeAnswers(): void {
    if (this.gathered.ready() >= largeRecords) this.leave();
  }

  /** @param records answered. */
  afterAnswers(records: number): void {
    this.answeredAt = this.clock.monotonic();
    this.arrivedSinceAnswers = 0;
    const skip = this.roundsToSkip > 0;
    if (skip) this.roundsToSkip--;
    this.expected = skip ? 0 : Math.floor(records * expectedShare);
    if (this.gathered.ready() > 0 && !this.scheduled) this.begin();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private begin(): void {
    this.turns = 0;
    this.since = this.clock.monotonic();
    this.again();
  }

  private again(): void {
    this.scheduled = true;
    this.defer(() => this.turnEnded());
  }

  private turnEnded(): void {
    this.scheduled = false;
    const quiet = this.arrivals === 0;
    this.arrivals = 0;
    this.turns++;
    const ready = this.gathered.ready();
    if (ready === 0) return;
    if (this.urgent || ready >= largeRecords) return this.leave();
    const now = this.clock.monotonic();
    const until = this.heldUntil();
    if (now < until) return this.hold(until - now);
    if (quiet || this.turns >= mostTurns || now - this.since >= gatherMs) return this.leave();
    this.again();
  }

  private heldUntil(): number {
    const byRound = this.outstanding > 0 ? this.leftAt + holdMs : 0;
    const byAnswers = this.arrivedSinceAnswers < this.expected ? this.answeredAt + afterAnswersMs : 0;
    return Math.max(byRound, byAnswers);
  }

  private leave(): void {
    if (this.expected > 0) this.judgeTheWait();
    this.urgent = false;
    this.round++;
    this.leftAt = this.clock.monotonic();
    // No receipt comes before this returns: an append settles in a microtask at the earliest.
    this.outstanding = this.gathered.leave();
  }

  private judgeTheWait(): void {
    if (this.arrivedSinceAnswers >= this.expected / 2) this.skipNext = 1;
    else {
      this.roundsToSkip = this.skipNext;
      this.skipNext = Math.min(mostRoundsSkipped, this.skipNext * 2);
    }
    this.expected = 0;
  }

  /** What holds it back ends with an arrival or a receipt, or else here. */
  private hold(ms: number): void {
    this.timer ??= this.clock.after(ms, () => {
      this.timer = undefined;
      if (this.gathered.ready() > 0 && !this.scheduled) this.begin();
    });
  }
}
