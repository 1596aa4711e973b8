// One partner of each version that is not 2.2.1, from its registration to the bill: what it lists, what it is pushed, what it sends.
import { afterAll, beforeAll, expect, it } from "vitest";

import type { Cdr, DomainEvent } from "../../core/records/domain-event.ts";
import { eventually } from "../../test/harness/wait.ts";
import { Emsp } from "../../test/ocpi/emsp.ts";
import { AnsweringStation } from "../testing/answering-station.ts";
import { StationWriter } from "../testing/events.ts";
import { party } from "../testing/world.ts";
import { aLocation, aTariff, RoamingWorld } from "./roaming.test-helper.ts";

let roaming: RoamingWorld;
const partners = { "2.1.1": undefined as unknown as Emsp, "2.3.0": undefined as unknown as Emsp };

type Members = Readonly<Record<string, unknown>>;

const newest = {
  help_phone: "+49 345 110",
  parking_type: "ALONG_MOTORWAY",
  parking_places: [{ id: "P1", vehicle_types: ["VAN"], restricted_to_type: false, reservation_required: false }],
  energy_mix: { is_green_energy: true, environ_impact: [{ category: "CARBON_DIOXIDE", amount: 0 }] },
};

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
  for (const version of ["2.1.1", "2.3.0"] as const) {
    const partyId = `V${version.slice(0, 3).replace(".", "")}`;
    const emsp = await Emsp.start({ countryCode: "DE", partyId, version });
    partners[version] = emsp;
    const added = await roaming.rest("POST", "/partners", { country: "DE", party: partyId, role: "EMSP" });
    const { status, text } = await emsp.registerAt(String(added["versionsUrl"]), String(added["tokenA"]));
    if (status !== 1000) throw new Error(text);
  }
  await roaming.rest("POST", "/tariffs", aTariff);
  await roaming.rest("POST", "/tariffs", { ...aTariff, id: "gross", tax_included: "YES" });
  await roaming.rest("POST", "/locations", aLocation(withNewest()));
  await roaming.rest("POST", "/locations", aLocation({ id: "HIDDEN", publish: false, evses: [elsewhere()] }));
}, 60_000);
afterAll(async () => {
  for (const emsp of Object.values(partners)) await emsp[Symbol.asyncDispose]();
  await roaming.close();
});

/** Of a station of its own, which answers commands. */
function elsewhere(): object {
  const { evses } = aLocation() as { evses: { connectors: object[] }[] };
  return { uid: "EVSE-9", connectors: evses[0]!.connectors.map((one) => ({ ...one, stationId: "CP-2" })) };
}

function withNewest(): object {
  const { evses } = aLocation() as { evses: { connectors: object[] }[] };
  const [first, ...others] = evses;
  const changed = {
    ...first!,
    capabilities: ["RFID_READER", "CONTACTLESS_CARD_SUPPORT"],
    parking: [{ parking_id: "P1", evse_position: "LEFT" }],
    connectors: first!.connectors.map((one) => ({ ...one, capabilities: ["ISO_15118_2_PLUG_AND_CHARGE"] })),
  };
  return { ...newest, evses: [changed, ...others] };
}

const station = new StationWriter("CP-1", Date.now() - 30 * 60_000);

/** Charged and billed, as the fold says it. */
async function charged(uid: string): Promise<Cdr> {
  const { position: registry } = roaming.world.registry;
  const events = station.session(uid, 12_345_678, 2);
  const began = (event: DomainEvent): DomainEvent =>
    event.body.kind === "cdrIssued"
      ? { ...event, body: { ...event.body, cdr: { ...event.body.cdr, registry } } }
      : event;
  const told = events.map(began);
  await roaming.events(told);
  return told.flatMap(({ body }) => (body.kind === "cdrIssued" ? [body.cdr] : []))[0]!;
}

const list = async (emsp: Emsp, module: string, query = "") =>
  (await emsp.ask<Members[]>("GET", `${emsp.endpoint(module)}${query}`)).data;
const pushes = (emsp: Emsp, method: string, module: string) =>
  emsp.received.filter((one) => one.method === method && one.path.startsWith(`/emsp/${emsp.version}/${module}`));
