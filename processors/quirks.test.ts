// Quirks of the field (ocpp.md) that sessions-16, sessions-2 and the reports' tests do not show already: what the fold
// makes of them, and how it is seen. Which test shows which quirk is in test/quirks/README.md.
import { expect, test } from "vitest";

import type { FrameRecord, Protocol } from "../core/records/frame-record.ts";
import { cdrsIn, foldSteps, t0, timed, type Folded } from "./folding.test-helper.ts";
import { at, idOf, Line, other, register } from "./station.test-helper.ts";

type Story = (line: Line) => readonly (FrameRecord | number)[];

interface Scenario {
  readonly name: string;
  readonly version?: Protocol;
  readonly story: Story;
  /** Of each CDR, in order. */
  readonly energyWh: readonly number[];
  /** On sessions and CDRs. */
  readonly words?: readonly string[];
  /** Counted alone: of what leaves no trace in any session. */
  readonly counted?: readonly string[];
}

/** Of billing, and of sessions without a register, which some scenarios mean to have. */
const ofNoInterest = new Set(["noTariff", "noRegister"]);

/** The story on one connection, and time enough for every CDR. */
function fold(line: Line, story: Story): Promise<Folded> {
  const tick = other(line.station).record({ kind: "tick", dueAt: t0 + 24 * 3_600_000 });
  return foldSteps(timed([line.connected(), line.claimed(), ...story(line), 16 * 60_000, tick]));
}

const wordsOf = ({ events }: Folded) =>
  events
    .flatMap((e) => ("annotations" in e ? e.annotations : "cdr" in e ? e.cdr.annotations : []))
    .filter((word) => !ofNoInterest.has(word));
const countedIn = ({ effects }: Folded) => effects.flatMap((e) => (e.kind === "tolerated" ? [e.word] : []));

/** 1.6 values as a station sends them. */
function values(
  line: Line,
  minute: number,
  sampledValue: readonly object[],
  transactionId: unknown = idOf(),
): FrameRecord {
  return line.call("MeterValues", {
    connectorId: 1,
    transactionId,
    meterValue: [{ timestamp: at(minute), sampledValue }],
  });
}
const energy = (value: unknown, more: object = {}) => ({ value, measurand: "Energy.Active.Import.Register", ...more });
const byPhase = (phase: string, value: string) => energy(value, { phase, unit: "Wh" });

/** 2.x: begins at 1000 Wh, ends at 21000. */
const started = (l: Line, id = "T1", more: object = {}) =>
  l.event("Started", id, 0, { ...register(1000, "Transaction.Begin"), ...more });
const ended = (l: Line, id = "T1", more: object = {}) =>
  l.event("Ended", id, 1, { ...register(21_000, "Transaction.End", 60), timestamp: at(60), ...more });
const registers = (begin: unknown, end: unknown, unitOfMeasure: object = {}): Story => {
  const of = (value: unknown, context: string, minute: number) => ({
    meterValue: [{ timestamp: at(minute), sampledValue: [{ value, context, unitOfMeasure }] }],
  });
  return (l) => [started(l, "T1", of(begin, "Transaction.Begin", 0)), ended(l, "T1", of(end, "Transaction.End", 60))];
};

