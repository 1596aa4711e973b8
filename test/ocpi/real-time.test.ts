// A driver at a station, and the partner whose token it is: asked in real time, on its way to session and bill.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { TestStation } from "../harness/station.ts";
import { eventually } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";
import { Emsp } from "./emsp.ts";
import { letIn, townHall } from "./town-hall.ts";

type Members = Readonly<Record<string, unknown>>;

let wattlog: Running;
let emsp: Emsp;
let station: TestStation;

beforeAll(async () => {
  // Far more than a busy machine takes; what happens at the deadline is the unit tests' business.
  wattlog = await startWattlog({ env: { WATTLOG_AUTHORISE_DEADLINE_MS: "15000" } });
  emsp = await Emsp.start({ countryCode: "DE", partyId: "ABC" });
  await wattlog.rest.send("PUT", "/settings/cdrHoldPowerPercent", { value: 0 });
  await wattlog.rest.post("/locations", townHall("CP-1"));
  emsp.tokens.set("PULLED-1", emsp.token("PULLED-1", { valid: false }));
  await letIn(wattlog.rest, emsp);
  station = await TestStation.connect({ url: wattlog.ocppUrl, id: "CP-1" });
  await station.call("BootNotification", { chargePointVendor: "Test", chargePointModel: "T1" });
});

afterAll(async () => {
  await station[Symbol.asyncDispose]();
  await emsp[Symbol.asyncDispose]();
  await wattlog.stop();
});

async function pushed(uid: string, whitelist: string): Promise<void> {
  const token = emsp.token(uid, { whitelist });
  emsp.tokens.set(uid, token);
  expect((await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/${uid}`, token)).status).toBe(1000);
}

const authorize = async (idTag: string) =>
  (await station.call<{ idTagInfo: { status: string } }>("Authorize", { idTag })).idTagInfo.status;
/** The gateway follows the registry: what was pushed acts a moment later. */
const expectAuthorized = (idTag: string, status: string) =>
  eventually(`${idTag} to be ${status}`, async () => (await authorize(idTag)) === status);
const questionsAbout = (uid: string) => emsp.at(`/emsp/2.2.1/tokens/${uid}/authorize?type=RFID`);

test("a token in the partner's list needs no push to be known", async () => {
  await expectAuthorized("PULLED-1", "Blocked");
});

describe("a token that its partner is to be asked about", () => {
  test("charges when the partner says so: its reference comes back in the session and in the bill", async () => {
    emsp.decide = (uid) => emsp.allowed(uid, { authorization_reference: "REF-1" });
    await pushed("ROAMER-1", "NEVER");
    await expectAuthorized("ROAMER-1", "Accepted");
    const before = questionsAbout("ROAMER-1");
    expect(before.at(-1)!.body).toEqual({ location_id: "TOWN-HALL" });
    const start = { connectorId: 1, idTag: "ROAMER-1", meterStart: 1_000, timestamp: new Date().toISOString() };
    const { transactionId, idTagInfo } = await station.call<{ transactionId: number; idTagInfo: object }>(
      "StartTransaction",
      start,
    );
    expect(idTagInfo).toMatchObject({ status: "Accepted" });
    // The word that was given for the card is good for the start.
    expect(questionsAbout("ROAMER-1")).toHaveLength(before.length);
    const timestamp = new Date().toISOString();
    await station.call("StopTransaction", { transactionId, idTag: "ROAMER-1", meterStop: 7_250, timestamp });
    const list = (module: string) => emsp.all<Members>(`${emsp.endpoint(module)}?date_from=2020-01-01T00:00:00Z`);
    const [bill] = await eventually("the CDR", async () => {
      const found = await list("cdrs");
      return found.length > 0 && found;
    });
    expect(bill).toMatchObject({ auth_method: "AUTH_REQUEST", authorization_reference: "REF-1", total_energy: 6.25 });
    expect(await list("sessions")).toMatchObject([
      { auth_method: "AUTH_REQUEST", authorization_reference: "REF-1", status: "COMPLETED" },
    ]);
  });

  test("does not when the partner says no, whatever it pushed", async () => {
    emsp.decide = (uid) => emsp.allowed(uid, { allowed: "BLOCKED" });
    await pushed("ROAMER-2", "ALLOWED_OFFLINE");
    await expectAuthorized("ROAMER-2", "Blocked");
    await pushed("ROAMER-3", "ALLOWED");
    await expectAuthorized("ROAMER-3", "Accepted");
    expect(questionsAbout("ROAMER-3")).toEqual([]);
  });

  test("while the partner is asked the station's other messages are answered", async () => {
    const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
    emsp.decide = () => {
      asked();
      return undefined;
    };
    const waiting = station.call<{ idTagInfo: { status: string } }>("Authorize", { idTag: "ROAMER-2" });
    await isAsked;
    expect(await station.call("Heartbeat", {})).toHaveProperty("currentTime");
    // The connection ends without an answer, as when the partner dies.
    emsp.hangUp();
    expect((await waiting).idTagInfo.status).toBe("Accepted");
  });

  test("where the partner is away, the whitelist decides: NEVER is refused, ALLOWED_OFFLINE charges", async () => {
    emsp.isBroken = true;
    expect([await authorize("ROAMER-1"), await authorize("ROAMER-2")]).toEqual(["Invalid", "Accepted"]);
    emsp.isBroken = false;
  });
});
