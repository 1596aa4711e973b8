// Promise 1: a charger's CALL is answered only after the log has acknowledged the record that holds it.
import { expect, test } from "vitest";

import type { Receipt } from "../../core/log/log.ts";
import { HeldLog } from "../harness/held-log.ts";
import { startGateway, type GatewayUnderTest } from "../harness/gateway.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { injectIntoSyncs, straceMissing } from "../harness/strace.ts";
import { eventually, sleep, within } from "../harness/wait.ts";
import { startWattlog } from "../harness/wattlog.ts";

const stationCount = 5;
const heldMs = 400;

async function bootedStations(gateway: GatewayUnderTest): Promise<TestStation[]> {
  const boots = Array.from({ length: stationCount }, (_, i) => bootedStation({ url: gateway.url, id: `HOLD-${i}` }));
  return Promise.all(boots);
}

/** Sends a Heartbeat from each while the log is held. @returns the ids, and how many were answered by then. */
async function answersWhileHeld(
  log: HeldLog,
  stations: readonly TestStation[],
): Promise<{ ids: string[]; answered: number }> {
  log.hold();
  const calls = stations.map((station) => ({ station, frame: station.frame("Heartbeat", {}) }));
  for (const { station, frame } of calls) station.sendRaw(frame.text);
  await sleep(heldMs);
  const answered = calls.filter(({ station, frame }) => station.answersTo(frame.id).length > 0).length;
  return { ids: calls.map(({ frame }) => frame.id), answered };
}

async function heldIn(gateway: GatewayUnderTest, ids: readonly string[]): Promise<number> {
  const records = await gateway.frames();
  return records.filter((record) => record.kind === "exchange" && ids.includes(record.messageId)).length;
}

test("no CALL is answered while the log holds its record, and each is once the log has it", async () => {
  await using gateway = await startGateway();
  const stations = await bootedStations(gateway);
  const { ids, answered } = await answersWhileHeld(gateway.log, stations);
  expect(answered, "answers before the log's receipt").toBe(0);
  expect(gateway.log.waiting, "appends that wait").toBeGreaterThan(0);
  gateway.log.release();
  await Promise.all(
    stations.map((station, i) => eventually("the answer", () => station.answersTo(ids[i]!).length > 0)),
  );
  expect(await heldIn(gateway, ids)).toBe(stationCount);
  for (const station of stations) await station.close();
});

test("an answer that does not wait for the log would be seen", async () => {
  await using gateway = await startGateway();
  const stations = await bootedStations(gateway);
  // The planted break: a port that acknowledges what it has not stored.
  const log = gateway.log;
  const honest = log.append.bind(log);
  log.append = async (...args: Parameters<HeldLog["append"]>): Promise<Receipt> => {
    const stored = honest(...args);
    stored.catch(() => undefined);
    return { baseOffset: 0, logTime: Date.now() };
  };
  const { answered } = await answersWhileHeld(log, stations);
  expect(answered).toBe(stationCount);
  for (const station of stations) await station.close();
});

test("a CALL whose append is refused is never answered, and the socket closes with come back", async () => {
  await using gateway = await startGateway({ appendHoldMs: 500 });
  const station = await bootedStation({ url: gateway.url, id: "REFUSED" });
  gateway.log.fail(new Error("planted"));
  const frame = station.frame("Heartbeat", {});
  station.sendRaw(frame.text);
  const closed = await within(10_000, station.closed);
  expect(closed).toMatchObject({ code: 1013 });
  expect(station.answersTo(frame.id)).toEqual([]);
  gateway.log.fail(undefined);
  const again = await eventually("to be let in again", () => bootedStation({ url: gateway.url, id: "REFUSED" }));
  expect((await again.exchange(frame)).frame[0], "the resend").toBe(3);
  await again.close();
});

const syncDelayMs = 50;
const slowCalls = 12;

test("while a sync takes 50 ms no answer comes sooner, and the main loop goes on", async (context) => {
  const missing = straceMissing();
  if (missing) context.skip(missing);
  await using running = await startWattlog();
  const station = await bootedStation({ url: running.ocppUrl, id: "SLOW-SYNC" });
  await using _slow = await injectIntoSyncs(running.pid, `delay_enter=${syncDelayMs * 1000}`);
  const probe = watchMainLoop(running.adminUrl);
  const answerMs: number[] = [];
  for (let i = 0; i < slowCalls; i++) {
    const sentAt = performance.now();
    const answer = await station.exchange(station.frame("Heartbeat", {}));
    answerMs.push(answer.at - sentAt);
  }
  const loopMs = await probe.stop();
  expect(answerMs).toHaveLength(slowCalls);
  expect(Math.min(...answerMs), "the fastest answer, ms").toBeGreaterThanOrEqual(syncDelayMs);
  expect(loopMs.length, "probes of the main loop").toBeGreaterThanOrEqual(10);
  expect(quantile(loopMs, 0.9), "a plain GET beside it, nine of ten, ms").toBeLessThan(syncDelayMs / 2);
  await station.close();
});

test("when a sync fails there is no answer at all, the socket closes, and it heals", async (context) => {
  const missing = straceMissing();
  if (missing) context.skip(missing);
  await using running = await startWattlog();
  const station = await bootedStation({ url: running.ocppUrl, id: "BAD-SYNC" });
  const failing = await injectIntoSyncs(running.pid, "error=EIO");
  const frame = station.frame("Heartbeat", {});
  station.sendRaw(frame.text);
  const closed = await within(15_000, station.closed);
  expect(closed, "the socket").toMatchObject({ code: 1013 });
  expect(station.answersTo(frame.id), "answers to what could not be synced").toEqual([]);
  await failing.end();
  const again = await eventually("to be served again", () => bootedStation({ url: running.ocppUrl, id: "BAD-SYNC" }));
  expect((await again.exchange(frame)).frame[0], "the resend").toBe(3);
  await again.close();
});

function watchMainLoop(adminUrl: string): { stop(): Promise<number[]> } {
  const times: number[] = [];
  const watch = { going: true };
  const watching = (async () => {
    while (watch.going) {
      const started = performance.now();
      await (await fetch(`${adminUrl}/health/live`)).text();
      times.push(performance.now() - started);
      await sleep(15);
    }
  })();
  return {
    async stop() {
      watch.going = false;
      await watching;
      return times;
    },
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