const scenarios: readonly Scenario[] = [
  {
    name: "quirk 1: a station that keeps its own negative id: one session",
    story: (l) => [l.start(), l.meter(-77, "5000", 5), l.meter(-77, "9000", 6), l.stop(-77)],
    energyWh: [20_000],
    words: ["transactionIdInvalid"],
  },
  {
    name: "quirk 1: transactionId null on Stop",
    story: (l) => [l.start(), l.stop(undefined, { transactionId: null })],
    energyWh: [20_000],
    words: ["transactionIdInvalid"],
  },
  {
    name: "quirk 1: transactionId 0 in MeterValues while nothing is charged: values of no session, counted",
    story: (l) => [l.meter(0, "5000", 5)],
    energyWh: [],
    counted: ["transactionIdInvalid"],
  },
  {
    name: "quirk 1: a transactionId that is a number on 2.x is the same as its text",
    version: "ocpp2.0.1",
    story: (l) => [started(l, "7", { transactionInfo: { transactionId: 7 } }), ended(l, "7")],
    energyWh: [20_000],
  },
  {
    name: "quirk 2: repeats of Start and Stop are counted",
    story: (l) => [l.start(), l.start(), l.stop(idOf()), l.stop(idOf()), l.start()],
    energyWh: [20_000],
    counted: ["repeatedStart", "repeatedStop", "repeatedStart"],
  },
  {
    name: "quirk 2: each message twice on 2.1: one session, counted",
    version: "ocpp2.1",
    story: (l) => [started(l), started(l), ended(l), ended(l)],
    energyWh: [20_000],
    counted: ["repeatedEvent", "repeatedEvent"],
  },
  {
    name: "quirk 5: the same values again after the end and after the CDR: told once, counted",
    story: (l) => [l.start(), l.meter(idOf(), "2000", 1), l.stop(idOf()), l.meter(idOf(), "2000", 1)],
    energyWh: [20_000],
    counted: ["repeatedReadings"],
  },
  {
    name: "quirk 6: a start with reservationId 0 is a start, counted",
    story: (l) => [
      l.call(
        "StartTransaction",
        { ...startPayload, reservationId: 0 },
        { transactionId: 9, idTagInfo: { status: "Accepted" } },
      ),
      l.stop(9),
    ],
    energyWh: [20_000],
    counted: ["reservationIdZero"],
  },
  {
    name: "quirk 7: values that are numbers on 1.6",
    story: (l) => [l.start(), values(l, 1, [energy(9000)]), l.stop(idOf(), { meterStop: undefined })],
    energyWh: [8_000],
    words: ["meterStopInvalid"],
  },
  {
    name: "quirk 7: values that are padded texts on 2.x",
    version: "ocpp2.0.1",
    story: registers(" 1000", "21000 "),
    energyWh: [20_000],
  },
  {
    name: "quirk 7: an empty value on 2.x is none",
    version: "ocpp2.1",
    story: registers("", 21_000),
    energyWh: [0],
    words: ["registerUnusable", "startRegisterMissing"],
  },
  {
    name: "quirk 8: no unit is Wh",
    story: (l) => [l.start(), values(l, 1, [energy("9000")]), l.stop(idOf(), { meterStop: undefined })],
    energyWh: [8_000],
    words: ["meterStopInvalid"],
  },
  {
    name: "quirk 8: kWh labelled Wh under a register in Wh: below the start, and not used",
    story: (l) => [l.start(), values(l, 1, [energy("9.000", { unit: "Wh" })]), l.stop(idOf())],
    energyWh: [20_000],
    words: ["registerBelowStart"],
  },
  {
    name: "quirk 8: Wh labelled kWh: above the stop, which counts",
    story: (l) => [l.start(), values(l, 1, [energy("9000", { unit: "kWh" })]), l.stop(idOf())],
    energyWh: [20_000],
    words: ["registerAboveStop"],
  },
  {
    name: "quirk 8: Wh labelled kWh with nothing to hold it against: more than any station delivers",
    version: "ocpp2.0.1",
    story: registers(1000, 21_000, { unit: "kWh" }),
    energyWh: [20_000_000],
    words: ["energyImplausible"],
  },
  {
    name: "quirk 8: kWh by unit or by multiplier on 2.x",
    version: "ocpp2.1",
    story: registers(1, 21, { unit: "Wh", multiplier: 3 }),
    energyWh: [20_000],
  },
  {
    name: "quirk 8: an energy register in amperes is none",
    story: (l) => [l.start(), values(l, 1, [{ value: "15.63", unit: "A" }]), l.stop(idOf())],
    energyWh: [20_000],
    words: ["registerUnusable"],
  },
  {
    name: "quirk 8: W shown as kW changes no energy",
    story: (l) => [
      l.start(),
      values(l, 1, [{ value: "11000", measurand: "Power.Active.Import", unit: "kW" }]),
      l.stop(idOf()),
    ],
    energyWh: [20_000],
  },
  {
    name: "quirk 9: Transaction.Begin 0 under a lifetime register",
    story: (l) => [l.start(), values(l, 1, [energy("0", { context: "Transaction.Begin" })]), l.stop(idOf())],
    energyWh: [20_000],
    words: ["registerBelowStart"],
  },
  {
    name: "quirk 9: Transaction.Begin 0, then the lifetime register, on 2.x",
    version: "ocpp2.0.1",
    story: registers(0, 5_000_000),
    energyWh: [5_000_000],
    words: ["energyImplausible"],
  },
  {
    name: "quirk 9: a register that is reset by a reboot",
    story: (l) => [
      l.start(),
      l.meter(idOf(), "9000", 5),
      l.call("BootNotification", {}),
      l.meter(idOf(), "200", 6),
      l.stop(idOf(), { meterStop: 700 }),
    ],
    energyWh: [0],
    words: ["registerBelowStart", "stopBelowStart"],
  },
  {
    name: "quirk 9: registers of one meter that differ by the rounding of kWh agree",
    story: (l) => [
      l.start({ meterStart: 3_051_113 }),
      values(l, 1, [energy("3051.11", { unit: "kWh" })], idOf(meter)),
      stopOf(l),
    ],
    energyWh: [248],
  },
  {
    name: "quirk 10: a total unlike the sum of its phases counts",
    story: (l) => [
      l.start({ meterStart: 0 }),
      values(
        l,
        1,
        [energy("9000"), byPhase("L1", "1000"), byPhase("L2-N", "1000"), byPhase("L3", "1000")],
        idOf({ meterStart: 0 }),
      ),
      l.stop(idOf({ meterStart: 0 }), { meterStop: undefined }),
    ],
    energyWh: [9_000],
    words: ["meterStopInvalid", "phasesUnlikeTotal"],
  },
  {
    name: "quirk 10: phases that add up to the total, or are some of it, are fine",
    story: (l) => [
      l.start(),
      values(l, 1, [energy("9000"), byPhase("L1", "4500"), byPhase("L2", "4500"), byPhase("L3", "0")]),
      values(l, 2, [energy("9100"), byPhase("L1", "4500")]),
      l.stop(idOf()),
    ],
    energyWh: [20_000],
  },
  {
    name: "quirk 10: a neutral carries no energy",
    story: (l) => [l.start(), values(l, 1, [byPhase("N", "900000")]), l.stop(idOf(), { meterStop: undefined })],
    energyWh: [0],
    words: ["meterStopInvalid", "registerUnusable"],
  },
  {
    name: "quirk 11: connectorId 0 in MeterValues without a transaction is the station's meter, of no session",
    story: (l) => [l.start(), l.meter(undefined, "900000", 1, 0), l.stop(idOf())],
    energyWh: [20_000],
  },
  {
    name: "quirk 14: an idTag of 21 characters",
    story: (l) => [l.start({ idTag: long }), l.stop(idOf({ idTag: long }), { idTag: long })],
    energyWh: [20_000],
  },
  {
    name: "quirk 16: boots in the middle of a session change nothing of it",
    story: (l) => [l.start(), ...Array.from({ length: 5 }, () => l.call("BootNotification", {})), l.stop(idOf())],
    energyWh: [20_000],
  },
  {
    name: "quirk 16: a session of a station that never booted, on 2.x",
    version: "ocpp2.1",
    story: (l) => [started(l), ended(l)],
    energyWh: [20_000],
  },
  {
    name: "quirk 17: a transaction without an end is told when another begins at its connector, and its late end still counts",
    story: (l) => [l.start(), l.start(second), l.stop(idOf()), l.stop(idOf(second), { meterStop: 22_000 })],
    energyWh: [20_000, 1_000],
    words: ["overtaken"],
  },
  {
    name: "quirk 17: the same on 2.x",
    version: "ocpp2.0.1",
    story: (l) => [started(l), started(l, "T2", { timestamp: at(1) }), ended(l), ended(l, "T2", { timestamp: at(61) })],
    energyWh: [20_000, 20_000],
    words: ["overtaken"],
  },
  {
    name: "quirk 18: the token as a text on 2.x",
    version: "ocpp2.0.1",
    story: (l) => [started(l, "T1", { idToken: long }), ended(l)],
    energyWh: [20_000],
  },
  {
    name: "quirk 20: on 2.1 seqNo starts again at 0 within a transaction",
    version: "ocpp2.1",
    story: (l) => [started(l), l.event("Updated", "T1", 0, { ...register(3000), timestamp: at(7) }), ended(l)],
    energyWh: [20_000],
    words: ["seqNoReused"],
  },
];

