import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { limits } from "../../core/config/limits.ts";
import { FakeClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { aLocation, aTariff, RoamingWorld } from "../ocpi/roaming.test-helper.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { party } from "../testing/world.ts";
import { Feeds, type FeedName } from "./feeds.ts";
import { faultsOf } from "./testing/profile.ts";

let roaming: RoamingWorld;
const names = ["datex2/static.xml", "datex2/dynamic.xml", "locations.geojson", "locations.csv"] as const;

const get = (path: string, headers: Record<string, string> = {}, remoteAddress = "192.0.2.1") =>
  roaming.api.app.inject({ url: `/open-data/${path}`, headers, remoteAddress });

/** As of a moment of its own: nothing that was built before is given again. */
async function built(name: FeedName): Promise<string> {
  const { store, registry } = roaming.world;
  const context = { store, registry, clock: new FakeClock(Date.now()), logger: silentLogger() };
  return (await new Feeds(context, "Stadtwerke").feed(party, name))!.body.toString();
}

interface Feature {
  readonly id: string;
  readonly properties: {
    readonly status: string;
    readonly adHocPrices: readonly { readonly tariffId: string; readonly prices: readonly object[] }[];
  };
}

async function features(): Promise<readonly Feature[]> {
  return (JSON.parse(await built("locations.geojson")) as { features: Feature[] }).features;
}

const featureOf = async (id: string) => (await features()).find((feature) => feature.id === id)!.properties;

const awkward = `<b>"A" & 'B'</b> ]]> \u0001 \uD800 😀 \u202E`;

const oneEvse = (id: string, connector: object) =>
  aLocation({
    id,
    evses: [
      {
        uid: `${id}-1`,
        connectors: [
          {
            id: "1",
            standard: "IEC_62196_T2_COMBO",
            format: "CABLE",
            power_type: "DC",
            max_voltage: 400,
            max_amperage: 200,
            ...connector,
          },
        ],
      },
    ],
  });

/** `document` with one of its members, at any depth, replaced; the same for the same `place`. */
function replaced(document: object, place: number, odd: unknown): object {
  const copy = structuredClone(document);
  const places: (() => void)[] = [];
  const walk = (within: object): void => {
    for (const [name, inner] of Object.entries(within)) {
      places.push(() => void Object.assign(within, { [name]: odd }));
      if (typeof inner === "object" && inner !== null) walk(inner as object);
    }
  };
  walk(copy);
  places[place % places.length]!();
  return copy;
}

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  await roaming.rest("POST", "/tariffs", aTariff);
  await roaming.rest("POST", "/locations", aLocation());
  await roaming.rest("POST", "/locations", aLocation({ id: "HIDDEN", publish: false, address: "Secret street 1" }));
}, 60_000);
afterAll(() => roaming.close());

it("nothing is told before the party opens its data, nor of a party that is none", async () => {
  for (const name of names) {
    const closed = await get(`DEWLG/${name}`);
    expect(closed.statusCode).toBe(404);
    expect((await get(`DEXXX/${name}`)).body).toBe(closed.body);
    expect((await get(`nobody/${name}`)).body).toBe(closed.body);
  }
});

