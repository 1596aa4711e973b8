// OCPP 2.0.1 and 2.1: TransactionEvents. By the contexts Transaction.Begin and Transaction.End, else by the readings of both ends.
import { hour, session, type Row } from "./by-hand.test-helper.ts";
import { at, register, type Line } from "./station.test-helper.ts";

const started = (l: Line, more: object = {}, id = "T1") =>
  l.event("Started", id, 0, { ...register(1000, "Transaction.Begin"), ...more });
const updated = (l: Line, seqNo: number, wh: number, minute: number, more: object = {}) =>
  l.event("Updated", "T1", seqNo, { ...register(wh, "Sample.Periodic", minute), timestamp: at(minute), ...more });
const ended = (l: Line, seqNo: number, more: object = {}, id = "T1") =>
  l.event("Ended", id, seqNo, { ...register(21_000, "Transaction.End", 60), timestamp: at(60), ...more });
const sampled = (minute: number, ...sampledValue: object[]) => ({ timestamp: at(minute), sampledValue });
const lines = (each: number, context: string) => ["L1", "L2", "L3"].map((phase) => ({ value: each, phase, context }));

export const byHand2: readonly Row[] = [
  {
    quirk: 1,
    name: "a transactionId that is a number",
    story: (l) => [started(l, { transactionInfo: { transactionId: 7 } }, "7"), ended(l, 1, {}, "7")],
    sessions: hour(),
  },
  {
    quirk: 2,
    name: "each message twice",
    story: (l) => [started(l), started(l), ended(l, 1), ended(l, 1)],
    sessions: hour(),
  },
  {
    quirk: 7,
    name: "a text for a number",
    story: (l) => [
      started(l),
      ended(l, 1, { meterValue: [sampled(60, { value: " 21000 ", context: "Transaction.End" })] }),
    ],
    sessions: hour(),
  },
  {
    quirk: 8,
    name: "kWh by unit at the end, Wh at the start",
    story: (l) => [
      started(l),
      ended(l, 1, {
        meterValue: [sampled(60, { value: 21, context: "Transaction.End", unitOfMeasure: { unit: "kWh" } })],
      }),
    ],
    sessions: hour(),
  },
  {
    quirk: 8,
    name: "kWh by a multiplier",
    story: (l) => [
      started(l),
      ended(l, 1, {
        meterValue: [
          sampled(60, { value: 2.1, context: "Transaction.End", unitOfMeasure: { unit: "Wh", multiplier: 4 } }),
        ],
      }),
    ],
    sessions: hour(),
  },
  {
    quirk: 9,
    name: "the start at 0 under a lifetime register: taken at its word, and doubted",
    story: (l) => [
      started(l, register(0, "Transaction.Begin")),
      ended(l, 1, register(5_000_000, "Transaction.End", 60)),
    ],
    sessions: [session(5_000_000, 0, 60, "energyImplausible")],
  },
  {
    quirk: 9,
    name: "a start without a register: 21000 - 1500",
    story: (l) => [started(l, { meterValue: undefined }), updated(l, 1, 1500, 5), ended(l, 2)],
    sessions: [session(19_500, 0, 60, "startRegisterMissing")],
  },
  {
    quirk: 9,
    name: "an end without a register: 9000 - 1000",
    story: (l) => [started(l), updated(l, 1, 9000, 30), ended(l, 2, { meterValue: undefined })],
    sessions: [session(8_000, 0, 60, "stopRegisterMissing")],
  },
  {
    quirk: 9,
    name: "two registers are said to be the start's: the first counts",
    story: (l) => [
      started(l),
      updated(l, 1, 5000, 30, { meterValue: [sampled(30, { value: 5000, context: "Transaction.Begin" })] }),
      ended(l, 2),
    ],
    sessions: hour("registerNamedTwice"),
  },
  {
    quirk: 10,
    name: "three lines at both ends: 3 x 7000 - 3 x 1000",
    story: (l) => [
      started(l, { meterValue: [sampled(0, ...lines(1000, "Transaction.Begin"))] }),
      ended(l, 1, { meterValue: [sampled(60, ...lines(7000, "Transaction.End"))] }),
    ],
    sessions: [session(18_000, 0, 60)],
  },
  {
    quirk: 11,
    name: "an event that names another EVSE",
    story: (l) => [started(l), updated(l, 1, 3000, 30, { evse: { id: 2, connectorId: 1 } }), ended(l, 2)],
    sessions: hour("connectorUnlike"),
  },
  {
    quirk: 16,
    name: "it never booted, and boots in mid-session on another connection",
    story: (l, again) => [
      started(l),
      again.connected(),
      again.claimed(),
      again.call("BootNotification", { reason: "PowerUp", chargingStation: { vendorName: "V", model: "M" } }),
      ended(again, 1),
    ],
    sessions: hour(),
  },
  {
    quirk: 17,
    name: "a transaction without an end, overtaken",
    story: (l) => [
      started(l),
      updated(l, 1, 4000, 30),
      started(l, { timestamp: at(50), ...register(4000, "Transaction.Begin", 50) }, "T2"),
      ended(l, 1, {}, "T2"),
    ],
    sessions: [session(3_000, 0, null, "overtaken"), session(17_000, 50, 60)],
  },
  {
    quirk: 18,
    name: "the token as a text, and MeterValues in the shape of 1.6 beside it",
    story: (l) => [
      started(l, { idToken: "TOK" }),
      l.call("MeterValues", { connectorId: 1, transactionId: 1, meterValue: [sampled(30, { value: "900000" })] }),
      ended(l, 1),
    ],
    sessions: hour(),
  },
  {
    quirk: 20,
    name: "seqNo begins anew at 0",
    story: (l) => [started(l), updated(l, 0, 3000, 7), ended(l, 1)],
    sessions: hour("seqNoReused"),
  },
  {
    quirk: 20,
    name: "an offline Updated after Ended",
    story: (l) => [started(l), ended(l, 1), updated(l, 2, 21_500, 61, { offline: true })],
    sessions: hour("lateFrame"),
  },
  {
    quirk: 20,
    name: "no Started: since the first message, 21000 - 2000",
    story: (l) => [updated(l, 1, 2000, 5), ended(l, 2)],
    sessions: [session(19_000, 5, 60, "startMissing")],
  },
  {
    quirk: 20,
    name: "no Started, but Ended brings the reading of the start",
    story: (l) => [
      updated(l, 1, 2000, 5),
      ended(l, 2, {
        meterValue: [
          sampled(0, { value: 1000, context: "Transaction.Begin" }),
          sampled(60, { value: 21_000, context: "Transaction.End" }),
        ],
      }),
    ],
    sessions: hour("startMissing"),
  },
  {
    quirk: 20,
    name: "a message that never came",
    story: (l) => [started(l), ended(l, 2)],
    sessions: hour("seqNoGaps"),
  },
  {
    quirk: 20,
    name: "Ended before what came before it",
    story: (l) => [started(l), ended(l, 2), updated(l, 1, 9000, 30)],
    sessions: hour(),
  },
  {
    quirk: 20,
    name: "all of it in reverse",
    story: (l) => [ended(l, 2), updated(l, 1, 9000, 30), started(l)],
    sessions: hour("energyAfterEnd", "startLate", "startMissing"),
  },
  {
    quirk: 20,
    name: "the clock is set back by an hour in mid-session: numbers and times disagree",
    story: (l) => [started(l, { timestamp: at(30) }), updated(l, 1, 9000, 90), updated(l, 2, 10_000, 40), ended(l, 3)],
    sessions: [session(20_000, 30, 60, "clockUnsteady")],
  },
];
