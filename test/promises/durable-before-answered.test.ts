// Promise 1: a charger's CALL is answered only after the log has acknowledged the record that holds it.
import { expect, test } from "vitest";

import type { Receipt } from "../../core/log/log.ts";
import { onAdaptersOfEach } from "../harness/adapters.ts";
import { HeldLog } from "../harness/held-log.ts";
import { startGateway, type GatewayUnderTest } from "../harness/gateway.ts";
import { bootedStation, type Incoming, type TestStation } from "../harness/station.ts";
import { injectIntoSyncs, straceMissing } from "../harness/strace.ts";
import { onEachSystem, onSystem } from "../harness/system.ts";
import { eventually, sleep, within } from "../harness/wait.ts";

const stationCount = 5;
const heldMs = 400;

async function bootedStations(gateway: GatewayUnderTest): Promise<TestStation[]> {
  const boots = Array.from({ length: stationCount }, (_, i) => bootedStation({ url: gateway.url, id: `HOLD-${i}` }));
  return Promise.all(boots);
}

/** Sends a Heartbeat from each while the log is held. @returns the ids, and what counts those that were answered. */
function sendWhileHeld(
  log: HeldLog,
  stations: readonly TestStation[],
): { readonly ids: readonly string[]; readonly answered: () => number } {
  log.hold();
  const calls = stations.map((station) => ({ station, frame: station.frame("Heartbeat", {}) }));
  for (const { station, frame } of calls) station.sendRaw(frame.text);
  const answered = () => calls.filter(({ station, frame }) => station.answersTo(frame.id).length > 0).length;
  return { ids: calls.map(({ frame }) => frame.id), answered };
}

async function heldIn(gateway: GatewayUnderTest, ids: readonly string[]): Promise<number> {
  const records = await gateway.frames();
  return records.filter((record) => record.kind === "exchange" && ids.includes(record.messageId)).length;
}

onAdaptersOfEach("promise 1, durable before answered", (open) => {
  test("no CALL is answered while the log holds its record, and each is once the log has it", async () => {
    await using gateway = await startGateway(await open(2));
    const stations = await bootedStations(gateway);
    const { ids, answered } = sendWhileHeld(gateway.log, stations);
    await eventually("appends that wait", () => gateway.log.waiting > 0);
    await sleep(heldMs);
    expect(answered(), "answers before the log's receipt").toBe(0);
    gateway.log.release();
    await Promise.all(
      stations.map((station, i) => eventually("the answer", () => station.answersTo(ids[i]!).length > 0)),
    );
    expect(await heldIn(gateway, ids)).toBe(stationCount);
    for (const station of stations) await station.close();
  });

  test("an answer that does not wait for the log would be seen", async () => {
    await using gateway = await startGateway(await open(2));
    const stations = await bootedStations(gateway);
    // The planted break: a port that acknowledges what it has not stored.
    const log = gateway.log;
    const honest = log.append.bind(log);
    log.append = async (...args: Parameters<HeldLog["append"]>): Promise<Receipt> => {
      const stored = honest(...args);
      stored.catch(() => undefined);
      return { baseOffset: 0, logTime: Date.now() };
    };
    const { answered } = sendWhileHeld(log, stations);
    await expect.poll(answered).toBe(stationCount);
    for (const station of stations) await station.close();
  });

  test("a CALL whose append is refused is never answered, and the socket closes with come back", async () => {
    await using gateway = await startGateway(await open(2), { appendHoldMs: 500 });
    const station = await bootedStation({ url: gateway.url, id: "REFUSED" });
    gateway.log.fail(new Error("planted"));
    const frame = station.frame("Heartbeat", {});
    station.sendRaw(frame.text);
    const closed = await within(30_000, station.closed);
    expect(closed).toMatchObject({ code: 1013 });
    expect(station.answersTo(frame.id)).toEqual([]);
    gateway.log.fail(undefined);
    const again = await eventually("to be let in again", () => bootedStation({ url: gateway.url, id: "REFUSED" }));
    expect((await again.exchange(frame)).frame[0], "the resend").toBe(3);
    await again.close();
  });
});

const syncDelayMs = 250;
const slowCalls = 5;
/** Below what an answer may take while the log stands still. */
const stillMs = 1_000;

