import { expect, test } from "vitest";

import { ProgressOfRebuild, type RebuildProgress } from "./rebuild-progress.ts";

test("progress tells each partition, the share of all, the pace and the time that is left at this pace, resumed or not", async () => {
  let now = 0;
  const told: RebuildProgress[] = [];
  const progress = new ProgressOfRebuild(
    (one) => told.push(one),
    () => now,
  );
  const frames = { role: "processor", topic: "ocpp.frames.g1", partition: 3 } as const;
  const events = { role: "projector", topic: "charging.events.g1", partition: 3 } as const;
  // Where an earlier run had come: it counts for the share, not for the pace.
  progress.expect(frames, 4_000, 10_000);
  progress.expect(events, 0, 10_000);
  progress.say("begins");
  await progress.measure(frames, async (onStep) => {
    now += 1_000;
    onStep(7_000);
  });
  // Nobody folds while tables are compared.
  now += 60_000;
  await progress.measure(frames, async (onStep) => {
    now += 1_000;
    onStep(10_000);
  });
  expect(told).toEqual([
    { doing: "begins", percent: 20, recordsPerSecond: 0, secondsLeft: null },
    {
      doing: "ocpp.frames.g1 partition 3: 7000 of 10000 (70 %)",
      percent: 35,
      recordsPerSecond: 3_000,
      secondsLeft: 5,
    },
    {
      doing: "ocpp.frames.g1 partition 3: 10000 of 10000 (100 %)",
      percent: 50,
      recordsPerSecond: 3_000,
      secondsLeft: 4,
    },
  ]);
});
