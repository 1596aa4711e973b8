import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { logKey, newConnectionId, trusted } from "../../core/ids/ids.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import { verifyPassword } from "../../core/registry/password.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Projector } from "../models/projector.ts";
import { StationWriter } from "../testing/events.ts";
import { callAs, framesIn } from "../testing/client.ts";
import { party, World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let projector: Projector;
let api: Api;

beforeAll(async () => {
  world = await World.open(worldAdapters);
  projector = await world.project();
  api = await world.serve(projector);
  const [a, b] = [new StationWriter("CP-A"), new StationWriter("CP-B")];
  const bad = new StationWriter("CP-XSS");
  await world.appendEvents([
    a.online(),
    a.booted("Alfen", "Eve Single"),
    a.status(1, "Charging"),
    a.status(2, "Faulted", "GroundFailure"),
    ...a.session("RFID-1", 12_345_678, 4),
    ...a.session("RFID-2", 1_000_001, 2),
    ...a.session("RFID-3", 500_000, 1, true),
    ...a.command("Reset", "accepted"),
    b.online("ocpp2.0.1"),
    b.event({ kind: "stationOffline", connectionId: newConnectionId(), reason: "byStation" }),
    bad.online(),
    bad.booted("<img src=x onerror=alert(1)>", "=1+1"),
  ]);
  await world.caughtUp(projector);
});
afterAll(() => world.close());

type CallArguments = Parameters<typeof callAs> extends [Api, ...infer Rest] ? Rest : never;
const call = (...rest: CallArguments) => callAs(api, ...rest);
const get = (url: string) => call("GET", url);
const framesOf = (station: string) => framesIn(world, station);

describe("stations", () => {
  it("are the registry and the projection in one", async () => {
    const created = await call("POST", "/api/v1/stations", {
      id: "CP-A",
      password: "correct horse battery",
      securityProfile: 1,
    });
    expect([created.status, created.headers["etag"]]).toEqual([201, expect.stringMatching(/^"\d+"$/)]);
    const station = await get("/api/v1/stations/CP-A");
    expect(station.body).toMatchObject({
      id: "CP-A",
      protocol: "ocpp1.6",
      vendor: "Alfen",
      model: "Eve Single",
      firmware: "1.4.2",
      online: true,
      acceptance: "accepted",
      securityProfile: 1,
      hasPassword: true,
      connectors: [
        { evseId: 1, connectorId: 1, status: "Charging", errorCode: null },
        { evseId: 1, connectorId: 2, status: "Faulted", errorCode: "GroundFailure" },
      ],
    });
    expect(JSON.stringify(station.body)).not.toMatch(/hmac|salt|horse/);
    const stored = world.registry.find(party, "station", "CP-A")?.doc.password;
    expect(stored && verifyPassword(stored, Buffer.from("correct horse battery"))).toBe(true);
    expect((await call("POST", "/api/v1/stations", { id: "CP-A", locationId: "L1" })).status).toBe(200);
    expect(world.registry.find(party, "station", "CP-A")?.doc.password).toEqual(stored);
  });

  it("keep the key that a station holds until it logs in with a new one, however often that is set (nobody locked out)", async () => {
    const id = "CP-KEY";
    for (const password of ["the-first-key", "the-second-key", "the-second-key", "the-third-key", "the-third-key"]) {
      expect((await call("POST", "/api/v1/stations", { id, password })).status).toBeLessThan(300);
    }
    const doc = world.registry.find(party, "station", id)?.doc;
    expect(verifyPassword(doc!.password!, Buffer.from("the-third-key"))).toBe(true);
    expect(verifyPassword(doc!.previousPassword!, Buffer.from("the-first-key"))).toBe(true);
    expect((await call("DELETE", `/api/v1/stations/${id}`)).status).toBe(204);
  });

  it("wait for approval and are approved with one change", async () => {
    await call("POST", "/api/v1/stations", { id: "CP-NEW", acceptance: "pending" });
    expect((await get("/api/v1/stations?acceptance=pending")).body.items.map(({ id }) => id)).toEqual(["CP-NEW"]);
    const approved = await call("PATCH", "/api/v1/stations/CP-NEW", { acceptance: "accepted" });
    expect([approved.status, approved.body["acceptance"]]).toEqual([200, "accepted"]);
    expect(
      (await call("PATCH", "/api/v1/stations/CP-NEW", { acceptance: "rejected" }, { "if-match": '"1"' })).status,
    ).toBe(412);
    expect((await call("DELETE", "/api/v1/stations/CP-NEW")).status).toBe(204);
    expect((await get("/api/v1/stations/CP-NEW")).status).toBe(404);
    expect((await call("PATCH", "/api/v1/stations/CP-NEW", { acceptance: "accepted" })).status).toBe(404);
  });

  it("are listed by page, searched and filtered", async () => {
    for (let i = 0; i < 7; i++) await call("POST", "/api/v1/stations", { id: `LIST-${i}` });
    const seen: string[] = [];
    let cursor = "";
    do {
      const page = await get(`/api/v1/stations?limit=3${cursor}`);
      seen.push(...page.body.items.map(({ id }) => id as string));
      const next = page.body["nextCursor"] as string | undefined;
      cursor = next === undefined ? "" : `&cursor=${next}`;
    } while (cursor !== "");
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen).toEqual(expect.arrayContaining(["CP-A", "CP-B", "LIST-0", "LIST-6"]));
    expect((await get("/api/v1/stations?search=alfen")).body.items.map(({ id }) => id)).toEqual(["CP-A"]);
    expect((await get("/api/v1/stations?online=false&search=CP-")).body.items.map(({ id }) => id)).toEqual(["CP-B"]);
    expect((await get("/api/v1/stations?limit=0")).status).toBe(400);
    expect((await get("/api/v1/stations?cursor=nonsense")).body).toMatchObject({ status: 400, path: "cursor" });
  });

  it("refuse what is no identity, saying where", async () => {
    const refused = await call("POST", "/api/v1/stations", { id: "a:b" });
    expect(refused.headers["content-type"]).toContain("application/problem+json");
    expect(refused.body).toMatchObject({ status: 422, path: "/id", type: "urn:wattlog:problem:invalid" });
    expect((await call("POST", "/api/v1/stations", { id: "x", surprise: 1 })).body).toMatchObject({
      status: 422,
      path: "/surprise",
    });
    expect((await get("/api/v1/stations/nobody")).status).toBe(404);
  });
});

