// OCPP 2.0.1 part 2, block K (smart charging).
import { expect, test } from "vitest";

import { at, evse1, rfid, useCases, type Actor } from "./scene.ts";

const schedule = {
  id: 1,
  chargingRateUnit: "A",
  chargingSchedulePeriod: [
    { startPeriod: 0, limit: 16 },
    { startPeriod: 3_600, limit: 32 },
  ],
};
const profile = (id: number, chargingProfilePurpose: string, more: object = {}) => ({
  id,
  stackLevel: 0,
  chargingProfilePurpose,
  chargingProfileKind: "Absolute",
  chargingSchedule: [schedule],
  ...more,
});
const accepted = { status: "Accepted" } as const;

async function sets(station: Actor, evseId: number, chargingProfile: object): Promise<void> {
  const payload = { evseId, chargingProfile };
  await station.commanded({ action: "SetChargingProfile", payload, answer: accepted, outcome: "accepted" });
}

const limitOf = (limit: number, chargingLimitSource = "EMS", more: object = {}) => ({
  chargingLimit: { chargingLimitSource, isGridCritical: true },
  chargingSchedule: [{ ...schedule, chargingSchedulePeriod: [{ startPeriod: 0, limit }] }],
  ...more,
});
const needs = {
  evseId: 1,
  chargingNeeds: {
    requestedEnergyTransfer: "AC_three_phase",
    acChargingParameters: { energyAmount: 20_000, evMinCurrent: 6, evMaxCurrent: 32, evMaxVoltage: 400 },
  },
};

