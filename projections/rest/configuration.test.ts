import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

import { newConnectionId } from "../../core/ids/ids.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Projector } from "../models/projector.ts";
import { AnsweringStation } from "../testing/answering-station.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { until, World } from "../testing/world.ts";
import type { Api } from "./api.ts";
import { sameValue } from "./configuration.ts";
import { keyOfEntry } from "./configuration-templates.ts";

let world: World;
let projector: Projector;
let api: Api;

type CallArguments = Parameters<typeof callAs> extends [Api, ...infer Rest] ? Rest : never;
const call = (...rest: CallArguments) => callAs(api, ...rest);

interface Place {
  readonly component?: string;
  readonly variable: string;
  readonly instance?: string;
}
const has = (writer: StationWriter, variables: readonly (Place & Readonly<Record<string, unknown>>)[]) =>
  writer.event({
    kind: "documentsChanged",
    changes: variables.map(({ component, variable, instance, ...document }) => ({
      collection: "variables",
      key: keyOfEntry({ ...(component ? { component } : {}), variable, ...(instance ? { instance } : {}), value: "" }),
      document: JSON.stringify({ component: component ?? null, variable, mutability: "ReadWrite", ...document }),
    })),
  });

const template = {
  id: "fleet-16",
  appliesTo: { protocol: "ocpp1.6", vendor: "alf*" },
  entries: [
    { variable: "HeartbeatInterval", value: 300 },
    { variable: "LocalAuthorizeOffline", value: true },
    { variable: "MeterValuesSampledData", value: "Energy.Active.Import.Register,Power.Active.Import" },
    { variable: "ConnectionTimeOut", value: "60" },
    { variable: "NumberOfConnectors", value: "1" },
    { variable: "WebSocketPingInterval", value: "30" },
    { variable: "MinimumStatusDuration", value: "5" },
    { component: "OCPPCommCtrlr", variable: "HeartbeatInterval", value: 300 },
  ],
};

beforeAll(async () => {
  world = await World.open(worldAdapters);
  projector = await world.project();
  api = await world.serve(projector);
  const [old, young] = [new StationWriter("CP-OLD"), new StationWriter("CP-YOUNG")];
  await world.appendEvents([
    old.online(),
    old.booted("ALFEN", "Eve Single"),
    has(old, [
      { variable: "heartbeatinterval", value: "0300" },
      { variable: "LocalAuthorizeOffline", value: "TRUE" },
      { variable: "MeterValuesSampledData", value: "Power.Active.Import, Energy.Active.Import.Register" },
      { variable: "ConnectionTimeOut", value: "90" },
      { variable: "NumberOfConnectors", value: "2", mutability: "ReadOnly" },
      { variable: "MinimumStatusDuration", value: "5", afterReboot: true },
    ]),
    young.online("ocpp2.0.1"),
    young.booted("Alfen", "Plus"),
    has(young, [
      { component: "DeviceDataCtrlr", variable: "ItemsPerMessage", instance: "SetVariables", value: "2" },
      { component: "OCPPCommCtrlr", variable: "HeartbeatInterval", value: "60", dataType: "integer" },
    ]),
  ]);
  await world.caughtUp(projector);
});
afterAll(() => world.close());

test.each([
  ["true", "TRUE", null, true],
  ["true", "1", "boolean", false],
  ["30", "030.0", null, true],
  ["-1", "1", "integer", false],
  ["9007199254740993", "9007199254740992", "integer", false],
  ["30", "030", "string", false],
  ["True", "true", "string", false],
  ["a,b", "b, A", "MemberList", true],
  ["a,b", "b,a", "SequenceList", false],
  ["a,b", "A, B", "SequenceList", true],
  ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "dateTime", true],
  ["never", "ever", "dateTime", false],
  ["a,b", "b,a", null, false],
] as const)("%s and %s of type %s: the same %s", (wanted, found, dataType, isSame) => {
  expect(sameValue(wanted, found, dataType, "Any")).toBe(isSame);
});