describe("sessions and CDRs", () => {
  it("show energy in Wh with three decimals, money with its currency, times in UTC", async () => {
    const { body } = await get("/api/v1/sessions?station=CP-A");
    expect(body.items).toHaveLength(3);
    const session = body.items.find(({ idToken }) => idToken === "RFID-1")!;
    expect(session).toMatchObject({
      stationId: "CP-A",
      status: "completed",
      energyWh: 12345.678,
      meterStartWh: 5000,
      cost: { amount: "4.41", currency: "EUR" },
      annotations: ["unitMissing"],
    });
    expect(session["startedAt"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const cdr = await get(`/api/v1/cdrs/${String(session["cdrId"])}`);
    expect(cdr.body).toMatchObject({
      sessionId: session["id"],
      energyWh: 12345.678,
      total: { amount: "4.41", currency: "EUR" },
      credits: null,
    });
    expect((await get("/api/v1/cdrs")).body.items).toHaveLength(2);
    expect((await get("/api/v1/sessions?status=active")).body.items).toMatchObject([
      { idToken: "RFID-3", cost: null, endedAt: null },
    ]);
  });

  it("page readings in order, and by measurand", async () => {
    const { items } = (await get("/api/v1/sessions?idToken=RFID-1")).body;
    const base = `/api/v1/sessions/${String(items[0]!["id"])}/meter-values`;
    const first = await get(`${base}?limit=3`);
    expect(first.body.items).toHaveLength(3);
    const second = await get(`${base}?limit=3&cursor=${String(first.body["nextCursor"])}`);
    expect(second.body.items).toMatchObject([{ energyWh: 17345.678, measurand: "Energy.Active.Import.Register" }]);
    expect(second.body["nextCursor"]).toBeUndefined();
    expect((await get(`${base}?measurand=Voltage`)).body.items).toEqual([]);
    expect((await get("/api/v1/sessions/6f1d2c1e-6a0f-5c3e-9b1a-000000000000/meter-values")).status).toBe(404);
  });

  it("belong to one party alone", async () => {
    await world.store.transaction(({ db }) =>
      db.updateTable("session").set({ party: "FRXYZ" }).where("id_token", "=", "RFID-2").execute(),
    );
    expect((await get("/api/v1/sessions?idToken=RFID-2")).body.items).toEqual([]);
  });
});

describe("frames", () => {
  const call16 = '[2,"m-1","Heartbeat",  {}]';

  it("are verbatim with their answers, paged both ways, also before anything was folded", async () => {
    const station = trusted.station("FRAMES-1");
    const bodies = Array.from({ length: 5 }, (_, i): FrameBody => ({
      kind: "exchange",
      protocol: "ocpp1.6",
      action: "Heartbeat",
      messageId: `m-${i}`,
      call: Buffer.from(call16),
      answer: Buffer.from(`[3,"m-${i}",{}]`),
      facts: {},
      annotations: [],
    }));
    const key = logKey(party, station);
    const topic = world.log.topics.frames;
    const entries = bodies.map((body, sequence) => ({
      key,
      value: encodeRecord({
        party,
        station,
        source: trusted.connection("c"),
        sequence,
        arrivedAt: 1,
        registry: { generation: 1, offset: 0 },
        keyId: null,
        ...body,
      }),
    }));
    await world.log.append(topic, partitionOf(key, topic.partitions), entries);
    const page = await get("/api/v1/frames?station=FRAMES-1&limit=3");
    expect(page.body.items.map(({ messageId }) => messageId)).toEqual(["m-0", "m-1", "m-2"]);
    expect(page.body.items[0]).toMatchObject({ frame: call16, answer: '[3,"m-0",{}]', direction: "fromStation" });
    const rest = await get(`/api/v1/frames?station=FRAMES-1&limit=3&cursor=${String(page.body["nextCursor"])}`);
    expect(rest.body.items.map(({ messageId }) => messageId)).toEqual(["m-3", "m-4"]);
    const newest = await get("/api/v1/frames?station=FRAMES-1&limit=2&order=desc");
    expect(newest.body.items.map(({ messageId }) => messageId)).toEqual(["m-4", "m-3"]);
    const older = await get(
      `/api/v1/frames?station=FRAMES-1&limit=2&order=desc&cursor=${String(newest.body["nextCursor"])}`,
    );
    expect(older.body.items.map(({ messageId }) => messageId)).toEqual(["m-2", "m-1"]);
    expect((await get("/api/v1/frames?station=FRAMES-1&to=2001-01-01T00:00:00Z")).body.items).toEqual([]);
    expect((await get("/api/v1/frames")).status).toBe(400);
  });
});

describe("tokens, tariffs, locations, settings", () => {
  const token = { uid: "AbCd01", type: "RFID", contractId: "DE-WLG-1", valid: true, whitelist: "ALLOWED" };

  it("are upserted, patched on a version, and removed", async () => {
    const created = await call("POST", "/api/v1/tokens", token);
    expect(created.status).toBe(201);
    expect((await call("POST", "/api/v1/tokens", { ...token, valid: false })).status).toBe(200);
    const read = await get("/api/v1/tokens/ABCD01");
    expect(read.body).toMatchObject({ uid: "AbCd01", valid: false });
    const stale = await call(
      "PATCH",
      "/api/v1/tokens/abcd01",
      { valid: true },
      { "if-match": String(created.headers["etag"]) },
    );
    expect(stale.body).toMatchObject({ status: 412 });
    const fresh = await call(
      "PATCH",
      "/api/v1/tokens/abcd01",
      { valid: true, groupId: "g" },
      { "if-match": String(read.headers["etag"]) },
    );
    expect([fresh.status, fresh.body]).toEqual([200, { ...token, groupId: "g" }]);
    expect((await call("PATCH", "/api/v1/tokens/abcd01", { groupId: null })).body).toEqual(token);
    expect((await call("PATCH", "/api/v1/tokens/abcd01", { type: "BADGE" })).body).toMatchObject({
      status: 422,
      path: "/type",
    });
    expect((await call("DELETE", "/api/v1/tokens/abcd01")).status).toBe(204);
    expect((await get("/api/v1/tokens/abcd01")).status).toBe(404);
  });

  it("take an OCPI tariff as it is, unknown fields included, and refuse one that cannot price", async () => {
    const tariff = {
      id: "T1",
      currency: "EUR",
      x_note: "kept",
      elements: [{ price_components: [{ type: "ENERGY", price: 0.3, vat: 19, step_size: 1 }] }],
      validFrom: "2026-01-01T00:00:00Z",
    };
    expect((await call("POST", "/api/v1/tariffs", tariff)).body).toEqual(tariff);
    const wrong = { ...tariff, elements: [{ price_components: [{ type: "SUGAR", price: 0.3, step_size: 1 }] }] };
    expect((await call("POST", "/api/v1/tariffs", wrong)).body).toMatchObject({
      status: 422,
      path: "/elements/0/price_components/0/type",
    });
    expect((await call("POST", "/api/v1/locations", { id: "L1", time_zone: "Europe/Nowhere" })).body).toMatchObject({
      status: 422,
      path: "/time_zone",
    });
    expect((await call("POST", "/api/v1/locations", { id: "L1", time_zone: "Europe/Berlin" })).status).toBe(201);
  });

  it("settings have their defaults, their ranges and nothing else", async () => {
    expect((await get("/api/v1/settings/settleAfterMs")).body).toMatchObject({ value: 900_000, isDefault: true });
    expect((await call("PUT", "/api/v1/settings/settleAfterMs", { value: 2_000 })).status).toBe(201);
    expect((await get("/api/v1/settings/settleAfterMs")).body).toMatchObject({ value: 2_000, isDefault: false });
    expect((await call("PUT", "/api/v1/settings/settleAfterMs", { value: "soon" })).status).toBe(422);
    expect((await call("PUT", "/api/v1/settings/colour", { value: 1 })).status).toBe(404);
  });
});

describe("quarantine", () => {
  it("is shown with its bytes, and redriven or released by a record (Q2)", async () => {
    await world.store.transaction(async (tx) => {
      await tx.insertNew("position", [
        {
          role: "processor",
          topic: world.log.topics.frames.name,
          partition: 0,
          generation: 1,
          next: 0,
          fingerprint: "",
          table_set: 1,
          applied: 0,
          skipped: 0,
          quarantined: 1,
          parked: 0,
          log_time: 0,
        },
      ]);
      await tx.insertNew("quarantine", [
        {
          table_set: 1,
          partition: 0,
          id: "q-1",
          record_offset: 7,
          until_offset: null,
          stage: "fold",
          party,
          station: "CP-B",
          transaction_key: "tx-1",
          reason: "notJson",
          bytes: Buffer.from([0, 255]),
          state: "held",
          log_time: 5,
        },
      ]);
    });
    expect((await get("/api/v1/quarantine")).body.items).toMatchObject([
      { id: "q-1", stationId: "CP-B", offset: 7, bytesBase64: "AP8=" },
    ]);
    expect((await call("POST", "/api/v1/quarantine/q-1/redrive")).status).toBe(202);
    expect((await framesOf("CP-B")).at(-1)).toMatchObject({ kind: "redrive", quarantineId: "q-1", actor: "admin" });
    expect((await call("POST", "/api/v1/quarantine/q-2/release")).status).toBe(404);
  });

  it("is redriven or released in bulk, in log order, by station, stage or words of the reason; parked records are counted (Q2)", async () => {
    const row = {
      table_set: 1,
      partition: 0,
      until_offset: null,
      party,
      bytes: Buffer.from("x"),
      state: "held",
      log_time: 6,
    };
    const of = (offset: number, station: string, stage: string, reason: string) => {
      const key = stage === "fold" ? "tx" : null;
      return { ...row, id: `q-${offset}`, record_offset: offset, station, stage, reason, transaction_key: key };
    };
    await world.store.transaction(async (tx) => {
      await tx.insertNew("quarantine", [
        of(20, "CP-C", "fold", "tariff T_1 is 100% wrong"),
        of(11, "CP-C", "fold", "tariff T_1 is 100% wrong"),
        of(12, "CP-C", "decode", "not a MessagePack value"),
        of(13, "CP-C", "fold", "tariff TX1 is 100 wrong"),
        { ...of(14, "CP-C", "fold", "tariff T_1 is 100% wrong"), until_offset: 30, state: "released" },
        ...Array.from({ length: 450 }, (_, i) => of(1_000 + i, "CP-D", "gateway", "notJson")),
      ]);
      await tx.insertNew("parked", [
        { table_set: 1, partition: 0, record_offset: 15, quarantine_id: "q-11" },
        { table_set: 1, partition: 0, record_offset: 16, quarantine_id: "q-11" },
      ]);
    });
    const post = (path: string, body: object) => call("POST", `/api/v1/quarantine/${path}`, body);
    const ids = async (station: string) =>
      (await framesOf(station)).flatMap((record) => ("quarantineId" in record ? [record.quarantineId] : []));

    expect((await get("/api/v1/quarantine/q-11")).body).toMatchObject({ parked: 2 });
    expect((await get("/api/v1/quarantine?reason=T_1")).body.items).toHaveLength(3);
    expect((await post("redrive", {})).status).toBe(422);
    const answer = await post("redrive", { station: "CP-C", reason: "t_1 IS 100%" });
    expect([answer.status, answer.body]).toEqual([202, { requested: 2 }]);
    expect(await ids("CP-C")).toEqual(["q-11", "q-20"]);
    expect((await post("redrive", { station: "CP-C", stage: "decode" })).body).toEqual({ requested: 1 });

    const first = await post("release", { stage: "gateway" });
    expect(first.body).toMatchObject({ requested: 200 });
    const second = await post("release", { stage: "gateway", cursor: first.body["nextCursor"] });
    const third = await post("release", { stage: "gateway", cursor: second.body["nextCursor"] });
    expect(third.body).toEqual({ requested: 50 });
    expect(await ids("CP-D")).toEqual(Array.from({ length: 450 }, (_, i) => `q-${1_000 + i}`));
    await world.store.transaction((tx) => tx.db.deleteFrom("quarantine").where("id", "!=", "q-1").execute());
  });
});

describe("status and documentation", () => {
  it("say how far every fold has come", async () => {
    const { body } = await get("/api/v1/status");
    expect(body).toMatchObject({
      version: "0.1.0",
      party,
      nodeId: world.nodeId,
      stations: { online: 2 },
      quarantined: 1,
    });
    const positions = body["positions"] as { role: string; lag: number }[];
    expect(positions.filter(({ role }) => role === "projector").map(({ lag }) => lag)).toEqual([0, 0]);
  });

  it("every route is in the OpenAPI document, and every one but the pages names its role's answers", async () => {
    const { body } = await get("/api/openapi.json");
    const paths = body["paths"] as Record<string, Record<string, { responses: Record<string, unknown> }>>;
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        "/api/v1/stations/{id}",
        "/api/v1/stations/{id}/commands",
        "/api/v1/frames",
        "/api/v1/live",
      ]),
    );
    for (const methods of Object.values(paths))
      for (const route of Object.values(methods)) expect(Object.keys(route.responses).length).toBeGreaterThan(0);
  });
});
