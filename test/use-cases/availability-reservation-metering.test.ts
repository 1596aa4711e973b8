// OCPP 2.0.1 part 2, blocks G (availability), H (reservation), I (tariff and cost) and J (meter values).
import { expect, test } from "vitest";

import { eventually } from "../harness/wait.ts";
import { at, evse1, reading, rfid, useCases, type Actor } from "./scene.ts";

const started = { idToken: rfid, evse: evse1, meterValue: [reading(0, 0, "Transaction.Begin")] };
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

useCases("G, H, I and J", (scene) => {
  test("G01 Status Notification: each connector's status is shown, the newest counts", async () => {
    const station = await scene.station("UC-G01");
    const status = (evseId: number, connectorStatus: string) =>
      station.call("StatusNotification", { timestamp: at(0), connectorStatus, evseId, connectorId: 1 });
    expect(await status(1, "Available")).toEqual({});
    await status(2, "Unavailable");
    await status(1, "Occupied");
    await station.shows({
      connectors: [
        expect.objectContaining({ evseId: 1, connectorId: 1, status: "Occupied" }),
        expect.objectContaining({ evseId: 2, connectorId: 1, status: "Unavailable" }),
      ],
    });
  });

  test("G02 Heartbeat: answered with the time; the station was seen", async () => {
    const station = await scene.station("UC-G02");
    const { currentTime } = await station.call("Heartbeat", {});
    expect(Math.abs(Date.parse(String(currentTime)) - Date.now())).toBeLessThan(60_000);
    await station.shows({ online: true, lastSeen: expect.any(String) as string });
  });

  const availability = (operationalStatus: string, evse?: object) => ({
    action: "ChangeAvailability",
    payload: { operationalStatus, ...(evse ? { evse } : {}) },
  });

  test("G03 Change Availability EVSE/Connector: accepted at once, scheduled behind a transaction, the status follows", async () => {
    const station = await scene.station("UC-G03");
    const off = availability("Inoperative", evse1);
    await station.commanded({ ...off, answer: { status: "Scheduled" }, outcome: "accepted" });
    await station.commanded({ ...off, answer: { status: "Accepted" }, outcome: "accepted" });
    const status = { timestamp: at(0), connectorStatus: "Unavailable", evseId: 1, connectorId: 1 };
    await station.call("StatusNotification", status);
    await station.shows({ connectors: [expect.objectContaining({ status: "Unavailable" })] });
  });

  test("G04 Change Availability Charging Station: of all of it; refused is shown", async () => {
    const station = await scene.station("UC-G04");
    await station.commanded({ ...availability("Inoperative"), answer: { status: "Accepted" }, outcome: "accepted" });
    for (const evseId of [1, 2]) {
      const status = { timestamp: at(0), connectorStatus: "Unavailable", evseId, connectorId: 1 };
      await station.call("StatusNotification", status);
    }
    const unavailable = expect.objectContaining({ status: "Unavailable" }) as object;
    await station.shows({ connectors: [unavailable, unavailable] });
    await station.commanded({ ...availability("Operative"), answer: { status: "Rejected" }, outcome: "rejected" });
  });

  test("G05 Lock Failure: the event names component and variable", async () => {
    const station = await scene.station("UC-G05");
    const lock = { component: { name: "ConnectorPlugRetentionLock", evse: evse1 }, variable: { name: "Problem" } };
    await station.call("NotifyEvent", notice({ ...lock, actualValue: "true", techCode: "L-7" }));
    const expected = { component: "ConnectorPlugRetentionLock", variable: "Problem", actualValue: "true", evseId: 1 };
    await station.lists("events", [expected]);
    const status = { timestamp: at(0), connectorStatus: "Faulted", evseId: 1, connectorId: 1 };
    await station.call("StatusNotification", status);
    await station.shows({ connectors: [expect.objectContaining({ status: "Faulted" })] });
    const period = `from=${new Date(Date.now() - 3_600_000).toISOString()}&to=${inAnHour()}`;
    const code = "ConnectorPlugRetentionLock/Problem";
    const trend = await eventually("its fault in the trends", async () => {
      const { items } = await station.rest.get<{ items: readonly { code: string }[] }>(`/health/faults?${period}`);
      return items.find((row) => row.code === code);
    });
    expect(trend).toMatchObject({ code, vendorCode: "L-7", faulted: true, faults: 1, stations: 1 });
  });

  const reserve = (id: number) => ({
    action: "ReserveNow",
    payload: { id, expiryDateTime: inAnHour(), idToken: rfid, evseId: 1 },
  });

  test("H01 Reservation: active once accepted; occupied leaves none", async () => {
    const station = await scene.station("UC-H01");
    await station.commanded({ ...reserve(1), answer: { status: "Accepted" }, outcome: "accepted" });
    await station.lists("reservations", [{ reservationId: "1", evseId: 1, idToken: "RFID-1", status: "active" }]);
    await station.commanded({ ...reserve(2), answer: { status: "Occupied" }, outcome: "rejected" });
    await station.lists("reservations", [{ reservationId: "1" }]);
  });

  test("H02 Cancel Reservation: cancelled; an unknown one is rejected", async () => {
    const station = await scene.station("UC-H02");
    const cancel = (reservationId: number) => ({ action: "CancelReservation", payload: { reservationId } });
    await station.commanded({ ...reserve(3), answer: { status: "Accepted" }, outcome: "accepted" });
    await station.commanded({ ...cancel(3), answer: { status: "Accepted" }, outcome: "accepted" });
    await station.lists("reservations", [{ reservationId: "3", status: "cancelled" }]);
    await station.commanded({ ...cancel(9), answer: { status: "Rejected" }, outcome: "rejected" });
  });

  test("H03 Use a reserved EVSE: the transaction that names it has used it", async () => {
    const station = await scene.station("UC-H03");
    await station.commanded({ ...reserve(4), answer: { status: "Accepted" }, outcome: "accepted" });
    await station.event("Started", { transactionId: "h03" }, { ...started, reservationId: 4 });
    await station.lists("reservations", [{ reservationId: "4", status: "used", transactionId: "h03" }]);
    await station.session({ transactionId: "h03", status: "active" });
  });

  test("H04 Reservation Ended, not used: expired by the station's word", async () => {
    const station = await scene.station("UC-H04");
    await station.commanded({ ...reserve(5), answer: { status: "Accepted" }, outcome: "accepted" });
    const update = { reservationId: 5, reservationUpdateStatus: "Expired" };
    expect(await station.call("ReservationStatusUpdate", update)).toEqual({});
    await station.lists("reservations", [{ reservationId: "5", status: "expired" }]);
  });

  test("I02 Show EV Driver running total cost during charging: CostUpdated of the running transaction", async () => {
    const station = await scene.station("UC-I02");
    await station.event("Started", { transactionId: "i02" }, started);
    const payload = { totalCost: 1.25, transactionId: "i02" };
    await station.commanded({ action: "CostUpdated", payload, answer: {}, outcome: "accepted" });
    await station.session({ status: "active" });
  });

  test("I03 Show EV Driver Final Total Cost After Charging: the last cost is sent, the CDR is there", async () => {
    const station = await scene.station("UC-I03");
    await station.event("Started", { transactionId: "i03" }, started);
    const last = { meterValue: [reading(2_000, 20, "Transaction.End")] };
    await station.event("Ended", { transactionId: "i03", stoppedReason: "Local" }, last);
    await station.cdr({ energyWh: 2_000 });
    const payload = { totalCost: 0.8, transactionId: "i03" };
    await station.commanded({ action: "CostUpdated", payload, answer: {}, outcome: "accepted" });
  });

  async function expectSet(station: Actor, name: string, attributeValue: string): Promise<void> {
    const place = { component: { name: "TariffCostCtrlr" }, variable: { name } };
    await station.commanded({
      action: "SetVariables",
      payload: { setVariableData: [{ ...place, attributeValue }] },
      answer: { setVariableResult: [{ ...place, attributeStatus: "Accepted" }] },
      outcome: "accepted",
    });
    await station.has("configuration", { component: "TariffCostCtrlr", variable: name, value: attributeValue });
  }

  test("I04 Show Fallback Tariff Information: the text for it is set and shown", async () => {
    await expectSet(await scene.station("UC-I04"), "TariffFallbackMessage", "0.40 EUR/kWh");
  });

  test("I05 Show Fallback Total Cost Message: the text for it is set and shown", async () => {
    await expectSet(await scene.station("UC-I05"), "TotalCostFallbackMessage", "Cost follows by mail");
  });

  test("J01 Sending Meter Values not related to a transaction: answered, in the log, of no session", async () => {
    const station = await scene.station("UC-J01");
    expect(await station.call("MeterValues", { evseId: 0, meterValue: [reading(123_456, 0)] })).toEqual({});
    await station.hasNoSession();
  });

  test("J02 Sending transaction related Meter Values: readings and energy of the session", async () => {
    const station = await scene.station("UC-J02");
    await station.event("Started", { transactionId: "j02" }, started);
    const periodic = { triggerReason: "MeterValuePeriodic", meterValue: [reading(700, 5), reading(900, 6)] };
    await station.event("Updated", { transactionId: "j02" }, periodic);
    const { id } = await station.session({ status: "active", energyWh: 900 });
    const values = await scene.rest.all<{ energyWh: number }>(`/sessions/${id}/meter-values`);
    expect(values.map(({ energyWh }) => energyWh)).toEqual([0, 700, 900]);
  });

  test("J03 Charging Loop with metering information exchange: signed values are readings, and verbatim in the log", async () => {
    const station = await scene.station("UC-J03");
    await station.event("Started", { transactionId: "j03" }, started);
    const signed = {
      signedMeterData: "T0NNRnx7fXx7fQ==",
      signingMethod: "",
      encodingMethod: "OCMF",
      publicKey: "",
    };
    const sampled = { value: 1_500, measurand: "Energy.Active.Import.Register", signedMeterValue: signed };
    const meterValue = [{ timestamp: at(5), sampledValue: [sampled] }];
    await station.event("Updated", { transactionId: "j03" }, { triggerReason: "SignedDataReceived", meterValue });
    await station.session({ energyWh: 1_500 });
    expect(JSON.stringify(await station.frames())).toContain("T0NNRnx7fXx7fQ==");
  });
});

function notice(about: object): object {
  const event = { eventId: 1, timestamp: at(0), trigger: "Alerting", eventNotificationType: "HardWiredNotification" };
  return { generatedAt: at(0), seqNo: 0, eventData: [{ ...event, ...about }] };
}
