// Messages that only 2.1 has.
import { expect, test } from "vitest";

import { at, Line } from "../station.test-helper.ts";
import { after, documentsOf, told } from "./reports.test-helper.ts";

const ok = { status: "Accepted" };
const station = () => new Line("CS1", "ocpp2.1");
const valuesOf = (documents: Map<string, Record<string, unknown>>) => [...documents.values()];

const volt = { priority: 1, yUnit: "PctMaxW", curveData: [{ x: 1, y: 2 }] };
const setVolt = (controlId: string, isDefault = false) => ({
  isDefault,
  controlId,
  controlType: "VoltWatt",
  curve: volt,
});

test("2.1 R: controls are set, superseded, started, reported and cleared; alarms are kept", async () => {
  const line = station();
  const folded = await after(
    line,
    ...told(line, "SetDERControl", setVolt("A"), ok),
    ...told(line, "SetDERControl", setVolt("B"), { ...ok, supersededIds: ["A"] }),
    ...told(line, "SetDERControl", setVolt("C", true), { status: "NotSupported" }),
    line.call("NotifyDERStartStop", { controlId: "B", started: true, timestamp: at(1) }),
    line.call("ReportDERControl", {
      requestId: 7,
      fixedPFInject: [
        {
          id: "D",
          isDefault: true,
          isSuperseded: false,
          fixedPF: { priority: 2, displacement: 0.9, excitation: true },
        },
      ],
    }),
    line.call("NotifyDERAlarm", { controlType: "VoltWatt", gridEventFault: "OverVoltage", timestamp: at(2) }),
  );
  expect(valuesOf(documentsOf(folded, "derControls"))).toEqual([
    { controlId: "A", type: "VoltWatt", isDefault: false, control: volt, isSuperseded: true },
    {
      controlId: "B",
      type: "VoltWatt",
      isDefault: false,
      control: volt,
      isSuperseded: false,
      started: true,
      changedAt: at(1),
    },
    {
      controlId: "D",
      type: "FixedPFInject",
      isDefault: true,
      isSuperseded: false,
      control: { priority: 2, displacement: 0.9, excitation: true },
    },
  ]);
  expect(documentsOf(folded, "reports").get("derControls/7")).toMatchObject({ complete: true, items: 1 });
  expect(valuesOf(documentsOf(folded, "derAlarms"))).toEqual([
    { type: "VoltWatt", fault: "OverVoltage", ended: false, at: at(2), extraInfo: null },
  ]);
});

test("2.1 R: ClearDERControl takes what it names: a number, or defaults and scheduled ones apart", async () => {
  const line = station();
  const setAll = ["A", "B", "C"].flatMap((id) => told(line, "SetDERControl", setVolt(id, id === "C"), ok));
  const cleared = async (request: object, response: object = ok) =>
    [
      ...documentsOf(await after(line, ...setAll, ...told(line, "ClearDERControl", request, response)), "derControls"),
    ].map(([id]) => id);
  expect(await cleared({ isDefault: false, controlId: "A" })).toEqual(["B", "C"]);
  expect(await cleared({ isDefault: true })).toEqual(["A", "B"]);
  expect(await cleared({ isDefault: false, controlType: "VoltWatt" })).toEqual(["C"]);
  expect(await cleared({ isDefault: false }, { status: "NotFound" })).toEqual(["A", "B", "C"]);
});

test("2.1 N11-N15: a stream is opened, adjusted, listed and closed, and shows the values that came last", async () => {
  const line = station();
  const open = (id: number) => {
    const constantStreamData = { id, variableMonitoringId: 11, params: { interval: 10 } };
    return line.call("OpenPeriodicEventStream", { constantStreamData }, ok);
  };
  const values = (v: string) => ({ id: 1, pending: 0, basetime: at(1), data: [{ t: 0.5, v }] });
  const folded = await after(
    line,
    open(1),
    open(2),
    line.send("NotifyPeriodicEventStream", values("230.1")),
    line.send("NotifyPeriodicEventStream", values("230.4")),
    ...told(line, "AdjustPeriodicEventStream", { id: 1, params: { interval: 5, values: 4 } }, ok),
    line.call("ClosePeriodicEventStream", { id: 2 }),
  );
  expect(valuesOf(documentsOf(folded, "eventStreams"))).toEqual([
    {
      streamId: "1",
      monitorId: "11",
      intervalSeconds: 5,
      valuesAtOnce: 4,
      baseTime: at(1),
      pending: 0,
      latest: [{ secondsAfter: 0.5, value: "230.4" }],
    },
  ]);
});

