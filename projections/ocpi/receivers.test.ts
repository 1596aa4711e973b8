import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { limits } from "../../core/config/limits.ts";
import type { Emsp, Received } from "../../test/ocpi/emsp.ts";
import { AnsweringStation } from "../testing/answering-station.ts";
import { party, until } from "../testing/world.ts";
import { reservationNumber } from "./command-requests.ts";
import { aLocation, aTariff, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
let emsp: Emsp;
let other: Emsp;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  emsp = await roaming.registered("ABC");
  other = await roaming.registered("XYZ");
  await roaming.rest("POST", "/tariffs", aTariff);
  await roaming.rest("POST", "/locations", aLocation());
}, 60_000);
afterAll(() => roaming.close());

describe("tokens", () => {
  const at = (of: Emsp, uid: string, owner = of) =>
    `${of.endpoint("tokens")}/DE/${owner.options.partyId}/${encodeURIComponent(uid)}`;
  const codes = async (asked: Promise<{ http: number; status: number }>) => {
    const { http, status } = await asked;
    return [http, status];
  };

  it("a pushed token is the registry's: 201, then 200", async () => {
    const token = emsp.token("Card-1", { group_id: "FAMILY", visual_number: "12", language: "de" });
    expect(await codes(emsp.ask("PUT", at(emsp, "Card-1"), token))).toEqual([201, 1000]);
    expect(await codes(emsp.ask("PUT", `${at(emsp, "CARD-1")}?type=RFID`, token))).toEqual([200, 1000]);
    const found = roaming.world.registry.find(party, "token", "card-1")?.doc;
    expect(found).toMatchObject({ uid: "Card-1", type: "RFID", valid: true, whitelist: "ALLOWED", groupId: "FAMILY" });
    expect((await emsp.ask("GET", at(emsp, "card-1"))).data).toEqual(token);
  });

  it("PATCH changes what it names and wants last_updated", async () => {
    await emsp.ask("PUT", at(emsp, "CARD-2"), emsp.token("CARD-2", { group_id: "FAMILY" }));
    expect(await codes(emsp.ask("PATCH", at(emsp, "CARD-2"), { valid: false }))).toEqual([200, 2001]);
    const last_updated = "2026-11-01T00:00:00Z";
    expect(await codes(emsp.ask("PATCH", at(emsp, "CARD-2"), { valid: false, last_updated }))).toEqual([200, 1000]);
    expect(roaming.world.registry.find(party, "token", "card-2")?.doc).toMatchObject({
      valid: false,
      groupId: "FAMILY",
    });
    expect((await emsp.ask("GET", at(emsp, "CARD-2"))).data).toMatchObject({ valid: false, last_updated });
    expect(await codes(emsp.ask("PATCH", at(emsp, "NOT-THERE"), { valid: false, last_updated }))).toEqual([404, 2004]);
    expect(await codes(emsp.ask("PATCH", at(emsp, "CARD-2"), { uid: "CARD-9", last_updated }))).toEqual([200, 2001]);
  });

  it("a token that is not known is 404 and 2004", async () => {
    await roaming.rest("POST", "/tokens", {
      uid: "OURS",
      type: "RFID",
      contractId: "1",
      valid: true,
      whitelist: "ALWAYS",
    });
    for (const uid of ["NOT-THERE", "OURS"]) expect(await codes(emsp.ask("GET", at(emsp, uid)))).toEqual([404, 2004]);
    await emsp.ask("PUT", at(emsp, "CARD-3"), emsp.token("CARD-3"));
    expect(await codes(emsp.ask("GET", `${at(emsp, "CARD-3")}?type=APP_USER`))).toEqual([404, 2004]);
    expect(await codes(emsp.ask("GET", `${at(emsp, "CARD-3")}?type=NONE`))).toEqual([200, 2001]);
  });

  it("path and body are the partner's own party, and nobody takes another's token", async () => {
    await other.ask("PUT", at(other, "THEIRS"), other.token("THEIRS"));
    const before = roaming.world.registry.find(party, "token", "theirs");
    expect(await codes(emsp.ask("GET", at(emsp, "THEIRS", other)))).toEqual([404, 2001]);
    expect(await codes(emsp.ask("PUT", at(emsp, "THEIRS", other), other.token("THEIRS")))).toEqual([404, 2001]);
    expect(await codes(emsp.ask("PUT", at(emsp, "THEIRS"), other.token("THEIRS")))).toEqual([200, 2001]);
    expect(await codes(emsp.ask("PUT", at(emsp, "THEIRS"), emsp.token("THEIRS")))).toEqual([200, 2000]);
    expect(await codes(emsp.ask("PUT", at(emsp, "OTHER-UID"), emsp.token("THEIRS")))).toEqual([200, 2001]);
    expect(await codes(emsp.ask("PUT", at(emsp, "OURS"), emsp.token("OURS")))).toEqual([200, 2000]);
    expect(roaming.world.registry.find(party, "token", "theirs")).toEqual(before);
  });

  it("a token stays with its party when its connection ends: the party's next one has it, no other party", async () => {
    const gone = await roaming.registered("GON");
    expect(await codes(gone.ask("PUT", at(gone, "MOVES"), gone.token("MOVES")))).toEqual([201, 1000]);
    await roaming.rest("DELETE", "/partners/DEGON-EMSP");
    expect(await codes(emsp.ask("PUT", at(emsp, "MOVES"), emsp.token("MOVES")))).toEqual([200, 2000]);
    const next = await roaming.emsp("GON");
    const added = await roaming.rest("POST", "/partners", { id: "gon-2", country: "DE", party: "GON", role: "EMSP" });
    await next.registerAt(String(added["versionsUrl"]), String(added["tokenA"]));
    expect((await codes(next.ask("PUT", at(next, "MOVES"), next.token("MOVES"))))[1]).toBe(1000);
    expect(roaming.world.registry.find(party, "token", "moves")?.doc.roaming?.partner).toBe("gon-2");
  });

  it("an object that OCPI would not have is 2001, and nothing is kept of it", async () => {
    const without = (name: string) =>
      Object.fromEntries(Object.entries(emsp.token("BAD")).filter(([field]) => field !== name));
    const needed = [
      "country_code",
      "party_id",
      "uid",
      "type",
      "contract_id",
      "issuer",
      "valid",
      "whitelist",
      "last_updated",
    ];
    const wrong = [
      { type: "PLASTIC" },
      { valid: "yes" },
      { whitelist: "MAYBE" },
      { uid: "X".repeat(37) },
      { issuer: 7 },
    ];
    const bodies = [...needed.map(without), ...wrong.map((changes) => emsp.token("BAD", changes)), [], "text", 7];
    for (const body of bodies) {
      expect([body, ...(await codes(emsp.ask("PUT", at(emsp, "BAD"), JSON.stringify(body))))]).toEqual([
        body,
        200,
        2001,
      ]);
    }
    expect(roaming.world.registry.find(party, "token", "bad")).toBeUndefined();
  });
});

