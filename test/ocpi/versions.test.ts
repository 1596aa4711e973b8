// Partners of OCPI 2.1.1 and 2.3.0 against a whole wattlog, from registration to the bill; what they are given is held to models
// that others wrote of their version.
import { afterAll, beforeAll, expect, test, type TestContext } from "vitest";

import type { Rest } from "../harness/rest.ts";
import { TestStation } from "../harness/station.ts";
import { eventually } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";
import { Emsp } from "./emsp.ts";
import { check, ocpiModels, type OcpiObject } from "./models.ts";
import { letIn, townHall } from "./town-hall.ts";

const models = await ocpiModels();
const versions = ["2.1.1", "2.3.0"] as const;
type Version = (typeof versions)[number];
type Members = Readonly<Record<string, unknown>>;

let wattlog: Running;
let station: TestStation;
const emsps = new Map<Version, Emsp>();
const given: OcpiObject[] = [];

const tariff = {
  id: "kwh",
  currency: "EUR",
  elements: [{ price_components: [{ type: "ENERGY", price: "0.40", vat: "19", step_size: 1 }] }],
};

beforeAll(async () => {
  wattlog = await startWattlog();
  for (const version of versions) {
    const partyId = `V${version.slice(0, 3).replace(".", "")}`;
    emsps.set(version, await Emsp.start({ countryCode: "DE", partyId, version }));
  }
  // A session of a second with kilowatt-hours is what a person should look at.
  await wattlog.rest.send("PUT", "/settings/cdrHoldPowerPercent", { value: 0 });
  await wattlog.rest.post("/tariffs", tariff);
  await wattlog.rest.post("/locations", townHall("CP-1", { tariff_ids: ["kwh"] }));
  station = await TestStation.connect({ url: wattlog.ocppUrl, id: "CP-1" });
  await station.call("BootNotification", { chargePointVendor: "Test", chargePointModel: "T1" });
});

afterAll(async () => {
  await station[Symbol.asyncDispose]();
  for (const emsp of emsps.values()) await emsp[Symbol.asyncDispose]();
  await wattlog.stop();
});

async function charge(idTag: string): Promise<void> {
  const timestamp = () => new Date().toISOString();
  const start = { connectorId: 1, idTag, meterStart: 1_000, timestamp: timestamp() };
  const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", start);
  await station.call("StopTransaction", { transactionId, idTag, meterStop: 7_250, timestamp: timestamp() });
}

function tokenOf(emsp: Emsp, uid: string): object {
  const { country_code: _country, party_id: _party, contract_id, ...token } = emsp.token(uid) as Members;
  return emsp.version === "2.1.1" ? { ...token, auth_id: contract_id } : emsp.token(uid);
}

const costs = { "2.1.1": 2.5, "2.3.0": { before_taxes: 2.5, taxes: [{ name: "VAT", percentage: 19, amount: 0.475 }] } };

/** @returns its bill */
async function comes(rest: Rest, version: Version): Promise<Members> {
  const emsp = emsps.get(version)!;
  const keep = <T>(type: OcpiObject["type"], objects: readonly T[]): readonly T[] => {
    given.push(...objects.map((object) => ({ type, object, version })));
    return objects;
  };
  await letIn(rest, emsp);
  keep("versionDetails", [(await emsp.ask("GET", `${wattlog.httpUrl}/ocpi/${version}`)).data]);
  keep("credentials", [(await emsp.ask("GET", emsp.endpoint("credentials"))).data]);
  expect(keep("location", await emsp.all<Members>(emsp.endpoint("locations")))).toMatchObject([{ id: "TOWN-HALL" }]);
  expect(keep("tariff", await emsp.all<Members>(emsp.endpoint("tariffs")))).toMatchObject([{ id: "kwh" }]);
  const uid = `CARD-${emsp.options.partyId}`;
  const at = `${emsp.endpoint("tokens")}/DE/${emsp.options.partyId}/${uid}`;
  expect((await emsp.ask("PUT", at, tokenOf(emsp, uid))).http).toBe(201);
  keep("token", [(await emsp.ask("GET", at)).data]);
  await charge(uid);
  const [bill, ...others] = await eventually("the bill", async () => {
    const cdrs = await emsp.all<Members>(emsp.endpoint("cdrs"));
    return cdrs.length > 0 ? cdrs : undefined;
  });
  expect([bill!["total_energy"], bill!["total_cost"], others]).toEqual([6.25, costs[version], []]);
  keep("cdr", [bill!]);
  const sessions = await emsp.all<Members>(`${emsp.endpoint("sessions")}?date_from=2020-01-01T00:00:00Z`);
  expect(keep("session", sessions)).toMatchObject([{ kwh: 6.25, status: "COMPLETED", total_cost: costs[version] }]);
  const posted = await eventually("its push", () =>
    emsp.at(`/emsp/${version}/cdrs`).find(({ method }) => method === "POST"),
  );
  expect(posted.body).toEqual(bill);
  const command = { response_url: `${emsp.base}/emsp/results/1`, location_id: "TOWN-HALL", evse_uid: "EVSE-1" };
  const token = tokenOf(emsp, uid);
  const answer = await emsp.ask("POST", `${emsp.endpoint("commands")}/START_SESSION`, { ...command, token });
  expect(keep("commandResponse", [answer.data])).toMatchObject([{ result: "ACCEPTED" }]);
  const [result] = await eventually("the result", () => {
    const results = emsp.at("/emsp/results/1");
    return results.length > 0 ? results : undefined;
  });
  keep("commandResult", [result!.body]);
  return bill!;
}

test.each(versions)("a partner of %s registers, sees the location, charges and is billed", async (version) => {
  expect(await comes(wattlog.rest, version)).toMatchObject({ total_cost: costs[version], currency: "EUR" });
});

test("everything that they were given is as models of their version have it", async (context: TestContext) => {
  if ("missing" in models) return context.skip(models.missing);
  expect(given.map(({ type, version }) => `${version} ${type}`)).toHaveLength(2 * 9);
  const checked = await check(models.python, given);
  const problems = checked.flatMap(({ type, problems: found }, at) =>
    found.map((problem) => `${given[at]!.version} ${type}: ${problem}`),
  );
  expect(problems).toEqual([]);
  // As proof that the models tell versions apart: the same in the other one's place.
  const swapped = given
    .filter(({ type }) => ["cdr", "credentials", "location", "session", "tariff", "token"].includes(type))
    .map((one) => ({ ...one, version: one.version === "2.1.1" ? "2.3.0" : "2.1.1" }) as const);
  const missed = (await check(models.python, swapped)).filter(({ problems: found }) => found.length === 0);
  expect([swapped.length, missed]).toEqual([12, []]);
});
