import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { limits } from "../../core/config/limits.ts";
import type { Emsp } from "../../test/ocpi/emsp.ts";
import { creditIdOf } from "../../core/records/cdr-review.ts";
import { keba } from "../../core/metering/vectors.test-helper.ts";
import type { Cdr, DomainEvent } from "../../core/records/domain-event.ts";
import { StationWriter } from "../testing/events.ts";
import { aLocation, aTariff, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
let emsp: Emsp;
let other: Emsp;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  emsp = await roaming.registered("ABC");
  other = await roaming.registered("XYZ");
  await roaming.rest("POST", "/tariffs", aTariff);
  await roaming.rest("POST", "/locations", aLocation());
}, 60_000);
afterAll(() => roaming.close());

interface Evse {
  readonly uid: string;
  readonly status: string;
  readonly last_updated: string;
  readonly capabilities?: readonly string[];
  readonly connectors: readonly object[];
}

interface Location {
  readonly id: string;
  readonly evses: readonly Evse[];
  readonly last_updated: string;
  readonly [field: string]: unknown;
}

const list = <T = Record<string, unknown>>(of: Emsp, module: string, query = "") =>
  of.ask<T[]>("GET", `${of.endpoint(module)}${query}`);

describe("locations", () => {
  it("locations are told as OCPI has them, without what is ours alone", async () => {
    const { data } = await list<Location>(emsp, "locations");
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      country_code: "DE",
      party_id: "WLG",
      id: "LOC-1",
      publish: true,
      coordinates: { latitude: "51.482500", longitude: "11.969700" },
    });
    expect(data[0]).not.toHaveProperty("note");
    for (const evse of data[0]!.evses) {
      expect(evse.status).toBe("UNKNOWN");
      for (const connector of evse.connectors) {
        expect(connector).toMatchObject({ standard: "IEC_62196_T2", tariff_ids: ["standard"] });
        for (const own of ["stationId", "evseId", "connectorId"]) expect(connector).not.toHaveProperty(own);
      }
    }
  });

  it("a status is the EVSE's, and bumps last_updated of its location", async () => {
    const station = new StationWriter("CP-1", Date.now() - 60_000);
    const before = await list<Location>(emsp, "locations");
    await roaming.events([station.online(), station.status(1, "Available"), station.status(2, "Faulted")]);
    const [after] = (await list<Location>(emsp, "locations")).data;
    expect(after!.evses.map(({ status }) => status)).toEqual(["AVAILABLE", "OUTOFORDER"]);
    // Not later than the registry's own change, which was after the station's: parents never go back.
    expect(Date.parse(after!.last_updated)).toBeGreaterThanOrEqual(Date.parse(before.data[0]!.last_updated));
    const later = new StationWriter("CP-2", Date.now());
    const evses = [
      { uid: "E3", connectors: [{ ...connectorOf(after!), stationId: "CP-2", evseId: 1, connectorId: 1 }] },
    ];
    await roaming.rest("POST", "/locations", aLocation({ id: "LOC-2", evses }));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await roaming.events([later.online(), later.status(1, "Charging")]);
    const found = await emsp.ask<Location>("GET", `${emsp.endpoint("locations")}/LOC-2`);
    expect(found.data.evses[0]!.status).toBe("CHARGING");
    expect(found.data.last_updated).toBe(found.data.evses[0]!.last_updated);
  });

  it("one location, one EVSE, one connector; what is unknown is 404", async () => {
    const url = emsp.endpoint("locations");
    expect((await emsp.ask<Location>("GET", `${url}/loc-1`)).data.id).toBe("LOC-1");
    expect((await emsp.ask<Evse>("GET", `${url}/LOC-1/EVSE-2`)).data.uid).toBe("EVSE-2");
    expect((await emsp.ask<{ id: string }>("GET", `${url}/LOC-1/EVSE-2/1`)).data.id).toBe("1");
    for (const path of ["LOC-9", "LOC-1/EVSE-9", "LOC-1/EVSE-1/9"]) {
      const { http, status } = await emsp.ask("GET", `${url}/${path}`);
      expect([path, http, status]).toEqual([path, 404, 2003]);
    }
  });

  it("an EVSE that is taken away is REMOVED, and so is every EVSE of a location that is", async () => {
    const [kept] = (aLocation() as { evses: object[] }).evses;
    await roaming.rest("POST", "/locations", aLocation({ id: "LOC-3" }));
    await roaming.rest("POST", "/locations", aLocation({ id: "LOC-3", evses: [kept] }));
    const url = `${emsp.endpoint("locations")}/LOC-3`;
    const statuses = async () => (await emsp.ask<Location>("GET", url)).data.evses.map(({ status }) => status);
    expect(await statuses()).toEqual(["AVAILABLE", "REMOVED"]);
    await roaming.rest("DELETE", "/locations/LOC-3");
    expect(await statuses()).toEqual(["REMOVED", "REMOVED"]);
  });

  it("a location that OCPI cannot say is not told", async () => {
    await roaming.rest("POST", "/locations", { id: "LOC-BARE", name: "No address" });
    const ids = (await list<Location>(emsp, "locations")).data.map(({ id }) => id);
    expect(ids).toContain("LOC-1");
    expect(ids).not.toContain("LOC-BARE");
  });
});

