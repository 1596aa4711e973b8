import { expect, test } from "vitest";

import { startOneProcess } from "../harness/one-process.ts";
import { stormRun } from "./storm-run.ts";

test("a fleet that repeats, reconnects, queues and disorders, under commands and kill -9, loses nothing", async () => {
  await using system = await startOneProcess();
  const report = await stormRun(system, {
    stations: 60,
    seconds: 8,
    kills: 3,
    commandsPerSecond: 5,
    graceSeconds: 30,
    repeat: 0.05,
    reconnect: 0.05,
    disorder: 0.05,
    offline: 0.05,
  });
  expect(report.fleet.sessionsSettled, "sessions that ran to their end").toBeGreaterThan(30);
  expect(report.fleet.commandsDone, "commands that ended").toBeGreaterThan(10);
  expect(report.verify.code, `it said ${report.verify.words}`).toBe(0);
}, 360_000);
