// A disk that fills up under a running wattlog: no answer for what was not stored, nothing stored is lost, and it
// recovers by itself when there is room again.
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

import { openLogReadOnly } from "../../core/log/log-embedded.ts";
import { framesOf } from "../harness/gateway.ts";
import { mountMissing, smallDisk, type SmallDisk } from "../harness/small-disk.ts";
import { bootedStation, TestStation } from "../harness/station.ts";
import { eventually, lastAnswer, within } from "../harness/wait.ts";
import { failToStart, startWattlog } from "../harness/wattlog.ts";

const diskMegabytes = 24;
const mostCalls = 2000;

/** @returns undefined where this user may not mount. */
function ownDisk(): SmallDisk | undefined {
  const disk = smallDisk(diskMegabytes);
  onTestFinished(() => disk?.[Symbol.dispose]());
  return disk;
}

/** A frame of some size, so that the log must grow. */
const bulky = (n: number) => ({ vendorId: "filler", messageId: String(n), data: "x".repeat(20_000) });

test("with a full disk nothing unstored is answered, nothing stored is lost, and it recovers", async (context) => {
  const disk = ownDisk();
  if (disk === undefined) return context.skip(mountMissing);
  await using running = await startWattlog({
    folder: join(disk.path, "data"),
    env: { WATTLOG_APPEND_HOLD_MS: "2000" },
  });
  const id = "FULL";
  let station = await bootedStation({ url: running.ocppUrl, id });
  const answered: string[] = [];
  for (let n = 0; n < 5; n++) {
    const frame = station.frame("DataTransfer", bulky(n), `before-${n}`);
    await station.exchange(frame);
    answered.push(frame.id);
  }
  const makeRoom = disk.fill();
  const refused = await sendUntilClosed(station, answered);
  expect(refused.closedWith, "what the station is told").toBe(1013);
  expect(
    [...refused.types].filter((type) => type !== 3),
    "errors for what was not stored",
  ).toEqual([]);
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

interface Refusal {
  /** The first frame that got no answer. */
  readonly frame: { readonly id: string; readonly text: string };
  readonly closedWith: number;
  /** Message types of the answers before it. */
  readonly types: ReadonlySet<unknown>;
}

/** Sends until the line is closed; the ids of what was answered are added to `answered`. */
async function sendUntilClosed(station: TestStation, answered: string[]): Promise<Refusal> {
  const types = new Set<unknown>();
  for (let n = 0; n < mostCalls; n++) {
    const frame = station.frame("DataTransfer", bulky(n), `while-${n}`);
    const answer = station.answerTo(frame.id);
    station.sendRaw(frame.text);
    const first = await within(30_000, Promise.race([answer, station.closed]));
    if (first === "nothing") throw new Error(`${frame.id} was neither answered nor its line closed`);
    if (!("frame" in first)) return { frame, closedWith: first.code, types };
    types.add(first.frame[0]);
    answered.push(frame.id);
  }
  throw new Error(`the disk took ${mostCalls} frames and was not full`);
}

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
