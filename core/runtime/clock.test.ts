import { expect, test } from "vitest";

import { FakeClock, systemClock } from "./clock.ts";

test("a fake clock stands still until it is advanced, and its timers run in order of their due time", () => {
  const clock = new FakeClock(1000);
  const ran: string[] = [];
  clock.after(20, () => ran.push(`b@${clock.now()}`));
  clock.after(10, () => ran.push(`a@${clock.now()}`));
  clock.after(20, () => ran.push(`c@${clock.now()}`));
  clock.after(-5, () => ran.push(`now@${clock.now()}`));
  expect(ran).toEqual([]);
  clock.advance(15);
  expect(ran).toEqual(["now@1000", "a@1010"]);
  expect(clock.now()).toBe(1015);
  clock.advance(5);
  expect(ran.slice(2)).toEqual(["b@1020", "c@1020"]);
});

test("a cancelled timer does not run, even when another one of the same moment cancels it", () => {
  const clock = new FakeClock();
  const ran: string[] = [];
  clock.after(10, () => ran.push("never")).cancel();
  clock.after(10, () => second.cancel());
  const second = clock.after(10, () => ran.push("cancelled by the first"));
  clock.advance(100);
  expect(ran).toEqual([]);
});

test("a timer set by a timer runs within the same advance when it is due", () => {
  const clock = new FakeClock(0);
  const at: number[] = [];
  const again = (): void => {
    at.push(clock.monotonic());
    clock.after(10, again);
  };
  clock.after(10, again);
  clock.advance(35);
  expect(at).toEqual([10, 20, 30]);
  expect(clock.monotonic()).toBe(35);
});

test("a delay longer than Node's timers take does not fire at once", async () => {
  let fired = false;
  const timer = systemClock.after(2 ** 40, () => (fired = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  timer.cancel();
  expect(fired).toBe(false);
});
