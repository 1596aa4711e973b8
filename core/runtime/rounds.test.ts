import { expect, test } from "vitest";

import { FakeClock } from "./clock.ts";
import { Rounds } from "./rounds.ts";

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test("a round begins after the one before has ended and the pause; none after the stop, which waits for the one under way", async () => {
  const clock = new FakeClock();
  const ends: (() => void)[] = [];
  const rounds = new Rounds(clock, 1_000, () => new Promise<void>((resolve) => ends.push(resolve)));
  rounds.start(0);
  clock.advance(0);
  expect(ends).toHaveLength(1);
  clock.advance(5_000);
  await settle();
  expect(ends).toHaveLength(1);
  ends[0]!();
  await settle();
  clock.advance(999);
  expect(ends).toHaveLength(1);
  clock.advance(1);
  expect(ends).toHaveLength(2);
  let isStopped = false;
  const stopping = rounds.stop().then(() => (isStopped = true));
  await settle();
  expect([rounds.isStopped, isStopped]).toEqual([true, false]);
  ends[1]!();
  await stopping;
  clock.advance(10_000);
  expect(ends).toHaveLength(2);
});
