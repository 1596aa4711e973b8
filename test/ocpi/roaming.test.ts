// A roaming partner from its registration to the bill: wattlog as `npm start` starts it, a station over its socket, an eMSP
// that knows the specification alone.
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { TestStation } from "../harness/station.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";
import { Emsp } from "./emsp.ts";
import { check, ocpiModels, type OcpiObject } from "./models.ts";
import { townHall } from "./town-hall.ts";

const models = await ocpiModels();

let wattlog: Running;
let emsp: Emsp;
let station: TestStation;
/** Everything that the partner was given, for the models. */
const given: OcpiObject[] = [];

const location = townHall("CP-1", { tariff_ids: ["kwh"] });
const tariff = {
  id: "kwh",
  currency: "EUR",
  elements: [{ price_components: [{ type: "ENERGY", price: "0.40", vat: "19", step_size: 1 }] }],
};

beforeAll(async () => {
  wattlog = await startWattlog();
  emsp = await Emsp.start({ countryCode: "DE", partyId: "ABC" });
  // A session of a second with kilowatt-hours is what a person should look at.
  await wattlog.rest.send("PUT", "/settings/cdrHoldPowerPercent", { value: 0 });
  await wattlog.rest.post("/tariffs", tariff);
  await wattlog.rest.post("/locations", location);
  station = await TestStation.connect({ url: wattlog.ocppUrl, id: "CP-1" });
  await station.call("BootNotification", { chargePointVendor: "Test", chargePointModel: "T1" });
  await report("Available");
});

afterAll(async () => {
  await station[Symbol.asyncDispose]();
  await emsp[Symbol.asyncDispose]();
  await wattlog.stop();
});

function report(status: string): Promise<unknown> {
  const timestamp = new Date().toISOString();
  return station.call("StatusNotification", { connectorId: 1, errorCode: "NoError", status, timestamp });
}

async function charge(idTag: string): Promise<void> {
  const at = () => new Date().toISOString();
  const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", {
    connectorId: 1,
    idTag,
    meterStart: 1_000,
    timestamp: at(),
  });
  await report("Charging");
  const value = { value: "4000", measurand: "Energy.Active.Import.Register", unit: "Wh" };
  const meterValue = [{ timestamp: at(), sampledValue: [value] }];
  await station.call("MeterValues", { connectorId: 1, transactionId, meterValue });
  await station.call("StopTransaction", { transactionId, idTag, meterStop: 7_250, timestamp: at() });
  await report("Available");
}

type Members = Readonly<Record<string, unknown>>;

function keep<T>(type: OcpiObject["type"], objects: readonly T[]): readonly T[] {
  given.push(...objects.map((object) => ({ type, object })));
  return objects;
}

/** Where a model is wrong itself. */
const mistaken: ReadonlySet<string> = new Set([
  // extrawest-ocpi leaves out a field that OCPI 2.2.1 requires (CDRs, CdrLocation class); ocpi-types has it.
  "/cdr_location/evse_uid is not a field",
]);

const sessions = () => emsp.all<Members>(`${emsp.endpoint("sessions")}?date_from=2020-01-01T00:00:00Z`);
const cdrs = () => emsp.all<Members>(emsp.endpoint("cdrs"));