describe("templates", () => {
  it("are written like any registry document, without secrets and without a place twice", async () => {
    const path = "/api/v1/configuration-templates";
    expect((await call("POST", path, template)).status).toBe(201);
    expect((await call("GET", `${path}/fleet-16`)).body).toEqual(template);
    const entries = (...list: object[]) => call("POST", path, { ...template, id: "bad", entries: list });
    const secret = await entries({ variable: "A", value: "1" }, { variable: "authorizationKEY", value: "5e" });
    expect(secret.body).toMatchObject({ status: 422, path: "/entries/1" });
    expect(secret.body["detail"]).toMatch(/PATCH \/api\/v1\/stations/);
    const twice = await entries({ variable: "A", value: "1" }, { variable: "a", value: "2" });
    expect(twice.body).toMatchObject({ status: 422, path: "/entries/1" });
    expect((await entries({ variable: "A", evseId: 1, value: "1" })).status).toBe(422);
    expect((await entries()).status).toBe(422);
    expect((await call("GET", `${path}/bad`)).status).toBe(404);
  });

  it("are compared value by value as the field means them; entries for the other OCPP are no concern", async () => {
    const { body } = await call("GET", "/api/v1/stations/CP-OLD/configuration/comparison");
    expect(body["template"]).toBe("fleet-16");
    expect(body.items.map((item) => [item["variable"], item["status"], item["stationValue"]])).toEqual([
      ["HeartbeatInterval", "same", "0300"],
      ["LocalAuthorizeOffline", "same", "TRUE"],
      ["MeterValuesSampledData", "same", "Power.Active.Import, Energy.Active.Import.Register"],
      ["ConnectionTimeOut", "differs", "90"],
      ["NumberOfConnectors", "read_only", "2"],
      ["WebSocketPingInterval", "missing", null],
      ["MinimumStatusDuration", "reboot_pending", "5"],
    ]);
    const young = "/api/v1/stations/CP-YOUNG/configuration/comparison";
    expect((await call("GET", young)).body).toMatchObject({
      status: 404,
      detail: expect.stringMatching("No template"),
    });
    const named = await call("GET", `${young}?template=fleet-16`);
    expect(named.body.items).toMatchObject([{ component: "OCPPCommCtrlr", value: 300, status: "differs" }]);
    expect((await call("GET", `${young}?template=none`)).body).toMatchObject({ status: 404, path: "template" });
    expect((await call("GET", "/api/v1/stations/CP-NONE/configuration/comparison")).status).toBe(404);
  });

  it("of those that apply the one that says more counts, and what was removed does not", async () => {
    const path = "/api/v1/configuration-templates";
    const add = async (id: string, appliesTo: object) =>
      expect((await call("POST", path, { ...template, id, appliesTo })).status).toBe(201);
    const applied = async (station: string) =>
      (await call("GET", `/api/v1/stations/${station}/configuration/comparison`)).body["template"];
    await add("all", {});
    expect([await applied("CP-OLD"), await applied("CP-YOUNG")]).toEqual(["fleet-16", "all"]);
    await add("single", { model: "*ve s*LE" });
    expect(await applied("CP-OLD")).toBe("single");
    await add("another", { model: "eve*x*" });
    expect(await applied("CP-OLD")).toBe("single");
    await add("one", { stations: ["CP-OLD"] });
    expect([await applied("CP-OLD"), await applied("CP-YOUNG")]).toEqual(["one", "all"]);
    for (const id of ["one", "another", "single", "all"]) {
      expect((await call("DELETE", `${path}/${id}`)).status).toBe(204);
    }
    expect(await applied("CP-OLD")).toBe("fleet-16");
  });
});

