/** Buckets double every four steps from 0.1 ms on: 19 % wide, enough for a percentile that a person reads. */
const bucketsPerDoubling = 4;
const bucketCount = 96;

/** Latencies in constant memory, mergeable over processes. */
export class Histogram {
  readonly buckets: number[];
  maxMs = 0;

  constructor(buckets: readonly number[] = [], maxMs = 0) {
    this.buckets = Array.from({ length: bucketCount }, (_, i) => buckets[i] ?? 0);
    this.maxMs = maxMs;
  }

  add(ms: number): void {
    const bucket = ms <= 0.1 ? 0 : Math.ceil(Math.log2(ms / 0.1) * bucketsPerDoubling);
    const index = Math.min(bucketCount - 1, bucket);
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  merge(other: { readonly buckets: readonly number[]; readonly maxMs: number }): void {
    for (let i = 0; i < bucketCount; i++) this.buckets[i] = (this.buckets[i] ?? 0) + (other.buckets[i] ?? 0);
    this.maxMs = Math.max(this.maxMs, other.maxMs);
  }

  /** The upper edge of the bucket that holds the quantile, in milliseconds. */
  quantileMs(q: number): number {
    const total = this.buckets.reduce((sum, n) => sum + n, 0);
    let seen = 0;
    for (const [i, n] of this.buckets.entries()) {
      seen += n;
      if (total > 0 && seen >= total * q) return Math.min(this.maxMs, 0.1 * 2 ** (i / bucketsPerDoubling));
    }
    return 0;
  }
}

/** What a fleet counts; plain numbers, so that processes add theirs up. */
export const zeroCounts = {
  connects: 0,
  connectFailures: 0,
  lostConnections: 0,
  callsSent: 0,
  answered: 0,
  callErrors: 0,
  repeatsSent: 0,
  resent: 0,
  strayAnswers: 0,
  badFrames: 0,
  discarded: 0,
  timeouts: 0,
  sessionsStarted: 0,
  sessionsEnded: 0,
  sessionsSettled: 0,
  sessionsRefused: 0,
  idConflicts: 0,
  energyWh: 0,
  commandsSeen: 0,
  commandsAnswered: 0,
  commandsRequested: 0,
  commandsFailed: 0,
  commandsDone: 0,
};

export type Counts = { [name in keyof typeof zeroCounts]: number };

export function newCounts(): Counts {
  return { ...zeroCounts };
}

export function addCounts(into: Counts, from: Counts): void {
  for (const name of Object.keys(into) as Array<keyof Counts>) into[name] += from[name];
}