function connectorOf(location: Location): object {
  return location.evses[0]!.connectors[0]!;
}

it("tariffs are told with prices as numbers", async () => {
  const { data } = await list(emsp, "tariffs");
  expect(data).toMatchObject([
    {
      country_code: "DE",
      party_id: "WLG",
      id: "standard",
      currency: "EUR",
      min_price: { excl_vat: 0.5, incl_vat: 0.6 },
      elements: [
        { price_components: [{ type: "ENERGY", price: 0.3, vat: 19, step_size: 1 }] },
        { price_components: [{ type: "TIME", price: 1.2, step_size: 60 }], restrictions: { start_time: "08:00" } },
      ],
    },
  ]);
  expect(data[0]).not.toHaveProperty("validFrom");
  expect((data[0]!["elements"] as object[])[0]).not.toHaveProperty("restrictions");
});

describe("sessions and CDRs", () => {
  let station: StationWriter;
  /** Of the other partner. */
  let billed: Cdr;
  beforeAll(async () => {
    const put = (of: Emsp, uid: string) =>
      of.ask("PUT", `${of.endpoint("tokens")}/DE/${of.options.partyId}/${uid}`, of.token(uid));
    await put(emsp, "CARD-1");
    await put(other, "CARD-2");
    // Renamed before the session, and once more after it.
    await roaming.rest("POST", "/locations", { ...locationOf("LOC-4", "CP-4"), address: "First street 0" });
    await roaming.rest("POST", "/locations", locationOf("LOC-4", "CP-4"));
    const { position: registry } = roaming.world.registry;
    station = new StationWriter("CP-4", Date.now() - 30 * 60_000);
    const events = [
      station.online(),
      ...station.session("CARD-1", 12_345_678, 2),
      ...station.session("card-2", 2_000_000, 1),
      ...station.session("OUR-OWN", 3_000_000, 1),
      ...station.session("CARD-1", 1_500_000, 1, true),
    ];
    // What the fold says of when the session began.
    const began = (event: DomainEvent): DomainEvent =>
      event.body.kind === "cdrIssued"
        ? { ...event, body: { ...event.body, cdr: { ...event.body.cdr, registry } } }
        : event;
    const told = events.map(began);
    await roaming.events(told);
    billed = told.flatMap(({ body }) =>
      body.kind === "cdrIssued" && body.cdr.idToken === "card-2" ? [body.cdr] : [],
    )[0]!;
  });

  it("sessions go to the owner of the token alone, in kWh, and want date_from", async () => {
    const without = await list(emsp, "sessions");
    expect([without.http, without.status]).toEqual([200, 2001]);
    const { data, headers } = await list(emsp, "sessions", "?date_from=2020-01-01T00:00:00Z");
    expect(headers.get("x-total-count")).toBe("2");
    expect(data).toMatchObject([
      {
        kwh: 12.345678,
        status: "COMPLETED",
        location_id: "LOC-4",
        evse_uid: "EVSE-1",
        connector_id: "1",
        auth_method: "WHITELIST",
        cdr_token: { country_code: "DE", party_id: "ABC", uid: "CARD-1", type: "RFID", contract_id: "DE-ABC-CCARD-1" },
        currency: "EUR",
        total_cost: { excl_vat: 3.7, incl_vat: 4.41 },
      },
      { kwh: 1.5, status: "ACTIVE" },
    ]);
    expect(data[1]).not.toHaveProperty("end_date_time");
    const theirs = await list(other, "sessions", "?date_from=2020-01-01T00:00:00Z");
    expect(theirs.data).toMatchObject([{ kwh: 2, cdr_token: { party_id: "XYZ", uid: "CARD-2" } }]);
  });

  it("CDRs say location, tariff and token as they were when the session began", async () => {
    await roaming.rest("PATCH", "/locations/LOC-4", { address: "Renamed street 2" });
    await roaming.rest("POST", "/tariffs", { ...aTariff, currency: "CHF" });
    const contract = { contract_id: "DE-ABC-LATER" };
    await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/CARD-1`, emsp.token("CARD-1", contract));
    const { data } = await list(emsp, "cdrs");
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      id: expect.stringMatching(/^.{36}$/) as string,
      total_energy: 12.345678,
      total_cost: { excl_vat: 3.7, incl_vat: 4.41 },
      total_energy_cost: { excl_vat: 3.7, incl_vat: 4.41 },
      currency: "EUR",
      tariffs: [{ id: "standard", currency: "EUR" }],
      cdr_location: {
        id: "LOC-4",
        address: "Markt 1",
        evse_uid: "EVSE-1",
        evse_id: "DE*WLG*E1",
        connector_standard: "IEC_62196_T2",
      },
      cdr_token: { uid: "CARD-1", contract_id: "DE-ABC-CCARD-1" },
      charging_periods: [{ dimensions: [{ type: "ENERGY", volume: 12.345678 }, { type: "TIME" }] }],
    });
    const session = (await list(emsp, "sessions", "?date_from=2020-01-01T00:00:00Z")).data[0]!;
    expect(data[0]!["session_id"]).toBe(session["id"]);
    expect((await list(other, "cdrs")).data).toMatchObject([{ cdr_token: { uid: "CARD-2" } }]);
  });

  it("a correction is a credit CDR in which total_cost alone is negative, and a new one; a held CDR is not told", async () => {
    const credit: Cdr = {
      ...billed,
      id: creditIdOf(billed.id),
      credits: billed.id,
      why: "the meter was exchanged",
      total: { exclVat: `-${billed.total!.exclVat}`, inclVat: `-${billed.total!.inclVat}` },
    };
    const signed = [{ nature: "End", data: keba.data, verdict: "valid", publicKey: keba.publicKey }] as const;
    const quarter = 900_000;
    const reserved = {
      dimension: "TIME",
      volume: "0.25",
      unitPrice: "4",
      vat: null,
      reservation: "RESERVATION",
    } as const;
    const next: Cdr = {
      ...billed,
      id: "next",
      replaces: billed.id,
      energyMwh: 1_000_000,
      why: credit.why!,
      signed,
      lines: [{ ...reserved, total: { exclVat: "1", inclVat: "1" } }],
      periods: [
        { startedAt: billed.startedAt - quarter, dimension: "RESERVATION_TIME", durationMs: quarter, energyMwh: 0 },
        { startedAt: billed.startedAt, dimension: "TIME", durationMs: billed.durationMs, energyMwh: 1_000_000 },
      ],
    };
    const held: Cdr = { ...billed, id: "held" };
    await roaming.events([
      station.event({ kind: "cdrIssued", cdr: credit }),
      station.event({ kind: "cdrIssued", cdr: next }),
      station.event({ kind: "cdrHeld", sessionId: held.sessionId, cdr: held, reasons: ["costAboveCeiling"] }),
    ]);
    const { data } = await list(other, "cdrs");
    const [original, credited, corrected, ...more] = data;
    expect(more).toEqual([]);
    const { excl_vat, incl_vat } = original!["total_cost"] as Record<string, number>;
    expect(credited).toEqual({
      ...original,
      last_updated: credited!["last_updated"],
      id: credit.id,
      total_cost: { excl_vat: -excl_vat!, incl_vat: -incl_vat! },
      credit: true,
      credit_reference_id: billed.id,
      remark: "the meter was exchanged",
    });
    expect(corrected).toMatchObject({ id: "next", total_energy: 1, remark: "the meter was exchanged" });
    expect(corrected).not.toHaveProperty("credit");
    // 2.2.1, CDR: with a reservation it starts when that did, and what it cost is told apart.
    expect(corrected).toMatchObject({
      start_date_time: new Date(billed.startedAt - quarter).toISOString(),
      total_time: original!["total_time"],
      total_reservation_cost: { excl_vat: 1, incl_vat: 1 },
      charging_periods: [{ dimensions: [{ type: "ENERGY" }, { type: "RESERVATION_TIME", volume: 0.25 }] }, {}],
    });
    expect(corrected).not.toHaveProperty("total_time_cost");
    expect(corrected).toMatchObject({ signed_data: { encoding_method: "OCMF", signed_values: [{ nature: "End" }] } });
  });

  it("lists are filtered by date_from inclusive and date_to exclusive, on last_updated", async () => {
    const all = (await list(emsp, "sessions", "?date_from=2020-01-01T00:00:00Z")).data;
    const [first, second] = all.map((session) => String(session["last_updated"]));
    const ids = async (query: string) => (await list(emsp, "sessions", query)).data.map((session) => session["id"]);
    expect(await ids(`?date_from=${second}`)).toEqual([all[1]!["id"]]);
    expect(await ids(`?date_from=${first}&date_to=${second}`)).toEqual([all[0]!["id"]]);
    expect(await ids(`?date_from=${second}&date_to=${second}`)).toEqual([]);
  });

  it("charging preferences of an EVSE that takes none are 404 with 2001", async () => {
    const [session] = (await list(emsp, "sessions", "?date_from=2020-01-01T00:00:00Z")).data;
    const of = (id: unknown) => `${emsp.endpoint("sessions")}/${String(id)}/charging_preferences`;
    for (const id of [session!["id"], "unknown"]) {
      const { http, status } = await emsp.ask("PUT", of(id), { profile_type: "FAST" });
      expect([id, http, status]).toEqual([id, 404, 2001]);
    }
  });
});

describe("pages", () => {
  it("the link keeps the filters, the count is of all that match, and the last page has no link", async () => {
    for (let at = 0; at < 5; at++) await roaming.rest("POST", "/tariffs", { ...aTariff, id: `T${at}` });
    const first = await list<{ id: string }>(emsp, "tariffs", "/?limit=2&date_from=2020-01-01T00:00:00Z");
    expect(first.headers.get("x-total-count")).toBe("6");
    expect(first.headers.get("x-limit")).toBe(String(limits.ocpiPageMax));
    expect(first.headers.get("link")).toContain("?offset=2&limit=2&date_from=2020-01-01T00:00:00Z>");
    const all = await emsp.all<{ id: string }>(`${emsp.endpoint("tariffs")}?limit=2&date_from=2020-01-01T00:00:00Z`);
    expect(all.map(({ id }) => id)).toEqual(["standard", "T0", "T1", "T2", "T3", "T4"]);
    const last = await list(emsp, "tariffs", "?limit=2&offset=4");
    expect([last.data.length, last.headers.get("link")]).toEqual([2, null]);
    const beyond = await list(emsp, "tariffs", "?offset=100");
    expect([beyond.data, beyond.headers.get("x-total-count")]).toEqual([[], "6"]);
  });

  it("more than the server's limit is cut to it, and what is no number or time is 2001", async () => {
    expect((await list(emsp, "tariffs", "?limit=100000")).data).toHaveLength(6);
    for (const query of ["offset=-1", "offset=x", "limit=0", "limit=1e3", "date_from=yesterday", "offset=1&offset=2"]) {
      const { http, status } = await list(emsp, "tariffs", `?${query}`);
      expect([query, http, status]).toEqual([query, 200, 2001]);
    }
    expect((await list(emsp, "tariffs", "?date_from=2020-01-01T00:00:00%2B02:00")).status).toBe(2001);
    expect((await list(emsp, "tariffs", "?date_from=2020-01-01T00:00:00")).status).toBe(1000);
  });
});

function locationOf(id: string, station: string): object {
  const location = aLocation({ id }) as { evses: { connectors: object[] }[] };
  const evses = location.evses.map((evse) => ({
    ...evse,
    connectors: evse.connectors.map((connector) => ({ ...connector, stationId: station })),
  }));
  return { ...location, evses };
}
