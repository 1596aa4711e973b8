import { expect, test } from "vitest";

import { limitRelations, limits } from "./limits.ts";

type Limits = Readonly<Record<keyof typeof limits, number>>;

const brokenBy = (change: Partial<Limits>): readonly string[] =>
  limitRelations({ ...limits, ...change })
    .filter((relation) => !relation.holds)
    .map((relation) => relation.says);

/** One number changed alone, by the relation that it must break; in the order of `limitRelations`. */
const breaks: readonly (readonly [Partial<Limits>, string])[] = [
  [{ appendHoldMs: 25_000 }, "authoriseDeadlineMs + appendHoldMs"],
  [{ socketPingSeconds: 40 }, "three pings"],
  [{ socketIdleSeconds: 122 }, "uWebSockets.js accepts"],
  [{ appendBatchBytes: limits.frameMaxBytes * 2 }, "one frame fits into a batch"],
  [{ appendQueueBytesPerPartition: limits.appendBatchBytes }, "a batch fits into the queue"],
  [{ appendQueueBytes: limits.frameMaxBytes * 1024 }, "each of 1024 partitions"],
  [{ commandTickGraceMs: 600_000 }, "tick's grace"],
  [{ storeStatementMs: 25_000 }, "the server's own answer"],
  [{ busRenewMs: 2_600 }, "a lease is renewed twice"],
  [{ clockSkewMs: limits.commandTickGraceMs }, "a clock's error"],
  [{ nameBeatMs: 700 }, "who watches a name"],
  [{ busClaimMs: 900_000 }, "a claim is registered again"],
  [{ openDataMaxAgeSeconds: 60 }, "a change is seen in open data"],
  [{ socketBackpressureBytes: limits.frameMaxBytes }, "backpressure bound"],
];

test("the limits as they are do not contradict each other", () => {
  expect(brokenBy({})).toEqual([]);
});

test.each(breaks)("a change of one number alone is noticed: %o", (change, says) => {
  expect(brokenBy(change)).toEqual([expect.stringContaining(says)]);
});

test("each relation has a number whose change breaks it", () => {
  const relations = limitRelations().map((relation) => relation.says);
  const unproven = relations.filter((says) => !breaks.some(([, part]) => says.includes(part)));
  expect(unproven).toEqual([]);
});

test("the idle time breaks at both ends and off its steps", () => {
  for (const socketIdleSeconds of [4, 7, 964]) {
    expect(brokenBy({ socketIdleSeconds, socketPingSeconds: 1 })).toEqual([expect.stringContaining("uWebSockets.js")]);
  }
});
