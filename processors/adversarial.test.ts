// Sessions with a known truth, told by stations that do what stations do: energy and times come out right, or the session
// carries a word that names the doubt. Never silently wrong.
import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { Cdr } from "../core/records/domain-event.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import { foldSteps, timed } from "./folding.test-helper.ts";
import { at, idOf, Line } from "./station.test-helper.ts";

const minutes = 60;

/** What a station makes of one meter value. */
const readingFaults = [
  "none",
  "none",
  "none",
  "repeat",
  "kwhAsWh",
  "text",
  "negative",
  "zero",
  "huge",
  "lost",
] as const;
const startFaults = ["none", "none", "repeat", "lost", "late", "clock1970", "negative"] as const;
const stopFaults = ["none", "none", "repeat", "resetRegister", "negative", "clock1970", "beforeStart", "noId"] as const;

const story = fc.record({
  /** Wh at the start, and what each minute adds. Above what a register is reset to: a reset to more than that betrays nothing. */
  register: fc.integer({ min: 1_000, max: 50_000_000 }),
  wattHours: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: minutes, maxLength: minutes }),
  readings: fc.uniqueArray(
    fc.record({ minute: fc.integer({ min: 1, max: minutes - 1 }), fault: fc.constantFrom(...readingFaults) }),
    { selector: ({ minute }) => minute, maxLength: 12 },
  ),
  start: fc.constantFrom(...startFaults),
  stop: fc.constantFrom(...stopFaults),
  isShuffled: fc.boolean(),
});

type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

function registerAt({ register, wattHours }: Story, minute: number): number {
  return wattHours.slice(0, minute).reduce((sum, wh) => sum + wh, register);
}

const wrong: Readonly<Record<string, (wh: number) => string>> = {
  kwhAsWh: (wh) => String(wh / 1_000),
  text: () => "kaputt",
  negative: () => "-1",
  zero: () => "0",
  huge: (wh) => String(wh * 1_000 + 1),
};

function meterOf(line: Line, told: Story, id: number): FrameRecord[] {
  const ordered = [...told.readings].sort((a, b) =>
    told.isShuffled ? a.fault.localeCompare(b.fault) : a.minute - b.minute,
  );
  return ordered.flatMap(({ minute, fault }) => {
    if (fault === "lost") return [];
    const value = (wrong[fault] ?? String)(registerAt(told, minute));
    const meter = () => line.meter(id, value, minute);
    return fault === "repeat" ? [meter(), meter()] : [meter()];
  });
}

function framesOf(line: Line, told: Story): FrameRecord[] {
  const begin = {
    meterStart: told.start === "negative" ? -1 : told.register,
    timestamp: told.start === "clock1970" ? "1970-01-01T00:00:10Z" : at(0),
  };
  const id = idOf(begin);
  const meterStop = told.stop === "negative" ? -1 : told.stop === "resetRegister" ? 5 : registerAt(told, minutes);
  const times: Readonly<Record<string, string>> = { clock1970: "1970-01-01T01:00:10Z", beforeStart: at(-30) };
  const end = { meterStop, timestamp: times[told.stop] ?? at(minutes) };
  const stop = () => line.stop(told.stop === "noId" ? 0 : id, end);
  const frames: FrameRecord[] = [];
  if (told.start !== "lost" && told.start !== "late") frames.push(line.start(begin));
  if (told.start === "repeat") frames.push(line.start(begin));
  frames.push(...meterOf(line, told, id));
  if (told.start === "late") frames.push(line.start(begin));
  frames.push(stop());
  if (told.stop === "repeat") frames.push(stop());
  return frames;
}

const minute = 60_000;

/** A tick for those that wait for what may still come. */
async function cdrsOf(told: Story): Promise<readonly Cdr[]> {
  const line = new Line("CS1");
  const steps = timed([line.connected(), line.claimed(), ...framesOf(line, told)]);
  const dueAt = steps.at(-1)!.logTime + 24 * 60 * minute;
  const tick = { record: line.record({ kind: "tick", dueAt }), logTime: dueAt };
  const { of } = await foldSteps([...steps, tick]);
  // Held ones wait for a person.
  return [...of("cdrIssued"), ...of("cdrHeld")].map(({ cdr }) => cdr);
}

/** Says nothing about energy or times: without a registry nobody has a tariff. */
const noDoubt: ReadonlySet<string> = new Set(["noTariff"]);

test("1.6: whatever a station makes of a session, its energy and times are true or it says what is doubtful", async () => {
  let right = 0;
  let doubted = 0;
  await fc.assert(
    fc.asyncProperty(story, async (told) => {
      const cdrs = await cdrsOf(told);
      expect(cdrs.length).toBeGreaterThan(0);
      const [cdr] = cdrs;
      const doubts = cdr!.annotations.filter((word) => !noDoubt.has(word));
      const truth = (registerAt(told, minutes) - told.register) * 1_000;
      const isTrue =
        cdrs.length === 1 &&
        cdr!.energyMwh === truth &&
        cdr!.startedAt === Date.parse(at(0)) &&
        cdr!.endedAt === Date.parse(at(minutes));
      if (isTrue) right += 1;
      else doubted += 1;
      expect(isTrue || doubts.length > 0).toBe(true);
    }),
    { numRuns: 1_000, seed: 20_261_123 },
  );
  // Both happen, or the stories say nothing.
  expect(right).toBeGreaterThan(20);
  expect(doubted).toBeGreaterThan(20);
});
