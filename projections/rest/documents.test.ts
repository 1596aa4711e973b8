// /api/v1/stations/{id}/… and /api/v1/…: what fields of the fold told, as people read it.
import { afterAll, beforeAll, expect, test } from "vitest";

import { collections } from "../../core/records/station-documents.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Projector } from "../models/projector.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let api: Api;
let projector: Projector;
const get = (url: string) => callAs(api, "GET", url);

beforeAll(async () => {
  world = await World.open(worldAdapters);
  projector = await world.project();
  api = await world.serve(projector);
  const [a, b] = [new StationWriter("CP-A"), new StationWriter("CP-B")];
  const event = (writer: StationWriter, key: string, type: string | null) =>
    writer.event({
      kind: "documentsChanged",
      changes: [{ collection: "securityEvents", key, document: type && JSON.stringify({ type, techInfo: null }) }],
    });
  await world.appendEvents([
    a.online(),
    event(a, "1", "First"),
    event(a, "3", "Third"),
    event(b, "2", "Second"),
    event(b, "4", "Gone"),
    event(b, "4", null),
    a.event({
      kind: "documentsChanged",
      changes: [{ collection: "variables", key: "k", document: '{"value":"1","unit":"s"}' }],
    }),
    a.event({
      kind: "documentsChanged",
      changes: [{ collection: "variables", key: "k", document: '{"value":"2"}', patch: true }],
    }),
  ]);
  await world.caughtUp(projector);
});
afterAll(() => world.close());

test("notices are read the newest first, of one station and of all, page by page", async () => {
  const types = (body: { items: readonly object[] }) => body.items.map((item) => (item as { type: string }).type);
  const all = await get("/api/v1/security-events?limit=2");
  expect(types(all.body)).toEqual(["Third", "Second"]);
  const rest = await get(`/api/v1/security-events?limit=2&cursor=${all.body["nextCursor"] as string}`);
  expect(types(rest.body)).toEqual(["First"]);
  expect(rest.body["nextCursor"]).toBeUndefined();
  const ofOne = await get("/api/v1/stations/CP-A/security-events");
  expect(ofOne.body.items[0]).toMatchObject({ stationId: "CP-A", key: "3", type: "Third", techInfo: null });
  expect(types(ofOne.body)).toEqual(["Third", "First"]);
});

test("a patch changes its members and leaves the others", async () => {
  const { body } = await get("/api/v1/stations/CP-A/configuration");
  expect(body.items).toMatchObject([{ key: "k", value: "2", unit: "s" }]);
});

test("every collection has its route", async () => {
  const document = (await get("/api/openapi.json")).body as unknown as { paths: Record<string, unknown> };
  const routes = Object.keys(document.paths).filter((path) => path.startsWith("/api/v1/stations/{id}/"));
  expect(routes.length).toBeGreaterThanOrEqual(Object.keys(collections).length);
  expect((await get("/api/v1/stations/CP-A/no-such-thing")).status).toBe(404);
});

test("a remote start shows its effect, once it is known, and the session that it started", async () => {
  const writer = new StationWriter("CP-REMOTE");
  const online = writer.online();
  const started = writer.command("RemoteStartTransaction", "accepted");
  const open = writer.command("RequestStartTransaction", "accepted");
  const other = writer.command("Reset", "accepted");
  const idOf = ([first]: typeof started) => (first!.body.kind === "commandRequested" ? first!.body.commandId : "");
  const document = JSON.stringify({ effect: "started", sessionId: "session-1", at: "2026-01-01T00:00:00.000Z" });
  const change = { collection: "commandEffects", key: idOf(started), document } as const;
  await world.appendEvents([
    online,
    ...started,
    ...open,
    ...other,
    writer.event({ kind: "documentsChanged", changes: [change] }),
  ]);
  await world.caughtUp(projector);
  const one = await get(`/api/v1/commands/${idOf(started)}`);
  expect(one.body).toMatchObject({ outcome: "accepted", effect: "started", sessionId: "session-1" });
  const { items } = (await get("/api/v1/commands?station=CP-REMOTE")).body;
  expect(items.map((item) => [item["action"], item["effect"], item["sessionId"]])).toEqual([
    ["Reset", null, null],
    ["RequestStartTransaction", null, null],
    ["RemoteStartTransaction", "started", "session-1"],
  ]);
});