describe("changes", () => {
  const configuration = (station: string, body: object, query = "?wait=5") =>
    call("POST", `/api/v1/stations/${station}/configuration${query}`, body);
  const key = (variable: string, value: unknown = "1") => ({ variable, value });
  let old: AnsweringStation;
  let young: AnsweringStation;

  it("are refused with a sentence before anything is sent", async () => {
    expect((await configuration("CP-OLD", { changes: [key("A")] })).body).toMatchObject({ status: 409 });
    expect((await configuration("CP-NONE", { changes: [key("A")] })).status).toBe(404);
    old = await AnsweringStation.connect(world, "CP-OLD", "ocpp1.6");
    young = await AnsweringStation.connect(world, "CP-YOUNG", "ocpp2.0.1");
    const refused = async (station: string, body: object, path: string, status = 422) =>
      expect((await configuration(station, body)).body).toMatchObject({ status, path });
    await refused("CP-OLD", { template: "none" }, "template", 404);
    await refused("CP-OLD", { changes: [key("A"), key("AuthorizationKey")] }, "/changes/1");
    await refused("CP-YOUNG", { changes: [{ component: "SecurityCtrlr", ...key("BasicAuthPassword") }] }, "/changes/0");
    await refused("CP-OLD", { changes: [key("A"), { component: "C", ...key("B") }] }, "/changes/1/component");
    await refused("CP-YOUNG", { changes: [key("A")] }, "/changes/0/component");
    await refused("CP-OLD", { changes: [key("A"), key("B", "x".repeat(501))] }, "/changes/1");
    expect((await configuration("CP-OLD", {})).status).toBe(422);
    expect((await configuration("CP-OLD", { template: "fleet-16", changes: [key("A")] })).status).toBe(422);
    expect([...old.asked, ...young.asked]).toEqual([]);
  });

  it("1.6: go as one ChangeConfiguration a key, each a command, with the station's word for each", async () => {
    const words: Readonly<Record<string, string>> = { B: "RebootRequired", C: "Rejected", D: "NotSupported" };
    old.answering = ({ payload }) => ({ status: words[String(payload["key"])] ?? "Accepted" });
    const { status, body } = await configuration("CP-OLD", {
      changes: ["A", "B", "C", "D"].map((name) => key(name, 7)),
    });
    expect([status, body.items.map((item) => item["outcome"])]).toEqual([
      202,
      ["accepted", "reboot_required", "rejected", "unknown_key"],
    ]);
    expect(old.asked.map(({ action, payload }) => [action, payload])).toEqual(
      ["A", "B", "C", "D"].map((name) => ["ChangeConfiguration", { key: name, value: "7" }]),
    );
    expect(body.items.map((item) => item["commandId"])).toEqual(old.asked.map(({ commandId }) => commandId));
  });

  it("of a template: only what the station is not known to have", async () => {
    old.asked.length = 0;
    old.answering = () => ({ status: "Accepted" });
    const { body } = await configuration("CP-OLD", { template: "fleet-16" });
    expect(body.items.map((item) => item["outcome"])).toEqual([
      "unchanged",
      "unchanged",
      "unchanged",
      "accepted",
      "read_only",
      "accepted",
      "reboot_required",
    ]);
    expect(old.asked.map(({ payload }) => payload["key"])).toEqual(["ConnectionTimeOut", "WebSocketPingInterval"]);
  });

  it("a station that goes away gets no more of them; one that does not answer is waited for no longer than asked", async () => {
    old.asked.length = 0;
    old.answering = ({ payload }) => (payload["key"] === "B" ? "not_connected" : { status: "Accepted" });
    const changes = ["A", "B", "C"].map((name) => key(name));
    const gone = await configuration("CP-OLD", { changes });
    expect(gone.body.items.map((item) => item["outcome"])).toEqual(["accepted", "not_connected", "not_sent"]);
    old.answering = ({ payload }) => (payload["key"] === "A" ? "expired" : undefined);
    const silent = await configuration("CP-OLD", { changes }, "?wait=0.3");
    expect(silent.body.items.map((item) => item["outcome"])).toEqual(["expired", null, "not_sent"]);
    expect(silent.body.items.map((item) => typeof item["commandId"])).toEqual(["string", "string", "object"]);
  });

  it("without a wait so many are requested as may wait for a station beside others", async () => {
    old.asked.length = 0;
    const changes = Array.from({ length: 20 }, (_, at) => key(`K${at}`));
    const { body } = await configuration("CP-OLD", { changes }, "");
    expect(body.items.map((item) => item["outcome"])).toEqual([
      ...Array<null>(16).fill(null),
      ...Array<string>(4).fill("not_sent"),
    ]);
    await until(() => old.asked.length >= 16);
    expect(old.asked).toHaveLength(16);
  });

  it("2.x: go as SetVariables of no more than the station takes, and each variable has its own outcome", async () => {
    interface Data {
      readonly component: object;
      readonly variable: { readonly name: string };
    }
    const words: Readonly<Record<string, string>> = { B: "RebootRequired", C: "UnknownVariable", D: "Rejected" };
    young.answering = ({ payload }) => ({
      // In another order and letter case, and one is left out.
      setVariableResult: (payload["setVariableData"] as Data[])
        .filter(({ variable }) => variable.name !== "E")
        .map(({ component, variable: { name } }) => ({
          component,
          variable: { name: name.toLowerCase() },
          attributeStatus: words[name] ?? "Accepted",
        }))
        .reverse(),
    });
    const names = ["A", "B", "C", "D", "E"];
    const changes = names.map((variable) => ({ component: "Ctrlr", evseId: 1, variable, value: true }));
    const { body } = await configuration("CP-YOUNG", { changes });
    expect(body.items.map((item) => item["outcome"])).toEqual([
      "accepted",
      "reboot_required",
      "unknown_key",
      "rejected",
      // Left out of the answer.
      "unknown",
    ]);
    expect(young.asked.map(({ payload }) => (payload["setVariableData"] as Data[]).length)).toEqual([2, 2, 1]);
    expect((young.asked[0]!.payload["setVariableData"] as object[])[0]).toEqual({
      attributeValue: "true",
      component: { name: "Ctrlr", evse: { id: 1 } },
      variable: { name: "A" },
    });
  });
});

