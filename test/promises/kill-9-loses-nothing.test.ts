// Promise 5: any process may die at any instant, and nothing that was acknowledged is lost.
import { expect, test } from "vitest";

import { stormRun } from "../faults/storm-run.ts";
import { onEachSystem, type Place } from "../harness/system.ts";

/** In a cluster each process once: two gateways, two processors, projector and api. */
const kills: Readonly<Record<Place, number>> = { "one process": 10, "a cluster": 6 };

onEachSystem("promise 5, any process may die", (system, place) => {
  test(`${kills[place]} kill -9 at random moments under load: the ledger check is clean`, async () => {
    const report = await stormRun(system(), {
      stations: 30,
      seconds: 16,
      kills: kills[place],
      // From the moment it serves again: some kills come while stations still reconnect, some in full flow.
      killEveryMs: [100, 800],
      repeat: 0.05,
      reconnect: 0.05,
      offline: 0.05,
      disorder: 0.05,
      // One process is killed too often for a command to end in time; the storm has them.
      commandsPerSecond: place === "a cluster" ? 2 : 0,
      graceSeconds: 25,
    });
    expect(report.kills, "kills").toBe(kills[place]);
    expect(report.fleet.sessionsSettled, "sessions that ran to their end").toBeGreaterThan(20);
    expect(report.fleet.commandsDone > 0, "commands that ended").toBe(place === "a cluster");
    expect(report.verify.code, `it said ${report.verify.words}`).toBe(0);
  }, 480_000);
});
