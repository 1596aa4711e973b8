/** Exact quantiles of what a run measured; a run has at most some million samples. */
export class Samples {
  private values = new Float64Array(4096);
  private count = 0;

  add(value: number): void {
    if (this.count === this.values.length) {
      const larger = new Float64Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.count++] = value;
  }

  /** @param shares e.g. 0.5 and 0.99. @returns NaN for each where nothing was measured. */
  quantiles(shares: readonly number[]): number[] {
    const sorted = this.values.slice(0, this.count).sort();
    return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  }

  clear(): void {
    this.count = 0;
  }

  get size(): number {
    return this.count;
  }
}

export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

export function latencyOf(samples: Samples): Latency {
  const [p50 = Number.NaN, p99 = Number.NaN] = samples.quantiles([0.5, 0.99]);
  return { count: samples.size, p50, p99 };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
