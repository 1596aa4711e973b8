// OCPP 2.0.1 part 2, blocks E (transactions) and F (remote control).
import { expect, test } from "vitest";

import { lastAnswer } from "../harness/wait.ts";
import { at, evse1, reading, rfid, useCases, type Actor } from "./scene.ts";

const started = { idToken: rfid, evse: evse1, meterValue: [reading(1_000, 0, "Transaction.Begin")] };
const ended = (wattHours: number) => ({ meterValue: [reading(wattHours, 30, "Transaction.End")] });

/** E01 and E06: what begins and what ends a transaction is the station's choice; the session is the same. */
const startPoints = ["ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer"] as const;
const startTriggers = ["EVDetected", "CablePluggedIn", "Authorized", "ChargingStateChanged", "SignedDataReceived"];
const stopTriggers = [
  "EVDeparted",
  "EVCommunicationLost",
  "StopAuthorized",
  "ChargingStateChanged",
  "EnergyLimitReached",
];

useCases("E and F", (scene) => {
  test("E01 Start Transaction options: whatever begins it, it is one session", async () => {
    const station = await scene.station("UC-E01");
    for (const [n, triggerReason] of startTriggers.entries()) {
      await station.event("Started", { transactionId: `e01-${n}` }, { triggerReason, evse: { id: n + 1 } });
    }
    const found = async () => (await scene.rest.sessionsOf("UC-E01")).length;
    expect(await lastAnswer(found, (count) => count === startPoints.length)).toBe(startPoints.length);
  });

  test("E02 Start Transaction - Cable Plugin First: begun without a token, which comes with the update", async () => {
    const station = await scene.station("UC-E02");
    await station.call("StatusNotification", {
      timestamp: at(0),
      connectorStatus: "Occupied",
      evseId: 1,
      connectorId: 1,
    });
    const info = { transactionId: "e02", chargingState: "EVConnected" };
    expect(await station.event("Started", info, { triggerReason: "CablePluggedIn", evse: evse1 })).toEqual({});
    await station.session({ idToken: null, status: "active" });
    const answer = await station.event(
      "Updated",
      { transactionId: "e02", chargingState: "Charging" },
      { idToken: rfid },
    );
    expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.session({ idToken: "RFID-1", evseId: 1, connectorId: 1 });
    await station.shows({ connectors: [expect.objectContaining({ status: "Occupied" })] });
  });

  test("E03 Start Transaction - IdToken First: the EVSE comes with the update", async () => {
    const station = await scene.station("UC-E03");
    expect(await station.call("Authorize", { idToken: rfid })).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.event("Started", { transactionId: "e03" }, { idToken: rfid });
    await station.event(
      "Updated",
      { transactionId: "e03", chargingState: "Charging" },
      { evse: { id: 2, connectorId: 1 } },
    );
    await station.session({ idToken: "RFID-1", evseId: 2, connectorId: 1, status: "active" });
  });

  test("E04 Transaction started while Charging Station is offline: told later, with its own time", async () => {
    const station = await scene.station("UC-E04");
    await station.goOffline();
    await station.comeBack();
    await station.event("Started", { transactionId: "e04" }, { ...started, offline: true });
    await station.session({ transactionId: "e04", status: "active", startedAt: at(0) });
  });

  test("E05 Start Transaction - Id not Accepted: told so, the session ends by it and its CDR has no energy", async () => {
    await scene.rest.post("/tokens", {
      uid: "E05",
      type: "RFID",
      contractId: "C-E05",
      valid: false,
      whitelist: "ALWAYS",
    });
    const station = await scene.station("UC-E05");
    const idToken = { idToken: "E05", type: "ISO14443" };
    const answer = await station.event("Started", { transactionId: "e05" }, { ...started, idToken });
    expect(answer).toMatchObject({ idTokenInfo: { status: "Blocked" } });
    const end = { transactionId: "e05", stoppedReason: "DeAuthorized" };
    await station.event("Ended", end, { triggerReason: "Deauthorized", ...ended(1_000) });
    await station.session({ status: "completed", stopReason: "DeAuthorized", energyWh: 0 });
    await station.cdr({ energyWh: 0 });
  });

  test("E06 Stop Transaction options: whatever ends it, the session is completed", async () => {
    const station = await scene.station("UC-E06");
    for (const [n, triggerReason] of stopTriggers.entries()) {
      await station.event("Started", { transactionId: `e06-${n}` }, { evse: { id: n + 1 } });
      await station.event("Ended", { transactionId: `e06-${n}` }, { triggerReason });
    }
    const statuses = async () => (await scene.rest.sessionsOf("UC-E06")).map(({ status }) => status).join(" ");
    const completed = stopTriggers.map(() => "completed").join(" ");
    expect(await lastAnswer(statuses, (found) => found === completed)).toBe(completed);
  });

  test("E07 Transaction locally stopped by IdToken: one session, one CDR, the energy between", async () => {
    const station = await scene.station("UC-E07");
    await station.event("Started", { transactionId: "e07" }, started);
    const end = { transactionId: "e07", stoppedReason: "Local" };
    const answer = await station.event("Ended", end, {
      triggerReason: "StopAuthorized",
      idToken: rfid,
      ...ended(6_000),
    });
    expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.session({ status: "completed", energyWh: 5_000, meterStartWh: 1_000, meterStopWh: 6_000 });
    await station.cdr({ energyWh: 5_000 });
  });

  test("E08 Transaction stopped while Charging Station is offline: its end comes later and counts", async () => {
    const station = await scene.station("UC-E08");
    await station.event("Started", { transactionId: "e08" }, started);
    await station.goOffline();
    await station.session({ status: "active" });
    await station.comeBack();
    await station.event("Ended", { transactionId: "e08", stoppedReason: "Local" }, { offline: true, ...ended(1_750) });
    await station.session({ status: "completed", energyWh: 750, endedAt: at(1) });
    await station.cdr({ energyWh: 750 });
  });

  test("E09 When cable disconnected on EV-side: Stop Transaction: the session is completed with that reason", async () => {
    const station = await scene.station("UC-E09");
    await station.event("Started", { transactionId: "e09" }, started);
    const end = { transactionId: "e09", stoppedReason: "EVDisconnected", chargingState: "Idle" };
    await station.event("Ended", end, { triggerReason: "EVCommunicationLost", ...ended(1_200) });
    await station.session({ status: "completed", stopReason: "EVDisconnected", energyWh: 200 });
  });

  test("E10 When cable disconnected on EV-side: Suspend Transaction: it goes on until its end", async () => {
    const station = await scene.station("UC-E10");
    await station.event("Started", { transactionId: "e10" }, started);
    const suspended = { transactionId: "e10", chargingState: "Idle" };
    await station.event("Updated", suspended, { triggerReason: "EVCommunicationLost" });
    await station.session({ status: "active" });
    await station.event(
      "Updated",
      { transactionId: "e10", chargingState: "Charging" },
      { triggerReason: "CablePluggedIn" },
    );
    await station.event("Ended", { transactionId: "e10", stoppedReason: "Local" }, ended(1_900));
    await station.session({ status: "completed", energyWh: 900 });
  });

  test("E11 Connection Loss During Transaction: what was queued makes the session whole", async () => {
    const station = await scene.station("UC-E11");
    await station.event("Started", { transactionId: "e11" }, started);
    await station.goOffline();
    await station.comeBack();
    const tx = { transactionId: "e11" };
    const queued = { offline: true, triggerReason: "MeterValuePeriodic", meterValue: [reading(1_300, 5)] };
    await station.event("Updated", tx, queued);
    await station.event("Ended", { ...tx, stoppedReason: "Local" }, ended(1_500));
    const { id } = await station.session({ status: "completed", energyWh: 500, annotations: [] });
    const values = await scene.rest.all<{ energyWh: number }>(`/sessions/${id}/meter-values`);
    expect(values.map(({ energyWh }) => energyWh)).toEqual([1_000, 1_300, 1_500]);
  });

  test("E12 Inform CSMS of an Offline Occurred Transaction: start to end, all of it late", async () => {
    const station = await scene.station("UC-E12");
    const tx = { transactionId: "e12" };
    await station.event("Started", tx, { ...started, offline: true });
    await station.event("Updated", tx, { offline: true, meterValue: [reading(1_400, 1)] });
    await station.event("Ended", { ...tx, stoppedReason: "Local" }, { offline: true, ...ended(2_000) });
    await station.session({ status: "completed", energyWh: 1_000, startedAt: at(0), endedAt: at(2) });
    await station.cdr({ energyWh: 1_000 });
  });

  test("E13 Transaction-related message not accepted by CSMS: none is refused, however insane; a resent one counts once", async () => {
    const station = await scene.station("UC-E13");
    const insane = station.socketOf.frame("TransactionEvent", { eventType: "Started", transactionInfo: 7 });
    expect((await station.socketOf.exchange(insane)).frame[0]).toBe(3);
    const payload = {
      eventType: "Started",
      timestamp: at(0),
      triggerReason: "Authorized",
      seqNo: 0,
      transactionInfo: { transactionId: "e13" },
      ...started,
    };
    await station.call("TransactionEvent", payload);
    await station.call("TransactionEvent", payload);
    await station.session({ transactionId: "e13", status: "active" });
  });

  test("E14 Check transaction status: what is ongoing and what waits in the queue", async () => {
    const station = await scene.station("UC-E14");
    await station.event("Started", { transactionId: "e14" }, started);
    await station.commanded({
      action: "GetTransactionStatus",
      payload: { transactionId: "e14" },
      answer: { ongoingIndicator: true, messagesInQueue: false },
      outcome: "accepted",
    });
    await station.session({ status: "active" });
  });

  test("E15 End of charging process: suspended by the vehicle, ended when it leaves", async () => {
    const station = await scene.station("UC-E15");
    const tx = { transactionId: "e15" };
    await station.event("Started", tx, started);
    await station.event("Updated", { ...tx, chargingState: "SuspendedEV" }, { triggerReason: "ChargingStateChanged" });
    await station.session({ status: "active" });
    await station.event("Ended", { ...tx, stoppedReason: "SOCLimitReached" }, ended(8_000));
    await station.session({ status: "completed", stopReason: "SOCLimitReached", energyWh: 7_000 });
  });

  const remoteStart = { idToken: rfid, remoteStartId: 77, evseId: 1 };

  test("F01 Remote Start Transaction - Cable Plugin First: the transaction that runs is the command's effect", async () => {
    const station = await scene.station("UC-F01");
    const tx = { transactionId: "f01" };
    await station.event("Started", tx, { triggerReason: "CablePluggedIn", evse: evse1 });
    const answer = { status: "Accepted", transactionId: "f01" };
    const command = { action: "RequestStartTransaction", payload: remoteStart, answer, outcome: "accepted" } as const;
    const { id } = await station.commanded(command);
    const info = { ...tx, remoteStartId: 77 };
    await station.event("Updated", info, { triggerReason: "RemoteStart", idToken: rfid });
    const session = await station.session({ idToken: "RFID-1", status: "active" });
    await station.has("command-effects", { effect: "started", sessionId: session.id });
    expect(await scene.rest.get(`/commands/${id}`)).toMatchObject({ outcome: "accepted", effect: "started" });
  });

  test("F02 Remote Start Transaction - Remote Start First: the transaction that follows is its effect", async () => {
    const station = await scene.station("UC-F02");
    const answer = { status: "Accepted" };
    const command = { action: "RequestStartTransaction", payload: remoteStart, answer, outcome: "accepted" } as const;
    const { id } = await station.commanded(command);
    const info = { transactionId: "f02", remoteStartId: 77 };
    await station.event("Started", info, { triggerReason: "RemoteStart", idToken: rfid, evse: evse1 });
    await station.has("command-effects", { effect: "started" });
    expect(await scene.rest.get(`/commands/${id}`)).toMatchObject({ effect: "started" });
    await station.session({ transactionId: "f02", idToken: "RFID-1" });
  });

  async function expectRemoteStop(station: Actor, transactionId: string): Promise<void> {
    await station.event("Started", { transactionId }, started);
    await station.commanded({
      action: "RequestStopTransaction",
      payload: { transactionId },
      answer: { status: "Accepted" },
      outcome: "accepted",
    });
    const end = { triggerReason: "RemoteStop", ...ended(3_000) };
    await station.event("Ended", { transactionId, stoppedReason: "Remote" }, end);
    await station.session({ transactionId, status: "completed", stopReason: "Remote", energyWh: 2_000 });
  }

  test("F03 Remote Stop Transaction: accepted, ended, billed; of an unknown one rejected", async () => {
    const station = await scene.station("UC-F03");
    await expectRemoteStop(station, "f03");
    await station.cdr({ energyWh: 2_000 });
    await station.commanded({
      action: "RequestStopTransaction",
      payload: { transactionId: "nothing" },
      answer: { status: "Rejected" },
      outcome: "rejected",
    });
  });

  test("F04 Remote Stop ISO 15118 Charging from CSMS: the vehicle is renegotiated with, then the session ends", async () => {
    await expectRemoteStop(await scene.station("UC-F04"), "f04");
  });

  test("F05 Remotely Unlock Connector: unlocked, failed, and refused while a transaction is authorised", async () => {
    const station = await scene.station("UC-F05");
    const unlock = { action: "UnlockConnector", payload: { evseId: 1, connectorId: 1 } } as const;
    await station.commanded({ ...unlock, answer: { status: "Unlocked" }, outcome: "accepted" });
    await station.commanded({ ...unlock, answer: { status: "UnlockFailed" }, outcome: "rejected" });
    await station.commanded({ ...unlock, answer: { status: "OngoingAuthorizedTransaction" }, outcome: "rejected" });
    await station.commanded({ ...unlock, answer: { status: "UnknownConnector" }, outcome: "rejected" });
  });

  test("F06 Trigger Message: the message that was asked for comes and shows; what a station cannot send is told", async () => {
    const station = await scene.station("UC-F06");
    const trigger = (requestedMessage: string) => ({
      action: "TriggerMessage",
      payload: { requestedMessage, evse: evse1 },
    });
    await station.commanded({ ...trigger("StatusNotification"), answer: { status: "Accepted" }, outcome: "accepted" });
    const status = { timestamp: at(0), connectorStatus: "Reserved", evseId: 1, connectorId: 1 };
    await station.call("StatusNotification", status);
    await station.shows({ connectors: [expect.objectContaining({ status: "Reserved" })] });
    const answer = { status: "NotImplemented" };
    await station.commanded({ ...trigger("MeterValues"), answer, outcome: "rejected" });
  });
});