const startPayload = { connectorId: 1, idTag: "TAG1", timestamp: at(0), meterStart: 1000 };
const meter = { meterStart: 3_051_113 };
const stopOf = (l: Line) => l.stop(idOf(meter), { meterStop: 3_051_361 });
const second = { meterStart: 21_000, timestamp: at(50) };
const long = "X".repeat(21);

test.each(scenarios)("$name", async ({ version = "ocpp1.6", story, energyWh, words = [], counted = [] }) => {
  const folded = await fold(new Line("CS1", version), story);
  expect(cdrsIn(folded).map((cdr) => cdr.energyMwh / 1000)).toEqual(energyWh);
  expect([...new Set(wordsOf(folded))].toSorted()).toEqual([...words]);
  expect(countedIn(folded)).toEqual([...counted]);
});

test("quirk 14: an idTag of 21 characters is the session's, whole", async () => {
  const { of } = await fold(new Line("CS1"), (l) => [l.start({ idTag: long })]);
  expect(of("sessionStarted")).toMatchObject([{ idToken: long }]);
});

test("quirks 8 and 12: a reading keeps unit and value as they were sent, and its energy beside them", async () => {
  const sent: readonly [string, string, string | undefined, number | null][] = [
    ["Energy.Active.Import.Register", "9.5", "kWh", 9_500_000],
    ["Energy.Active.Import.Register", "15.63", "A", null],
    ["Energy.Active.Import.Register", "9500", undefined, 9_500_000],
    ["Temperature", "41", "Celcius", null],
    ["Temperature", "41", "C", null],
    ["Frequency", "50", "Hertz", null],
    ["Power.Active.Import", "11000", "kW", null],
  ];
  const samples = sent.map(([measurand, value, unit]) => ({ measurand, value, ...(unit ? { unit } : {}) }));
  const { of } = await fold(new Line("CS1"), (l) => [l.start(), values(l, 1, samples)]);
  const readings = of("sessionUpdated").flatMap((e) => e.readings);
  expect(readings.map((r) => [r.measurand, r.value, r.unit, r.energyMwh])).toEqual(
    sent.map(([measurand, value, unit, mwh]) => [measurand, value, unit ?? "Wh", mwh]),
  );
});

