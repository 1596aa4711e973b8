import { describe, expect, test } from "vitest";
import { campaign } from "./campaign.ts";
import { disagreement, type Engine } from "./compare.ts";
import { wattlog } from "./engine.ts";
import { keptCases } from "./kept.ts";
import { readOptions } from "./options.ts";
import { FAULT_NAMES, planted } from "./planted.ts";

/** Repeats on every machine; `npm run price:reference` draws new ones. */
const SEED = 20_251_026;
/** Enough that each feature is far from its least share. */
const CASES = 2_000;
/** Until a planted fault shows; the rarest needs a meter that rests exactly at a limit. */
const MOST_CASES = 5_000;

describe("the price and its independent reference", () => {
  test("agree on random tariffs and sessions that reach every feature", () => {
    const { found, missed, reached } = campaign(wattlog, { cases: CASES, seed: SEED });
    expect(found).toEqual([]);
    expect(missed).toEqual([]);
    expect(reached.size).toBeGreaterThan(70);
  });

  const kept = keptCases();
  test("have settled disagreements", () => {
    expect(kept.length).toBeGreaterThan(0);
    for (const { about, clause } of kept) expect([about, clause]).not.toContain("");
  });

  test.each(kept)("agree where they once did not: $file", ({ tariff, session, expected }) => {
    expect(disagreement(wattlog, { tariff, session })).toBeNull();
    expect(disagreement(() => expected, { tariff, session })).toBeNull();
  });

  test.each(FAULT_NAMES)("are told apart where %s", (fault) => {
    const { found } = campaign(planted(fault, wattlog), { cases: MOST_CASES, seed: SEED, mostFound: 1 });
    const small = found[0]?.smallest;
    expect(small?.engine).not.toEqual(small?.reference);
    expect(small?.tariff.elements.length).toBeLessThanOrEqual(2);
    expect(small?.session.samples.length).toBeLessThanOrEqual(4);
  });

  test("are told apart where the engine throws", () => {
    const broken: Engine = () => {
      throw new Error("out of order");
    };
    expect(campaign(broken, { cases: 1, seed: SEED }).found[0]?.engine).toEqual({ error: "out of order" });
  });
});

describe("the campaign", () => {
  test("says which features it missed", () => {
    expect(campaign(wattlog, { cases: 1, seed: SEED }).missed.length).toBeGreaterThan(20);
  });

  test("repeats from its seed", () => {
    const counts = (seed: number): unknown => [...campaign(wattlog, { cases: 50, seed }).reached];
    expect(counts(1)).toEqual(counts(1));
    expect(counts(1)).not.toEqual(counts(2));
  });

  test("refuses what it cannot do", () => {
    expect(readOptions(["--cases", "1000", "--seed", "7"])).toEqual({ cases: 1_000, seed: 7, replay: null });
    expect(() => readOptions(["--cases", "1"])).toThrow("whole number from 1000");
    expect(() => readOptions(["--replay", "1"])).toThrow("needs the --seed");
    expect(() => readOptions(["--case", "1"])).toThrow("--case");
  });
});
