// OCPP 2.0.1 part 2, blocks C (authorization) and D (local authorization list).
import { expect, test } from "vitest";

import { evse1, reading, rfid, useCases } from "./scene.ts";

const clearCache = { action: "ClearCache", payload: {} } as const;

useCases("C and D", (scene) => {
  const token = (uid: string, more: object = {}) =>
    scene.rest.post("/tokens", {
      uid,
      type: "RFID",
      contractId: `C-${uid}`,
      valid: true,
      whitelist: "ALWAYS",
      ...more,
    });

  test("C01 EV Driver Authorization using RFID: a known one charges, a blocked and an expired one are told so", async () => {
    await token("C01-GOOD");
    await token("C01-BLOCKED", { valid: false });
    await token("C01-OLD", { expiresAt: "2020-01-01T00:00:00Z" });
    const station = await scene.station("UC-C01");
    const asked = async (idToken: string) =>
      (await station.call("Authorize", { idToken: { idToken, type: "ISO14443" } }))["idTokenInfo"];
    expect(await asked("C01-GOOD")).toMatchObject({ status: "Accepted" });
    expect(await asked("c01-good")).toMatchObject({ status: "Accepted" });
    expect(await asked("C01-BLOCKED")).toMatchObject({ status: "Blocked" });
    expect(await asked("C01-OLD")).toMatchObject({ status: "Expired" });
    expect(await scene.rest.get("/tokens/C01-GOOD")).toMatchObject({ uid: "C01-GOOD", valid: true });
  });

  test("C02 Authorization using a start button: no token is needed, and none is shown", async () => {
    const station = await scene.station("UC-C02");
    const idToken = { idToken: "", type: "NoAuthorization" };
    const answer = await station.event("Started", { transactionId: "c02" }, { idToken, evse: evse1 });
    expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.session({ status: "active", transactionId: "c02", idToken: null });
  });

  test("C03 Authorization using credit/debit card: the terminal's token is a Central one of the CSMS", async () => {
    await token("PAY-0001", { type: "AD_HOC_USER" });
    const station = await scene.station("UC-C03");
    const central = { idToken: "PAY-0001", type: "Central" };
    expect(await station.call("Authorize", { idToken: central })).toMatchObject({
      idTokenInfo: { status: "Accepted" },
    });
    await station.event("Started", { transactionId: "c03" }, { idToken: central, evse: evse1 });
    await station.session({ idToken: "PAY-0001" });
  });

  test("C04 Authorization using PIN-code: a KeyCode is a token like another", async () => {
    await token("1234", { type: "OTHER" });
    const station = await scene.station("UC-C04");
    const idToken = { idToken: "1234", type: "KeyCode" };
    expect(await station.call("Authorize", { idToken })).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.event("Started", { transactionId: "c04" }, { idToken, evse: evse1 });
    await station.session({ idToken: "1234", status: "active" });
  });

  test("C05 Authorization for CSMS initiated transactions: the token of the request is authorised, then charges", async () => {
    const station = await scene.station("UC-C05");
    const idToken = { idToken: "C05-APP", type: "Central" };
    await station.commanded({
      action: "RequestStartTransaction",
      payload: { idToken, remoteStartId: 5, evseId: 1 },
      answer: { status: "Accepted" },
      outcome: "accepted",
    });
    expect(await station.call("Authorize", { idToken })).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    const info = { transactionId: "c05", remoteStartId: 5 };
    await station.event("Started", info, { triggerReason: "RemoteStart", idToken, evse: evse1 });
    await station.session({ idToken: "C05-APP", status: "active" });
  });

  test("C06 Authorization using local id type: the station's own token charges, and the session names it", async () => {
    const station = await scene.station("UC-C06");
    const idToken = { idToken: "KEYSWITCH-1", type: "Local" };
    const answer = await station.event("Started", { transactionId: "c06" }, { idToken, evse: evse1 });
    expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.session({ idToken: "KEYSWITCH-1" });
  });

  test("C07 Authorization using Contract Certificates: the eMAID is authorised; that no certificate was checked is said", async () => {
    const station = await scene.station("UC-C07");
    const hash = { issuerNameHash: "aa", issuerKeyHash: "bb", serialNumber: "01", responderURL: "http://ocsp.example" };
    const answer = await station.call("Authorize", {
      idToken: { idToken: "DE-ABC-C0000001-X", type: "eMAID" },
      iso15118CertificateHashData: [{ hashAlgorithm: "SHA256", ...hash }],
    });
    const certificateStatus = "NoCertificateAvailable";
    expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted" }, certificateStatus });
  });

  test("C08 Authorization at EVSE using ISO 15118 External Identification Means (EIM): by RFID, the vehicle plugged in", async () => {
    const station = await scene.station("UC-C08");
    await station.event("Started", { transactionId: "c08" }, { triggerReason: "CablePluggedIn", evse: evse1 });
    expect(await station.call("Authorize", { idToken: rfid })).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.event("Updated", { transactionId: "c08", chargingState: "Charging" }, { idToken: rfid });
    await station.session({ transactionId: "c08", idToken: "RFID-1", status: "active" });
  });

  test("C09 Authorization by GroupId: the group is told, and a token of the same group ends the transaction", async () => {
    await token("C09-A", { groupId: "FAMILY" });
    await token("C09-B", { groupId: "FAMILY" });
    const station = await scene.station("UC-C09");
    const of = (idToken: string) => ({ idToken, type: "ISO14443" });
    const groupIdToken = { idToken: "FAMILY", type: "Central" };
    expect(await station.call("Authorize", { idToken: of("C09-A") })).toMatchObject({ idTokenInfo: { groupIdToken } });
    await station.event("Started", { transactionId: "c09" }, { idToken: of("C09-A"), evse: evse1 });
    const stop = { triggerReason: "StopAuthorized", idToken: of("C09-B") };
    const answer = await station.event("Ended", { transactionId: "c09", stoppedReason: "Local" }, stop);
    expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted", groupIdToken } });
    await station.session({ idToken: "C09-A", status: "completed" });
  });

  test("C10 Store Authorization Data in the Authorization Cache: what may be stored comes with its expiry", async () => {
    await token("C10", { expiresAt: "2099-01-01T00:00:00Z" });
    const station = await scene.station("UC-C10");
    const idToken = { idToken: "C10", type: "ISO14443" };
    expect(await station.call("Authorize", { idToken })).toMatchObject({
      idTokenInfo: { status: "Accepted", cacheExpiryDateTime: "2099-01-01T00:00:00.000Z" },
    });
  });

  test("C11 Clear Authorization Data in Authorization Cache: cleared, or refused", async () => {
    const station = await scene.station("UC-C11");
    await station.commanded({ ...clearCache, answer: { status: "Accepted" }, outcome: "accepted" });
    await station.commanded({ ...clearCache, answer: { status: "Rejected" }, outcome: "rejected" });
  });

  test("C12 Start Transaction - Cached Id: begun without Authorize; the answer says what the CSMS knows by now", async () => {
    await token("C12", { valid: false });
    const station = await scene.station("UC-C12");
    const idToken = { idToken: "C12", type: "ISO14443" };
    const answer = await station.event("Started", { transactionId: "c12" }, { idToken, evse: evse1 });
    expect(answer).toMatchObject({ idTokenInfo: { status: "Blocked" } });
    const end = { transactionId: "c12", stoppedReason: "DeAuthorized" };
    await station.event("Ended", end, { triggerReason: "Deauthorized" });
    await station.session({ idToken: "C12", status: "completed", stopReason: "DeAuthorized" });
  });

  test("C13 Offline Authorization through Local Authorization List: the transaction of the outage is kept whole", async () => {
    const station = await scene.station("UC-C13");
    await station.goOffline();
    await station.comeBack();
    const offline = { offline: true, idToken: rfid, evse: evse1, meterValue: [reading(100, 0, "Transaction.Begin")] };
    await station.event("Started", { transactionId: "c13" }, offline);
    const last = { offline: true, meterValue: [reading(600, 9, "Transaction.End")] };
    await station.event("Ended", { transactionId: "c13", stoppedReason: "Local" }, last);
    await station.session({ idToken: "RFID-1", status: "completed", energyWh: 500 });
  });

  test("C14 Online Authorization through Local Authorization List: begun by the list, confirmed by the answer", async () => {
    const station = await scene.station("UC-C14");
    const answer = await station.event("Started", { transactionId: "c14" }, { idToken: rfid, evse: evse1 });
    expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await station.session({ transactionId: "c14", idToken: "RFID-1" });
  });

  test("C15 Offline Authorization of unknown Id: told later that it is blocked, the session shows what was delivered", async () => {
    await token("C15", { valid: false });
    const station = await scene.station("UC-C15");
    const idToken = { idToken: "C15", type: "ISO14443" };
    const begin = { offline: true, idToken, evse: evse1, meterValue: [reading(0, 0, "Transaction.Begin")] };
    const answer = await station.event("Started", { transactionId: "c15" }, begin);
    expect(answer).toMatchObject({ idTokenInfo: { status: "Blocked" } });
    const last = { triggerReason: "Deauthorized", meterValue: [reading(250, 2, "Transaction.End")] };
    await station.event("Ended", { transactionId: "c15", stoppedReason: "DeAuthorized" }, last);
    await station.session({ idToken: "C15", status: "completed", energyWh: 250, stopReason: "DeAuthorized" });
  });

  test("C16 Stop Transaction with a Master Pass: another token ends it, the session stays its starter's", async () => {
    await token("C16-MASTER", { groupId: "MASTERPASS" });
    const station = await scene.station("UC-C16");
    await station.event("Started", { transactionId: "c16" }, { idToken: rfid, evse: evse1 });
    const idToken = { idToken: "C16-MASTER", type: "ISO14443" };
    expect(await station.call("Authorize", { idToken })).toMatchObject({
      idTokenInfo: { groupIdToken: { idToken: "MASTERPASS" } },
    });
    const end = { transactionId: "c16", stoppedReason: "MasterPass" };
    await station.event("Ended", end, { triggerReason: "StopAuthorized", idToken });
    await station.session({ idToken: "RFID-1", status: "completed", stopReason: "MasterPass" });
  });

  test("D01 Send Local Authorization List: accepted is the station's version; a mismatch leaves the old one", async () => {
    const station = await scene.station("UC-D01");
    const entry = { idToken: rfid, idTokenInfo: { status: "Accepted" } };
    const send = (versionNumber: number, updateType: string) => ({
      action: "SendLocalList",
      payload: { versionNumber, updateType, localAuthorizationList: [entry] },
    });
    await station.commanded({ ...send(3, "Full"), answer: { status: "Accepted" }, outcome: "accepted" });
    await station.lists("local-list", [{ version: 3, lastUpdate: "Full", lastEntries: 1 }]);
    await station.commanded({ ...send(9, "Differential"), answer: { status: "VersionMismatch" }, outcome: "rejected" });
    await station.lists("local-list", [{ version: 3, lastStatus: "VersionMismatch" }]);
  });

  test("D02 Get Local List Version: the station's answer is shown", async () => {
    const station = await scene.station("UC-D02");
    const answer = { versionNumber: 12 };
    await station.commanded({ action: "GetLocalListVersion", payload: {}, answer, outcome: "accepted" });
    await station.lists("local-list", [{ version: 12 }]);
  });
});
