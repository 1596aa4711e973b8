import { expect, test } from "vitest";

import { murmur2, partitionOf } from "./partition.ts";

// Vectors of Kafka's own UtilsTest.testMurmur2.
test.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
])("murmur2 of %j is Kafka's", (text, expected) => {
  expect(murmur2(new TextEncoder().encode(text)) | 0).toBe(expected);
});

test("a key's partition is what Kafka's default partitioner gives", () => {
  expect(partitionOf("21", 48)).toBe((-973932308 & 0x7fffffff) % 48);
  expect(partitionOf("abc", 12)).toBe(479470107 % 12);
});