describe("commands", () => {
  let station: AnsweringStation;
  beforeAll(async () => {
    station = await AnsweringStation.connect(roaming.world, "CP-1", "ocpp1.6");
  });

  let count = 0;
  async function ordered(of: Emsp, command: string, body: object) {
    const path = `/emsp/results/${count++}`;
    const answer = await of.ask<{ result: string; timeout: number; message?: object[] }>(
      "POST",
      `${of.endpoint("commands")}/${command}`,
      { response_url: `${of.base}${path}`, ...body },
    );
    return { answer, path };
  }

  async function resultAt(of: Emsp, path: string): Promise<Received> {
    await until(() => of.at(path).length > 0);
    return of.at(path)[0]!;
  }

  const place = { location_id: "LOC-1", evse_uid: "EVSE-1" };

  it("START_SESSION is answered at once, its result POSTed unwrapped", async () => {
    const uid = "APP-USER-OF-MORE-THAN-TWENTY-CHARS";
    const changes = { type: "APP_USER", whitelist: "NEVER", valid: false, contract_id: "DE-ABC-1" };
    const token = emsp.token(uid, changes);
    const { answer, path } = await ordered(emsp, "START_SESSION", {
      token,
      ...place,
      authorization_reference: "REF-7",
    });
    expect(answer.data).toEqual({ result: "ACCEPTED", timeout: expect.any(Number) as number });
    expect(answer.data.timeout).toBeGreaterThan(limits.commandTimeoutSecondsDefault);
    const result = await resultAt(emsp, path);
    expect(result).toMatchObject({ method: "POST", body: { result: "ACCEPTED" } });
    expect(result.headers).toMatchObject({ "ocpi-from-party-id": "WLG", "ocpi-to-party-id": "ABC" });
    expect(result.headers["x-correlation-id"]).toBe(answer.headers.get("x-correlation-id"));
    const { action, payload } = station.asked.at(-1)!;
    expect([action, payload["connectorId"]]).toEqual(["RemoteStartTransaction", 1]);
    // An idTag has twenty characters at most; the station may ask for it and is told yes.
    const idTag = String(payload["idTag"]);
    expect(idTag).toHaveLength(20);
    const known = roaming.world.registry.find(party, "token", idTag.toLowerCase())?.doc;
    expect(known).toMatchObject({ valid: true, contractId: "DE-ABC-1" });
    const pushed = `${emsp.endpoint("tokens")}/DE/ABC/${idTag}?type=APP_USER`;
    expect((await emsp.ask("GET", pushed)).status).toBe(2004);
  });

  it.each([
    [{ status: "Rejected" }, "REJECTED"],
    ["expired" as const, "TIMEOUT"],
    ["not_connected" as const, "FAILED"],
  ])("a station that says %j is told as %s", async (says, result) => {
    station.answering = () => says;
    const { path } = await ordered(emsp, "START_SESSION", { token: emsp.token("CARD-1"), ...place });
    expect((await resultAt(emsp, path)).body).toEqual({ result });
    station.answering = () => ({ status: "Accepted" });
  });

  it("RESERVE_NOW has a number of ours, the same for CANCEL_RESERVATION, another for another partner's same id", async () => {
    const expiry_date = new Date(Date.now() + 600_000).toISOString();
    const reservation_id = "MY-RESERVATION";
    for (const of of [emsp, other]) {
      const { path } = await ordered(of, "RESERVE_NOW", {
        // The partner has authorised it; whether it is valid is not asked here.
        token: of.token(`R-${of.options.partyId}`, { valid: false }),
        ...place,
        reservation_id,
        expiry_date,
      });
      expect((await resultAt(of, path)).body).toEqual({ result: "ACCEPTED" });
    }
    const numbers = station.asked.slice(-2).map(({ payload }) => payload["reservationId"]);
    expect(numbers).toEqual(["DEABC-EMSP", "DEXYZ-EMSP"].map((id) => reservationNumber(id, reservation_id)));
    expect(numbers[0]).not.toBe(numbers[1]);
    const { answer } = await ordered(emsp, "CANCEL_RESERVATION", { reservation_id });
    expect(answer.data.result).toBe("REJECTED");
    const { writer } = station;
    const changes = [{ collection: "reservations", key: String(numbers[0]), document: '{"status":"active"}' }] as const;
    await roaming.events([writer.online(), writer.event({ kind: "documentsChanged", changes })]);
    const { path } = await ordered(emsp, "CANCEL_RESERVATION", { reservation_id });
    expect((await resultAt(emsp, path)).body).toEqual({ result: "ACCEPTED" });
    expect(station.asked.at(-1)).toMatchObject({
      action: "CancelReservation",
      payload: { reservationId: numbers[0] },
    });
    expect((await ordered(other, "CANCEL_RESERVATION", { reservation_id: "NEVER" })).answer.data.result).toBe(
      "REJECTED",
    );
  });

  it("UNLOCK_CONNECTOR goes to the connector that OCPI's ids name", async () => {
    station.answering = () => ({ status: "UnlockFailed" });
    const { path } = await ordered(emsp, "UNLOCK_CONNECTOR", { ...place, connector_id: "1" });
    expect((await resultAt(emsp, path)).body).toEqual({ result: "FAILED" });
    expect(station.asked.at(-1)).toMatchObject({ action: "UnlockConnector", payload: { connectorId: 1 } });
    station.answering = () => ({ status: "Accepted" });
  });

  it("STOP_SESSION stops a session of the partner's, and knows no other's", async () => {
    const connected = await AnsweringStation.connect(roaming.world, "CP-5", "ocpp2.0.1");
    const open = connected.writer;
    await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/STOP-ME`, emsp.token("STOP-ME"));
    const online = open.online("ocpp2.0.1");
    const events = open.session("STOP-ME", 1_000_000, 1, true);
    await roaming.events([online, ...events]);
    const started = events[0]!.body as { sessionId: string; transactionId: string };
    const theirs = await ordered(other, "STOP_SESSION", { session_id: started.sessionId });
    expect(theirs.answer.data.result).toBe("UNKNOWN_SESSION");
    const { answer, path } = await ordered(emsp, "STOP_SESSION", { session_id: started.sessionId });
    expect(answer.data).toMatchObject({ result: "ACCEPTED" });
    expect((await resultAt(emsp, path)).body).toEqual({ result: "ACCEPTED" });
    expect(connected.asked).toMatchObject([
      { action: "RequestStopTransaction", payload: { transactionId: started.transactionId } },
    ]);
  });

  it("what is not to be done ends at once: unknown places 2003, another's token, an address inside, no station", async () => {
    const before = station.asked.length;
    const token = emsp.token("CARD-1");
    const refused = async (command: string, body: object) => {
      const { answer } = await ordered(emsp, command, body);
      return [answer.http, answer.status, answer.data?.result];
    };
    expect(await refused("START_SESSION", { token, location_id: "NONE" })).toEqual([200, 2003, "REJECTED"]);
    expect(await refused("START_SESSION", { token, location_id: "LOC-1", evse_uid: "NONE" })).toEqual([
      200,
      2003,
      "REJECTED",
    ]);
    expect(await refused("START_SESSION", { token: other.token("CARD-1"), ...place })).toEqual([200, 2001, undefined]);
    expect(await refused("START_SESSION", { token, ...place, response_url: "http://169.254.169.254/" })).toEqual([
      200,
      2001,
      undefined,
    ]);
    expect(await refused("START_SESSION", { ...place })).toEqual([200, 2001, undefined]);
    expect(await refused("MAKE_COFFEE", {})).toEqual([404, 2001, undefined]);
    await roaming.rest("POST", "/locations", aLocation({ id: "LOC-OFF", evses: offline() }));
    expect(await refused("START_SESSION", { token, location_id: "LOC-OFF", evse_uid: "E" })).toEqual([
      200,
      1000,
      "REJECTED",
    ]);
    expect(station.asked).toHaveLength(before);
  });

  function offline(): object[] {
    const [evse] = (aLocation() as { evses: { connectors: object[] }[] }).evses;
    return [{ uid: "E", connectors: [{ ...evse!.connectors[0], stationId: "NOT-HERE" }] }];
  }
});
