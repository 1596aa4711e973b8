// Token buckets by key: a burst at once, then so many a minute.

interface Bucket {
  tokens: number;
  at: number;
}

/** Bounded: the one that was charged longest ago is forgotten first. */
export class Buckets {
  private readonly byKey = new Map<string, Bucket>();
  private readonly burst: number;
  private readonly perMs: number;
  private readonly remembered: number;

  /** @param remembered keys at most */
  constructor(burst: number, perMinute: number, remembered: number) {
    this.burst = burst;
    this.perMs = perMinute / 60_000;
    this.remembered = remembered;
  }

  /** @param now monotonic ms */
  isSpent(key: string, now: number): boolean {
    const bucket = this.byKey.get(key);
    return bucket !== undefined && this.refilled(bucket, now) < 1;
  }

  take(key: string, now: number): void {
    const bucket = this.byKey.get(key);
    const tokens = bucket ? this.refilled(bucket, now) : this.burst;
    this.byKey.delete(key);
    this.byKey.set(key, { tokens: Math.max(0, tokens - 1), at: now });
    if (this.byKey.size > this.remembered) this.byKey.delete(this.byKey.keys().next().value!);
  }

  forget(key: string): void {
    this.byKey.delete(key);
  }

  private refilled({ tokens, at }: Bucket, now: number): number {
    return Math.min(this.burst, tokens + (now - at) * this.perMs);
  }
}