describe("a roaming partner", () => {
  test("is let in on the command line and registers", async () => {
    const words = ["partner", "add", "--country", "DE", "--party", "ABC", "--role", "EMSP", "--json"];
    const added = await runCommand([...words, "--data", wattlog.folder]);
    expect([added.code, added.stderr]).toEqual([0, ""]);
    const { id, tokenA, versionsUrl } = JSON.parse(added.stdout) as Record<string, string>;
    expect(versionsUrl).toBe(`${wattlog.httpUrl}/ocpi/versions`);
    const answer = await emsp.registerAt(versionsUrl!, tokenA!);
    expect(answer.status).toBe(1000);
    keep("credentials", [answer.data]);
    const details = await emsp.ask("GET", `${wattlog.httpUrl}/ocpi/2.2.1`);
    keep("versionDetails", [details.data]);
    expect(await wattlog.rest.get(`/partners/${id}`)).toMatchObject({ state: "registered", tokenA: null });
    const listed = await runCommand(["partner", "list", "--json", "--data", wattlog.folder]);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ id, party: "DEABC", state: "registered" }]);
    expect(wattlog.child.words()).not.toContain(tokenA);
  });

  test("sees the location with its live status, and the tariff", async () => {
    const all = await eventually("the EVSE to be available", async () => {
      const found = await emsp.all<Members>(emsp.endpoint("locations"));
      return JSON.stringify(found).includes("AVAILABLE") ? found : undefined;
    });
    keep("location", all);
    keep("tariff", await emsp.all(emsp.endpoint("tariffs")));
    expect(all).toMatchObject([{ id: "TOWN-HALL", evses: [{ uid: "EVSE-1", status: "AVAILABLE" }] }]);
  });

  test("pushes a token, which then charges: its session and its bill come back in kWh", async () => {
    const url = `${emsp.endpoint("tokens")}/DE/ABC/ROAMER-1`;
    expect((await emsp.ask("PUT", url, emsp.token("ROAMER-1"))).http).toBe(201);
    keep("token", [(await emsp.ask("GET", url)).data]);
    expect(await station.call("Authorize", { idTag: "ROAMER-1" })).toMatchObject({ idTagInfo: { status: "Accepted" } });
    await charge("ROAMER-1");
    await charge("SOMEBODY");
    const [bill, ...more] = await eventually("the CDR", async () => ((await cdrs()).length > 0 ? cdrs() : undefined));
    expect(more).toEqual([]);
    expect(bill).toMatchObject({
      total_energy: 6.25,
      total_cost: { excl_vat: 2.5, incl_vat: 2.975 },
      currency: "EUR",
      auth_method: "WHITELIST",
      cdr_token: { uid: "ROAMER-1", contract_id: "DE-ABC-CROAMER-1" },
      cdr_location: { id: "TOWN-HALL", evse_uid: "EVSE-1" },
    });
    const own = await sessions();
    expect(own).toMatchObject([{ id: bill!["session_id"], kwh: 6.25, status: "COMPLETED" }]);
    keep("cdr", [bill!]);
    keep("session", own);
  });

  test("blocks its token, and the station is told so", async () => {
    const change = { valid: false, last_updated: new Date().toISOString() };
    const url = `${emsp.endpoint("tokens")}/DE/ABC/ROAMER-1`;
    expect((await emsp.ask("PATCH", url, change)).status).toBe(1000);
    const status = await eventually("the station to be told", async () => {
      const { idTagInfo } = await station.call<{ idTagInfo: { status: string } }>("Authorize", { idTag: "ROAMER-1" });
      return idTagInfo.status === "Accepted" ? undefined : idTagInfo.status;
    });
    expect(status).toBe("Blocked");
  });

  test("starts and stops a session from its app: results are POSTed, the session says by command, with its reference", async () => {
    const before = (await sessions()).length;
    const app = emsp.token("APP-7", { type: "APP_USER" });
    const started = await order("START_SESSION", {
      token: app,
      location_id: "TOWN-HALL",
      evse_uid: "EVSE-1",
      authorization_reference: "REF-1",
    });
    expect(started).toMatchObject({ result: "ACCEPTED" });
    const { idTag } = station.commands.at(-1)!.payload as { idTag: string };
    const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", {
      connectorId: 1,
      idTag,
      meterStart: 7_250,
      timestamp: new Date().toISOString(),
    });
    const running = await eventually("the session", async () => {
      const found = (await sessions()).find(({ status }) => status === "ACTIVE");
      return found?.["auth_method"] === "COMMAND" ? found : undefined;
    });
    expect(running).toMatchObject({ authorization_reference: "REF-1", cdr_token: { uid: "APP-7", type: "APP_USER" } });
    keep("session", [running]);
    await limits(running["id"], transactionId);
    expect(await order("STOP_SESSION", { session_id: running["id"] })).toMatchObject({ result: "ACCEPTED" });
    expect(station.commands.at(-1)).toMatchObject({ action: "RemoteStopTransaction", payload: { transactionId } });
    const timestamp = new Date().toISOString();
    await station.call("StopTransaction", { transactionId, meterStop: 7_300, timestamp, reason: "Remote" });
    await eventually("its CDR", async () => ((await cdrs()).length > 1 ? true : undefined));
    const bill = (await cdrs())[1]!;
    expect(bill).toMatchObject({ auth_method: "COMMAND", authorization_reference: "REF-1", total_energy: 0.05 });
    keep("cdr", [bill]);
    expect(await sessions()).toHaveLength(before + 1);
  });

  /** In the words of the station's version, at the transaction that runs. */
  async function limits(session: unknown, transactionId: number): Promise<void> {
    const path = "/emsp/results/profile";
    const answer = await emsp.ask("PUT", `${emsp.endpoint("chargingprofiles")}/${String(session)}`, {
      charging_profile: { charging_rate_unit: "A", charging_profile_period: [{ start_period: 0, limit: 10 }] },
      response_url: `${emsp.base}${path}`,
    });
    expect(answer.data).toMatchObject({ result: "ACCEPTED" });
    expect(await eventually("the result", () => emsp.at(path)[0]?.body)).toEqual({ result: "ACCEPTED" });
    expect(station.commands.at(-1)).toMatchObject({
      action: "SetChargingProfile",
      payload: {
        connectorId: 1,
        csChargingProfiles: { transactionId, chargingSchedule: { chargingSchedulePeriod: [{ limit: 10 }] } },
      },
    });
  }

  async function order(command: string, body: object): Promise<unknown> {
    const path = `/emsp/results/${command}`;
    const response_url = `${emsp.base}${path}`;
    const answer = await emsp.ask("POST", `${emsp.endpoint("commands")}/${command}`, { response_url, ...body });
    expect(answer.data).toMatchObject({ result: "ACCEPTED" });
    keep("commandResponse", [answer.data]);
    const result = await eventually("the result", () => emsp.at(path).at(-1)?.body);
    keep("commandResult", [result]);
    return result;
  }

  test("outlives a restart: tokens are sealed in the log, the key lies in the data folder", async () => {
    const { folder, sameAddress } = wattlog;
    await wattlog.terminate();
    wattlog = await startWattlog({ folder, env: sameAddress });
    expect((await emsp.ask("GET", emsp.endpoint("tariffs"))).status).toBe(1000);
    const rotated = await runCommand(["partner", "rotate", "DEABC-EMSP", "--json", "--data", folder]);
    expect([rotated.code, rotated.stderr]).toEqual([0, ""]);
    expect((await emsp.ask("GET", emsp.endpoint("tariffs"))).status).toBe(1000);
  });

  test("is removed: its tokens charge no more", async () => {
    await using anew = await TestStation.connect({ url: wattlog.ocppUrl, id: "CP-1" });
    const idTag = "ROAMER-2";
    expect((await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/ABC/${idTag}`, emsp.token(idTag))).status).toBe(1000);
    const status = async () =>
      (await anew.call<{ idTagInfo: { status: string } }>("Authorize", { idTag })).idTagInfo.status;
    expect(await lastAnswer(status, (found) => found === "Accepted")).toBe("Accepted");
    const removed = await runCommand(["partner", "remove", "DEABC-EMSP", "--data", wattlog.folder]);
    expect(removed.code).toBe(0);
    expect(await lastAnswer(status, (found) => found !== "Accepted")).toBe("Blocked");
  });
});

describe("every object by models of others", () => {
  /** Ends the test with the words of a skip where there are no models. */
  const pythonOr = (context: TestContext) => ("missing" in models ? context.skip(models.missing) : models.python);

  test("what the partner was given is OCPI 2.2.1, field by field", async (context) => {
    const python = pythonOr(context);
    const types = new Set(given.map(({ type }) => type));
    expect([...types].toSorted()).toEqual([
      "cdr",
      "commandResponse",
      "commandResult",
      "credentials",
      "location",
      "session",
      "tariff",
      "token",
      "versionDetails",
    ]);
    const found = await check(python, given);
    const wrong = found.flatMap(({ problems }) => problems).filter((problem) => !mistaken.has(problem));
    expect(wrong).toEqual([]);
  });

  test("the models find what is planted: a field too few, one too many, a null, a text for a number, a word of no list", async (context) => {
    const python = pythonOr(context);
    const of = (type: OcpiObject["type"]) => given.find((one) => one.type === type)!.object as Members;
    const { currency: _gone, ...without } = of("cdr");
    const planted: OcpiObject[] = [
      { type: "cdr", object: without },
      { type: "session", object: { ...of("session"), meter: 7 } },
      { type: "location", object: { ...of("location"), name: null } },
      { type: "session", object: { ...of("session"), kwh: "six" } },
      { type: "tariff", object: { ...of("tariff"), type: "CHEAP" } },
    ];
    const found = await check(python, planted);
    expect(found.map(({ problems }) => problems.length > 0)).toEqual(planted.map(() => true));
  });
});
