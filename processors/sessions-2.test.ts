import { expect, test } from "vitest";

import type { FrameRecord } from "../core/records/frame-record.ts";
import { foldSteps, t0, timed, type Folded } from "./folding.test-helper.ts";
import { at, Line, other, register } from "./station.test-helper.ts";

const mwh = (wh: number) => wh * 1000;
const settled = 16 * 60_000;
const begin = register(1000, "Transaction.Begin");
const end = register(21_000, "Transaction.End", 60);

function fold(line: Line, records: readonly (FrameRecord | number)[]): Promise<Folded> {
  const tick = other("CS2").record({ kind: "tick", dueAt: t0 + 24 * 3_600_000 });
  return foldSteps(timed([line.connected(), line.claimed(), ...records, settled, tick]));
}

test("promise 2: a live 2.x transaction is one session and one CDR, at once", async () => {
  const line = new Line("CS2", "ocpp2.0.1");
  const { of } = await foldSteps(
    timed([
      line.connected(),
      line.claimed(),
      line.event("Started", "T1", 0, { ...begin, idToken: { idToken: "TOK", type: "ISO14443" } }),
      line.event("Updated", "T1", 1, {
        ...register(9000, "Sample.Periodic", 30),
        transactionInfo: { transactionId: "T1", chargingState: "Charging" },
      }),
      line.event("Ended", "T1", 2, {
        ...end,
        timestamp: at(60),
        transactionInfo: { transactionId: "T1", stoppedReason: "EVDisconnected" },
      }),
    ]),
  );
  expect(of("sessionStarted")).toMatchObject([
    { transactionId: "T1", evseId: 1, connectorId: 1, idToken: "TOK", annotations: [] },
  ]);
  expect(of("sessionUpdated").map((e) => [e.energyMwh, e.state])).toEqual([
    [0, null],
    [mwh(8000), "Charging"],
    [mwh(20_000), "Charging"],
  ]);
  expect(of("sessionUpdated")[0]?.start).toMatchObject({ meterStartMwh: mwh(1000) });
  expect(of("sessionEnded")).toMatchObject([
    { energyMwh: mwh(20_000), reason: "EVDisconnected", meterStopMwh: mwh(21_000) },
  ]);
  expect(of("cdrIssued")).toMatchObject([
    { cdr: { energyMwh: mwh(20_000), durationMs: 3_600_000, annotations: ["noTariff"] } },
  ]);
});

interface Scenario {
  readonly name: string;
  readonly story: (line: Line) => readonly (FrameRecord | number)[];
  readonly sessions?: number;
  readonly energyWh?: readonly number[];
  readonly words?: readonly string[];
}

const started = (l: Line, more: object = {}) => l.event("Started", "T1", 0, { ...begin, ...more });
const ended = (l: Line, seqNo: number, more: object = {}) =>
  l.event("Ended", "T1", seqNo, { ...end, timestamp: at(60), ...more });

const scenarios: readonly Scenario[] = [
  { name: "a repeated Started", story: (l) => [started(l), started(l), ended(l, 1)] },
  {
    name: "a repeated Updated",
    story: (l) => [
      started(l),
      l.event("Updated", "T1", 1, register(90)),
      l.event("Updated", "T1", 1, register(90)),
      ended(l, 2),
    ],
  },
  { name: "a repeated Ended", story: (l) => [started(l), ended(l, 1), ended(l, 1)] },
  {
    name: "everything again after the end",
    story: (l) => [
      started(l),
      l.event("Updated", "T1", 1, register(3000)),
      ended(l, 2),
      started(l),
      l.event("Updated", "T1", 1, register(3000)),
      ended(l, 2),
    ],
  },
  {
    name: "Updated before Started",
    story: (l) => [l.event("Updated", "T1", 1, register(1500, "Sample.Periodic", 1)), started(l), ended(l, 2)],
    words: ["startMissing", "startLate"],
  },
  { name: "Ended before Started", story: (l) => [ended(l, 1), started(l)], words: ["startMissing", "startLate"] },
  {
    name: "quirk 20: Started missing",
    story: (l) => [l.event("Updated", "T1", 1, register(1000)), ended(l, 2)],
    words: ["startMissing"],
  },
  { name: "a gap in seqNo that nothing ever fills", story: (l) => [started(l), ended(l, 5)], words: ["seqNoGaps"] },
  {
    name: "a gap in seqNo that is filled while the CDR waits",
    story: (l) => [started(l), ended(l, 2), l.event("Updated", "T1", 1, register(5000))],
  },
  {
    name: "quirk 20: an offline Updated after Ended and its CDR",
    story: (l) => [started(l), ended(l, 1), l.event("Updated", "T1", 2, register(90_000))],
    words: ["lateFrame"],
  },
  {
    name: "quirk 20: seqNo starts again at 0 within a transaction",
    story: (l) => [started(l), l.event("Updated", "T1", 0, { ...register(3000), timestamp: at(7) }), ended(l, 1)],
    words: ["seqNoReused"],
  },
  {
    name: "a second Started of a running transaction whose numbers go on",
    story: (l) => [
      started(l),
      l.event("Started", "T1", 1, { timestamp: at(2), triggerReason: "Authorized" }),
      ended(l, 2),
    ],
  },
  {
    name: "a transactionId used again after its end",
    story: (l) => [
      started(l),
      ended(l, 1),
      20 * 60_000,
      l.event("Started", "T1", 0, { ...register(50, "Transaction.Begin", 70), timestamp: at(70) }),
      l.event("Ended", "T1", 1, { ...register(80, "Transaction.End", 80), timestamp: at(80) }),
    ],
    sessions: 2,
    energyWh: [20_000, 30],
    words: ["idReused", "startTimeImplausible"].slice(0, 1),
  },
  {
    name: "a transactionId used again though no end came",
    story: (l) => [
      started(l),
      l.event("Updated", "T1", 1, register(1200)),
      l.event("Started", "T1", 0, { ...begin, timestamp: at(50) }),
      ended(l, 1),
    ],
    sessions: 2,
    energyWh: [200, 20_000],
    words: ["idReused", "supersededByReusedId"],
  },
  { name: "offline Started waits, then settles", story: (l) => [started(l, { offline: true }), ended(l, 1)] },
  {
    name: "a transactionId beyond 2^53 is kept to the digit",
    story: (l) => [raw(l, "Started", 0), raw(l, "Ended", 1)],
    energyWh: [0],
  },
  { name: "a refused idToken", story: (l) => [{ ...refused(l) }, ended(l, 1)], words: ["startNotAuthorised"] },
];

