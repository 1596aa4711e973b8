// An interval for a median that assumes nothing of how the values are spread: two of the values themselves, by their ranks.

export interface Interval {
  readonly low: number;
  readonly high: number;
  /** How surely the median lies between them, of 1: at least what was asked for. */
  readonly covered: number;
}

/** P(at most k of n fair coins show heads). */
function atMostHeads(k: number, n: number): number {
  let ways = 1;
  let sum = 0;
  for (let heads = 0; heads <= k; heads++) {
    sum += ways / 2 ** n;
    ways = (ways * (n - heads)) / (heads + 1);
  }
  return sum;
}

/**
 * @param wanted e.g. 0.95
 * @throws RangeError where so few values cannot say anything so surely
 */
export function intervalOfMedian(values: readonly number[], wanted: number): Interval {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  const coverOf = (dropped: number): number => 1 - 2 * atMostHeads(dropped, n);
  if (!(coverOf(0) >= wanted)) throw new RangeError(`${n} values are too few for an interval of ${wanted}`);
  let dropped = 0;
  while (2 * (dropped + 1) < n && coverOf(dropped + 1) >= wanted) dropped++;
  return { low: sorted[dropped]!, high: sorted[n - 1 - dropped]!, covered: coverOf(dropped) };
}
