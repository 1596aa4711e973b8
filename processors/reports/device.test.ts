// Monitors, charging, messages, certificates, local lists, data transfers.
import { expect, test } from "vitest";

import { at, Line } from "../station.test-helper.ts";
import { after, documentsOf, told } from "./reports.test-helper.ts";

const ok = { status: "Accepted" };
const station = (protocol: Line["protocol"] = "ocpp2.0.1") => new Line("CS1", protocol);
const keys = (documents: Map<string, unknown>) => [...documents.keys()];

const place = { component: { name: "EVSE", evse: { id: 1 } }, variable: { name: "Temperature" } };

test("2.0.1 N02, N04, N06: monitors are set with the station's numbers, reported and cleared", async () => {
  const line = station();
  const folded = await after(
    line,
    ...told(
      line,
      "SetVariableMonitoring",
      { setMonitoringData: [{ ...place, type: "UpperThreshold", value: 80, severity: 2 }] },
      { setMonitoringResult: [{ ...place, id: 11, type: "UpperThreshold", severity: 2, status: "Accepted" }] },
    ),
    line.call("NotifyMonitoringReport", {
      requestId: 3,
      seqNo: 0,
      generatedAt: at(1),
      monitor: [
        { ...place, variableMonitoring: [{ id: 12, type: "Delta", value: 1, severity: 9, transaction: true }] },
      ],
    }),
    ...told(
      line,
      "ClearVariableMonitoring",
      { id: [12, 13] },
      {
        clearMonitoringResult: [
          { id: 12, status: "Accepted" },
          { id: 13, status: "Rejected" },
        ],
      },
    ),
  );
  const monitors = documentsOf(folded, "monitors");
  expect(keys(monitors)).toEqual(["11"]);
  expect(monitors.get("11")).toMatchObject({ variable: "Temperature", evseId: 1, value: 80, severity: 2 });
  expect(documentsOf(folded, "reports").get("monitors/3")).toMatchObject({ complete: true, items: 1 });
});

test("2.0.1 N07: each event of a message is kept", async () => {
  const line = station();
  const event = (eventId: number) => ({
    eventId,
    timestamp: at(1),
    trigger: "Alerting",
    actualValue: "93",
    eventNotificationType: "HardWiredMonitor",
    ...place,
  });
  const folded = await after(
    line,
    line.call("NotifyEvent", { seqNo: 0, generatedAt: at(1), eventData: [event(1), event(2)] }),
  );
  expect([...documentsOf(folded, "events").values()]).toMatchObject([
    { eventId: 1, actualValue: "93", component: "EVSE" },
    { eventId: 2 },
  ]);
});

const profile = (id: number, purpose: string, stackLevel = 0) => ({ id, chargingProfilePurpose: purpose, stackLevel });

test("2.0.1 K01, K09, K10: profiles are set, reported and cleared by what they are", async () => {
  const line = station();
  const set = (evseId: number, of: object) => told(line, "SetChargingProfile", { evseId, chargingProfile: of }, ok);
  const clear = (request: object) => told(line, "ClearChargingProfile", request, ok);
  const folded = await after(
    line,
    ...set(1, profile(1, "TxDefaultProfile")),
    ...set(2, profile(2, "TxDefaultProfile")),
    ...set(2, profile(3, "TxProfile")),
    line.call("ReportChargingProfiles", {
      requestId: 1,
      chargingLimitSource: "EMS",
      evseId: 0,
      chargingProfile: [profile(9, "ChargingStationExternalConstraints")],
    }),
    ...clear({ chargingProfileCriteria: { evseId: 2, chargingProfilePurpose: "TxDefaultProfile" } }),
    ...clear({ chargingProfileId: 3 }),
  );
  expect(keys(documentsOf(folded, "chargingProfiles"))).toEqual(["1/1", "0/9"]);
  expect(documentsOf(folded, "reports").get("chargingProfiles/1")).toMatchObject({ complete: true });
  const all = await after(line, ...set(1, profile(1, "TxDefaultProfile")), ...clear({}));
  expect(documentsOf(all, "chargingProfiles").size).toBe(0);
});

