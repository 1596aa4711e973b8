// OCPP 1.6 edition 2: each operation by its section, §4 from the charge point, §5 from the central system; then those of the
// security whitepaper (edition 2) by their action.
import { expect, test } from "vitest";

import { at, useCases, type Actor } from "./scene.ts";

const accepted = { status: "Accepted" } as const;
const rejected = { status: "Rejected" } as const;
const pem = "-----BEGIN CERTIFICATE-----\nMIIBDDDD\n-----END CERTIFICATE-----\n";
const csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIBEEEE\n-----END CERTIFICATE REQUEST-----\n";
const hash = { hashAlgorithm: "SHA256", issuerNameHash: "aa16", issuerKeyHash: "bb16", serialNumber: "16" } as const;
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const start = { connectorId: 1, idTag: "RFID-1", meterStart: 1_000, timestamp: at(0) } as const;
const profile = {
  chargingProfileId: 1,
  stackLevel: 0,
  chargingProfilePurpose: "TxDefaultProfile",
  chargingProfileKind: "Absolute",
  chargingSchedule: { chargingRateUnit: "A", chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] },
} as const;

async function begins(station: Actor): Promise<number> {
  const answer = await station.call("StartTransaction", start);
  expect(answer).toMatchObject({ idTagInfo: { status: "Accepted" } });
  return Number(answer["transactionId"]);
}