describe("open data", () => {
  beforeAll(async () => {
    await roaming.rest("PUT", "/settings/openData", { value: true });
  });

  it("a location that is not published is in no format", async () => {
    for (const name of names) {
      const { statusCode, body } = await get(`DEWLG/${name}`);
      expect([name, statusCode]).toEqual([name, 200]);
      expect(body).toContain("EVSE-1");
      for (const hidden of ["HIDDEN", "Secret street", "CP-1", "ours alone"]) expect(body).not.toContain(hidden);
    }
  });

  it("both publications of DATEX II are valid, whatever a location or a tariff says", async () => {
    const when = {
      start_time: "22:00",
      end_time: "00:00",
      day_of_week: ["MONDAY", "SUNDAY"],
      start_date: "2026-01-01",
      end_date: "2031-01-01",
    };
    const limited = { min_kwh: 1, max_kwh: 50.5, min_duration: 60, max_duration: 3_601, max_power: 16 };
    await roaming.rest("POST", "/tariffs", {
      id: "rich",
      currency: "EUR",
      max_price: { excl_vat: "84.034" },
      elements: [
        {
          price_components: [
            { type: "ENERGY", price: "0.59", vat: "19", step_size: 1 },
            { type: "FLAT", price: 1, step_size: 1 },
          ],
          restrictions: { ...when, ...limited },
        },
        { price_components: [{ type: "PARKING_TIME", price: "6", vat: 19, step_size: 60 }] },
        {
          price_components: [{ type: "TIME", price: "5", step_size: 60 }],
          restrictions: { reservation: "RESERVATION" },
        },
      ],
    });
    await roaming.rest("POST", "/locations", {
      ...oneEvse("RICH", { tariff_ids: ["rich"], standard: "NEMA_5_20" }),
      name: awkward,
      operator: { name: "x".repeat(2_000), website: "no address" },
      owner: { name: awkward, website: "https://example.org/ü?a=1&b=2" },
      opening_times: {
        twentyfourseven: false,
        regular_hours: [{ weekday: 1, period_begin: "08:00", period_end: "24:00" }, { weekday: 9 }],
      },
      energy_mix: { is_green_energy: true },
    });
    await roaming.rest("POST", "/locations", { ...oneEvse("ALWAYS", {}), opening_times: { twentyfourseven: true } });
    const [table, status] = [await built("datex2/static.xml"), await built("datex2/dynamic.xml")];
    expect(await faultsOf(table)).toEqual([]);
    expect(await faultsOf(status)).toEqual([]);
    expect(table).toContain("&lt;b&gt;&quot;A&quot; &amp; &apos;B&apos;&lt;/b&gt; ]]&gt;   😀");
    expect(table).toContain("exactly 0.7021, max_kwh 50.5, max_duration 3601, max_power 16");
    // What a reservation costs is no price of charging.
    expect(table).not.toContain("<aegi:value>5</aegi:value>");
    // The check can fail: an element too many, one too few, and text that is no XML.
    expect(await faultsOf(table.replace("<aegi:deliveryUnit>kWh</aegi:deliveryUnit>", ""))).not.toEqual([]);
    expect(await faultsOf(status.replace("<aegi:status>", "<aegi:waitingTime/><aegi:status>"))).not.toEqual([]);
    expect(await faultsOf(table.replace("&amp;", "&"))).not.toEqual([]);
  }, 30_000);

  it("a status is seen once what was kept is old, within a minute with a reader's cache; what did not change keeps tag and time", async () => {
    const clock = new FakeClock(Date.now());
    const { store, registry } = roaming.world;
    const feeds = new Feeds({ store, registry, clock, logger: silentLogger() }, undefined);
    const before = (await feeds.feed(party, "datex2/dynamic.xml"))!;
    const table = (await feeds.feed(party, "datex2/static.xml"))!;
    const station = new StationWriter("CP-1", Date.now());
    await roaming.events([station.online(), station.status(1, "Available"), station.status(2, "Faulted")]);
    clock.advance(limits.openDataKeptMs);
    const after = (await feeds.feed(party, "datex2/dynamic.xml"))!;
    expect(before.body.toString()).not.toContain("<aegi:status>available</aegi:status>");
    expect(after.body.toString()).toContain("<aegi:status>available</aegi:status>");
    expect(after.body.toString()).toContain("<aegi:status>outOfOrder</aegi:status>");
    expect(after.etag).not.toBe(before.etag);
    expect(after.lastModified).toBeGreaterThan(before.lastModified);
    // The table has no status in it.
    expect(await feeds.feed(party, "datex2/static.xml")).toEqual(table);
    expect(limits.openDataKeptMs + limits.openDataMaxAgeSeconds * 1_000).toBeLessThan(60_000);
  });

  it("the price is that of the tariff for everybody, with tax; others' tariffs, and one of next year, are not told", async () => {
    const energy = (price: string) => [{ price_components: [{ type: "ENERGY", price, vat: "20", step_size: 1 }] }];
    const ours = { currency: "EUR", elements: energy("0.1") };
    await roaming.rest("POST", "/tariffs", { ...ours, id: "employees", appliesTo: { groups: ["staff"] } });
    await roaming.rest("POST", "/tariffs", { ...ours, id: "contract", type: "REGULAR" });
    await roaming.rest("POST", "/tariffs", { ...ours, id: "ad-hoc", type: "AD_HOC_PAYMENT", elements: energy("0.50") });
    await roaming.rest("POST", "/tariffs", {
      ...ours,
      id: "ad-hoc",
      type: "AD_HOC_PAYMENT",
      elements: energy("0.90"),
      validFrom: "2099-01-01T00:00:00Z",
    });
    await roaming.rest("POST", "/locations", oneEvse("PRICED", { tariff_ids: ["employees", "contract", "ad-hoc"] }));
    expect((await featureOf("PRICED/PRICED-1")).adHocPrices).toMatchObject([
      { tariffId: "ad-hoc", prices: [{ kind: "perKwh", value: "0.6", taxIncluded: true, taxRate: "20" }] },
    ]);
    expect((await featureOf("LOC-1/EVSE-1")).adHocPrices).toMatchObject([
      {
        tariffId: "standard",
        prices: [
          { kind: "perKwh", value: "0.357" },
          { kind: "perMinute", value: "0.02" },
        ],
      },
    ]);
    await roaming.rest("DELETE", "/tariffs/ad-hoc");
    expect((await featureOf("PRICED/PRICED-1")).adHocPrices).toEqual([]);
  });

  it("a location without a price says so in every format", async () => {
    await roaming.rest("POST", "/locations", oneEvse("NO-PRICE", {}));
    const table = await built("datex2/static.xml");
    const point = table.slice(table.indexOf('id="NO-PRICE-1"'));
    expect(point.slice(0, point.indexOf("</aegi:refillPoint>"))).toContain("No ad-hoc price is published");
    expect((await featureOf("NO-PRICE/NO-PRICE-1")).adHocPrices).toEqual([]);
    const row = (await built("locations.csv")).split("\r\n").find((line) => line.startsWith("NO-PRICE,"));
    expect(row).toMatch(/,not published$/);
  });

  it("a name is no formula in CSV, and no row of its own", async () => {
    await roaming.rest("POST", "/locations", { ...oneEvse("CSV", {}), name: '=HYPERLINK("x"),\r\ny' });
    expect(await built("locations.csv")).toContain(`,"'=HYPERLINK(""x""),\r\ny",`);
  });

  it("what is known already is not sent again: by its tag, else by its time; other sites may read it", async () => {
    for (const name of names) {
      const { headers } = await get(`DEWLG/${name}`);
      const [tag, time] = [String(headers.etag), String(headers["last-modified"])];
      expect(headers["cache-control"]).toBe(`public, max-age=${limits.openDataMaxAgeSeconds}`);
      expect(headers["access-control-allow-origin"]).toBe("*");
      const status = async (sent: Record<string, string>) => (await get(`dewlg/${name}`, sent)).statusCode;
      expect(await status({ "if-none-match": `"x", ${tag}` })).toBe(304);
      expect(await status({ "if-none-match": '"x"', "if-modified-since": time })).toBe(200);
      expect(await status({ "if-modified-since": time })).toBe(304);
      expect(await status({ "if-modified-since": new Date(Date.parse(time) - 1_000).toUTCString() })).toBe(200);
      expect(await status({ "if-modified-since": "yesterday" })).toBe(200);
    }
  });

  it("no address gets more than its share, and its neighbours get theirs", async () => {
    const statuses: number[] = [];
    for (let at = 0; at <= limits.openDataBurst; at++) {
      statuses.push((await get("DEWLG/locations.csv", { "if-none-match": "*" }, "192.0.2.9")).statusCode);
    }
    expect(statuses[0]).toBe(304);
    expect(statuses.at(-1)).toBe(429);
    expect((await get("DEWLG/locations.csv", {}, "192.0.2.10")).statusCode).toBe(200);
  });

  it("whatever is asked for, it is never a fault of ours", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom("DEWLG", "__proto__", "..", "%00", "*"),
    );
    const header = fc.string({ unit: fc.constantFrom(...'W / " * , ; = - : a Z 0 é'.split(" "), " "), maxLength: 60 });
    const request = fc.record({
      method: fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
      party: fc.oneof({ weight: 3, arbitrary: fc.constant("DEWLG") }, { weight: 1, arbitrary: text }),
      name: fc.oneof({ weight: 3, arbitrary: fc.constantFrom<string>(...names) }, { weight: 1, arbitrary: text }),
      query: text,
      headers: fc.dictionary(fc.constantFrom("if-none-match", "if-modified-since", "accept", "range", "host"), header),
      body: fc.oneof(fc.constant(undefined), text),
      address: fc.integer({ min: 0, max: 250 }),
    });
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(request, async ({ method, party: of, name, query, headers, body, address }) => {
        const path = [of, ...name.split("/")].map((part) => encodeURIComponent(part.toWellFormed())).join("/");
        const url = `/open-data/${path}?${encodeURIComponent(query.toWellFormed())}`;
        const payload = body === undefined || method === "GET" || method === "HEAD" ? {} : { payload: body };
        const { statusCode } = await roaming.api.app.inject({
          method: method as "GET",
          url,
          headers,
          remoteAddress: `198.51.100.${address}`,
          ...payload,
        });
        seen.add(statusCode);
        expect(statusCode).toBeLessThan(500);
      }),
      { numRuns: 100 },
    );
    expect([...seen]).toEqual(expect.arrayContaining([200, 404]));
  });

  it("what the registry takes, however odd, is told in valid DATEX II", async () => {
    const value = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        "",
        awkward,
        "x".repeat(3_000),
        "24:00",
        "2026-02-30",
        -1,
        0,
        1e21,
        0.1,
        true,
        [],
        {},
      ),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const whole = {
      ...oneEvse("ODD", { tariff_ids: ["ODD"], max_electric_power: 150_000, terms_and_conditions: "x" }),
      opening_times: {
        twentyfourseven: false,
        regular_hours: [{ weekday: 1, period_begin: "08:00", period_end: "18:00" }],
      },
      operator: { name: "O", website: "https://example.org" },
      owner: { name: "O" },
      energy_mix: { is_green_energy: true },
      postal_code: "1",
    };
    const tariff = {
      ...aTariff,
      id: "ODD",
      start_date_time: "2026-01-01T00:00:00Z",
      elements: [
        {
          price_components: [{ type: "ENERGY", price: "0.30", vat: "19", step_size: 1 }],
          restrictions: {
            start_time: "08:00",
            start_date: "2026-01-01",
            day_of_week: ["MONDAY"],
            min_kwh: 1,
            min_duration: 60,
          },
        },
      ],
    };
    const taken = { locations: 0, tariffs: 0 };
    const tell = async (to: "locations" | "tariffs", document: object, place: number, odd: unknown) => {
      const id = `ODD-${taken.locations}-${taken.tariffs}`;
      const made = { ...replaced(document, place, odd), id };
      const answer = await callAs(roaming.api, "POST", `/api/v1/${to}`, made);
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 300) return;
      taken[to]++;
      if (to === "tariffs") await roaming.rest("POST", "/locations", { ...oneEvse(`${id}-AT`, { tariff_ids: [id] }) });
    };
    await fc.assert(
      fc.asyncProperty(fc.nat(), value, async (place, odd) => {
        await tell("locations", whole, place, odd);
        await tell("tariffs", tariff, place, odd);
      }),
      { numRuns: 25 },
    );
    expect(taken.locations + taken.tariffs).toBeGreaterThan(3);
    expect(await faultsOf(await built("datex2/static.xml"))).toEqual([]);
    expect(await faultsOf(await built("datex2/dynamic.xml"))).toEqual([]);
    expect((await features()).length).toBeGreaterThan(taken.tariffs);
  }, 60_000);
});

it("where nothing is published the lists are empty, and the table, which must not be, is none", async () => {
  const { store, registry } = roaming.world;
  const context = { store, registry, clock: new FakeClock(), logger: silentLogger() };
  const feeds = new Feeds(context, undefined);
  const nobody = "DEXXX" as typeof party;
  expect(await feeds.feed(nobody, "datex2/static.xml")).toBeUndefined();
  expect(await faultsOf((await feeds.feed(nobody, "datex2/dynamic.xml"))!.body.toString())).toEqual([]);
  expect(JSON.parse((await feeds.feed(nobody, "locations.geojson"))!.body.toString())).toEqual({
    type: "FeatureCollection",
    features: [],
  });
});
