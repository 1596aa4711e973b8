// Station health by REST: a day that was made by hand, and the uptimes that follow from it.
import { afterAll, beforeAll, expect, it } from "vitest";

import { trusted } from "../../core/ids/ids.ts";
import type { DomainEvent } from "../../core/records/domain-event.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { World } from "../testing/world.ts";
import type { Api } from "./api.ts";
import { sha256 } from "./principal.ts";
import { writeEntity } from "./registry-writer.ts";

const midnight = Date.UTC(2025, 5, 15);
const minute = 60_000;
const period = "from=2025-06-15T00:00:00Z&to=2025-06-16T00:00:00Z";
const get = (path: string) => callAs(api, "GET", `/api/v1/health/${path}`);
const post = (body: object) => callAs(api, "POST", "/api/v1/health/exclusions", body);

let world: World;
let api: Api;

/** At a minute of the day. */
function at(writer: StationWriter, when: number, write: () => DomainEvent): DomainEvent {
  writer.time = midnight + when * minute - 1_000;
  return write();
}

/** Up all day; down from minute 600 to 672; offline from 60 to 204. */
function day(): DomainEvent[] {
  const [a, b, c] = ["CP-A", "CP-B", "CP-C"].map((id) => new StationWriter(id)) as [
    StationWriter,
    StationWriter,
    StationWriter,
  ];
  return [
    at(a, -100, () => a.online()),
    at(a, -99, () => a.booted("Alfen", "Eve")),
    at(a, -98, () => a.status(1, "Available")),
    at(b, -100, () => b.online()),
    at(b, -99, () => b.booted("Alfen", "Eve")),
    at(b, -98, () => b.status(1, "Available")),
    at(b, 600, () => b.status(1, "Faulted", "GroundFailure")),
    at(b, 672, () => b.status(1, "Available")),
    at(c, -100, () => c.online("ocpp2.0.1")),
    at(c, -99, () => c.booted("Wallbe", "Pro")),
    at(c, -98, () => c.status(1, "Available")),
    at(c, 60, () => c.offline()),
    at(c, 204, () => c.online("ocpp2.0.1")),
  ];
}

beforeAll(async () => {
  world = await World.open(worldAdapters);
  const projector = await world.project();
  api = await world.serve(projector);
  await world.appendEvents(day());
  await world.caughtUp(projector);
  for (const [id, carrier] of [
    ["CP-A", "SIM-ONE"],
    ["CP-B", "SIM-ONE"],
    ["CP-C", "SIM-TWO"],
  ]) {
    await callAs(api, "POST", "/api/v1/stations", { id, carrier, siteGroup: "town" });
  }
});
afterAll(() => world.close());

it("tells each port's uptime over a day by NEVI's formula, whole and a page at a time", async () => {
  const { body } = await get(`uptime?${period}`);
  expect(body).toMatchObject({ complete: true, asOf: "2025-06-16T00:00:00.000Z" });
  const shown = body.items.map(({ stationId, evseId, outageMinutes, nevi }) => [
    stationId,
    evseId,
    outageMinutes,
    nevi,
  ]);
  expect(shown).toEqual([
    ["CP-A", 1, 0, { excludedMinutes: 0, percent: 100 }],
    ["CP-B", 1, 72, { excludedMinutes: 0, percent: 95 }],
    ["CP-C", 1, 144, { excludedMinutes: 0, percent: 90 }],
  ]);
  for (const by of ["port", "connector", "station", "vendor"]) {
    const all = await get(`uptime?${period}&by=${by}`);
    const paged: unknown[] = [];
    let cursor = "";
    do {
      const page = await get(`uptime?${period}&by=${by}&limit=1${cursor && `&cursor=${cursor}`}`);
      expect(page.body.items).toHaveLength(1);
      paged.push(...page.body.items);
      cursor = (page.body["nextCursor"] as string | undefined) ?? "";
    } while (cursor !== "");
    expect(paged).toEqual(all.body.items);
  }
});

it("adds up the minutes of a vendor, a carrier, a site group and the fleet, and answers for one of them", async () => {
  const percents = async (query: string) => {
    const { body } = await get(`uptime?${period}&${query}`);
    return body.items.map(({ group, ports, nevi }) => [group, ports, (nevi as { percent: number }).percent]);
  };
  expect(await percents("by=vendor")).toEqual([
    ["Alfen", 2, 97.5],
    ["Wallbe", 1, 90],
  ]);
  expect(await percents("by=carrier")).toEqual([
    ["SIM-ONE", 2, 97.5],
    ["SIM-TWO", 1, 90],
  ]);
  expect(await percents("by=siteGroup")).toEqual([["town", 3, 95]]);
  expect(await percents("by=fleet&carrier=SIM-TWO")).toEqual([[null, 1, 90]]);
});