/** Feeds and queues of several modules go their own ways. */
const pushed = (emsp: Emsp) =>
  eventually("the pushes", () =>
    [
      pushes(emsp, "POST", "cdrs"),
      pushes(emsp, "PUT", "sessions"),
      pushes(emsp, "PUT", "locations/DE/WLG/LOC-1"),
    ].every((some) => some.length > 0),
  );
const names = (object: unknown) => Object.keys(object as object).toSorted();

it("2.1.1: every object and request is as that version has it, from registration to the bill", async () => {
  const emsp = partners["2.1.1"];
  const token = { uid: "OLD-1", type: "RFID", auth_id: "DE-V21-C1", issuer: "V", valid: true, whitelist: "ALLOWED" };
  const whole = { ...token, last_updated: "2026-11-01T00:00:00Z" };
  const at = `${emsp.endpoint("tokens")}/DE/V21/OLD-1`;
  expect((await emsp.ask("PUT", at, whole)).http).toBe(201);
  expect((await emsp.ask("PATCH", at, { visual_number: "7" })).status).toBe(1000);
  expect((await emsp.ask("GET", at)).data).toMatchObject({ ...token, visual_number: "7" });
  expect(names((await emsp.ask("GET", at)).data)).not.toContain("contract_id");
  const kept = roaming.world.registry.find(party, "token", "old-1")?.doc;
  expect(kept).toMatchObject({ contractId: "DE-V21-C1", roaming: { token: { country_code: "DE", party_id: "V21" } } });

  const [location, ...hidden] = await list(emsp, "locations");
  expect(hidden).toEqual([]);
  expect((await emsp.ask("GET", `${emsp.endpoint("locations")}/HIDDEN`)).http).toBe(404);
  expect(location).toMatchObject({ id: "LOC-1", type: "OTHER", postal_code: "06108" });
  expect(location).toMatchObject({ energy_mix: { environ_impact: [{ source: "CARBON_DIOXIDE", amount: 0 }] } });
  for (const name of ["country_code", "publish", "help_phone", "parking_places", "parking_type"]) {
    expect(location).not.toHaveProperty(name);
  }
  const [evse] = location!["evses"] as Members[];
  expect(evse).toMatchObject({ uid: "EVSE-1", capabilities: ["RFID_READER"] });
  expect((evse!["connectors"] as Members[])[0]).toMatchObject({ voltage: 230, amperage: 32, tariff_id: "standard" });

  const [tariff, gross] = await list(emsp, "tariffs");
  expect(names(tariff)).toEqual(["currency", "elements", "id", "last_updated"]);
  expect(tariff).toMatchObject({
    elements: [{ price_components: [{ type: "ENERGY", price: 0.3, step_size: 1 }] }, {}],
  });
  expect(gross).toMatchObject({ elements: [{ price_components: [{ price: 0.252101 }] }, {}] });

  const cdr = await charged("OLD-1");
  const bill = { auth_id: "DE-V21-C1", auth_method: "WHITELIST", currency: "EUR", total_cost: 3.7 };
  const place = { id: "LOC-1", evses: [{ uid: "EVSE-1", connectors: [{ id: "1", voltage: 230 }] }] };
  expect(await list(emsp, "sessions", "?date_from=2020-01-01T00:00:00Z")).toMatchObject([
    { kwh: 12.345678, start_datetime: expect.any(String) as string, status: "COMPLETED", ...bill, location: place },
  ]);
  const [told] = await list(emsp, "cdrs");
  expect(told).toMatchObject({ id: cdr.id, ...bill, location: place, total_energy: 12.345678 });
  expect(names(told)).toEqual(
    ["auth_id", "auth_method", "charging_periods", "currency", "id", "last_updated", "location", "start_date_time"]
      .concat(["stop_date_time", "tariffs", "total_cost", "total_energy", "total_time"])
      .toSorted(),
  );

  await pushed(emsp);
  expect(pushes(emsp, "POST", "cdrs")[0]!.body).toEqual(told);
  expect(pushes(emsp, "PATCH", "sessions")).toEqual([]);
  expect(pushes(emsp, "PUT", "locations").map(({ path }) => path)).toContain("/emsp/2.1.1/locations/DE/WLG/LOC-1");
  expect(pushes(emsp, "PUT", "locations").map(({ path }) => path)).not.toContain("/emsp/2.1.1/locations/DE/WLG/HIDDEN");
  for (const { headers } of emsp.received) {
    expect(headers.authorization).toBe(`Token ${emsp.ownToken}`);
    expect(Object.keys(headers).filter((name) => name.startsWith("ocpi-"))).toEqual([]);
  }

  await commanded(emsp, { ...whole, uid: "OLD-2" });
  // What 2.1.1 has no word for is not told: a credit, and what would be billed beside what it corrects.
  await roaming.events([
    station.event({ kind: "cdrIssued", cdr: { ...cdr, id: "credit", credits: cdr.id } }),
    station.event({ kind: "cdrIssued", cdr: { ...cdr, id: "again", replaces: cdr.id } }),
  ]);
  expect((await list(emsp, "cdrs")).map(({ id }) => id)).toEqual([cdr.id]);
});

