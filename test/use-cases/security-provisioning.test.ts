// OCPP 2.0.1 part 2, blocks A (security) and B (provisioning).
import { expect, test } from "vitest";

import { at, useCases } from "./scene.ts";

const csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIBAAAA\n-----END CERTIFICATE REQUEST-----\n";
const chain = "-----BEGIN CERTIFICATE-----\nMIIBBBBB\n-----END CERTIFICATE-----\n";
const heartbeatInterval = { component: { name: "OCPPCommCtrlr" }, variable: { name: "HeartbeatInterval" } };

useCases("A and B", (scene) => {
  test("A01 Update Charging Station Password for HTTP Basic Authentication: the new password opens, the old one no more", async () => {
    const id = "UC-A01";
    const [old, young] = ["old-password-1234", "new-password-5678"];
    await scene.rest.post("/stations", { id, password: old, securityProfile: 1 });
    const station = await scene.station(id, { password: old });
    await scene.rest.send("PATCH", `/stations/${id}`, { password: young });
    const basicAuth = { component: { name: "SecurityCtrlr" }, variable: { name: "BasicAuthPassword" } };
    station.answers("SetVariables", { setVariableResult: [{ ...basicAuth, attributeStatus: "Accepted" }] });
    const payload = { setVariableData: [{ ...basicAuth, attributeValue: young }] };
    const { body } = await scene.rest.command(id, { action: "SetVariables", payload }, 15);
    expect(body).toMatchObject({ outcome: "accepted" });
    expect(station.socketOf.commands).toMatchObject([{ action: "SetVariables", payload }]);
    const command = await scene.rest.commandDone(body.id);
    expect(JSON.stringify([command, await scene.rest.get(`/stations/${id}`)])).not.toContain(young);
    await station.leave();
    station.password = young;
    await station.comeBack();
    await station.leave();
    station.password = old;
    await expect(station.connect()).rejects.toThrow(/refused with 401/);
  });

  test("A02 Update Charging Station Certificate by request of CSMS: TriggerMessage, the station's request, the signed chain", async () => {
    const station = await scene.station("UC-A02");
    await station.commanded({
      action: "TriggerMessage",
      payload: { requestedMessage: "SignChargingStationCertificate" },
      answer: { status: "Accepted" },
      outcome: "accepted",
    });
    const asked = { csr, certificateType: "ChargingStationCertificate" };
    expect(await station.call("SignCertificate", asked)).toEqual({ status: "Accepted" });
    await station.lists("certificate-requests", [{ type: "ChargingStationCertificate", csr, answered: "Accepted" }]);
    await station.commanded({
      action: "CertificateSigned",
      payload: { certificateChain: chain, certificateType: "ChargingStationCertificate" },
      answer: { status: "Accepted" },
      outcome: "accepted",
    });
    await station.lists("certificates-sent", [{ certificate: chain, answered: "Accepted" }]);
  });

  test("A03 Update Charging Station Certificate initiated by the Charging Station: a chain that the station refuses is shown so", async () => {
    const station = await scene.station("UC-A03");
    expect(await station.call("SignCertificate", { csr })).toEqual({ status: "Accepted" });
    await station.lists("certificate-requests", [{ csr }]);
    await station.commanded({
      action: "CertificateSigned",
      payload: { certificateChain: chain },
      answer: { status: "Rejected" },
      outcome: "rejected",
    });
    await station.lists("certificates-sent", [{ certificate: chain, answered: "Rejected" }]);
  });

  test("A04 Security Event Notification: answered and listed", async () => {
    const station = await scene.station("UC-A04");
    const event = { type: "TamperDetectionActivated", timestamp: at(1), techInfo: "lid" };
    expect(await station.call("SecurityEventNotification", event)).toEqual({});
    await station.lists("security-events", [{ type: "TamperDetectionActivated", techInfo: "lid" }]);
  });

  test("A05 Upgrade Charging Station Security Profile: a new network profile of a higher security profile, its priority, a reset", async () => {
    const station = await scene.station("UC-A05");
    await station.commanded({ ...networkProfile(2, 2), answer: { status: "Accepted" }, outcome: "accepted" });
    const priority = { component: { name: "OCPPCommCtrlr" }, variable: { name: "NetworkConfigurationPriority" } };
    await station.commanded({
      action: "SetVariables",
      payload: { setVariableData: [{ ...priority, attributeValue: "2,1" }] },
      answer: { setVariableResult: [{ ...priority, attributeStatus: "Accepted" }] },
      outcome: "accepted",
    });
    await station.has("configuration", { variable: "NetworkConfigurationPriority", value: "2,1" });
    await station.commanded({
      action: "Reset",
      payload: { type: "OnIdle" },
      answer: { status: "Accepted" },
      outcome: "accepted",
    });
  });

  test("B01 Cold Boot: accepted with time and interval; REST shows what it said of itself and its connectors", async () => {
    const station = await scene.station("UC-B01", { boots: false });
    const about = { vendorName: "Vendor", model: "Model", serialNumber: "SN-1", firmwareVersion: "1.2.3" };
    const answer = await station.call("BootNotification", { reason: "PowerUp", chargingStation: about });
    expect(answer).toMatchObject({ status: "Accepted", interval: expect.any(Number) as number });
    expect(Math.abs(Date.parse(String(answer["currentTime"])) - Date.now())).toBeLessThan(60_000);
    const status = { timestamp: at(0), connectorStatus: "Available", evseId: 1, connectorId: 1 };
    expect(await station.call("StatusNotification", status)).toEqual({});
    expect(await station.call("Heartbeat", {})).toHaveProperty("currentTime");
    await station.shows({
      online: true,
      vendor: "Vendor",
      model: "Model",
      firmware: "1.2.3",
      acceptance: "accepted",
      connectors: [expect.objectContaining({ evseId: 1, connectorId: 1, status: "Available" })],
    });
  });

  test("B02 Cold Boot - Pending: it may be configured, starts nothing, and is accepted with its next boot", async () => {
    const id = "UC-B02";
    await scene.rest.post("/stations", { id, acceptance: "pending" });
    const station = await scene.station(id, { boots: false });
    // A gateway follows the registry; that it does so within 2 s is asserted where it is measured (R3).
    await station.bootsAs("Pending");
    const { frame } = await station.socketOf.exchange(station.socketOf.frame("Heartbeat", {}));
    expect(frame.slice(0, 3)).toEqual([4, frame[1], "SecurityError"]);
    await station.shows({ online: true, acceptance: "pending" });
    await station.commanded({
      action: "GetVariables",
      payload: { getVariableData: [heartbeatInterval] },
      answer: { getVariableResult: [{ ...heartbeatInterval, attributeStatus: "Accepted", attributeValue: "60" }] },
      outcome: "accepted",
    });
    const start = { idToken: { idToken: "RFID-1", type: "ISO14443" }, remoteStartId: 1 };
    const refused = await scene.rest.command(id, { action: "RequestStartTransaction", payload: start });
    expect(refused.status).toBe(409);
    await scene.rest.send("PATCH", `/stations/${id}`, { acceptance: "accepted" });
    await station.bootsAs("Accepted");
    await station.shows({ acceptance: "accepted" });
  });

  test("B03 Cold Boot - Rejected: nothing but its boot is answered, and no command goes out", async () => {
    const id = "UC-B03";
    await scene.rest.post("/stations", { id, acceptance: "rejected" });
    const station = await scene.station(id, { boots: false });
    // A gateway follows the registry; that it does so within 2 s is asserted where it is measured (R3).
    await station.bootsAs("Rejected");
    const { frame } = await station.socketOf.exchange(station.socketOf.frame("Heartbeat", {}));
    expect(frame.slice(0, 3)).toEqual([4, frame[1], "SecurityError"]);
    const refused = await scene.rest.command(id, { action: "Reset", payload: { type: "Immediate" } });
    expect(refused.status).toBe(409);
    expect(station.socketOf.commands).toEqual([]);
    await station.shows({ acceptance: "rejected" });
  });

  test("B04 Offline Behavior Idle Charging Station: offline is shown; back without a boot, with the status that changed", async () => {
    const station = await scene.station("UC-B04");
    const status = (connectorStatus: string) => ({ timestamp: at(0), connectorStatus, evseId: 1, connectorId: 1 });
    await station.call("StatusNotification", status("Available"));
    await station.goOffline();
    await station.comeBack();
    await station.call("StatusNotification", status("Faulted"));
    await station.shows({ online: true, connectors: [expect.objectContaining({ status: "Faulted" })] });
  });

  test("B05 Set Variables: an outcome for all, the values shown", async () => {
    const station = await scene.station("UC-B05");
    await station.commanded({
      action: "SetVariables",
      payload: { setVariableData: [{ ...heartbeatInterval, attributeValue: "120" }] },
      answer: { setVariableResult: [{ ...heartbeatInterval, attributeStatus: "Accepted" }] },
      outcome: "accepted",
    });
    await station.has("configuration", { component: "OCPPCommCtrlr", variable: "HeartbeatInterval", value: "120" });
  });

  test("B06 Get Variables: what the station answers is shown; what it does not know is not", async () => {
    const station = await scene.station("UC-B06");
    const unknown = { component: { name: "Nothing" }, variable: { name: "Nowhere" } };
    await station.commanded({
      action: "GetVariables",
      payload: { getVariableData: [heartbeatInterval, unknown] },
      answer: {
        getVariableResult: [
          { ...heartbeatInterval, attributeStatus: "Accepted", attributeValue: "300" },
          { ...unknown, attributeStatus: "UnknownComponent" },
        ],
      },
      outcome: "accepted",
    });
    await station.lists("configuration", [{ variable: "HeartbeatInterval", value: "300" }]);
  });

  test("B07 Get Base Report: put together from its parts", async () => {
    const station = await scene.station("UC-B07");
    const payload = { requestId: 7, reportBase: "FullInventory" };
    await station.commanded({ action: "GetBaseReport", payload, answer: { status: "Accepted" }, outcome: "accepted" });
    await station.call("NotifyReport", report(7, 0, true, "HeartbeatInterval", "60"));
    await station.has("reports", { requestId: "7", complete: false });
    await station.call("NotifyReport", report(7, 1, false, "RetryBackOffWaitMinimum", "30"));
    await station.has("reports", { kind: "variables", requestId: "7", parts: 2, complete: true });
    await station.has("configuration", { variable: "HeartbeatInterval", value: "60" });
    await station.has("configuration", { variable: "RetryBackOffWaitMinimum", value: "30" });
  });

  test("B08 Get Custom Report: of one component; an empty one is told so", async () => {
    const station = await scene.station("UC-B08");
    const payload = { requestId: 8, componentVariable: [{ component: { name: "OCPPCommCtrlr" } }] };
    await station.commanded({ action: "GetReport", payload, answer: { status: "Accepted" }, outcome: "accepted" });
    await station.call("NotifyReport", report(8, 0, false, "HeartbeatInterval", "90"));
    await station.has("reports", { requestId: "8", complete: true });
    await station.has("configuration", { variable: "HeartbeatInterval", value: "90" });
    const none = { requestId: 9, componentCriteria: ["Problem"] };
    const answer = { status: "EmptyResultSet" };
    const { response } = await station.commanded({ action: "GetReport", payload: none, answer, outcome: "rejected" });
    expect(response).toContain("EmptyResultSet");
  });

  test("B09 Setting a new NetworkConnectionProfile: accepted, refused and failed are three outcomes with their words", async () => {
    const station = await scene.station("UC-B09");
    await station.commanded({ ...networkProfile(1, 1), answer: { status: "Accepted" }, outcome: "accepted" });
    await station.commanded({ ...networkProfile(1, 0), answer: { status: "Rejected" }, outcome: "rejected" });
    await station.commanded({ ...networkProfile(99, 1), answer: { status: "Failed" }, outcome: "rejected" });
  });

  test("B10 Migrate to new ConnectionProfile/CSMS: the priority is set, the station resets, leaves, and is seen to be gone", async () => {
    const station = await scene.station("UC-B10");
    await station.commanded({ ...networkProfile(2, 1), answer: { status: "Accepted" }, outcome: "accepted" });
    const priority = { component: { name: "OCPPCommCtrlr" }, variable: { name: "NetworkConfigurationPriority" } };
    await station.commanded({
      action: "SetVariables",
      payload: { setVariableData: [{ ...priority, attributeValue: "2" }] },
      answer: { setVariableResult: [{ ...priority, attributeStatus: "RebootRequired" }] },
      outcome: "accepted",
    });
    await station.has("configuration", { variable: "NetworkConfigurationPriority", afterReboot: true });
    await station.commanded({
      action: "Reset",
      payload: { type: "Immediate" },
      answer: { status: "Accepted" },
      outcome: "accepted",
    });
    await station.goOffline();
  });

  test("B11 Reset - Without Ongoing Transaction: accepted; the station leaves and boots anew", async () => {
    const station = await scene.station("UC-B11");
    const payload = { type: "Immediate" };
    await station.commanded({ action: "Reset", payload, answer: { status: "Accepted" }, outcome: "accepted" });
    await station.goOffline();
    await station.connect();
    expect(await station.call("BootNotification", { ...station.boot, reason: "RemoteReset" })).toMatchObject({
      status: "Accepted",
    });
    await station.shows({ online: true });
  });

  test("B12 Reset - With Ongoing Transaction: Scheduled while it charges; the session ends by it and is billed", async () => {
    const station = await scene.station("UC-B12");
    const tx = { transactionId: "b12" };
    await station.event("Started", tx, { evse: { id: 1, connectorId: 1 } });
    await station.session({ status: "active" });
    const payload = { type: "OnIdle" };
    await station.commanded({ action: "Reset", payload, answer: { status: "Scheduled" }, outcome: "accepted" });
    await station.event("Ended", { ...tx, stoppedReason: "ImmediateReset" }, { triggerReason: "ResetCommand" });
    await station.session({ status: "completed", stopReason: "ImmediateReset" });
    await station.cdr({ energyWh: 0 });
  });
});

function networkProfile(configurationSlot: number, securityProfile: number) {
  const connectionData = {
    ocppVersion: "OCPP20",
    ocppTransport: "JSON",
    ocppCsmsUrl: "wss://csms.example/ocpp",
    messageTimeout: 30,
    securityProfile,
    ocppInterface: "Wired0",
  };
  return { action: "SetNetworkProfile", payload: { configurationSlot, connectionData } } as const;
}

function report(requestId: number, seqNo: number, tbc: boolean, name: string, value: string): object {
  const reportData = [
    { component: { name: "OCPPCommCtrlr" }, variable: { name }, variableAttribute: [{ type: "Actual", value }] },
  ];
  return { requestId, generatedAt: at(0), seqNo, tbc, reportData };
}