test("1.6 §5.16, §5.5, §5.7: profiles and composite schedules", async () => {
  const line = station("ocpp1.6");
  const csChargingProfiles = { chargingProfileId: 4, chargingProfilePurpose: "TxDefaultProfile", stackLevel: 1 };
  const schedule = { chargingRateUnit: "A", chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] };
  const folded = await after(
    line,
    ...told(line, "SetChargingProfile", { connectorId: 1, csChargingProfiles }, ok),
    ...told(
      line,
      "GetCompositeSchedule",
      { connectorId: 1, duration: 60 },
      { ...ok, connectorId: 1, scheduleStart: at(1), chargingSchedule: schedule },
    ),
    ...told(line, "ClearChargingProfile", { stackLevel: 2 }, ok),
  );
  expect(documentsOf(folded, "chargingProfiles").get("1/4")).toMatchObject({ stackLevel: 1, source: "CSO" });
  expect(documentsOf(folded, "chargingSchedules").get("composite/1")).toMatchObject({ timeBase: at(1), schedule });
});

test("2.0.1 K11-K17: what vehicles and energy managers want", async () => {
  const line = station();
  const chargingLimit = { chargingLimitSource: "EMS", isGridCritical: true };
  const folded = await after(
    line,
    line.call("NotifyEVChargingNeeds", { evseId: 1, chargingNeeds: { requestedEnergyTransfer: "DC" } }, ok),
    line.call("NotifyEVChargingSchedule", { evseId: 1, timeBase: at(2), chargingSchedule: { id: 1 } }, ok),
    line.call("NotifyChargingLimit", { evseId: 1, chargingLimit }),
    line.call("NotifyChargingLimit", { chargingLimit: { chargingLimitSource: "SO" } }),
    line.call("ClearedChargingLimit", { evseId: 1, chargingLimitSource: "EMS" }),
  );
  expect(documentsOf(folded, "chargingNeeds").get("1")).toMatchObject({ answered: "Accepted" });
  expect(documentsOf(folded, "chargingSchedules").get("ev/1")).toMatchObject({ kind: "ev", timeBase: at(2) });
  expect(keys(documentsOf(folded, "chargingLimits"))).toEqual(["0/SO"]);
});

test("2.0.1 O01-O06: messages on the display", async () => {
  const line = station();
  const message = (id: number, content: string) => ({
    id,
    priority: "AlwaysFront",
    message: { format: "UTF8", content },
  });
  const folded = await after(
    line,
    ...told(line, "SetDisplayMessage", { message: message(1, "hello") }, ok),
    ...told(line, "SetDisplayMessage", { message: message(2, "no") }, { status: "NotSupportedPriority" }),
    line.call("NotifyDisplayMessages", { requestId: 5, tbc: false, messageInfo: [message(3, "own")] }),
    ...told(line, "ClearDisplayMessage", { id: 1 }, ok),
  );
  expect([...documentsOf(folded, "displayMessages").values()]).toMatchObject([
    { messageId: 3, message: { content: "own" } },
  ]);
});

test("2.0.1 N09: customer information reads in the order of its parts", async () => {
  const line = station();
  const part = (seqNo: number, data: string) =>
    line.call("NotifyCustomerInformation", { requestId: 8, seqNo, tbc: seqNo === 0, data, generatedAt: at(1) });
  const folded = await after(line, part(1, " Doe"), part(0, "Jane"));
  const documents = documentsOf(folded, "customerInformation");
  const inOrder = keys(documents)
    .toSorted()
    .map((key) => documents.get(key)?.["data"]);
  expect(inOrder.join("")).toBe("Jane Doe");
  expect(documentsOf(folded, "reports").get("customerInformation/8")).toMatchObject({ complete: true });
});

const hash = (serialNumber: string) => ({
  hashAlgorithm: "SHA256",
  issuerNameHash: "a",
  issuerKeyHash: "b",
  serialNumber,
});

test("2.0.1 M03, M04 and 1.6: which certificates are installed; a new list replaces those of its types alone", async () => {
  const line = station();
  const list = (of: object[], certificateType?: string[]) =>
    told(line, "GetInstalledCertificateIds", certificateType ? { certificateType } : {}, {
      ...ok,
      certificateHashDataChain: of,
    });
  const item = (certificateType: string, serial: string) => ({ certificateType, certificateHashData: hash(serial) });
  const folded = await after(
    line,
    ...list([item("CSMSRootCertificate", "1"), item("V2GRootCertificate", "2")]),
    ...list([item("V2GRootCertificate", "3")], ["V2GRootCertificate"]),
    ...told(line, "DeleteCertificate", { certificateHashData: hash("1") }, ok),
  );
  expect(keys(documentsOf(folded, "certificates"))).toEqual(["V2GRootCertificate/b/3"]);
  const old = station("ocpp1.6");
  const of16 = await after(
    old,
    ...told(
      old,
      "GetInstalledCertificateIds",
      { certificateType: "CentralSystemRootCertificate" },
      { ...ok, certificateHashData: [hash("7")] },
    ),
  );
  expect(keys(documentsOf(of16, "certificates"))).toEqual(["CentralSystemRootCertificate/b/7"]);
});