useCases("K", (scene) => {
  test("K01 SetChargingProfile: kept as it was sent, once the station has accepted it", async () => {
    const station = await scene.station("UC-K01");
    const sent = profile(10, "TxDefaultProfile");
    const command = { action: "SetChargingProfile", payload: { evseId: 1, chargingProfile: sent } };
    await station.commanded({ ...command, answer: { status: "Rejected" }, outcome: "rejected" });
    await station.lists("charging-profiles", []);
    await sets(station, 1, sent);
    const expected = { profileId: "10", evseId: 1, purpose: "TxDefaultProfile", stackLevel: 0, profile: sent };
    await station.lists("charging-profiles", [expected]);
  });

  test("K02 Central Smart Charging: a profile for the running transaction; it goes on under it", async () => {
    const station = await scene.station("UC-K02");
    const tx = { transactionId: "k02" };
    await station.event("Started", tx, { idToken: rfid, evse: evse1 });
    await sets(station, 1, profile(11, "TxProfile", tx));
    await station.has("charging-profiles", { profileId: "11", purpose: "TxProfile" });
    await station.event("Updated", { ...tx, chargingState: "Charging" }, { triggerReason: "ChargingRateChanged" });
    await station.session({ status: "active" });
  });

  test("K03 Local Smart Charging: a local controller is given the limit of all its stations", async () => {
    const controller = await scene.station("UC-K03");
    await sets(controller, 0, profile(12, "ChargingStationMaxProfile"));
    await controller.has("charging-profiles", { profileId: "12", evseId: 0, purpose: "ChargingStationMaxProfile" });
  });

  test("K04 Internal Load Balancing: the limit of the whole station, which divides it itself", async () => {
    const station = await scene.station("UC-K04");
    await sets(station, 0, profile(13, "ChargingStationMaxProfile"));
    const payload = { duration: 3_600, evseId: 0 };
    const composite = {
      evseId: 0,
      duration: 3_600,
      scheduleStart: at(0),
      chargingRateUnit: "A",
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }],
    };
    const answer = { status: "Accepted", schedule: composite };
    await station.commanded({ action: "GetCompositeSchedule", payload, answer, outcome: "accepted" });
    await station.has("charging-schedules", { evseId: 0, kind: "composite" });
  });

  test("K05 Remote Start Transaction with Charging Profile: sent along, and in the station with the start", async () => {
    const station = await scene.station("UC-K05");
    const chargingProfile = profile(14, "TxProfile");
    const payload = { idToken: rfid, remoteStartId: 5, evseId: 1, chargingProfile };
    await station.commanded({ action: "RequestStartTransaction", payload, answer: accepted, outcome: "accepted" });
    const info = { transactionId: "k05", remoteStartId: 5 };
    await station.event("Started", info, { triggerReason: "RemoteStart", idToken: rfid, evse: evse1 });
    await station.has("command-effects", { effect: "started" });
    await station.session({ transactionId: "k05" });
  });

  test("K06 Offline Behavior Smart Charging During Transaction: what it has is still shown, and read back when it returns", async () => {
    const station = await scene.station("UC-K06");
    await station.event("Started", { transactionId: "k06" }, { idToken: rfid, evse: evse1 });
    await sets(station, 1, profile(15, "TxProfile", { transactionId: "k06" }));
    await station.goOffline();
    await station.has("charging-profiles", { profileId: "15" });
    await station.comeBack();
    await station.session({ status: "active" });
  });

  test("K07 Offline Behavior Smart Charging at Start of Transaction: begun under the default profile, told later", async () => {
    const station = await scene.station("UC-K07");
    await sets(station, 0, profile(16, "TxDefaultProfile"));
    await station.goOffline();
    await station.comeBack();
    await station.event("Started", { transactionId: "k07" }, { offline: true, idToken: rfid, evse: evse1 });
    await station.session({ transactionId: "k07", status: "active" });
    await station.has("charging-profiles", { profileId: "16" });
  });

  test("K08 Get Composite Schedule: the schedule is shown; refused leaves none", async () => {
    const station = await scene.station("UC-K08");
    const payload = { duration: 7_200, evseId: 1, chargingRateUnit: "W" };
    const command = { action: "GetCompositeSchedule", payload };
    await station.commanded({ ...command, answer: { status: "Rejected" }, outcome: "rejected" });
    await station.lists("charging-schedules", []);
    const composite = {
      evseId: 1,
      duration: 7_200,
      scheduleStart: at(0),
      chargingRateUnit: "W",
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 11_000 }],
    };
    const answer = { status: "Accepted", schedule: composite };
    await station.commanded({ ...command, answer, outcome: "accepted" });
    await station.lists("charging-schedules", [{ evseId: 1, kind: "composite" }]);
  });

  test("K09 Get Charging Profiles: reported in parts, they are the station's", async () => {
    const station = await scene.station("UC-K09");
    const payload = { requestId: 9, chargingProfile: { chargingProfilePurpose: "TxDefaultProfile" } };
    await station.commanded({ action: "GetChargingProfiles", payload, answer: accepted, outcome: "accepted" });
    const part = (id: number, tbc: boolean) => ({
      requestId: 9,
      chargingLimitSource: "CSO",
      evseId: id,
      tbc,
      chargingProfile: [profile(id, "TxDefaultProfile")],
    });
    expect(await station.call("ReportChargingProfiles", part(1, true))).toEqual({});
    await station.call("ReportChargingProfiles", part(2, false));
    await station.lists("charging-profiles", [
      { profileId: "1", source: "CSO" },
      { profileId: "2", source: "CSO" },
    ]);
    await station.has("reports", { kind: "chargingProfiles", requestId: "9", complete: true });
    const none = { status: "NoProfiles" };
    const { response } = await station.commanded({
      action: "GetChargingProfiles",
      payload: { requestId: 10, chargingProfile: { stackLevel: 7 } },
      answer: none,
      outcome: "rejected",
    });
    expect(response).toContain("NoProfiles");
  });

  test("K10 Clear Charging Profile: gone; an unknown one changes nothing", async () => {
    const station = await scene.station("UC-K10");
    await sets(station, 1, profile(20, "TxDefaultProfile"));
    const clear = (chargingProfileId: number) => ({ action: "ClearChargingProfile", payload: { chargingProfileId } });
    await station.commanded({ ...clear(99), answer: { status: "Unknown" }, outcome: "rejected" });
    await station.lists("charging-profiles", [{ profileId: "20" }]);
    await station.commanded({ ...clear(20), answer: accepted, outcome: "accepted" });
    await station.lists("charging-profiles", []);
  });

  test("K11 Set / Update External Charging Limit With Ongoing Transaction: the limit is shown, the session goes on", async () => {
    const station = await scene.station("UC-K11");
    await station.event("Started", { transactionId: "k11" }, { idToken: rfid, evse: evse1 });
    expect(await station.call("NotifyChargingLimit", limitOf(10, "EMS", { evseId: 1 }))).toEqual({});
    await station.lists("charging-limits", [{ evseId: 1, source: "EMS", isGridCritical: true }]);
    const changed = { triggerReason: "ChargingRateChanged" };
    await station.event("Updated", { transactionId: "k11", chargingState: "Charging" }, changed);
    await station.session({ status: "active" });
  });

  test("K12 Set / Update External Charging Limit Without Ongoing Transaction: a newer one replaces it", async () => {
    const station = await scene.station("UC-K12");
    await station.call("NotifyChargingLimit", limitOf(10));
    await station.call("NotifyChargingLimit", limitOf(6));
    await station.lists("charging-limits", [{ source: "EMS", schedules: limitOf(6).chargingSchedule }]);
    await station.hasNoSession();
  });

  test("K13 Reset / Release External Charging Limit: it goes", async () => {
    const station = await scene.station("UC-K13");
    await station.call("NotifyChargingLimit", limitOf(10, "SO"));
    await station.lists("charging-limits", [{ source: "SO" }]);
    expect(await station.call("ClearedChargingLimit", { chargingLimitSource: "SO" })).toEqual({});
    await station.lists("charging-limits", []);
  });

  test("K14 External Charging Limit with Local Controller: told by the controller for itself and by its station", async () => {
    const [controller, station] = [await scene.station("UC-K14-LC"), await scene.station("UC-K14-CS")];
    await controller.call("NotifyChargingLimit", limitOf(100, "SO"));
    await station.call("NotifyChargingLimit", limitOf(20, "SO", { evseId: 1 }));
    await controller.lists("charging-limits", [{ evseId: 0, source: "SO" }]);
    await station.lists("charging-limits", [{ evseId: 1, source: "SO" }]);
  });

  test("K15 Charging with load leveling based on High Level Communication: needs and the vehicle's schedule are shown", async () => {
    const station = await scene.station("UC-K15");
    await station.event("Started", { transactionId: "k15" }, { evse: evse1 });
    expect(await station.call("NotifyEVChargingNeeds", needs)).toMatchObject({ status: "Rejected" });
    await station.lists("charging-needs", [{ evseId: 1, answered: "Rejected", needs: needs.chargingNeeds }]);
    const own = { timeBase: at(0), evseId: 1, chargingSchedule: schedule };
    expect(await station.call("NotifyEVChargingSchedule", own)).toMatchObject({ status: "Accepted" });
    await station.lists("charging-schedules", [{ evseId: 1, kind: "ev" }]);
  });

  test("K16 Renegotiation initiated by CSMS: a new profile, then the vehicle's new schedule", async () => {
    const station = await scene.station("UC-K16");
    const tx = { transactionId: "k16" };
    await station.event("Started", tx, { evse: evse1 });
    await sets(station, 1, profile(30, "TxProfile", tx));
    const own = { timeBase: at(0), evseId: 1, chargingSchedule: schedule };
    await station.call("NotifyEVChargingSchedule", own);
    await station.has("charging-schedules", { evseId: 1, kind: "ev" });
    await station.has("charging-profiles", { profileId: "30" });
  });

  test("K17 Renegotiation initiated by EV: its newest needs count", async () => {
    const station = await scene.station("UC-K17");
    await station.call("NotifyEVChargingNeeds", needs);
    const chargingNeeds = { ...needs.chargingNeeds, departureTime: at(59) };
    await station.call("NotifyEVChargingNeeds", { ...needs, chargingNeeds });
    await station.lists("charging-needs", [{ evseId: 1, needs: chargingNeeds }]);
  });
});
