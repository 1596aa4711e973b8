import { expect, test } from "vitest";

import { intervalOfMedian } from "./interval.ts";

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test.each([
  // As tables of the sign test have it.
  [6, 1, 6, 0.9688],
  [10, 2, 9, 0.9785],
  [12, 3, 10, 0.9614],
  [20, 6, 15, 0.9586],
])("of %d values the ranks %d and %d hold the median at %d", (n, low, high, covered) => {
  const found = intervalOfMedian(upTo(n).toReversed(), 0.95);
  expect([found.low, found.high]).toEqual([low, high]);
  expect(found.covered).toBeCloseTo(covered, 4);
});

test("too few values have no interval", () => {
  expect(() => intervalOfMedian(upTo(5), 0.95)).toThrow(RangeError);
  expect(() => intervalOfMedian([], 0.95)).toThrow(RangeError);
});
