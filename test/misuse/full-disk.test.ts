// A disk that fills up under a running wattlog: no answer for what was not stored, nothing stored is lost, and it
// recovers by itself when there is room again.
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { openLogReadOnly } from "../../core/log/log-embedded.ts";
import { framesOf } from "../harness/gateway.ts";
import { mountMissing, smallDisk, type SmallDisk } from "../harness/small-disk.ts";
import { bootedStation } from "../harness/station.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { failToStart, startWattlog } from "../harness/wattlog.ts";
import { sendUntilFull } from "./bulky.ts";

const diskMegabytes = 24;

/** @returns undefined where this user may not mount. */
function ownDisk(): SmallDisk | undefined {
  const disk = smallDisk(diskMegabytes);
  onTestFinished(() => disk?.[Symbol.dispose]());
  return disk;
}

test("with a full disk nothing unstored is answered, nothing stored is lost, and it recovers", async (context) => {
  const disk = ownDisk();
  if (disk === undefined) return context.skip(mountMissing);
  await using running = await startWattlog({
    folder: join(disk.path, "data"),
    env: { WATTLOG_APPEND_HOLD_MS: "2000" },
  });
  const id = "FULL";
  let station = await bootedStation({ url: running.ocppUrl, id });
  const { makeRoom, answered, refused } = await sendUntilFull(station, () => disk.fill());
  const readiness = async () => {
    const answer = await fetch(`${running.adminUrl}/health/ready`);
    return { status: answer.status, says: await answer.text() };
  };
  const unready = await lastAnswer(readiness, ({ status }) => status === 503);
  expect(unready.status, "readiness with a full disk").toBe(503);
  expect(unready.says, "and why").toMatch(/disk|full|space/i);
  expect((await fetch(`${running.adminUrl}/health/live`)).status, "liveness").toBe(200);

  makeRoom();
  station = await eventually("to be served again", () => bootedStation({ url: running.ocppUrl, id }), {
    timeoutMs: 60_000,
    everyMs: 250,
  });
  await station.exchange(refused.frame);
  answered.push(refused.frame.id);
  await eventually("to be ready again", async () => (await fetch(`${running.adminUrl}/health/ready`)).ok);
  await station.close();
  expect(await running.terminate()).toEqual({ code: 0, signal: null });

  const log = openLogReadOnly(join(disk.path, "data"));
  const stored = (await framesOf(log)).flatMap((record) => (record.kind === "exchange" ? [record.messageId] : []));
  await log.close();
  expect(answered.length, "answered CALLs").toBeGreaterThan(5);
  expect(
    answered.filter((each) => !stored.includes(each)),
    "answered and not in the log",
  ).toEqual([]);
});

test("a start on a full disk says so", async (context) => {
  const disk = ownDisk();
  if (disk === undefined) return context.skip(mountMissing);
  disk.fill();
  const { child, exit, seconds } = await failToStart({ WATTLOG_DATA_DIR: join(disk.path, "data") });
  expect(exit.code, `it said ${child.words()}`).toBe(2);
  expect(child.stderr).toContain("WATTLOG_DATA_DIR");
  expect(child.stderr).toMatch(/room|space|full/i);
  expect(seconds).toBeLessThan(30);
});