test("quirk 13: an errorCode and a status that OCPP does not have are told as they were sent", async () => {
  const { of } = await fold(new Line("CS1"), (l) => [
    l.call("StatusNotification", { connectorId: 1, status: "Waiting", errorCode: "Error", timestamp: at(1) }),
  ]);
  expect(of("connectorStatus")).toMatchObject([{ evseId: 1, connectorId: 1, status: "Waiting", errorCode: "Error" }]);
});

test("quirk 18: boot and status in the shape of 1.6 are read on 2.x", async () => {
  const { of } = await fold(new Line("CS1", "ocpp2.0.1"), (l) => [
    l.call("BootNotification", { chargePointVendor: "V", chargePointModel: "M", chargePointSerialNumber: "S" }),
    l.call("StatusNotification", { connectorId: 2, status: "Charging", errorCode: "NoError", timestamp: at(1) }),
  ]);
  expect(of("stationBooted")).toMatchObject([{ vendor: "V", model: "M", serial: "S" }]);
  expect(of("connectorStatus")).toMatchObject([{ evseId: 2, connectorId: 1, status: "Charging" }]);
});

test("quirk 18: an event in the shape of 1.6 on 2.x names no transaction: it is held, not lost", async () => {
  const body = (l: Line) => [
    l.call("TransactionEvent", { connectorId: 1, idTag: "TAG1", meterStart: 0, timestamp: at(0) }),
  ];
  await expect(fold(new Line("CS1", "ocpp2.0.1"), body)).rejects.toThrow("names no transactionId");
});

test("quirk 18: the token as a text is the session's", async () => {
  const { of } = await fold(new Line("CS1", "ocpp2.1"), (l) => [started(l, "T1", { idToken: "TOK" })]);
  expect(of("sessionStarted")).toMatchObject([{ idToken: "TOK" }]);
});

test("FoxESS: a status for EVSE 0 is the station's own", async () => {
  const { of } = await fold(new Line("CS1", "ocpp2.0.1"), (l) => [
    l.call("StatusNotification", { evseId: 0, connectorId: 0, connectorStatus: "Available", timestamp: at(0) }),
  ]);
  expect(of("connectorStatus")).toMatchObject([{ evseId: 0, connectorId: 0, status: "Available" }]);
});
