// OCPP 2.0.1 part 2, blocks L (firmware), M (certificates) and N (diagnostics).
import { expect, test } from "vitest";

import { at, useCases, type Actor } from "./scene.ts";

const accepted = { status: "Accepted" } as const;
const pem = "-----BEGIN CERTIFICATE-----\nMIIBCCCC\n-----END CERTIFICATE-----\n";
const hash = { hashAlgorithm: "SHA256", issuerNameHash: "aa11", issuerKeyHash: "bb22", serialNumber: "0c" } as const;
const location = "https://files.example/firmware.bin";
const lock = { component: { name: "Connector" }, variable: { name: "Problem" } } as const;

useCases("L, M and N", (scene) => {
  async function updates(station: Actor, firmware: object): Promise<void> {
    const payload = { requestId: 1, firmware: { location, retrieveDateTime: at(0), ...firmware } };
    await station.commanded({ action: "UpdateFirmware", payload, answer: accepted, outcome: "accepted" });
  }

  test("L01 Secure Firmware Update: from its request to installed, word by word", async () => {
    const station = await scene.station("UC-L01");
    await updates(station, { signingCertificate: pem, signature: "c2lnbmF0dXJl" });
    await station.lists("firmware-updates", [{ requestId: "1", phase: "accepted", location }]);
    for (const status of ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]) {
      expect(await station.call("FirmwareStatusNotification", { status, requestId: 1 })).toEqual({});
    }
    await station.lists("firmware-updates", [{ requestId: "1", phase: "installed", status: "Installed" }]);
  });

  test("L02 Non-Secure Firmware Update: a download that fails is shown as failed", async () => {
    const station = await scene.station("UC-L02");
    await updates(station, {});
    for (const status of ["Downloading", "DownloadFailed"]) {
      await station.call("FirmwareStatusNotification", { status, requestId: 1 });
    }
    await station.lists("firmware-updates", [{ requestId: "1", phase: "failed", status: "DownloadFailed" }]);
  });

  const publish = { action: "PublishFirmware", payload: { requestId: 3, location, checksum: "0123456789abcdef" } };
  const published = { status: "Published", requestId: 3, location: ["http://10.0.0.2/firmware.bin"] };

  test("L03 Publish Firmware file on Local Controller: downloaded, published, with its address", async () => {
    const controller = await scene.station("UC-L03");
    await controller.commanded({ ...publish, answer: accepted, outcome: "accepted" });
    for (const status of ["Downloading", "Downloaded"]) {
      expect(await controller.call("PublishFirmwareStatusNotification", { status, requestId: 3 })).toEqual({});
    }
    await controller.call("PublishFirmwareStatusNotification", published);
    await controller.lists("published-firmware", [{ requestId: "3", phase: "published", location }]);
  });

  test("L04 Unpublish Firmware file on Local Controller: it is offered no more", async () => {
    const controller = await scene.station("UC-L04");
    await controller.commanded({ ...publish, answer: accepted, outcome: "accepted" });
    await controller.call("PublishFirmwareStatusNotification", published);
    await controller.lists("published-firmware", [{ phase: "published" }]);
    const payload = { checksum: "0123456789abcdef" };
    const answer = { status: "Unpublished" };
    await controller.commanded({ action: "UnpublishFirmware", payload, answer, outcome: "accepted" });
    await controller.lists("published-firmware", []);
  });

  async function expectNoContract(station: Actor, action: string): Promise<void> {
    const asked = { iso15118SchemaVersion: "urn:iso:15118:2:2013:MsgDef", action, exiRequest: "ZXhp" };
    expect(await station.call("Get15118EVCertificate", asked)).toMatchObject({ status: "Failed" });
  }

  test("M01 Certificate installation EV: without a contract certificate pool it is answered Failed, and kept", async () => {
    await expectNoContract(await scene.station("UC-M01"), "Install");
  });

  test("M02 Certificate Update EV: without a contract certificate pool it is answered Failed, and kept", async () => {
    await expectNoContract(await scene.station("UC-M02"), "Update");
  });

  const list = { action: "GetInstalledCertificateIds", payload: { certificateType: ["CSMSRootCertificate"] } };
  const chain = [{ certificateType: "CSMSRootCertificate", certificateHashData: hash }];

  test("M03 Retrieve list of available certificates from a Charging Station: the list is the station's", async () => {
    const station = await scene.station("UC-M03");
    const answer = { status: "Accepted", certificateHashDataChain: chain };
    await station.commanded({ ...list, answer, outcome: "accepted" });
    await station.lists("certificates", [{ type: "CSMSRootCertificate", ...hash }]);
  });

  test("M04 Delete a specific certificate from a Charging Station: gone; one that is not there is told", async () => {
    const station = await scene.station("UC-M04");
    await station.commanded({
      ...list,
      answer: { status: "Accepted", certificateHashDataChain: chain },
      outcome: "accepted",
    });
    const remove = { action: "DeleteCertificate", payload: { certificateHashData: hash } };
    await station.commanded({ ...remove, answer: { status: "Failed" }, outcome: "rejected" });
    await station.lists("certificates", [hash]);
    await station.commanded({ ...remove, answer: accepted, outcome: "accepted" });
    await station.lists("certificates", []);
    await station.commanded({ ...remove, answer: { status: "NotFound" }, outcome: "rejected" });
  });

  test("M05 Install CA certificate in a Charging Station: what was sent, and what the station said", async () => {
    const station = await scene.station("UC-M05");
    const install = {
      action: "InstallCertificate",
      payload: { certificateType: "CSMSRootCertificate", certificate: pem },
    };
    await station.commanded({ ...install, answer: { status: "Rejected" }, outcome: "rejected" });
    await station.commanded({ ...install, answer: accepted, outcome: "accepted" });
    const sent = { type: "CSMSRootCertificate", certificate: pem };
    await station.lists("certificates-sent", [
      { ...sent, answered: "Accepted" },
      { ...sent, answered: "Rejected" },
    ]);
  });

  test("M06 Get V2G Charging Station Certificate status: no responder is asked, and the answer says so", async () => {
    const station = await scene.station("UC-M06");
    const ocspRequestData = { ...hash, responderURL: "http://ocsp.example" };
    expect(await station.call("GetCertificateStatus", { ocspRequestData })).toMatchObject({ status: "Failed" });
  });

  test("N01 Retrieve Log Information: the upload and how far it is", async () => {
    const station = await scene.station("UC-N01");
    const log = { remoteLocation: "https://files.example/logs" };
    await station.commanded({
      action: "GetLog",
      payload: { requestId: 11, logType: "DiagnosticsLog", log },
      answer: { status: "Accepted", filename: "diag.tgz" },
      outcome: "accepted",
    });
    for (const status of ["Uploading", "Uploaded"]) {
      expect(await station.call("LogStatusNotification", { status, requestId: 11 })).toEqual({});
    }
    const expected = { requestId: "11", phase: "uploaded", logType: "DiagnosticsLog", fileName: "diag.tgz" };
    await station.lists("uploads", [expected]);
  });

  const monitor = { id: 5, transaction: false, value: 42, type: "UpperThreshold", severity: 4 } as const;

  test("N02 Get Monitoring report: monitors, in parts", async () => {
    const station = await scene.station("UC-N02");
    const payload = { requestId: 12, monitoringCriteria: ["ThresholdMonitoring"] };
    await station.commanded({ action: "GetMonitoringReport", payload, answer: accepted, outcome: "accepted" });
    const part = { requestId: 12, seqNo: 0, generatedAt: at(0), monitor: [{ ...lock, variableMonitoring: [monitor] }] };
    expect(await station.call("NotifyMonitoringReport", part)).toEqual({});
    await station.lists("monitors", [{ monitorId: "5", variable: "Problem", value: 42, severity: 4 }]);
    await station.has("reports", { kind: "monitors", requestId: "12", complete: true });
  });

  test("N03 Set Monitoring Base: one of three, accepted or not supported", async () => {
    const station = await scene.station("UC-N03");
    const base = (monitoringBase: string) => ({ action: "SetMonitoringBase", payload: { monitoringBase } });
    await station.commanded({ ...base("All"), answer: accepted, outcome: "accepted" });
    await station.commanded({ ...base("FactoryDefault"), answer: { status: "NotSupported" }, outcome: "rejected" });
  });

  async function expectMonitored(station: Actor): Promise<void> {
    const setMonitoringData = [{ ...lock, value: 42, type: "UpperThreshold", severity: 4 }];
    const result = { ...lock, id: 5, status: "Accepted", type: "UpperThreshold", severity: 4 };
    await station.commanded({
      action: "SetVariableMonitoring",
      payload: { setMonitoringData },
      answer: { setMonitoringResult: [result] },
      outcome: "accepted",
    });
    await station.lists("monitors", [{ monitorId: "5", component: "Connector", value: 42 }]);
  }

  test("N04 Set Variable Monitoring: kept under the number that the station gave", async () => {
    await expectMonitored(await scene.station("UC-N04"));
  });

  test("N05 Set Monitoring Level: up to which severity events are sent", async () => {
    const station = await scene.station("UC-N05");
    const level = { action: "SetMonitoringLevel", payload: { severity: 5 } };
    await station.commanded({ ...level, answer: accepted, outcome: "accepted" });
    await station.commanded({ ...level, answer: { status: "Rejected" }, outcome: "rejected" });
  });

  test("N06 Clear / Remove Monitoring: gone; one that is not there makes the outcome rejected", async () => {
    const station = await scene.station("UC-N06");
    await expectMonitored(station);
    await station.commanded({
      action: "ClearVariableMonitoring",
      payload: { id: [5, 6] },
      answer: {
        clearMonitoringResult: [
          { id: 5, status: "Accepted" },
          { id: 6, status: "NotFound" },
        ],
      },
      outcome: "rejected",
    });
    await station.lists("monitors", []);
  });

  const event = (eventId: number, more: object) => ({
    generatedAt: at(0),
    seqNo: 0,
    eventData: [
      { eventId, timestamp: at(0), actualValue: "51", eventNotificationType: "CustomMonitor", ...lock, ...more },
    ],
  });

  test("N07 Alert Event: what went over its threshold, and that it is over again", async () => {
    const station = await scene.station("UC-N07");
    const alert = { trigger: "Alerting", variableMonitoringId: 5, techCode: "E42" };
    expect(await station.call("NotifyEvent", event(1, alert))).toEqual({});
    await station.call("NotifyEvent", event(2, { ...alert, cleared: true, cause: 1 }));
    await station.lists("events", [
      { eventId: 1, trigger: "Alerting", actualValue: "51", monitorId: "5", techCode: "E42", cleared: false },
      { eventId: 2, cleared: true },
    ]);
  });

  test("N08 Periodic Event: each value of a periodic monitor", async () => {
    const station = await scene.station("UC-N08");
    const periodic = { trigger: "Periodic", variableMonitoringId: 6 };
    for (const eventId of [1, 2]) await station.call("NotifyEvent", event(eventId, periodic));
    await station.lists("events", [
      { eventId: 1, trigger: "Periodic", monitorId: "6" },
      { eventId: 2, trigger: "Periodic", monitorId: "6" },
    ]);
  });

  const customer = (requestId: number, clear: boolean) => ({
    action: "CustomerInformation",
    payload: { requestId, report: true, clear, customerIdentifier: "C-1" },
  });

  test("N09 Get Customer Information: the text, in the order of its parts", async () => {
    const station = await scene.station("UC-N09");
    await station.commanded({ ...customer(13, false), answer: accepted, outcome: "accepted" });
    const part = (seqNo: number, tbc: boolean, data: string) =>
      station.call("NotifyCustomerInformation", { requestId: 13, seqNo, generatedAt: at(0), tbc, data });
    expect(await part(0, true, "name: ")).toEqual({});
    await part(1, false, "nobody");
    await station.lists("customer-information", [
      { requestId: "13", seqNo: 0, data: "name: " },
      { requestId: "13", seqNo: 1, data: "nobody" },
    ]);
  });

  test("N10 Clear Customer Information: accepted with its report, or refused", async () => {
    const station = await scene.station("UC-N10");
    await station.commanded({ ...customer(14, true), answer: accepted, outcome: "accepted" });
    const cleared = { requestId: 14, seqNo: 0, generatedAt: at(0), data: "cleared" };
    await station.call("NotifyCustomerInformation", cleared);
    await station.lists("customer-information", [{ requestId: "14", data: "cleared" }]);
    await station.commanded({ ...customer(15, true), answer: { status: "Rejected" }, outcome: "rejected" });
  });
});