/** As bytes, for JSON.stringify cannot write such a number. */
function raw(line: Line, eventType: string, seqNo: number): FrameRecord {
  const record = line.event(eventType, "T1", seqNo);
  if (record.kind !== "exchange") throw new Error("no exchange");
  const text = Buffer.from(record.call).toString("utf8").replace('"T1"', "9223372036854775807");
  return { ...record, call: Buffer.from(text) };
}

function refused(line: Line): FrameRecord {
  const record = started(line, { idToken: { idToken: "BAD", type: "ISO14443" } });
  if (record.kind !== "exchange") throw new Error("no exchange");
  return {
    ...record,
    answer: Buffer.from(JSON.stringify([3, record.messageId, { idTokenInfo: { status: "Invalid" } }])),
  };
}

test.each(scenarios)("$name", async ({ story, sessions = 1, energyWh = [20_000], words = [] }) => {
  const line = new Line("CS2", "ocpp2.0.1");
  const folded = await fold(line, story(line));
  expect(folded.of("sessionStarted")).toHaveLength(sessions);
  expect(folded.of("cdrIssued").map((e) => e.cdr.energyMwh)).toEqual(energyWh.map(mwh));
  const told = new Set(
    folded.events.flatMap((e) =>
      "annotations" in e ? e.annotations : e.kind === "cdrIssued" ? e.cdr.annotations : [],
    ),
  );
  told.delete("noTariff");
  told.delete("noRegister");
  expect([...told].sort()).toEqual([...words].sort());
});

test("a transactionId of 2^63-1 (Alfen) names its session", async () => {
  const line = new Line("CS2", "ocpp2.0.1");
  const { of } = await fold(line, [raw(line, "Started", 0)]);
  expect(of("sessionStarted")[0]?.transactionId).toBe("9223372036854775807");
});

test("a late Started sets right where and when the session began", async () => {
  const line = new Line("CS2", "ocpp2.0.1");
  const { of } = await fold(line, [
    line.event("Updated", "T1", 1, { ...register(1500), evse: undefined }),
    started(line),
    ended(line, 2),
  ]);
  expect(of("sessionStarted")).toMatchObject([{ evseId: 0, connectorId: 0 }]);
  expect(of("sessionUpdated")[1]?.start).toEqual({
    startedAt: Date.parse(at(0)),
    meterStartMwh: mwh(1000),
    evseId: 1,
    connectorId: 1,
  });
  expect(of("cdrIssued")[0]?.cdr).toMatchObject({ startedAt: Date.parse(at(0)), evseId: 1 });
});

test("Q1: a TransactionEvent that names no transaction fails, so that it is held and not lost", async () => {
  const line = new Line("CS2", "ocpp2.0.1");
  await expect(fold(line, [line.event("Started", "", 0)])).rejects.toThrow("names no transactionId");
});

test("the state is the charging state of the highest seqNo, in whatever order they come", async () => {
  const line = new Line("CS2", "ocpp2.0.1");
  const say = (seqNo: number, chargingState: string) =>
    line.event("Updated", "T1", seqNo, { transactionInfo: { transactionId: "T1", chargingState } });
  const { of } = await fold(line, [started(line), say(2, "SuspendedEV"), say(1, "Charging")]);
  expect(of("sessionUpdated").at(-1)?.state).toBe("SuspendedEV");
});
