// Energy and times of sessions against a table that was computed by hand (by-hand-16.test-helper.ts, by-hand-2.test-helper.ts).
import { expect, test } from "vitest";

import type { Protocol } from "../core/records/frame-record.ts";
import { byHand16 } from "./by-hand-16.test-helper.ts";
import { byHand2 } from "./by-hand-2.test-helper.ts";
import type { ByHand, Row } from "./by-hand.test-helper.ts";
import { cdrsIn, foldSteps, timed, type Folded } from "./folding.test-helper.ts";
import { at, Line, other } from "./station.test-helper.ts";

const byHand: readonly (Row & { readonly version: Protocol })[] = [
  ...byHand16.map((row) => ({ ...row, version: "ocpp1.6" as const })),
  ...byHand2.flatMap((row) => (["ocpp2.0.1", "ocpp2.1"] as const).map((version) => ({ ...row, version }))),
];

/** A log that is later than all that stations say. */
const begun = Date.parse(at(90));
const settled = 16 * 60_000;
/** Of billing, and the same for each session here. */
const ofNoInterest = new Set(["noTariff"]);

const minuteOf = (ms: number) => (ms - Date.parse(at(0))) / 60_000;

function sessionsIn(folded: Folded): readonly ByHand[] {
  return folded.of("sessionStarted").map(({ sessionId, startedAt }) => {
    const own = folded.events.filter((event) => "sessionId" in event && event.sessionId === sessionId);
    const cdr = cdrsIn(folded).findLast((one) => one.sessionId === sessionId);
    const told = own.flatMap((event) => ("annotations" in event ? event.annotations : []));
    const words = new Set([...told, ...(cdr?.annotations ?? [])].filter((word) => !ofNoInterest.has(word)));
    // As whoever shows the session has it, event by event; what is sold must be the same.
    const shown: { wh: number; from: number; to: number | null } = { wh: 0, from: startedAt, to: null };
    for (const event of own) {
      if ("energyMwh" in event) shown.wh = event.energyMwh;
      if (event.kind === "sessionUpdated") shown.from = event.start?.startedAt ?? shown.from;
      if (event.kind === "sessionEnded") shown.to = event.endedAt;
    }
    const sold = cdr && { wh: cdr.energyMwh, from: cdr.startedAt, to: cdr.endedAt };
    expect(sold ?? { ...shown, to: null }).toEqual(shown);
    const { wh, from, to } = shown;
    return { wh: wh / 1000, from: minuteOf(from), to: to === null ? null : minuteOf(to), words: [...words].toSorted() };
  });
}

test.each(byHand)("group $quirk of the quirks, $version: $name", async ({ version, story, sessions }) => {
  const [line, again] = [new Line("CS1", version), new Line("CS1", version)];
  const tick = other("CS1").record({ kind: "tick", dueAt: begun + 24 * 3_600_000 });
  const told = [line.connected(), line.claimed(), ...story(line, again), settled, tick];
  const folded = await foldSteps(timed(told, begun));
  expect(sessionsIn(folded)).toEqual(sessions);
  expect(cdrsIn(folded)).toHaveLength(sessions.filter(({ to }) => to !== null).length);
});

test("the table has every group of quirks that a session can show, and forty sessions", () => {
  const groups = new Set(byHand.map(({ quirk }) => quirk));
  const all = Array.from({ length: 21 }, (_, index) => index + 1);
  expect(all.filter((quirk) => !groups.has(quirk))).toEqual([19]);
  expect(new Set(byHand.map(({ name }) => name)).size).toBeGreaterThanOrEqual(40);
});