it("leaves out what an operator excluded, by whose word and why, and counts it again once that is withdrawn", async () => {
  const percents = async () => {
    const { body } = await get(`uptime?${period}&station=CP-C`);
    const [{ nevi, own, exclusions } = {}] = body.items;
    return { nevi: (nevi as { percent: number }).percent, own: (own as { percent: number }).percent, exclusions };
  };
  const hours = { from: "2025-06-15T01:00:00Z", to: "2025-06-15T02:12:00Z" };
  const carrier = await post({
    ...hours,
    cause: "carrier",
    why: "their ticket 4711",
    appliesTo: { carrier: "SIM-TWO" },
  });
  expect(carrier).toMatchObject({ status: 201, body: { countsForNevi: false, by: "admin", why: "their ticket 4711" } });
  const ids = [carrier.body["id"]];
  // Own: 72 of 144 minutes are no time: (1440 − 72 − 72) / (1440 − 72).
  expect(await percents()).toEqual({ nevi: 90, own: 94.736, exclusions: ids });
  const utility = await post({
    id: "grid",
    ...hours,
    cause: "utilityOutage",
    why: "the grid",
    appliesTo: { siteGroup: "town" },
  });
  expect(utility.status).toBe(201);
  expect(await percents()).toMatchObject({ nevi: 95, exclusions: expect.arrayContaining([...ids, "grid"]) as unknown });
  expect((await get(`exclusions?limit=1`)).body["nextCursor"]).toBeDefined();
  expect((await callAs(api, "DELETE", "/api/v1/health/exclusions/grid")).status).toBe(204);
  expect((await callAs(api, "DELETE", `/api/v1/health/exclusions/${String(ids[0])}`)).status).toBe(204);
  expect(await percents()).toEqual({ nevi: 90, own: 90, exclusions: [] });
});

it("refuses an exclusion without a reason, without a scope, that ends before it begins, or of a cause that nobody knows", async () => {
  const good = { cause: "vandalism", why: "a stone", from: "2025-06-15T01:00:00Z", to: "2025-06-15T02:00:00Z" };
  const appliesTo = { stations: ["CP-A"] };
  for (const wrong of [
    { ...good, appliesTo, why: "" },
    { ...good, appliesTo: {} },
    { ...good, appliesTo, to: good.from },
    { ...good, appliesTo, cause: "weather" },
  ]) {
    expect((await post(wrong)).status).toBe(422);
  }
  expect((await get("exclusions")).body.items).toEqual([]);
});

it("shows the intervals that all of it follows from, in order and by page", async () => {
  const { body } = await get("intervals?station=CP-C");
  expect(body.items.map(({ status, cause, minutes }) => [status, cause, minutes])).toEqual([
    ["Available", "reported", 158],
    ["Offline", "1012", 144],
    ["Available", "reconnected", null],
  ]);
  const first = await get("intervals?station=CP-C&limit=2");
  const second = await get(`intervals?station=CP-C&limit=2&cursor=${String(first.body["nextCursor"])}`);
  expect([...first.body.items, ...second.body.items]).toEqual(body.items);
  const night = "from=2025-06-15T01:30:00Z&to=2025-06-15T02:00:00Z";
  expect((await get(`intervals?station=CP-C&${night}`)).body.items.map(({ status }) => status)).toEqual(["Offline"]);
});

it("is read by viewers, written by operators, and says nothing of another party's stations", async () => {
  const viewer = await callAs(api, "POST", "/api/v1/api-keys", { role: "viewer" });
  const asViewer = { authorization: `Bearer ${String(viewer.body["token"])}` };
  expect((await callAs(api, "GET", `/api/v1/health/uptime?${period}`, undefined, asViewer)).body.items).toHaveLength(3);
  const body = { cause: "other", why: "x", from: "2025-06-15T01:00:00Z", to: "2025-06-15T02:00:00Z" };
  const refused = { ...body, appliesTo: { siteGroup: "town" } };
  expect((await callAs(api, "POST", "/api/v1/health/exclusions", refused, asViewer)).status).toBe(403);
  const other = { actor: "test", role: "admin", party: trusted.party("NLOTH"), via: "rest" } as const;
  const key = { id: "other", role: "admin", sha256: sha256("wl_other").toString("hex") } as const;
  await writeEntity(world, other, "apiKey", key.id, key, 0);
  const asOther = { authorization: "Bearer wl_other" };
  for (const path of [`uptime?${period}`, `uptime?${period}&by=fleet`, "intervals?station=CP-C", "exclusions"]) {
    const answer = await callAs(api, "GET", `/api/v1/health/${path}`, undefined, asOther);
    expect([answer.status, answer.body.items]).toEqual([200, []]);
  }
});