useCases("of 1.6", (scene) => {
  test("1.6 §4.1 Authorize: from the registry, with its group and expiry", async () => {
    const token = { uid: "T41", type: "RFID", contractId: "C-41", valid: true, whitelist: "ALWAYS" };
    await scene.rest.post("/tokens", { ...token, groupId: "GROUP", expiresAt: "2099-01-01T00:00:00Z" });
    const station = await scene.station16("UC16-4.1");
    expect(await station.call("Authorize", { idTag: "T41" })).toEqual({
      idTagInfo: { status: "Accepted", parentIdTag: "GROUP", expiryDate: "2099-01-01T00:00:00.000Z" },
    });
    await scene.rest.post("/tokens", { ...token, uid: "T41-OFF", valid: false });
    expect(await station.call("Authorize", { idTag: "T41-OFF" })).toEqual({ idTagInfo: { status: "Blocked" } });
  });

  test("1.6 §4.2 Boot Notification: accepted with time and interval; what it is is shown", async () => {
    const station = await scene.station("UC16-4.2", { protocol: "ocpp1.6", boots: false });
    const about = { chargePointVendor: "V", chargePointModel: "M", firmwareVersion: "1.6.1" };
    const answer = await station.call("BootNotification", about);
    expect(answer).toMatchObject({ status: "Accepted", interval: expect.any(Number) as number });
    await station.shows({ protocol: "ocpp1.6", vendor: "V", model: "M", firmware: "1.6.1", online: true });
  });

  test("1.6 §4.3 Data Transfer from the charge point: of an unknown vendor answered so, and kept", async () => {
    const station = await scene.station16("UC16-4.3");
    const sent = { vendorId: "com.nobody", messageId: "Hi", data: "x" };
    expect(await station.call("DataTransfer", sent)).toEqual({ status: "UnknownVendorId" });
    await station.lists("data-transfers", [{ direction: "fromStation", vendorId: "com.nobody", data: "x" }]);
  });

  const diagnostics = {
    action: "GetDiagnostics",
    payload: { location: "ftp://files.example/" },
    answer: { fileName: "diag.zip" },
    outcome: "accepted",
  } as const;

  test("1.6 §4.4 Diagnostics Status Notification: a failed upload is shown as failed", async () => {
    const station = await scene.station16("UC16-4.4");
    await station.commanded(diagnostics);
    for (const status of ["Uploading", "UploadFailed"]) {
      expect(await station.call("DiagnosticsStatusNotification", { status })).toEqual({});
    }
    await station.lists("uploads", [{ phase: "failed", status: "UploadFailed" }]);
  });

  const firmware = {
    action: "UpdateFirmware",
    payload: { location: "https://files.example/fw.bin", retrieveDate: at(0) },
    answer: {},
    outcome: "accepted",
  } as const;

  test("1.6 §4.5 Firmware Status Notification: word by word to installed", async () => {
    const station = await scene.station16("UC16-4.5");
    await station.commanded(firmware);
    for (const status of ["Downloading", "Downloaded", "Installing", "Installed"]) {
      expect(await station.call("FirmwareStatusNotification", { status })).toEqual({});
    }
    await station.lists("firmware-updates", [{ phase: "installed", status: "Installed" }]);
  });

  test("1.6 §4.6 Heartbeat: answered with the time; the station was seen", async () => {
    const station = await scene.station16("UC16-4.6");
    const { currentTime } = await station.call("Heartbeat", {});
    expect(Math.abs(Date.parse(String(currentTime)) - Date.now())).toBeLessThan(60_000);
    await station.shows({ online: true, lastSeen: expect.any(String) as string });
  });

  test("1.6 §4.7 Meter Values: readings and energy of the session", async () => {
    const station = await scene.station16("UC16-4.7");
    const transactionId = await begins(station);
    const sampledValue = [{ value: "1500", measurand: "Energy.Active.Import.Register", unit: "Wh" }];
    const values = { connectorId: 1, transactionId, meterValue: [{ timestamp: at(5), sampledValue }] };
    expect(await station.call("MeterValues", values)).toEqual({});
    const { id } = await station.session({ status: "active", energyWh: 500 });
    const readings = await scene.rest.all<{ energyWh: number }>(`/sessions/${id}/meter-values`);
    expect(readings.map(({ energyWh }) => energyWh)).toContain(1_500);
  });

  test("1.6 §4.8 Start Transaction: a number of its own, a session; a repeat is the same one", async () => {
    const station = await scene.station16("UC16-4.8");
    const transactionId = await begins(station);
    expect(transactionId).toBeGreaterThan(0);
    expect(await begins(station)).toBe(transactionId);
    await station.session({
      status: "active",
      transactionId: String(transactionId),
      idToken: "RFID-1",
      connectorId: 1,
    });
  });

  test("1.6 §4.9 Status Notification: status and error of each connector", async () => {
    const station = await scene.station16("UC16-4.9");
    const status = (connectorId: number, word: string, errorCode: string) =>
      station.call("StatusNotification", { connectorId, status: word, errorCode });
    expect(await status(1, "Available", "NoError")).toEqual({});
    await status(2, "Faulted", "GroundFailure");
    await station.shows({
      connectors: [
        expect.objectContaining({ evseId: 1, status: "Available" }),
        expect.objectContaining({ evseId: 2, status: "Faulted", errorCode: "GroundFailure" }),
      ],
    });
  });

  test("1.6 §4.10 Stop Transaction: the session is completed and has its CDR", async () => {
    const station = await scene.station16("UC16-4.10");
    const transactionId = await begins(station);
    const stop = { transactionId, idTag: "RFID-1", meterStop: 6_000, timestamp: at(30), reason: "Local" };
    expect(await station.call("StopTransaction", stop)).toMatchObject({ idTagInfo: { status: "Accepted" } });
    await station.session({ status: "completed", energyWh: 5_000, stopReason: "Local" });
    await station.cdr({ energyWh: 5_000 });
  });

  const reserve = (reservationId: number) => ({
    action: "ReserveNow",
    payload: { connectorId: 1, expiryDate: inAnHour(), idTag: "RFID-1", reservationId },
  });

  test("1.6 §5.1 Cancel Reservation: cancelled; an unknown one is rejected", async () => {
    const station = await scene.station16("UC16-5.1");
    await station.commanded({ ...reserve(1), answer: accepted, outcome: "accepted" });
    const cancel = (reservationId: number) => ({ action: "CancelReservation", payload: { reservationId } });
    await station.commanded({ ...cancel(9), answer: rejected, outcome: "rejected" });
    await station.commanded({ ...cancel(1), answer: accepted, outcome: "accepted" });
    await station.lists("reservations", [{ reservationId: "1", status: "cancelled" }]);
  });

  test("1.6 §5.2 Change Availability: scheduled behind a transaction, then the status says so", async () => {
    const station = await scene.station16("UC16-5.2");
    const off = { action: "ChangeAvailability", payload: { connectorId: 1, type: "Inoperative" } };
    await station.commanded({ ...off, answer: { status: "Scheduled" }, outcome: "accepted" });
    await station.call("StatusNotification", { connectorId: 1, status: "Unavailable", errorCode: "NoError" });
    await station.shows({ connectors: [expect.objectContaining({ status: "Unavailable" })] });
  });

  test("1.6 §5.3 Change Configuration: in force, after a reboot, or refused", async () => {
    const station = await scene.station16("UC16-5.3");
    const change = (key: string, value: string) => ({ action: "ChangeConfiguration", payload: { key, value } });
    await station.commanded({ ...change("HeartbeatInterval", "60"), answer: accepted, outcome: "accepted" });
    await station.has("configuration", { variable: "HeartbeatInterval", value: "60" });
    const reboot = { status: "RebootRequired" };
    await station.commanded({ ...change("WebSocketPingInterval", "30"), answer: reboot, outcome: "accepted" });
    await station.has("configuration", { variable: "WebSocketPingInterval", afterReboot: true });
    const unknown = { status: "NotSupported" };
    await station.commanded({ ...change("Nothing", "1"), answer: unknown, outcome: "rejected" });
  });

  test("1.6 §5.4 Clear Cache: cleared, or refused", async () => {
    const station = await scene.station16("UC16-5.4");
    const clear = { action: "ClearCache", payload: {} };
    await station.commanded({ ...clear, answer: accepted, outcome: "accepted" });
    await station.commanded({ ...clear, answer: rejected, outcome: "rejected" });
  });

  const setProfile = {
    action: "SetChargingProfile",
    payload: { connectorId: 1, csChargingProfiles: profile },
    answer: accepted,
    outcome: "accepted",
  } as const;

  test("1.6 §5.5 Clear Charging Profile: gone; an unknown one is told", async () => {
    const station = await scene.station16("UC16-5.5");
    await station.commanded(setProfile);
    const clear = (id: number) => ({ action: "ClearChargingProfile", payload: { id } });
    await station.commanded({ ...clear(9), answer: { status: "Unknown" }, outcome: "rejected" });
    await station.lists("charging-profiles", [{ profileId: "1" }]);
    await station.commanded({ ...clear(1), answer: accepted, outcome: "accepted" });
    await station.lists("charging-profiles", []);
  });

  test("1.6 §5.6 Data Transfer to the charge point: what was sent and what came back", async () => {
    const station = await scene.station16("UC16-5.6");
    const payload = { vendorId: "com.example", messageId: "Ping", data: "1" };
    await station.commanded({
      action: "DataTransfer",
      payload,
      answer: { status: "Accepted", data: "2" },
      outcome: "accepted",
    });
    await station.lists("data-transfers", [{ direction: "toStation", vendorId: "com.example", status: "Accepted" }]);
  });

  test("1.6 §5.7 Get Composite Schedule: the schedule is shown", async () => {
    const station = await scene.station16("UC16-5.7");
    const { chargingSchedule } = profile;
    await station.commanded({
      action: "GetCompositeSchedule",
      payload: { connectorId: 1, duration: 600 },
      answer: { status: "Accepted", connectorId: 1, scheduleStart: at(0), chargingSchedule },
      outcome: "accepted",
    });
    await station.lists("charging-schedules", [{ kind: "composite", schedule: chargingSchedule }]);
  });

  test("1.6 §5.8 Get Configuration: known keys are shown, unknown ones are not", async () => {
    const station = await scene.station16("UC16-5.8");
    await station.commanded({
      action: "GetConfiguration",
      payload: {},
      answer: {
        configurationKey: [{ key: "HeartbeatInterval", readonly: false, value: "300" }],
        unknownKey: ["Nothing"],
      },
      outcome: "accepted",
    });
    await station.lists("configuration", [{ variable: "HeartbeatInterval", value: "300", component: null }]);
  });

  test("1.6 §5.9 Get Diagnostics: the upload and its file", async () => {
    const station = await scene.station16("UC16-5.9");
    await station.commanded(diagnostics);
    await station.call("DiagnosticsStatusNotification", { status: "Uploaded" });
    await station.lists("uploads", [{ phase: "uploaded", fileName: "diag.zip", location: "ftp://files.example/" }]);
  });

  test("1.6 §5.10 Get Local List Version: the station's answer is shown", async () => {
    const station = await scene.station16("UC16-5.10");
    const answer = { listVersion: 7 };
    await station.commanded({ action: "GetLocalListVersion", payload: {}, answer, outcome: "accepted" });
    await station.lists("local-list", [{ version: 7 }]);
  });

  test("1.6 §5.11 Remote Start Transaction: the session that follows is its effect", async () => {
    const station = await scene.station16("UC16-5.11");
    const remote = { action: "RemoteStartTransaction", payload: { idTag: "RFID-1", connectorId: 1 } };
    await station.commanded({ ...remote, answer: rejected, outcome: "rejected" });
    const { id } = await station.commanded({ ...remote, answer: accepted, outcome: "accepted" });
    const now = new Date().toISOString();
    await station.call("StartTransaction", { ...start, timestamp: now });
    await station.session({ status: "active", idToken: "RFID-1" });
    await station.has("command-effects", { effect: "started" });
    expect(await scene.rest.get(`/commands/${id}`)).toMatchObject({ outcome: "accepted", effect: "started" });
  });

  test("1.6 §5.12 Remote Stop Transaction: the session ends with reason Remote", async () => {
    const station = await scene.station16("UC16-5.12");
    const transactionId = await begins(station);
    const remote = { action: "RemoteStopTransaction", payload: { transactionId } };
    await station.commanded({ ...remote, answer: accepted, outcome: "accepted" });
    await station.call("StopTransaction", { transactionId, meterStop: 1_250, timestamp: at(9), reason: "Remote" });
    await station.session({ status: "completed", stopReason: "Remote", energyWh: 250 });
    await station.commanded({ ...remote, answer: rejected, outcome: "rejected" });
  });

  test("1.6 §5.13 Reserve Now: active, then used by the start that names it", async () => {
    const station = await scene.station16("UC16-5.13");
    await station.commanded({ ...reserve(3), answer: accepted, outcome: "accepted" });
    await station.lists("reservations", [{ reservationId: "3", status: "active", idToken: "RFID-1" }]);
    await station.commanded({ ...reserve(4), answer: { status: "Occupied" }, outcome: "rejected" });
    await station.call("StartTransaction", { ...start, reservationId: 3 });
    await station.lists("reservations", [{ reservationId: "3", status: "used" }]);
  });

  test("1.6 §5.14 Reset: accepted; the station leaves and boots anew", async () => {
    const station = await scene.station16("UC16-5.14");
    const reset = { action: "Reset", payload: { type: "Soft" } };
    await station.commanded({ ...reset, answer: rejected, outcome: "rejected" });
    await station.commanded({ ...reset, answer: accepted, outcome: "accepted" });
    await station.goOffline();
    await station.connect();
    expect(await station.call("BootNotification", station.boot)).toMatchObject({ status: "Accepted" });
    await station.shows({ online: true });
  });

  test("1.6 §5.15 Send Local List: accepted is the station's version, failed leaves the old one", async () => {
    const station = await scene.station16("UC16-5.15");
    const entry = { idTag: "RFID-1", idTagInfo: { status: "Accepted" } };
    const send = (listVersion: number) => ({
      action: "SendLocalList",
      payload: { listVersion, updateType: "Full", localAuthorizationList: [entry] },
    });
    await station.commanded({ ...send(1), answer: accepted, outcome: "accepted" });
    await station.commanded({ ...send(2), answer: { status: "Failed" }, outcome: "rejected" });
    await station.lists("local-list", [{ version: 1, lastStatus: "Failed" }]);
  });

  test("1.6 §5.16 Set Charging Profile: kept as it was sent", async () => {
    const station = await scene.station16("UC16-5.16");
    await station.commanded(setProfile);
    await station.lists("charging-profiles", [{ profileId: "1", purpose: "TxDefaultProfile", profile }]);
    await station.commanded({ ...setProfile, answer: { status: "NotSupported" }, outcome: "rejected" });
  });

  test("1.6 §5.17 Trigger Message: what was asked for comes; what is not implemented is told", async () => {
    const station = await scene.station16("UC16-5.17");
    const trigger = (requestedMessage: string) => ({ action: "TriggerMessage", payload: { requestedMessage } });
    await station.commanded({ ...trigger("StatusNotification"), answer: accepted, outcome: "accepted" });
    await station.call("StatusNotification", { connectorId: 1, status: "Preparing", errorCode: "NoError" });
    await station.shows({ connectors: [expect.objectContaining({ status: "Preparing" })] });
    await station.commanded({ ...trigger("MeterValues"), answer: { status: "NotImplemented" }, outcome: "rejected" });
  });

  test("1.6 §5.18 Unlock Connector: unlocked, failed, not supported", async () => {
    const station = await scene.station16("UC16-5.18");
    const unlock = { action: "UnlockConnector", payload: { connectorId: 1 } };
    await station.commanded({ ...unlock, answer: { status: "Unlocked" }, outcome: "accepted" });
    await station.commanded({ ...unlock, answer: { status: "UnlockFailed" }, outcome: "rejected" });
    await station.commanded({ ...unlock, answer: { status: "NotSupported" }, outcome: "rejected" });
  });

  test("1.6 §5.19 Update Firmware: requested, then a failed installation is shown as failed", async () => {
    const station = await scene.station16("UC16-5.19");
    await station.commanded(firmware);
    await station.lists("firmware-updates", [{ phase: "accepted", location: "https://files.example/fw.bin" }]);
    await station.call("FirmwareStatusNotification", { status: "InstallationFailed" });
    await station.lists("firmware-updates", [{ phase: "failed", status: "InstallationFailed" }]);
  });

  test("1.6 security SignCertificate and CertificateSigned: the request is kept, the chain sent as a command", async () => {
    const station = await scene.station16("UC16-SIGN");
    expect(await station.call("SignCertificate", { csr })).toEqual({ status: "Accepted" });
    await station.lists("certificate-requests", [{ csr, answered: "Accepted" }]);
    await station.commanded({
      action: "CertificateSigned",
      payload: { certificateChain: pem },
      answer: accepted,
      outcome: "accepted",
    });
    await station.lists("certificates-sent", [{ certificate: pem, answered: "Accepted" }]);
  });

  test("1.6 security InstallCertificate: what was sent, and what the station said", async () => {
    const station = await scene.station16("UC16-INSTALL");
    const payload = { certificateType: "CentralSystemRootCertificate", certificate: pem };
    await station.commanded({ action: "InstallCertificate", payload, answer: accepted, outcome: "accepted" });
    await station.lists("certificates-sent", [{ type: "CentralSystemRootCertificate", answered: "Accepted" }]);
  });

  test("1.6 security GetInstalledCertificateIds and DeleteCertificate: the list, and one less", async () => {
    const station = await scene.station16("UC16-CERTS");
    await station.commanded({
      action: "GetInstalledCertificateIds",
      payload: { certificateType: "CentralSystemRootCertificate" },
      answer: { status: "Accepted", certificateHashData: [hash] },
      outcome: "accepted",
    });
    await station.lists("certificates", [hash]);
    const payload = { certificateHashData: hash };
    await station.commanded({ action: "DeleteCertificate", payload, answer: accepted, outcome: "accepted" });
    await station.lists("certificates", []);
  });

  test("1.6 security ExtendedTriggerMessage: the message that was asked for comes", async () => {
    const station = await scene.station16("UC16-EXT");
    const payload = { requestedMessage: "SignChargePointCertificate" };
    await station.commanded({ action: "ExtendedTriggerMessage", payload, answer: accepted, outcome: "accepted" });
    expect(await station.call("SignCertificate", { csr })).toEqual({ status: "Accepted" });
    await station.lists("certificate-requests", [{ csr }]);
  });

  test("1.6 security GetLog and LogStatusNotification: the upload by its number", async () => {
    const station = await scene.station16("UC16-LOG");
    await station.commanded({
      action: "GetLog",
      payload: { requestId: 4, logType: "SecurityLog", log: { remoteLocation: "https://files.example/" } },
      answer: { status: "Accepted", filename: "security.log" },
      outcome: "accepted",
    });
    expect(await station.call("LogStatusNotification", { status: "Uploaded", requestId: 4 })).toEqual({});
    await station.lists("uploads", [{ requestId: "4", phase: "uploaded", logType: "SecurityLog" }]);
  });

  test("1.6 security SignedUpdateFirmware and SignedFirmwareStatusNotification: by its number, a bad signature is shown", async () => {
    const station = await scene.station16("UC16-FW");
    const location = "https://files.example/fw.bin";
    const signed = { location, retrieveDateTime: at(0), signingCertificate: pem, signature: "c2ln" };
    await station.commanded({
      action: "SignedUpdateFirmware",
      payload: { requestId: 5, firmware: signed },
      answer: accepted,
      outcome: "accepted",
    });
    for (const status of ["Downloading", "Downloaded", "InvalidSignature"]) {
      expect(await station.call("SignedFirmwareStatusNotification", { status, requestId: 5 })).toEqual({});
    }
    await station.lists("firmware-updates", [{ requestId: "5", phase: "failed", status: "InvalidSignature" }]);
  });

  test("1.6 security SecurityEventNotification: answered and listed", async () => {
    const station = await scene.station16("UC16-EVENT");
    const event = { type: "InvalidMessages", timestamp: at(1), techInfo: "three" };
    expect(await station.call("SecurityEventNotification", event)).toEqual({});
    await station.lists("security-events", [{ type: "InvalidMessages", techInfo: "three" }]);
  });
});