test("2.1 I: the tariffs that a station knows: those that it took, what it lists, less what it cleared", async () => {
  const line = station();
  const tariff = (tariffId: string) => ({ tariffId, currency: "EUR", energy: { prices: [{ priceKwh: 0.4 }] } });
  const folded = await after(
    line,
    ...told(line, "SetDefaultTariff", { evseId: 0, tariff: tariff("A") }, ok),
    ...told(line, "SetDefaultTariff", { evseId: 1, tariff: tariff("B") }, ok),
    ...told(line, "SetDefaultTariff", { evseId: 1, tariff: tariff("C") }, { status: "TooManyElements" }),
    ...told(
      line,
      "GetTariffs",
      { evseId: 0 },
      {
        ...ok,
        tariffAssignments: [{ tariffId: "D", tariffKind: "DriverTariff", evseIds: [1], idTokens: ["CARD-1"] }],
      },
    ),
    ...told(
      line,
      "ClearTariffs",
      { tariffIds: ["B", "X"] },
      {
        clearTariffsResult: [
          { tariffId: "B", ...ok },
          { tariffId: "X", status: "NoTariff" },
        ],
      },
    ),
  );
  expect(valuesOf(documentsOf(folded, "stationTariffs"))).toEqual([
    { tariffId: "A", kind: "DefaultTariff", evseIds: [0], validFrom: null, tariff: tariff("A") },
    { tariffId: "D", kind: "DriverTariff", evseIds: [1], validFrom: null },
  ]);
});

test("2.1 S: each battery that goes in or out is kept", async () => {
  const line = station();
  const batteryData = [{ evseId: 1, serialNumber: "BAT-1", soC: 20, soH: 98 }];
  const idToken = { idToken: "CARD-1", type: "ISO14443" };
  const swap = (eventType: string) => line.call("BatterySwap", { eventType, requestId: 3, idToken, batteryData });
  const folded = await after(line, swap("BatteryIn"), swap("BatteryOut"));
  expect(valuesOf(documentsOf(folded, "batterySwaps"))).toMatchObject([
    { requestId: "3", event: "BatteryIn", idToken: "CARD-1", batteries: batteryData },
    { event: "BatteryOut" },
  ]);
});

test("2.1 C: a settlement is kept with the transaction that it is for", async () => {
  const line = station();
  const amount = { settlementAmount: 12.5, settlementTime: at(2) };
  const settled = { transactionId: "T-1", pspRef: "P-9", status: "Settled", ...amount };
  const folded = await after(line, line.call("NotifySettlement", settled));
  expect(valuesOf(documentsOf(folded, "settlements"))).toMatchObject([
    { transactionId: "T-1", reference: "P-9", status: "Settled", amount: 12.5, at: at(2), receiptUrl: null },
  ]);
});

test("2.1 K21, K22: priority is what was said last, whoever asked for it", async () => {
  const line = station();
  const folded = await after(
    line,
    ...told(line, "UsePriorityCharging", { transactionId: "T-1", activate: true }, ok),
    ...told(line, "UsePriorityCharging", { transactionId: "T-2", activate: true }, { status: "NoProfile" }),
    line.call("NotifyPriorityCharging", { transactionId: "T-1", activated: false }),
  );
  expect(valuesOf(documentsOf(folded, "priorityCharging"))).toMatchObject([{ transactionId: "T-1", activated: false }]);
});
