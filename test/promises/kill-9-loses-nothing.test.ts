// Promise 5: any process may die at any instant, and nothing that was acknowledged is lost.
import { expect, test } from "vitest";

import { stormRun } from "../faults/storm-run.ts";

const kills = 10;

test(`${kills} kill -9 at random moments under load: the ledger check is clean`, async () => {
  const report = await stormRun({
    stations: 30,
    seconds: 18,
    kills,
    // From the moment it serves again: some kills come while stations still reconnect, some in full flow.
    killEveryMs: [200, 1300],
    repeat: 0.05,
    reconnect: 0.05,
    offline: 0.05,
    disorder: 0.05,
    commandsPerSecond: 0,
    graceSeconds: 25,
  });
  expect(report.kills, "kills").toBe(kills);
  expect(report.fleet.sessionsSettled, "sessions that ran to their end").toBeGreaterThan(20);
  expect(report.verify.code, `it said ${report.verify.words}`).toBe(0);
}, 150_000);
