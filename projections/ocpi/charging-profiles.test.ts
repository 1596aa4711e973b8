// Charging profiles of partners, in the words of each station's version, and what comes back.
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Protocol } from "../../core/records/frame-record.ts";
import { eventually } from "../../test/harness/wait.ts";
import type { Emsp, Received } from "../../test/ocpi/emsp.ts";
import { AnsweringStation } from "../testing/answering-station.ts";
import { profileNumber } from "./charging-profile-object.ts";
import { aLocation, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
let emsp: Emsp;
let other: Emsp;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  emsp = await roaming.registered("ABC");
  other = await roaming.registered("XYZ");
  await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/CARD-1`, emsp.token("CARD-1"));
}, 60_000);
afterAll(() => roaming.close());

interface Charging {
  readonly station: AnsweringStation;
  readonly session: string;
  readonly transactionId: string;
}

let stations = 0;
/** A session of the partner's token, that charges at a station of this version. */
async function charging(protocol: Protocol, connector: object = {}): Promise<Charging> {
  const name = `CP-${++stations}`;
  const { evses } = aLocation() as { evses: { uid: string; connectors: object[] }[] };
  const own = { ...evses[0]!.connectors[0]!, stationId: name, connectorId: undefined, ...connector };
  await roaming.rest("POST", "/locations", aLocation({ id: name, evses: [{ uid: name, connectors: [own] }] }));
  const station = await AnsweringStation.connect(roaming.world, name, protocol);
  const online = station.writer.online(protocol);
  const events = station.writer.session("CARD-1", 1_000_000, 1, true);
  await roaming.events([online, ...events]);
  const { sessionId, transactionId } = events[0]!.body as { sessionId: string; transactionId: string };
  return { station, session: sessionId, transactionId };
}

let results = 0;
async function asked(of: Emsp, method: string, session: string, more: object | string = {}) {
  const path = `/emsp/results/${results++}`;
  const response_url = `${of.base}${path}`;
  const url = `${of.endpoint("chargingprofiles")}/${session}`;
  const isPut = method === "PUT";
  const query = new URLSearchParams({ ...(more as Record<string, string>), response_url });
  const answer = await of.ask<{ result: string; timeout: number }>(
    method,
    isPut ? url : `${url}?${query.toString()}`,
    isPut ? { response_url, ...(more as object) } : undefined,
  );
  return { answer, path };
}

const resultAt = (of: Emsp, path: string): Promise<Received> => eventually("the result", () => of.at(path)[0]);

const periods = [
  { start_period: 0, limit: 16.1 },
  { start_period: 900, limit: 6 },
];
const relative = { charging_rate_unit: "A", charging_profile_period: periods };

describe("charging profiles", () => {
  it.each([
    [
      "1.6",
      "ocpp1.6",
      { ...relative, min_charging_rate: 6.5, duration: 3_600 },
      {
        connectorId: 1,
        csChargingProfiles: {
          stackLevel: 0,
          chargingProfilePurpose: "TxProfile",
          chargingProfileKind: "Relative",
          chargingSchedule: {
            duration: 3_600,
            chargingRateUnit: "A",
            minChargingRate: 6.5,
            chargingSchedulePeriod: [
              { startPeriod: 0, limit: 16.1, numberPhases: 3 },
              { startPeriod: 900, limit: 6, numberPhases: 3 },
            ],
          },
        },
      },
    ],
    [
      "2.0.1",
      "ocpp2.0.1",
      {
        start_date_time: "2026-01-01T10:00:00Z",
        charging_rate_unit: "W",
        charging_profile_period: [{ start_period: 0, limit: 11_000, number_phases: 1 }],
      },
      {
        evseId: 1,
        chargingProfile: {
          stackLevel: 0,
          chargingProfilePurpose: "TxProfile",
          chargingProfileKind: "Absolute",
          chargingSchedule: [
            {
              id: 1,
              startSchedule: "2026-01-01T10:00:00.000Z",
              chargingRateUnit: "W",
              chargingSchedulePeriod: [{ startPeriod: 0, limit: 11_000, numberPhases: 1 }],
            },
          ],
        },
      },
    ],
    [
      "2.1, direct current",
      "ocpp2.1",
      { charging_rate_unit: "W", charging_profile_period: [{ start_period: 0, limit: 50_000 }] },
      {
        evseId: 1,
        chargingProfile: {
          stackLevel: 0,
          chargingProfilePurpose: "TxProfile",
          chargingProfileKind: "Relative",
          chargingSchedule: [
            { id: 1, chargingRateUnit: "W", chargingSchedulePeriod: [{ startPeriod: 0, limit: 50_000 }] },
          ],
        },
      },
    ],
  ] as const)(
    "PUT is a TxProfile of the running transaction, in amperes or watts: %s",
    async (name, protocol, profile, payload) => {
      const at = await charging(protocol, name.endsWith("current") ? { power_type: "DC" } : {});
      const { answer, path } = await asked(emsp, "PUT", at.session, { charging_profile: profile });
      expect(answer.data).toEqual({ result: "ACCEPTED", timeout: expect.any(Number) as number });
      const result = await resultAt(emsp, path);
      expect(result).toMatchObject({ method: "POST", body: { result: "ACCEPTED" } });
      expect(result.headers).toMatchObject({ "ocpi-from-party-id": "WLG", "ocpi-to-party-id": "ABC" });
      const ids =
        protocol === "ocpp1.6"
          ? {
              csChargingProfiles: {
                chargingProfileId: profileNumber(at.session),
                transactionId: Number(at.transactionId),
              },
            }
          : { chargingProfile: { id: profileNumber(at.session), transactionId: at.transactionId } };
      const [sent] = at.station.asked;
      expect(sent).toMatchObject({ action: "SetChargingProfile", payload });
      expect(sent!.payload).toMatchObject(ids);
      const phases = JSON.stringify(sent!.payload).match(/numberPhases/g)?.length ?? 0;
      expect(phases).toBe(name.endsWith("current") ? 0 : profile.charging_profile_period.length);
    },
  );

  it.each([
    ["1.6", "ocpp1.6", { status: "Accepted", scheduleStart: "2026-01-01T12:00:00+02:00" }, "chargingSchedule", {}],
    ["2.0.1", "ocpp2.0.1", { status: "Accepted" }, "schedule", { evseId: 1, scheduleStart: "2026-01-01T10:00:00Z" }],
  ] as const)(
    "GET asks the station for its composite schedule, which is POSTed as an ActiveChargingProfileResult: %s",
    async (_name, protocol, said, where, more) => {
      const at = await charging(protocol);
      const list = [{ startPeriod: 0, limit: 10.26 }];
      const schedule = { ...more, duration: 600, chargingRateUnit: "A", chargingSchedulePeriod: list };
      at.station.answering = () => ({ ...said, [where]: schedule });
      const { answer, path } = await asked(emsp, "GET", at.session, { duration: "600" });
      expect(answer.data.result).toBe("ACCEPTED");
      const start_date_time = "2026-01-01T10:00:00.000Z";
      expect((await resultAt(emsp, path)).body).toEqual({
        result: "ACCEPTED",
        profile: {
          start_date_time,
          charging_profile: {
            start_date_time,
            duration: 600,
            charging_rate_unit: "A",
            charging_profile_period: [{ start_period: 0, limit: 10.3 }],
          },
        },
      });
      const place = protocol === "ocpp1.6" ? { connectorId: 1 } : { evseId: 1 };
      expect(at.station.asked).toMatchObject([
        { action: "GetCompositeSchedule", payload: { ...place, duration: 600 } },
      ]);
    },
  );

  it("where nothing limits it, the active profile is the capacity of the EVSE", async () => {
    const at = await charging("ocpp1.6", { max_electric_power: 22_000 });
    at.station.answering = () => ({ status: "Accepted" });
    const { path } = await asked(emsp, "GET", at.session, { duration: "300" });
    expect((await resultAt(emsp, path)).body).toMatchObject({
      result: "ACCEPTED",
      profile: {
        charging_profile: {
          duration: 300,
          charging_rate_unit: "W",
          charging_profile_period: [{ start_period: 0, limit: 22_000 }],
        },
      },
    });
  });

  it("DELETE clears what PUT set, and UNKNOWN is told where there was none", async () => {
    const at = await charging("ocpp2.1");
    const old = await charging("ocpp1.6");
    for (const { station, session } of [at, old]) {
      const { path } = await asked(emsp, "DELETE", session);
      expect((await resultAt(emsp, path)).body).toEqual({ result: "ACCEPTED" });
      expect(station.asked[0]!.action).toBe("ClearChargingProfile");
    }
    expect(at.station.asked[0]!.payload).toEqual({ chargingProfileId: profileNumber(at.session) });
    expect(old.station.asked[0]!.payload).toEqual({ id: profileNumber(old.session) });
    at.station.answering = () => ({ status: "Unknown" });
    const { path } = await asked(emsp, "DELETE", at.session);
    expect((await resultAt(emsp, path)).body).toEqual({ result: "UNKNOWN" });
  });

  it("PUT is told as the station says: ACCEPTED or REJECTED", async () => {
    const at = await charging("ocpp1.6");
    const first = await asked(emsp, "PUT", at.session, { charging_profile: relative });
    expect((await resultAt(emsp, first.path)).body).toEqual({ result: "ACCEPTED" });
    at.station.answering = () => ({ status: "NotSupported" });
    const { path } = await asked(emsp, "PUT", at.session, { charging_profile: relative });
    expect((await resultAt(emsp, path)).body).toEqual({ result: "REJECTED" });
  });

  it("one of a kind at a time: the next is TOO_OFTEN until the station has answered", async () => {
    const at = await charging("ocpp2.0.1");
    at.station.answering = () => undefined;
    await asked(emsp, "GET", at.session, { duration: "60" });
    const again = await eventually("it to be known", async () => {
      const { answer } = await asked(emsp, "GET", at.session, { duration: "60" });
      return answer.data.result === "TOO_OFTEN" ? answer.data : undefined;
    });
    expect(again).toEqual({ result: "TOO_OFTEN", timeout: 0 });
    at.station.answering = () => ({ status: "Accepted" });
    const { path } = await asked(emsp, "PUT", at.session, { charging_profile: relative });
    expect((await resultAt(emsp, path)).body).toEqual({ result: "ACCEPTED" });
  });

  it("another's session is unknown, one that has ended or whose station is away is refused, nonsense is 2001", async () => {
    const at = await charging("ocpp1.6");
    const said = async (of: Emsp, session: string, profile: unknown) => {
      const { answer } = await asked(of, "PUT", session, { charging_profile: profile });
      return [answer.http, answer.status, answer.data?.result];
    };
    expect(await said(other, at.session, relative)).toEqual([200, 1000, "UNKNOWN_SESSION"]);
    expect(await said(emsp, "no-such-session", relative)).toEqual([200, 1000, "UNKNOWN_SESSION"]);
    const ended = at.station.writer.session("CARD-1", 1_000_000, 1);
    await roaming.events(ended);
    const { sessionId } = ended[0]!.body as { sessionId: string };
    expect(await said(emsp, sessionId, relative)).toEqual([200, 1000, "REJECTED"]);
    const nonsense = [
      undefined,
      { ...relative, charging_rate_unit: "V" },
      { ...relative, charging_profile_period: [{ start_period: 60, limit: 6 }] },
      { ...relative, charging_profile_period: [{ start_period: 0, limit: 6.25 }] },
      { ...relative, charging_profile_period: [{ start_period: 0, limit: -1 }] },
      { ...relative, start_date_time: "2026-01-01T10:00:00+02:00" },
    ];
    for (const profile of nonsense) expect(await said(emsp, at.session, profile)).toEqual([200, 2001, undefined]);
    const { answer } = await asked(emsp, "GET", at.session, { duration: "soon" });
    expect([answer.http, answer.status]).toEqual([200, 2001]);
    expect(at.station.asked).toEqual([]);
  });
});