onEachSystem("promise 1, durable before answered", (system) => {
  /** One at each gateway. */
  const stations = (id: string): Promise<TestStation[]> =>
    Promise.all(system().gateways.map(({ url }, i) => bootedStation({ url, id: `${id}-${i}` })));

  test("no CALL is answered while the log stands still, and each is once it goes on", async (context) => {
    const { faultsMissing } = system();
    if (faultsMissing) context.skip(faultsMissing);
    const waiting = await stations("STALL");
    const stall = await system().stallLog();
    const calls = waiting.map((station) => ({ station, frame: station.frame("Heartbeat", {}) }));
    const sentAt = performance.now();
    for (const { station, frame } of calls) station.sendRaw(frame.text);
    await sleep(stillMs);
    // By when they came, not by when we look: a sync that stands still goes on after a while.
    const isEarly = ({ at }: Incoming): boolean => at < sentAt + stillMs;
    const early = calls.flatMap(({ station, frame }) => station.answersTo(frame.id).filter(isEarly));
    expect(early, "answers before the log had the record").toEqual([]);
    await stall.end();
    for (const { station, frame } of calls) {
      const [answer] = await eventually("the answer", () => nonEmpty(station.answersTo(frame.id)));
      expect(answer?.frame[0], "a CALLRESULT").toBe(3);
      expect(station.isOpen, "the same socket").toBe(true);
      await station.close();
    }
  });

  test("when the log takes nothing there is no answer at all, no error either, the sockets close, and it heals", async (context) => {
    const { faultsMissing } = system();
    if (faultsMissing) context.skip(faultsMissing);
    const refused = await stations("BROKEN");
    const broken = await system().breakLog();
    const calls = refused.map((station) => ({ station, frame: station.frame("Heartbeat", {}) }));
    for (const { station, frame } of calls) station.sendRaw(frame.text);
    for (const { station, frame } of calls) {
      expect(await within(45_000, station.closed), "the socket").toMatchObject({ code: 1013 });
      expect(station.answersTo(frame.id), "answers to what the log does not have").toEqual([]);
    }
    await broken.end();
    for (const [i, { url }] of system().gateways.entries()) {
      const { station, frame } = calls[i]!;
      const served = () => bootedStation({ url, id: station.id });
      const again = await eventually("to be served again", served, { timeoutMs: 90_000 });
      expect((await again.exchange(frame)).frame[0], "the resend").toBe(3);
      await again.close();
    }
  });
});

onSystem("one process", "promise 1, durable before answered", (system) => {
  test("while a sync takes 250 ms no answer comes sooner, and the main loop goes on", async (context) => {
    const missing = straceMissing();
    if (missing) context.skip(missing);
    const { gateways, adminUrls, pids } = system();
    const station = await bootedStation({ url: gateways[0].url, id: "SLOW-SYNC" });
    await using _slow = await injectIntoSyncs(pids[0]!, `delay_enter=${syncDelayMs * 1000}`);
    const probe = watchMainLoop(adminUrls[0]!);
    const startedAt = performance.now();
    const answerMs: number[] = [];
    for (let i = 0; i < slowCalls; i++) {
      const sentAt = performance.now();
      const answer = await station.exchange(station.frame("Heartbeat", {}));
      answerMs.push(answer.at - sentAt);
    }
    const tookMs = performance.now() - startedAt;
    const loopMs = await probe.stop();
    expect(answerMs).toHaveLength(slowCalls);
    expect(Math.min(...answerMs), "the fastest answer, ms").toBeGreaterThanOrEqual(syncDelayMs);
    expect(loopMs.length, "probes of the main loop").toBeGreaterThanOrEqual(10);
    // A loop that waits for a sync with each call stands still half of the time; that of a busy machine does now and then.
    const stoodStillMs = loopMs.filter((ms) => ms > syncDelayMs / 2).reduce((sum, ms) => sum + ms, 0);
    expect(stoodStillMs / tookMs, "share of the time in which a plain GET beside it waited").toBeLessThan(0.25);
    await station.close();
  });
});

const nonEmpty = <T>(items: readonly T[]): readonly T[] | undefined => (items.length > 0 ? items : undefined);

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