async function commanded(emsp: Emsp, token: object): Promise<void> {
  await AnsweringStation.connect(roaming.world, "CP-2", "ocpp1.6");
  const command = (name: string, body: object) =>
    emsp.ask<Members>("POST", `${emsp.endpoint("commands")}/${name}`, {
      response_url: `${emsp.base}/emsp/results/${name}`,
      ...body,
    });
  const started = await command("START_SESSION", { token, location_id: "HIDDEN", evse_uid: "EVSE-9" });
  expect(started.data).toEqual({ result: "ACCEPTED" });
  await eventually("the result", () => emsp.at("/emsp/results/START_SESSION").length > 0);
  expect(emsp.at("/emsp/results/START_SESSION")[0]!.body).toEqual({ result: "ACCEPTED" });
  const stopped = await command("STOP_SESSION", { session_id: "unknown" });
  expect(stopped.data).toEqual({ result: "UNKNOWN_SESSION" });
  expect((await command("CANCEL_RESERVATION", { reservation_id: 7 })).http).toBe(404);
}

it("2.3.0: every object and request is as that version has it, from registration to the bill", async () => {
  const emsp = partners["2.3.0"];
  const car = emsp.token("CAR-1", { type: "EMAID" });
  const at = `${emsp.endpoint("tokens")}/DE/V23/CAR-1?type=EMAID`;
  expect((await emsp.ask("PUT", at, car)).http).toBe(201);
  expect((await emsp.ask("GET", at)).data).toEqual(car);

  const [location, hidden] = await list(emsp, "locations");
  expect(hidden).toMatchObject({ id: "HIDDEN", publish: false });
  expect(location).toMatchObject({ country_code: "DE", id: "LOC-1", ...newest });
  const [evse] = location!["evses"] as Members[];
  expect(evse).toMatchObject({
    parking: [{ parking_id: "P1" }],
    connectors: [{ capabilities: ["ISO_15118_2_PLUG_AND_CHARGE"] }],
  });

  const [tariff, gross] = await list(emsp, "tariffs");
  expect(tariff).toMatchObject({ tax_included: "NO", min_price: { before_taxes: 0.5, after_taxes: 0.6 } });
  expect(gross).toMatchObject({ tax_included: "YES", elements: [{ price_components: [{ price: 0.3, vat: 19 }] }, {}] });

  await charged("CAR-1");
  const price = { before_taxes: 3.7, taxes: [{ name: "VAT", amount: 0.71 }] };
  const [session] = await list(emsp, "sessions", "?date_from=2020-01-01T00:00:00Z");
  expect(session).toMatchObject({ kwh: 12.345678, total_cost: price, cdr_token: { type: "EMAID" } });
  const [told] = await list(emsp, "cdrs");
  expect(told).toMatchObject({ total_cost: price, total_energy_cost: price, tariffs: [{ tax_included: "NO" }] });
  await pushed(emsp);
  expect(pushes(emsp, "POST", "cdrs")[0]!.body).toEqual(told);
  for (const { path, headers } of pushes(emsp, "PUT", "")) {
    expect([path, headers["ocpi-to-party-id"]]).toEqual([path, "V23"]);
  }
});
