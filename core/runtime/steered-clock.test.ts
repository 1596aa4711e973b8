import { beforeEach, expect, test } from "vitest";

import { limits } from "../config/limits.ts";
import type { Clock } from "./clock.ts";
import { SteeredClock } from "./steered-clock.ts";

const hour = 3_600_000;
const truth = 1_700_000_000_000;
let monotonic: number;
let wrongBy: number;
let clock: SteeredClock;

beforeEach(() => {
  [monotonic, wrongBy] = [1_000, 0];
  const machine: Clock = {
    now: () => truth + monotonic + wrongBy,
    monotonic: () => monotonic,
    after: () => ({ cancel() {} }),
  };
  clock = new SteeredClock(machine);
});

/** A server whose clock is right, but for so much. */
const hear = (source: "log" | "redis" | "postgres", off = 0, took = 10) =>
  clock.heard(source, truth + monotonic + took / 2 + off, monotonic, monotonic + took);
const error = () => clock.now() - (truth + monotonic);

test("a clock that is right, or nearly, is believed as it is", () => {
  expect(error()).toBe(0);
  wrongBy = limits.clockSkewMs - 100;
  hear("log");
  expect(error()).toBe(wrongBy);
});

test.each([hour, -hour])("a clock that is off by %i ms follows the log's, also after it is put right", (off) => {
  wrongBy = off;
  expect(error()).toBe(off);
  hear("log");
  expect(error()).toBe(0);
  expect(clock.skews()).toEqual([{ against: "log", ms: off }]);
  monotonic += 60_000;
  expect(error()).toBe(0);
  wrongBy = 0;
  expect(error()).toBe(0);
  expect(clock.skews()[0]?.ms).toBe(0);
});

test("the log's time counts, whatever the other servers' clocks show", () => {
  hear("log");
  hear("redis", hour);
  hear("postgres", hour);
  expect(error()).toBe(0);
});

test("without the log two servers outvote this machine, and one alone does not", () => {
  wrongBy = hour;
  hear("postgres");
  expect(error()).toBe(hour);
  hear("redis");
  expect(error()).toBe(0);
  wrongBy = 0;
  hear("redis", hour);
  expect(error()).toBe(0);
});

test("an answer that took long, or was long ago, says nothing", () => {
  wrongBy = hour;
  hear("log", 0, limits.clockAnswerMs + 1);
  expect([error(), clock.skews()]).toEqual([hour, []]);
  hear("log");
  monotonic += limits.clockHeardMs + 10;
  expect([error(), clock.skews()]).toEqual([hour, []]);
});
