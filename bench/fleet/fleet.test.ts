import { afterAll, describe, expect, test } from "vitest";

import { eventually } from "../../test/harness/wait.ts";
import type { Payload, Protocol } from "./dialect.ts";
import { Fleet } from "./fleet.ts";
import type { FleetDeps, Snapshot } from "./fleet.ts";
import type { JournalLine, TxEndLine } from "./journal-format.ts";
import type { Journal } from "./journal.ts";
import { MockCsms } from "./mock-csms.test-helper.ts";
import type { MockOptions, ReceivedCall } from "./mock-csms.test-helper.ts";
import { defaultOptions } from "./options.ts";
import type { SimulateOptions } from "./options.ts";
import { schemaErrors } from "./schemas.test-helper.ts";

const mocks: MockCsms[] = [];
afterAll(() => Promise.all(mocks.splice(0).map((mock) => mock.close())));

async function startMock(options: MockOptions = {}, port = 0): Promise<MockCsms> {
  const mock = await new MockCsms(options).listen(port);
  mocks.push(mock);
  return mock;
}

class MemoryJournal implements Journal {
  readonly lines: JournalLine[] = [];
  append(line: JournalLine): void {
    this.lines.push(line);
  }
  whenDurable(action: () => void): void {
    action();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  of<K extends JournalLine["kind"]>(kind: K): Array<Extract<JournalLine, { kind: K }>> {
    return this.lines.filter((line): line is Extract<JournalLine, { kind: K }> => line.kind === kind);
  }
}

const fast = { ...defaultOptions, stations: 1, speed: 3000, runId: "run", graceSeconds: 15, retrySeconds: 0.02 };
const everyFault = { repeat: 0.3, offline: 0.4, reconnect: 0.4, disorder: 0.5 };

async function run(mock: MockCsms, options: Partial<SimulateOptions>, deps: FleetDeps = {}) {
  const journal = new MemoryJournal();
  const fleet = new Fleet({ ...fast, url: mock.url, ...options }, { journal, ...deps });
  return { last: await fleet.run(), journal };
}

function expectSettled(last: Snapshot, sessions: number): void {
  const { sessionsStarted, sessionsSettled, discarded, idConflicts } = last.counts;
  expect({ unanswered: last.unanswered, sessionsStarted, sessionsSettled, discarded, idConflicts }).toEqual({
    unanswered: 0,
    sessionsStarted: sessions,
    sessionsSettled: sessions,
    discarded: 0,
    idConflicts: 0,
  });
}

test.concurrent("a CALL reaches the wire only after its journal line is durable", async () => {
  const durable = new Set<string>();
  let appended: string[] = [];
  const tooEarly: string[] = [];
  const journal: Journal = {
    append: (line) => void (line.kind === "call" && appended.push(line.id)),
    whenDurable(action) {
      const ids = appended;
      appended = [];
      setTimeout(() => {
        for (const id of ids) durable.add(id);
        action();
      }, 10);
    },
    close: () => Promise.resolve(),
  };
  const mock = await startMock({
    react: (call) => {
      if (!durable.has(call.id)) tooEarly.push(call.id);
      return "answer";
    },
  });
  const { last } = await run(mock, { stations: 5, sessions: 10, ...everyFault }, { journal });
  expectSettled(last, 10);
  expect(mock.calls.length).toBeGreaterThan(50);
  expect(tooEarly).toEqual([]);
});

test.concurrent("a 1.6 start whose answer was lost is sent again after the reconnect, and the stop uses the answer's id", async () => {
  let lost = 0;
  const mock = await startMock({
    react: (call) => (call.action === "StartTransaction" && ++lost <= 2 ? "cut" : "answer"),
  });
  const { last, journal } = await run(mock, { protocol: "1.6", sessions: 1 });
  expectSettled(last, 1);
  const starts = mock.callsOf("SIM-000001", "StartTransaction");
  expect(starts).toHaveLength(3);
  expect(new Set(starts.map(({ payload }) => JSON.stringify(payload))).size).toBe(1);
  expect(new Set(starts.map(({ conn }) => conn)).size).toBe(3);
  const [stop] = mock.callsOf("SIM-000001", "StopTransaction");
  expect(stop?.payload["transactionId"]).toBe(journal.of("txEnd")[0]?.csmsTx);
  const before = mock.calls.indexOf(starts[2] as ReceivedCall);
  const early = mock.calls
    .slice(0, before)
    .filter(({ action }) => action === "MeterValues" || action === "StopTransaction");
  expect(early).toEqual([]);
});

test.concurrent("a message that is not answered in time is sent again with the same id and bytes", async () => {
  let silent = 0;
  const mock = await startMock({
    react: (call) => (call.action === "TransactionEvent" && ++silent === 1 ? "silence" : "answer"),
  });
  const { last } = await run(mock, { protocol: "2.0.1", sessions: 1, messageTimeoutSeconds: 0.1 });
  expectSettled(last, 1);
  const [first, second] = mock.callsOf("SIM-000001", "TransactionEvent");
  expect(second?.raw).toBe(first?.raw);
});

test.concurrent("what happened offline is queued, marked as offline, and sent in its order", async () => {
  const mock = await startMock();
  const { last } = await run(mock, { protocol: "2.0.1", sessions: 4, offline: 1 });
  expectSettled(last, 4);
  const events = mock.callsOf("SIM-000001", "TransactionEvent");
  expect(events.filter(({ payload }) => payload["offline"] === true).length).toBeGreaterThan(3);
  const seen = new Map<string, number[]>();
  for (const { payload } of events) {
    const id = String((payload["transactionInfo"] as Payload)["transactionId"]);
    seen.set(id, [...(seen.get(id) ?? []), Number(payload["seqNo"])]);
  }
  for (const numbers of seen.values()) {
    const distinct = [...new Set(numbers)];
    expect(distinct).toEqual(distinct.map((_, i) => i));
  }
});

test.concurrent("with disorder, readings arrive after the end of their session", async () => {
  const mock = await startMock();
  const { last } = await run(mock, { protocol: "2.0.1", sessions: 12, disorder: 1 });
  expectSettled(last, 12);
  const kinds = mock.callsOf("SIM-000001", "TransactionEvent").map(({ payload }) => String(payload["eventType"]));
  expect(kinds.join(" ")).toContain("Ended Updated");
});

/** What the frames said about the meter of a transaction, in Wh: at its start and at its end. */
function metersOnTheWire(end: TxEndLine, calls: readonly ReceivedCall[]): unknown[] {
  const mine = calls.filter(({ station }) => station === end.station);
  if (end.protocol === "1.6") {
    const stop = mine.find(
      ({ action, payload }) => action === "StopTransaction" && payload["transactionId"] === end.csmsTx,
    );
    // Another connector's transaction may have begun in the same millisecond.
    const start = mine.find(
      ({ action, payload }) =>
        action === "StartTransaction" &&
        payload["timestamp"] === end.startedAt &&
        payload["connectorId"] === end.connectorId,
    );
    return [start?.payload["meterStart"], stop?.payload["meterStop"]];
  }
  const registers = mine
    .filter(({ payload }) => (payload["transactionInfo"] as Payload | undefined)?.["transactionId"] === end.csmsTx)
    .toSorted((a, b) => Number(a.payload["seqNo"]) - Number(b.payload["seqNo"]))
    .map(({ payload }) => {
      const [value] = payload["meterValue"] as MeterValues;
      const register = value?.sampledValue[0];
      return Math.round((register?.value ?? NaN) * (register?.unitOfMeasure.unit === "kWh" ? 1000 : 1));
    });
  return [registers[0], registers.at(-1)];
}

type MeterValues = Array<{ sampledValue: Array<{ value: number; unitOfMeasure: { unit: string } }> }>;

test.concurrent("under every fault at once, each session settles, its meter is the true one and each frame is schema-true", async () => {
  const mock = await startMock();
  const { last, journal } = await run(mock, { stations: 10, sessions: 60, speed: 2000, ...everyFault });
  expectSettled(last, 60);
  const ends = journal.of("txEnd");
  expect(ends.filter(({ answered }) => answered)).toHaveLength(60);
  expect(ends.map((end) => metersOnTheWire(end, mock.calls))).toEqual(
    ends.map(({ meterStartWh, meterStopWh }) => [meterStartWh, meterStopWh]),
  );
  const protocols = new Map(journal.of("connected").map(({ station, protocol }) => [station, protocol as Protocol]));
  expect(new Set(protocols.values()).size).toBe(3);
  const errors = mock.calls.flatMap(({ station, action, payload }) =>
    schemaErrors(protocols.get(station) ?? "1.6", action, "req", payload),
  );
  expect(errors).toEqual([]);
  const journaled = new Set(journal.of("call").map(({ station, conn, id }) => `${station} ${conn} ${id}`));
  expect(mock.calls.filter(({ station, conn, id }) => !journaled.has(`${station} ${conn} ${id}`))).toEqual([]);
});

async function transactionFrames(seed: number, first: number): Promise<string[]> {
  const mock = await startMock();
  const faults = { repeat: 0.3, offline: 0.5, disorder: 0.5 };
  await run(mock, { seed, first, sessions: 4, ...faults });
  const frames = mock.calls
    .filter(({ action, id }) => /Transaction|MeterValues/.test(action) && id.includes("-t"))
    // Neither the time nor the moment in which a link is back is the seed's.
    .map(({ raw }) => raw.replaceAll(/"[0-9-]+T[0-9:.]+Z"/g, '"TIME"').replace('"offline":true,', ""));
  return [...new Set(frames)];
}

test.concurrent.each([1, 2, 5])("a seed reproduces the frames of station %i", async (first) => {
  const frames = await transactionFrames(11, first);
  expect(frames.length).toBeGreaterThan(15);
  expect(await transactionFrames(11, first)).toEqual(frames);
  expect(await transactionFrames(12, first)).not.toEqual(frames);
});

describe("a server that is not there", () => {
  test.concurrent("a station that is told Pending sends nothing but BootNotification until it is accepted", async () => {
    let boots = 0;
    const mock = await startMock({
      payload: ({ action }) =>
        action === "BootNotification" && ++boots <= 2
          ? { status: boots === 1 ? "Pending" : "Rejected", currentTime: new Date().toISOString(), interval: 1 }
          : undefined,
    });
    const { last } = await run(mock, { protocol: "1.6", sessions: 1 });
    expectSettled(last, 1);
    expect(mock.calls.slice(0, 3).map(({ action }) => action)).toEqual(Array(3).fill("BootNotification"));
    const [first, second] = mock.calls;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(950);
  });

  test.concurrent("refused upgrades are tried again, not before Retry-After", async () => {
    const attempts: number[] = [];
    const mock = await startMock({
      refuse: () =>
        attempts.push(performance.now()) <= 2 ? { status: 503, headers: { "Retry-After": "1" } } : undefined,
    });
    const { last } = await run(mock, { sessions: 1 });
    expectSettled(last, 1);
    expect((attempts[1] ?? 0) - (attempts[0] ?? 0)).toBeGreaterThan(950);
  });

  test.concurrent("however often it was refused, a station pauses no longer than it was told", async () => {
    const attempts: number[] = [];
    const refused = { status: 503, headers: { "Retry-After": "20" } };
    const mock = await startMock({ refuse: () => (attempts.push(performance.now()) <= 12 ? refused : undefined) });
    const { last } = await run(mock, { sessions: 1, reconnectMaxSeconds: 0.1, retryAfterMaxSeconds: 0.1 });
    expectSettled(last, 1);
    const pauses = attempts.slice(1).map((at, i) => at - attempts[i]!);
    expect(pauses.length).toBe(12);
    // Doubled each time from 250 ms on, the twelfth alone would be minutes; twenty seconds each were asked for.
    expect(Math.min(...pauses.slice(-4)), "the shortest of the last pauses, ms").toBeLessThan(1000);
  });

  test.concurrent("a server killed and started again twice loses no session", async () => {
    let mock = await startMock();
    const port = Number(new URL(mock.url).port);
    const running = run(mock, { stations: 10, protocol: "2.0.1", seconds: 5, speed: 600 });
    for (let i = 0; i < 2; i++) {
      await new Promise((resolve) => setTimeout(resolve, 900));
      await eventually("every station", () => mock.connections >= 10);
      await mock.close();
      await new Promise((resolve) => setTimeout(resolve, 300));
      mock = await startMock({}, port);
    }
    const { last } = await running;
    expectSettled(last, last.counts.sessionsStarted);
    expect(last.counts.sessionsStarted).toBeGreaterThan(5);
    expect(last.counts.lostConnections).toBeGreaterThan(15);
  });
});

test.concurrent("a paced fleet keeps to its rate", async () => {
  const mock = await startMock();
  const { last } = await run(mock, { stations: 40, rate: 400, seconds: 3, repeat: 0.2 });
  expect(last.unanswered).toBe(0);
  expect(mock.calls.length).toBeGreaterThan(900);
  expect(mock.calls.length).toBeLessThan(1500);
});
