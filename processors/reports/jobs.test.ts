import { expect, test } from "vitest";

import { Line } from "../station.test-helper.ts";
import { after, documentsOf, told } from "./reports.test-helper.ts";

const ok = { status: "Accepted" };
const only = (documents: Map<string, Record<string, unknown>>) => {
  expect(documents.size).toBe(1);
  return [...documents.values()][0];
};
const words = (document: Record<string, unknown> | undefined) =>
  (document?.["history"] as { status: string }[] | undefined)?.map(({ status }) => status);

test("1.6 §4.5: an update has no number, so what the station says is about the one that runs; credentials are not shown", async () => {
  const line = new Line("CS1");
  const says = (status: string) => line.call("FirmwareStatusNotification", { status });
  const folded = await after(
    line,
    ...told(
      line,
      "UpdateFirmware",
      { location: "ftp://me:secret@fw.example/1.bin", retrieveDate: "2026-01-01T00:00:00Z" },
      {},
    ),
    says("Downloading"),
    says("Downloaded"),
    says("Installing"),
    says("Idle"),
    line.call("BootNotification", { chargePointVendor: "V", chargePointModel: "M", firmwareVersion: "1.9" }),
    says("Installed"),
    says("Idle"),
    line.call("BootNotification", { chargePointVendor: "V", chargePointModel: "M", firmwareVersion: "2.0" }),
  );
  const update = only(documentsOf(folded, "firmwareUpdates"));
  expect(update).toMatchObject({ phase: "installed", location: "ftp://fw.example/1.bin", versionAfter: "2.0" });
  expect(words(update)).toEqual(["Accepted", "Downloading", "Downloaded", "Installing", "Idle", "Installed"]);
});

test("2.0.1 L01: updates are told apart by their number; the one that another replaced is cancelled", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const update = (requestId: number, status: string) =>
    told(line, "UpdateFirmware", { requestId, firmware: { location: "https://fw.example/1" } }, { status });
  const says = (status: string, requestId: number) => line.call("FirmwareStatusNotification", { status, requestId });
  const folded = await after(
    line,
    ...update(1, "Accepted"),
    says("Downloading", 1),
    ...update(2, "AcceptedCanceled"),
    says("InstallationFailed", 1),
    says("Downloading", 2),
    ...update(3, "Rejected"),
  );
  const documents = documentsOf(folded, "firmwareUpdates");
  expect([...documents].map(([key, document]) => [key, document["phase"]])).toEqual([
    ["1", "cancelled"],
    ["2", "downloading"],
  ]);
});

test("L01: an update shows the version that the station booted with after it, and not that of a boot before", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const boot = (firmwareVersion: string) =>
    line.call("BootNotification", {
      reason: "PowerUp",
      chargingStation: { vendorName: "V", model: "M", firmwareVersion },
    });
  const says = (status: string) => line.call("FirmwareStatusNotification", { status, requestId: 1 });
  const begun = told(line, "UpdateFirmware", { requestId: 1, firmware: { location: "https://fw.example/1" } }, ok);
  const update = (folded: Parameters<typeof documentsOf>[0]) => documentsOf(folded, "firmwareUpdates").get("1");
  const running = await after(line, ...begun, says("Downloading"), boot("1.0"));
  expect(update(running)).not.toHaveProperty("versionAfter");
  expect(update(running)).toMatchObject({ phase: "downloading", commandId: expect.any(String) as string });
  const other = new Line("CS1", "ocpp2.0.1");
  const again = (status: string) => other.call("FirmwareStatusNotification", { status, requestId: 1 });
  const booted = (firmwareVersion: string) =>
    other.call("BootNotification", {
      reason: "FirmwareUpdate",
      chargingStation: { vendorName: "V", model: "M", firmwareVersion },
    });
  const done = await after(
    other,
    ...told(other, "UpdateFirmware", { requestId: 1, firmware: { location: "https://fw.example/1" } }, ok),
    again("Installing"),
    again("InstallRebooting"),
    booted("2.0"),
    again("Installed"),
  );
  expect(update(done)).toMatchObject({ phase: "installed", versionAfter: "2.0" });
  expect(words(update(done))).toEqual(["Accepted", "Installing", "InstallRebooting", "Installed"]);
});

test("an update that a station does by itself is seen too, and nothing is made of an idle one", async () => {
  const line = new Line("CS1");
  const says = (status: string) => line.call("FirmwareStatusNotification", { status });
  const folded = await after(line, says("Idle"), says("Downloading"), says("InstallationFailed"), says("Downloading"));
  const documents = [...documentsOf(folded, "firmwareUpdates").values()];
  expect(documents.map((document) => [document["phase"], document["commandId"]])).toEqual([
    ["failed", undefined],
    ["downloading", undefined],
  ]);
});

test("1.6 signed updates keep their number and end with a bad signature", async () => {
  const line = new Line("CS1");
  const folded = await after(
    line,
    ...told(line, "SignedUpdateFirmware", { requestId: 4, firmware: { location: "https://fw.example/1" } }, ok),
    line.call("SignedFirmwareStatusNotification", { status: "InvalidSignature", requestId: 4 }),
    line.call("SignedFirmwareStatusNotification", { status: "Installed", requestId: 4 }),
  );
  expect(documentsOf(folded, "firmwareUpdates").get("4")).toMatchObject({ phase: "failed", status: "Installed" });
});

test("1.6 §4.4 and 2.0.1 N01: logs on their way up", async () => {
  const [old, young] = [new Line("CS1"), new Line("CS2", "ocpp2.0.1")];
  const first = await after(
    old,
    ...told(old, "GetDiagnostics", { location: "https://up.example/x" }, { fileName: "diag.zip" }),
    old.call("DiagnosticsStatusNotification", { status: "Uploading" }),
    old.call("DiagnosticsStatusNotification", { status: "Uploaded" }),
  );
  expect(only(documentsOf(first, "uploads"))).toMatchObject({
    phase: "uploaded",
    fileName: "diag.zip",
    logType: "DiagnosticsLog",
  });
  const log = { remoteLocation: "https://up.example/y" };
  const second = await after(
    young,
    ...told(young, "GetLog", { requestId: 7, logType: "SecurityLog", log }, { ...ok, filename: "sec.log" }),
    young.call("LogStatusNotification", { status: "PermissionDenied", requestId: 7 }),
  );
  expect(documentsOf(second, "uploads").get("7")).toMatchObject({ phase: "failed", logType: "SecurityLog" });
});

test("2.0.1 L03, L04: what a local controller offers, and no longer does", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const publish = told(line, "PublishFirmware", { requestId: 1, location: "https://fw.example/1", checksum: "ab" }, ok);
  const said = line.call("PublishFirmwareStatusNotification", {
    requestId: 1,
    status: "Published",
    location: ["http://10.0.0.1/1"],
  });
  const published = await after(line, ...publish, said);
  expect(documentsOf(published, "publishedFirmware").get("1")).toMatchObject({
    phase: "published",
    publishedAt: "http://10.0.0.1/1",
  });
  const young = new Line("CS1", "ocpp2.0.1");
  const gone = await after(
    young,
    ...told(young, "PublishFirmware", { requestId: 1, location: "https://fw.example/1", checksum: "ab" }, ok),
    ...told(young, "UnpublishFirmware", { checksum: "ab" }, { status: "Unpublished" }),
  );
  expect(documentsOf(gone, "publishedFirmware").size).toBe(0);
});
