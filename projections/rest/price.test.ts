// POST /api/v1/price, and which tariffs the registry takes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { worldAdapters } from "../../test/harness/world-adapters.ts";

import { callAs } from "../testing/client.ts";
import { World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let api: Api;
const post = (url: string, body: object) => callAs(api, "POST", url, body);

beforeAll(async () => {
  world = await World.open(worldAdapters);
  api = await world.serve(await world.project());
});
afterAll(() => world.close());

const energy = { type: "ENERGY", price: "0.50", vat: 20, step_size: 1 };
const tariff = {
  id: "night",
  currency: "EUR",
  tax_included: "NO",
  min_price: { before_taxes: 1 },
  appliesTo: { partners: ["DEABC"] },
  elements: [
    { price_components: [energy], restrictions: { start_time: "22:00", end_time: "06:00" } },
    { price_components: [{ ...energy, price: 1 }] },
  ],
};
const session = {
  timeZone: "Europe/Berlin",
  start: "2026-06-15T19:30:00Z",
  end: "2026-06-15T20:30:00Z",
  samples: [
    { time: "2026-06-15T19:30:00Z", energyWh: 0, state: "charging" },
    { time: "2026-06-15T20:30:00Z", energyWh: 10_000, state: "charging" },
  ],
};

test("a preview by a tariff at hand and by one of the registry says the same, and why", async () => {
  const preview = await post("/api/v1/price", { tariff, session });
  expect(preview.body).toMatchObject({
    currency: "EUR",
    total: { exclVat: "7.50", inclVat: "9.00" },
    taxes: [{ name: "VAT", percentage: "20", amount: "1.50" }],
    periods: [
      { start: "2026-06-15T19:30:00.000Z", dimensions: [{ dimension: "ENERGY", volume: "5", element: 1 }, {}] },
      { start: "2026-06-15T20:00:00.000Z", dimensions: [{ dimension: "ENERGY", volume: "5", element: 0 }, {}] },
    ],
    lines: [{ element: 1 }, { element: 0, unitPrice: "0.5" }],
  });
  const [first] = preview.body["periods"] as { dimensions: { skipped: object[] }[] }[];
  expect(first!.dimensions[0]!.skipped).toEqual([
    { element: 0, restriction: "start_time, end_time", limit: "22:00-06:00", actual: "21:30" },
  ]);
  expect((await post("/api/v1/tariffs", tariff)).body).toEqual(tariff);
  expect((await post("/api/v1/price", { tariffId: "night", session })).body).toEqual(preview.body);
});

test("a preview needs one tariff and a session, and says what is wrong with them", async () => {
  expect((await post("/api/v1/price", { tariffId: "none", session })).status).toBe(404);
  expect((await post("/api/v1/price", { session })).status).toBe(422);
  expect((await post("/api/v1/price", { tariff: { ...tariff, currency: "€" }, session })).body).toMatchObject({
    status: 422,
    path: "/tariff/currency",
  });
  const nowhere = { ...session, timeZone: "Europe/Nowhere" };
  expect((await post("/api/v1/price", { tariff, session: nowhere })).body).toMatchObject({ path: "/session/timeZone" });
});

test.each([
  ["never valid", { end_date_time: "2026-01-01T00:00:00Z", start_date_time: "2026-02-01T00:00:00Z" }, "/end_date_time"],
  ["limits that exclude each other", { max_price: { before_taxes: 0.5 } }, "/max_price"],
  ["half a limit", { max_price: { incl_vat: 9 } }, "/max_price/excl_vat"],
  [
    "a restriction that nothing meets",
    { elements: [{ price_components: [energy], restrictions: { min_kwh: 5, max_kwh: 5 } }] },
    "/elements/0/restrictions/max_kwh",
  ],
  [
    "energy of a reservation",
    { elements: [{ price_components: [energy], restrictions: { reservation: "RESERVATION" } }] },
    "/elements/0/price_components/0/type",
  ],
])("a tariff that contradicts itself is refused by POST and by import: %s", async (_, wrong, path) => {
  const doc = { ...tariff, id: "wrong", ...wrong };
  expect((await post("/api/v1/tariffs", doc)).body).toMatchObject({ status: 422, path });
  const { body } = await callAs(api, "POST", "/api/v1/tariffs/import", [doc] as never);
  expect(body).toMatchObject({ rows: [{ id: "wrong", result: "refused", path }] });
});
