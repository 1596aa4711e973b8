// What OCPI asks of every request and object of a CPO, wherever it comes from (docs/ocpi-must.md).
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { DomainEvent } from "../../core/records/domain-event.ts";
import { eventually } from "../../test/harness/wait.ts";
import type { Emsp, Received } from "../../test/ocpi/emsp.ts";
import { StationWriter } from "../testing/events.ts";
import { statusCodes } from "./envelope.ts";
import { aLocation, aTariff, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
let emsp: Emsp;

const stated = { country_code: "NL", party_id: "TNM" } as const;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  emsp = await roaming.registered("ABC");
  await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/CARD-1`, emsp.token("CARD-1"));
  await roaming.rest("POST", "/tariffs", { ...aTariff, ...stated });
  await roaming.rest("POST", "/locations", aLocation(stated));
}, 60_000);
afterAll(() => roaming.close());

const functional = /^\/emsp\/2\.2\.1\/(locations|tariffs|sessions|cdrs|tokens)(\/|$|\?)/;
const pushed = (method: string) => emsp.received.filter((one) => one.method === method && functional.test(one.path));
const has = (method: string, module: string) => pushed(method).some(({ path }) => path.split("/")[3] === module);

describe("what is sent to a partner", () => {
  let began = "";

  beforeAll(async () => {
    const station = new StationWriter("CP-1");
    const arrival = [station.online(), station.status(1, "Available")];
    const session = station.session("CARD-1", 1_250_000, 2);
    began = startOf(session);
    await eventually("the location and the tariff", () => has("PUT", "locations") && has("PUT", "tariffs"));
    await roaming.events([...arrival, ...session.slice(0, 1)]);
    await eventually("the status and the session", () => has("PATCH", "locations") && has("PUT", "sessions"));
    await roaming.events(session.slice(1));
    await eventually("the session's end and the bill", () => has("PATCH", "sessions") && has("POST", "cdrs"));
  }, 60_000);

  it("names its token, has ids of its own, says that it is JSON, and is routed where the module is a functional one", () => {
    expect(emsp.received.length).toBeGreaterThan(6);
    for (const { method, path, headers, text } of emsp.received) {
      const at = `${method} ${path}`;
      expect([at, headers.authorization]).toEqual([at, expect.stringMatching(/^Token [A-Za-z0-9+/]+=*$/)]);
      expect([at, headers["x-correlation-id"]]).toEqual([at, expect.stringMatching(/^\S{8,36}$/)]);
      expect([at, headers["content-type"]]).toEqual([at, text === "" ? undefined : "application/json"]);
      const routing = ["from", "to"].flatMap((end) => [
        headers[`ocpi-${end}-country-code`],
        headers[`ocpi-${end}-party-id`],
      ]);
      expect([at, routing]).toEqual([
        at,
        functional.test(path) ? ["DE", "WLG", "DE", "ABC"] : Array(4).fill(undefined),
      ]);
    }
    const ids = emsp.received.map(({ headers }) => headers["x-request-id"]);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("has in every object the country and party of its address, whatever the registry's document says", () => {
    const puts = pushed("PUT");
    expect(new Set(puts.map(({ path }) => path.split("/")[3]))).toEqual(new Set(["locations", "tariffs", "sessions"]));
    for (const { path, body } of puts) {
      const [country_code, party_id] = path.split("/").slice(4);
      expect([path, body]).toEqual([path, expect.objectContaining({ country_code, party_id }) as unknown]);
      expect([country_code, party_id]).toEqual(["DE", "WLG"]);
    }
  });

  it("a session is told as ACTIVE, from the moment at which it began", () => {
    const { body } = pushed("PUT").find(({ path }) => path.includes("/sessions/"))!;
    expect(body).toMatchObject({ status: "ACTIVE", start_date_time: began });
  });

  it("says in every PATCH when the object was last updated, in UTC", () => {
    const patches = pushed("PATCH");
    expect(new Set(patches.map(({ path }) => path.split("/")[3]))).toEqual(new Set(["locations", "sessions"]));
    for (const { path, body } of patches)
      expect([path, lastUpdated(body)]).toEqual([path, expect.stringMatching(/Z$/)]);
  });
});

function startOf(events: readonly DomainEvent[]): string {
  const [started] = events.flatMap(({ body }) => (body.kind === "sessionStarted" ? [body.startedAt] : []));
  return new Date(started!).toISOString();
}

function lastUpdated(body: unknown): unknown {
  return (body as Received["headers"])["last_updated"];
}

it("locations are filtered by the last change of anything in them", async () => {
  const list = (query: string) =>
    emsp.ask<{ id: string; last_updated: string }[]>("GET", `${emsp.endpoint("locations")}?${query}`);
  const {
    data: [location],
  } = await list("limit=10");
  const after = new Date(Date.parse(location!.last_updated) + 1).toISOString();
  const ids = async (query: string) => (await list(query)).data.map(({ id }) => id);
  await eventually(
    "it to be told by date too",
    async () => (await ids(`date_from=${location!.last_updated}`)).length === 1,
  );
  expect(await ids(`date_from=${after}`)).toEqual([]);
  expect(await ids(`date_to=${location!.last_updated}`)).toEqual([]);
  expect(await ids(`date_to=${after}`)).toEqual(["LOC-1"]);
});

it("status codes are those of the specification: none of the ranges that are anybody's own", () => {
  for (const code of Object.values(statusCodes)) expect(code % 1_000).toBeLessThan(100);
});

it.each([{ issuer: "M" }, { uid: "1" }, { visual_number: "1" }])(
  "a location that is shown to owners of tokens names these wholly: %j is refused",
  async (token) => {
    const refused = roaming.rest("POST", "/locations", aLocation({ id: "LOC-P", publish_allowed_to: [token] }));
    await expect(refused).rejects.toThrow(/422.*publish_allowed_to/);
    for (const whole of [{ uid: "1", type: "RFID" }, { visual_number: "1", issuer: "M" }, { group_id: "G" }]) {
      await roaming.rest("POST", "/locations", aLocation({ id: "LOC-P", publish: false, publish_allowed_to: [whole] }));
    }
    await roaming.rest("DELETE", "/locations/LOC-P");
  },
);
