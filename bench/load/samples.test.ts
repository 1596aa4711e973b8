import { expect, test } from "vitest";

import { latencyOf, median, Samples } from "./samples.ts";

test("quantiles are exact, also after many samples", () => {
  const samples = new Samples();
  for (let n = 10_000; n > 0; n--) samples.add(n);
  expect(latencyOf(samples)).toEqual({ count: 10_000, p50: 5_001, p99: 9_901 });
  samples.clear();
  expect(latencyOf(samples)).toEqual({ count: 0, p50: Number.NaN, p99: Number.NaN });
});

test("the median of an even number of runs lies between the middle two", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([])).toBeNaN();
});