test("drift: stations that differ from their template, page by page, and not those that are gone or as they should be", async () => {
  const writers = ["D-1", "D-2", "D-3", "D-4", "D-5"].map((id) => new StationWriter(id));
  const values = ["1", "2", "1", null, "2"];
  const events = writers.flatMap((writer, at) => [
    writer.online(),
    writer.booted("Drifter", "X"),
    ...(values[at] === null ? [] : [has(writer, [{ variable: "Wanted", value: values[at] }])]),
  ]);
  const gone = new StationWriter("D-6");
  const left = [gone.online(), gone.booted("Drifter", "X"), has(gone, [{ variable: "Wanted", value: "2" }])];
  const offline = gone.event({ kind: "stationOffline", connectionId: newConnectionId(), reason: "byStation" });
  await world.appendEvents([...events, ...left, offline]);
  await world.caughtUp(projector);
  expect((await call("POST", "/api/v1/stations", { id: "D-6" })).status).toBe(201);
  expect((await call("DELETE", "/api/v1/stations/D-6")).status).toBe(204);
  const entries = [{ variable: "Wanted", value: "1" }];
  await call("POST", "/api/v1/configuration-templates", { id: "drifters", appliesTo: { vendor: "drifter" }, entries });
  const first = (await call("GET", "/api/v1/configuration/drift?template=drifters&limit=2")).body;
  expect(first.items).toEqual([
    { stationId: "D-2", templateId: "drifters", same: 0, differs: 1, missing: 0, readOnly: 0, rebootPending: 0 },
    { stationId: "D-4", templateId: "drifters", same: 0, differs: 0, missing: 1, readOnly: 0, rebootPending: 0 },
  ]);
  const next = `/api/v1/configuration/drift?template=drifters&limit=2&cursor=${String(first["nextCursor"])}`;
  const second = (await call("GET", next)).body;
  expect([second.items.map((item) => item["stationId"]), second["nextCursor"]]).toEqual([["D-5"], undefined]);
  const all = (await call("GET", "/api/v1/configuration/drift")).body.items;
  expect(all.map((item) => [item["stationId"], item["templateId"]])).toEqual([
    ["CP-OLD", "fleet-16"],
    ["D-2", "drifters"],
    ["D-4", "drifters"],
    ["D-5", "drifters"],
  ]);
  expect(all[0]).toMatchObject({ same: 3, differs: 1, missing: 1, readOnly: 1, rebootPending: 1 });
  expect((await call("GET", "/api/v1/configuration/drift?template=none")).status).toBe(404);
});

test("drift over a large fleet looks at a bounded part of it a page, with few queries, and goes on by the cursor", async () => {
  const count = 5_200;
  const events = Array.from({ length: count }, (_, at) => {
    const writer = new StationWriter(`F-${String(at).padStart(5, "0")}`);
    return at === count - 1 ? [writer.online(), writer.booted("Last", "X")] : [writer.online()];
  });
  await world.appendEvents(events.flat());
  await world.caughtUp(projector);
  const entries = [{ variable: "Wanted", value: "1" }];
  await call("POST", "/api/v1/configuration-templates", { id: "last", appliesTo: { vendor: "last" }, entries });
  const first = (await call("GET", "/api/v1/configuration/drift?template=last")).body;
  expect([first.items, typeof first["nextCursor"]]).toEqual([[], "string"]);
  const second = (await call("GET", `/api/v1/configuration/drift?template=last&cursor=${String(first["nextCursor"])}`))
    .body;
  expect([second.items.map((item) => item["stationId"]), second["nextCursor"]]).toEqual([
    [`F-0${count - 1}`],
    undefined,
  ]);
}, 30_000);

test("whoever may only read changes nothing, and secrets are never compared", async () => {
  const { body } = await call("POST", "/api/v1/api-keys", { role: "viewer", name: "eyes" });
  const headers = { authorization: `Bearer ${String(body["token"])}` };
  const as = (method: "GET" | "POST", url: string, payload?: object) => callAs(api, method, url, payload, headers);
  expect((await as("GET", "/api/v1/stations/CP-OLD/configuration/comparison")).status).toBe(200);
  expect((await as("GET", "/api/v1/configuration/drift")).status).toBe(200);
  const changes = [{ variable: "A", value: "1" }];
  expect((await as("POST", "/api/v1/stations/CP-OLD/configuration", { changes })).status).toBe(403);
  expect((await as("POST", "/api/v1/stations/CP-OLD/configuration/read", {})).status).toBe(403);
  expect((await as("POST", "/api/v1/stations/CP-OLD/local-list/sync")).status).toBe(403);
  expect((await as("POST", "/api/v1/local-lists", { id: "x", appliesTo: {} })).status).toBe(403);
  expect((await as("POST", "/api/v1/configuration-templates", template)).status).toBe(403);
});
