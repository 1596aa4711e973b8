// OCPP 1.6. Not from the output: by meterStart, meterStop and the readings in each message.
import { trusted } from "../core/ids/ids.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import { hour, session, type Row } from "./by-hand.test-helper.ts";
import { at, idOf, type Line } from "./station.test-helper.ts";

const energy = (value: unknown, more: object = {}) => ({ value, measurand: "Energy.Active.Import.Register", ...more });

function values(line: Line, minute: number, samples: readonly object[], more: object = {}): FrameRecord {
  const meterValue = [{ timestamp: at(minute), sampledValue: samples }];
  return line.call("MeterValues", { connectorId: 1, transactionId: idOf(), meterValue, ...more });
}

/** Without meterStop: what was read counts. */
const unread = { meterStop: undefined };
const lifetime = { meterStart: 500_000 };
const second = { meterStart: 21_000, timestamp: at(50) };
const begin = { timestamp: at(10), sampledValue: [energy("3000", { context: "Transaction.Begin" })] };
const longTag = "X".repeat(21);

export const byHand16: readonly Row[] = [
  { quirk: 1, name: "Stop names 0", story: (l) => [l.start(), l.stop(0)], sessions: hour("transactionIdInvalid") },
  { quirk: 1, name: "Stop names -1", story: (l) => [l.start(), l.stop(-1)], sessions: hour("transactionIdInvalid") },
  {
    quirk: 1,
    name: "Stop names null",
    story: (l) => [l.start(), l.stop(undefined, { transactionId: null })],
    sessions: hour("transactionIdInvalid"),
  },
  {
    quirk: 1,
    name: "a negative id of the station's own, all the way",
    story: (l) => [l.start(), l.meter(-77, "5000", 5), l.stop(-77)],
    sessions: hour("transactionIdInvalid"),
  },
  {
    quirk: 1,
    name: "values name 0",
    story: (l) => [l.start(), l.meter(0, "5000", 5), l.stop(idOf())],
    sessions: hour("transactionIdInvalid"),
  },
  {
    quirk: 1,
    name: "a stop of a transaction that never started here: one register is no energy",
    story: (l) => [l.stop(4711)],
    sessions: [session(0, 60, 60, "startMissing")],
  },
  {
    quirk: 2,
    name: "Start twice, the same message",
    story: (l) => [l.start({}, "Accepted", "m"), l.start({}, "Accepted", "m"), l.stop(idOf())],
    sessions: hour(),
  },
  {
    quirk: 2,
    name: "Start twice, a new message id",
    story: (l) => [l.start(), l.start(), l.stop(idOf())],
    sessions: hour(),
  },
  { quirk: 2, name: "Stop twice", story: (l) => [l.start(), l.stop(idOf()), l.stop(idOf())], sessions: hour() },
  {
    quirk: 3,
    name: "Stop alone, with a reading of the start: 21000 - 3000",
    story: (l) => [l.stop(4711, { transactionData: [begin] })],
    sessions: [session(18_000, 10, 60, "startMissing")],
  },
  {
    quirk: 3,
    name: "values, then Stop: 21000 - 2000, since the first value",
    story: (l) => [l.meter(4711, "2000", 5), l.stop(4711)],
    sessions: [session(19_000, 5, 60, "startMissing")],
  },
  {
    quirk: 3,
    name: "the start comes after its values",
    story: (l) => [l.meter(idOf(), "2000", 5), l.start(), l.stop(idOf())],
    sessions: hour("startLate", "startMissing"),
  },
  {
    quirk: 4,
    name: "closing values after Stop",
    story: (l) => [l.start(), l.stop(idOf()), l.meter(idOf(), "21001", 61)],
    sessions: hour("lateFrame"),
  },
  {
    quirk: 5,
    name: "the same values again after a reconnect",
    story: (l, again) => [l.start(), l.meter(idOf(), "2000", 5), again.meter(idOf(), "2000", 5), again.stop(idOf())],
    sessions: hour(),
  },
  {
    quirk: 6,
    name: "reservationId 0",
    story: (l) => [
      l.call(
        "StartTransaction",
        { connectorId: 1, idTag: "TAG1", timestamp: at(0), meterStart: 1000, reservationId: 0 },
        { transactionId: 9, idTagInfo: { status: "Accepted" } },
      ),
      l.stop(9),
    ],
    sessions: hour(),
  },
  {
    quirk: 7,
    name: "a number for a text: 9000 - 1000",
    story: (l) => [l.start(), values(l, 30, [energy(9000)]), l.stop(idOf(), unread)],
    sessions: [session(8_000, 0, 60, "meterStopInvalid")],
  },
  {
    quirk: 7,
    name: "blanks around the value: 9000 - 1000",
    story: (l) => [l.start(), values(l, 30, [energy("  9000 ")]), l.stop(idOf(), unread)],
    sessions: [session(8_000, 0, 60, "meterStopInvalid")],
  },
  {
    quirk: 7,
    name: "an empty value is none",
    story: (l) => [l.start(), values(l, 30, [energy("")]), l.stop(idOf())],
    sessions: hour("registerUnusable"),
  },
  {
    quirk: 8,
    name: "kWh called Wh",
    story: (l) => [l.start(), values(l, 30, [energy("9.000", { unit: "Wh" })]), l.stop(idOf())],
    sessions: hour("registerBelowStart"),
  },
  {
    quirk: 8,
    name: "Wh called kWh",
    story: (l) => [l.start(), values(l, 30, [energy("9000", { unit: "kWh" })]), l.stop(idOf())],
    sessions: hour("registerAboveStop"),
  },
  {
    quirk: 8,
    name: "no unit is Wh (1.6 §7.45): 9000 - 1000",
    story: (l) => [l.start(), values(l, 30, [{ value: "9000" }]), l.stop(idOf(), unread)],
    sessions: [session(8_000, 0, 60, "meterStopInvalid")],
  },
  {
    quirk: 8,
    name: "W shown as kW is no energy",
    story: (l) => [
      l.start(),
      values(l, 30, [{ value: "11000", measurand: "Power.Active.Import", unit: "kW" }]),
      l.stop(idOf()),
    ],
    sessions: hour(),
  },
  {
    quirk: 9,
    name: "values count from 0 under a lifetime register: 501000 - 500000",
    story: (l) => [
      l.start(lifetime),
      l.meter(idOf(lifetime), "700", 30),
      l.stop(idOf(lifetime), { meterStop: 501_000 }),
    ],
    sessions: [session(1_000, 0, 60, "registerBelowStart")],
  },
  {
    quirk: 9,
    name: "meterStop -1: 3000 - 1000",
    story: (l) => [l.start(), l.meter(idOf(), "3000", 30), l.stop(idOf(), { meterStop: -1 })],
    sessions: [session(2_000, 0, 60, "meterStopInvalid")],
  },
  {
    quirk: 9,
    name: "a fraction of a Wh",
    story: (l) => [l.start(), l.stop(idOf(), { meterStop: 1000.5 })],
    sessions: [session(0.5, 0, 60)],
  },
  {
    quirk: 9,
    name: "stop below start: no energy",
    story: (l) => [l.start(), l.stop(idOf(), { meterStop: 10 })],
    sessions: [session(0, 0, 60, "stopBelowStart")],
  },
  {
    quirk: 9,
    name: "a reboot takes the register away",
    story: (l) => [
      l.start(),
      l.meter(idOf(), "9000", 20),
      l.call("BootNotification", {}),
      l.meter(idOf(), "200", 40),
      l.stop(idOf(), { meterStop: 700 }),
    ],
    sessions: [session(0, 0, 60, "registerBelowStart", "stopBelowStart")],
  },
  {
    quirk: 10,
    name: "three lines add up: 3 x 3000 - 1000",
    story: (l) => [
      l.start(),
      values(
        l,
        30,
        ["L1", "L2-N", "L3"].map((phase) => energy("3000", { phase })),
      ),
      l.stop(idOf(), unread),
    ],
    sessions: [session(8_000, 0, 60, "meterStopInvalid")],
  },
  {
    quirk: 10,
    name: "a total unlike its lines counts: 9000 - 1000",
    story: (l) => [
      l.start(),
      values(l, 30, [energy("9000"), ...["L1", "L2", "L3"].map((phase) => energy("500", { phase }))]),
      l.stop(idOf(), unread),
    ],
    sessions: [session(8_000, 0, 60, "meterStopInvalid", "phasesUnlikeTotal")],
  },
  {
    quirk: 10,
    name: "a neutral has no register",
    story: (l) => [l.start(), values(l, 30, [energy("900000", { phase: "N" })]), l.stop(idOf())],
    sessions: hour("registerUnusable"),
  },
  {
    quirk: 11,
    name: "values of connector 0 that name the transaction",
    story: (l) => [l.start(), l.meter(idOf(), "3000", 30, 0), l.stop(idOf())],
    sessions: hour("connectorUnlike"),
  },
  {
    quirk: 11,
    name: "values of connector 0 that name none are the station's own meter",
    story: (l) => [l.start(), l.meter(undefined, "900000", 30, 0), l.stop(idOf())],
    sessions: hour(),
  },
  {
    quirk: 12,
    name: "Celcius, C and Hertz beside the register",
    story: (l) => [
      l.start(),
      values(l, 30, [
        energy("9000"),
        { value: "41", measurand: "Temperature", unit: "Celcius" },
        { value: "41", measurand: "Temperature", unit: "C" },
        { value: "50", measurand: "Frequency", unit: "Hertz" },
      ]),
      l.stop(idOf(), unread),
    ],
    sessions: [session(8_000, 0, 60, "meterStopInvalid")],
  },
  {
    quirk: 13,
    name: "errorCode Error while it charges",
    story: (l) => [
      l.start(),
      l.call("StatusNotification", { connectorId: 1, status: "Loading", errorCode: "Error", timestamp: at(30) }),
      l.stop(idOf()),
    ],
    sessions: hour(),
  },
  {
    quirk: 14,
    name: "an idTag of 21 characters",
    story: (l) => [l.start({ idTag: longTag }), l.stop(idOf({ idTag: longTag }), { idTag: longTag })],
    sessions: hour(),
  },
  {
    quirk: 15,
    name: "half a frame in between",
    story: (l) => [
      l.start(),
      l.record({
        kind: "quarantined",
        protocol: "ocpp1.6",
        reason: "notJson",
        bytes: new TextEncoder().encode('[2,"m","StopTransaction",{"transac'),
        answer: null,
      }),
      l.stop(idOf()),
    ],
    sessions: hour(),
  },
  {
    quirk: 16,
    name: "boots in between",
    story: (l) => [l.start(), ...Array.from({ length: 5 }, () => l.call("BootNotification", {})), l.stop(idOf())],
    sessions: hour(),
  },
  {
    quirk: 17,
    name: "a transaction that is never stopped: what was read, and no end",
    story: (l) => [
      l.start(),
      l.meter(idOf(), "4000", 30),
      l.start(second),
      l.stop(idOf(second), { meterStop: 22_000 }),
    ],
    sessions: [session(3_000, 0, null, "overtaken"), session(1_000, 50, 60)],
  },
  {
    quirk: 17,
    name: "its end comes after all",
    story: (l) => [l.start(), l.start(second), l.stop(idOf()), l.stop(idOf(second), { meterStop: 22_000 })],
    sessions: [session(20_000, 0, 60, "overtaken"), session(1_000, 50, 60)],
  },
  {
    quirk: 17,
    name: "a ghost socket: begun on one, ended on another, and the first never closed",
    story: (l, again) => [l.start(), again.connected(), again.claimed(), again.stop(idOf())],
    sessions: hour(),
  },
  {
    quirk: 21,
    name: "keys in capitals and values in quotes while it charges",
    story: (l) => [
      l.start(),
      l.record({
        kind: "commandResult",
        commandId: trusted.command("x"),
        connectionId: l.id,
        frame: new TextEncoder().encode(
          '[3,"x",{"configurationKey":[{"key":"METERVALUESAMPLEINTERVAL","value":"\\"60\\""}]}]',
        ),
      }),
      l.stop(idOf()),
    ],
    sessions: hour(),
  },
];
