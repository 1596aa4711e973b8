// Drain: SIGTERM under load, as every rolling update does it.
import { expect, test } from "vitest";

import { startFleet } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { sleep } from "../harness/wait.ts";
import { startWattlog } from "../harness/wattlog.ts";
import { verify } from "./storm-run.ts";

const restarts = 2;
/** Under load, before each restart and after the last. */
const flowMs = 1_500;

test("SIGTERM under load loses no answered frame, ends with 0, and the stations come back", async () => {
  using folder = tempFolder("drain-data");
  using journal = tempFolder("drain-journal");
  let running = await startWattlog({ folder: folder.path });
  const address = running.sameAddress;
  try {
    const fleet = startFleet(running, {
      stations: 40,
      // Until it is told to end: no restart may come when nobody is there.
      seconds: 3600,
      rate: 400,
      grace: 25,
      journal: journal.path,
      "message-timeout": 5,
      "retry-interval": 0.2,
      "reconnect-max": 1,
      "retry-after-max": 1,
    });
    for (let restart = 0; restart < restarts; restart++) {
      await sleep(flowMs);
      const started = performance.now();
      const exit = await running.terminate();
      expect(exit, `it said ${running.child.words()}`).toEqual({ code: 0, signal: null });
      const seconds = (performance.now() - started) / 1000;
      expect(seconds, "seconds to drain").toBeLessThan(30);
      running = await startWattlog({ folder: folder.path, env: address });
    }
    await sleep(flowMs);
    fleet.child.signal("SIGTERM");
    const summary = await fleet.summary(60_000);
    expect(summary.unanswered, `it said ${JSON.stringify(summary)}`).toBe(0);
    expect(summary.callsSent, "CALLs sent").toBeGreaterThan(200);
    await sleep(2500);
    const environment = { WATTLOG_DATA_DIR: folder.path };
    const report = await verify({ environment, words: async () => running.child.words() }, journal.path);
    expect(report.code, `it said ${report.words}`).toBe(0);
  } finally {
    await running.stop();
  }
}, 300_000);
