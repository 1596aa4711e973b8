// Explanations over REST, as JSON and as PDF.
import { afterAll, beforeAll, expect, test } from "vitest";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { trusted } from "../../core/ids/ids.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { createExplainer } from "../../processors/explain/explain.ts";
import { idOf, Line, party } from "../../processors/station.test-helper.ts";
import { createApi, type Api } from "../../projections/rest/api.ts";
import type { ShownExplanation } from "../../projections/rest/explain-format.ts";
import { textOfPdf } from "./pdf-text.test-helper.ts";
import { RebuildWorld, up } from "./rebuild-world.test-helper.ts";

const adminToken = "admin-token-of-the-test";
const evil = "</script><img src=x onerror=alert(1)>\u0000\u202e";
let world: RebuildWorld;
let api: Api;
let id: string;

beforeAll(async () => {
  world = await RebuildWorld.open();
  await world.world.put("tariff", "T", {
    id: "T",
    currency: "EUR",
    elements: [{ price_components: [{ type: "ENERGY", price: 0.5, vat: 20, step_size: 1 }] }],
  });
  await world.world.put("setting", "defaultTariffId", { id: "defaultTariffId", value: "T" });
  await world.start();
  const line = new Line("CS1");
  line.registry = { generation: 1, offset: 2 };
  const start = { idTag: evil };
  await world.write([...up(line), line.start(start), line.meter(idOf(start), "11000", 20), line.stop(idOf(start))]);
  await world.quiet();
  const { log } = world.world;
  api = createApi({
    options: { host: "127.0.0.1", port: 0, party },
    log,
    store: world.store,
    bus: new EmbeddedBusHub().client(),
    registry: world.registry,
    clock: world.clock,
    nodeId: trusted.node("api"),
    metrics: createMetrics(),
    logger: silentLogger(),
    adminToken,
    explainer: createExplainer(world.tools),
  });
  await api.app.ready();
  id = (await world.store.reader.selectFrom("live_session").select("id").executeTakeFirstOrThrow()).id;
});

afterAll(async () => {
  await api.stop();
  await world.end();
});

const get = (path: string) =>
  api.app.inject({ method: "GET", url: path, headers: { authorization: `Bearer ${adminToken}` } });

test("explain: frames verbatim with offsets, readings with reasons, periods, lines, rounding, total", async () => {
  const answer = await get(`/api/v1/sessions/${id}/explain`);
  expect(answer.statusCode).toBe(200);
  const e = answer.json<ShownExplanation>();
  expect(e).toMatchObject({ agrees: true, currency: "EUR", total: { exclVat: "10.00", inclVat: "12.00" } });
  const frames = e.frames as readonly { readonly offset: number; readonly frame?: string }[];
  expect(frames.map(({ offset }) => offset)).toEqual([2, 3, 4]);
  expect((JSON.parse(frames[0]!.frame!) as unknown[])[3]).toMatchObject({ idTag: evil });
  expect(e.readings.map(({ offset, value, accepted }) => [offset, value, accepted])).toEqual([
    [2, "1000", true],
    [3, "11000", true],
    [4, "21000", true],
  ]);
  expect(e.lines).toMatchObject([{ dimension: "ENERGY", volume: "20", element: 0 }]);
  expect(e.rounding).toMatchObject({ decimals: 3, policy: "thousandths" });
});

test("explain: as a PDF with the same text, what its fonts cannot show escaped", async () => {
  const answer = await get(`/api/v1/sessions/${id}/explain.pdf`);
  expect(answer.headers["content-type"]).toBe("application/pdf");
  expect(answer.rawPayload.subarray(0, 5).toString()).toBe("%PDF-");
  const text = textOfPdf(answer.rawPayload);
  expect(text).toContain("Total 10.00 excl. VAT, 12.00 incl. VAT EUR");
  expect(text).toContain("onerror=alert(1)>");
  expect(text).toContain("\\u202e");
});

test("explain: 404 where there is no such session, 401 without a token, 429 where too many are asked for at once", async () => {
  expect((await get("/api/v1/sessions/none/explain")).statusCode).toBe(404);
  expect((await get("/api/v1/sessions/none/explain.pdf")).statusCode).toBe(404);
  expect((await api.app.inject({ method: "GET", url: `/api/v1/sessions/${id}/explain` })).statusCode).toBe(401);
  const many = await Promise.all(Array.from({ length: 12 }, () => get(`/api/v1/sessions/${id}/explain`)));
  expect(new Set(many.map(({ statusCode }) => statusCode))).toEqual(new Set([200, 429]));
});