test("2.0.1 A02, M05: a signing request is kept whole, and what was sent for it or to be trusted", async () => {
  const line = station();
  const csr = "-----BEGIN CERTIFICATE REQUEST-----";
  const folded = await after(
    line,
    line.call("SignCertificate", { csr, certificateType: "ChargingStationCertificate" }, ok),
    ...told(line, "CertificateSigned", { certificateChain: "PEM" }, ok),
    ...told(
      line,
      "InstallCertificate",
      { certificateType: "V2GRootCertificate", certificate: "ROOT" },
      { status: "Failed" },
    ),
  );
  expect([...documentsOf(folded, "certificateRequests").values()]).toMatchObject([{ csr, answered: "Accepted" }]);
  expect([...documentsOf(folded, "certificatesSent").values()]).toMatchObject([
    { certificate: "PEM", answered: "Accepted" },
    { type: "V2GRootCertificate", certificate: "ROOT", answered: "Failed" },
  ]);
});

test("D01, D02: which version of the local list a station has, and that it is unknown after somebody else changed it", async () => {
  const line = station("ocpp1.6");
  const send = (listVersion: number, status: string) =>
    told(
      line,
      "SendLocalList",
      { listVersion, updateType: "Full", localAuthorizationList: [{ idTag: "A" }] },
      { status },
    );
  const known = await after(line, ...send(4, "Accepted"), ...send(5, "VersionMismatch"));
  expect(documentsOf(known, "localList").get("list")).toMatchObject({ version: 4, lastStatus: "VersionMismatch" });
  const other = await after(line, ...send(4, "Accepted"), ...told(line, "GetLocalListVersion", {}, { listVersion: 9 }));
  expect(documentsOf(other, "localList").get("list")).toMatchObject({ version: 9, commandId: null });
});

test("P01, P02: transfers in either direction are kept with their answers", async () => {
  const line = station("ocpp1.6");
  const folded = await after(
    line,
    line.call("DataTransfer", { vendorId: "V", data: "x" }, { status: "UnknownVendorId" }),
    ...told(line, "DataTransfer", { vendorId: "V", messageId: "m" }, { ...ok, data: "y" }),
  );
  expect([...documentsOf(folded, "dataTransfers").values()]).toMatchObject([
    { direction: "fromStation", data: "x", status: "UnknownVendorId" },
    { direction: "toStation", messageId: "m", answerData: "y" },
  ]);
});

test("P01, P02: what a known vendor's transfer carries has the effect of the message itself, if it was accepted", async () => {
  const line = station("ocpp1.6");
  const vendorId = "org.openchargealliance.iso15118pnc";
  const carrying = (messageId: string, message: object) => ({ vendorId, messageId, data: JSON.stringify(message) });
  const signed = (status: string) =>
    told(line, "DataTransfer", carrying("CertificateSigned", { certificateChain: status }), {
      status,
      data: JSON.stringify({ status: "Accepted" }),
    });
  const folded = await after(
    line,
    line.call("DataTransfer", carrying("SignCertificate", { csr: "CSR" }), { ...ok, data: '{"status":"Accepted"}' }),
    line.call("DataTransfer", { vendorId, messageId: "SignCertificate", data: "no JSON" }, { status: "Rejected" }),
    ...signed("Accepted"),
    ...signed("UnknownMessageId"),
  );
  expect([...documentsOf(folded, "certificateRequests").values()]).toMatchObject([
    { csr: "CSR", type: "V2GCertificate", answered: "Accepted" },
  ]);
  expect([...documentsOf(folded, "certificatesSent").values()]).toMatchObject([
    { type: "V2GCertificate", certificate: "Accepted", answered: "Accepted" },
  ]);
  expect(documentsOf(folded, "dataTransfers").size).toBe(4);
});
