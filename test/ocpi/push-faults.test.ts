// What partners are pushed, by a wattlog that is killed at each step of a CDR's push, and by partners that do everything wrong.
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { TestStation } from "../harness/station.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";
import { Emsp, type Received } from "./emsp.ts";
import { letIn, townHall } from "./town-hall.ts";

let wattlog: Running;
const station = "CP-1";

const location = townHall(station);

beforeAll(async () => {
  wattlog = await startWattlog();
  // A session of a second with kilowatt-hours is what a person should look at.
  await wattlog.rest.send("PUT", "/settings/cdrHoldPowerPercent", { value: 0 });
});
afterAll(() => wattlog.stop());

/** A partner that is served, with a token of its own for a driver. */
async function partner(partyId: string): Promise<Emsp> {
  const emsp = await Emsp.start({ countryCode: "DE", partyId });
  await letIn(wattlog.rest, emsp);
  const uid = `CARD-${partyId}`;
  expect((await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/${partyId}/${uid}`, emsp.token(uid))).status).toBe(1000);
  return emsp;
}

let meter = 1_000;

async function charge(idTag: string): Promise<void> {
  await using charger = await TestStation.connect({ url: wattlog.ocppUrl, id: station });
  const at = () => new Date().toISOString();
  await charger.call("BootNotification", { chargePointVendor: "Test", chargePointModel: "T1" });
  const start = { connectorId: 1, idTag, meterStart: meter, timestamp: at() };
  const { transactionId } = await charger.call<{ transactionId: number }>("StartTransaction", start);
  meter += 2_500;
  await charger.call("StopTransaction", { transactionId, idTag, meterStop: meter, timestamp: at() });
}

async function restart(): Promise<void> {
  const { folder, sameAddress } = wattlog;
  wattlog = await startWattlog({ folder, env: sameAddress });
}

interface Queue {
  readonly waitingCount: number;
  readonly deadLetterCount: number;
}

const queueOf = (emsp: Emsp) => wattlog.rest.get<Queue>(`/partners/DE${emsp.options.partyId}-EMSP/pushes`);
const isCdr = ({ method, path }: Received) => method === "POST" && path.endsWith("/cdrs");

describe("wattlog is killed at each step of a CDR's push", () => {
  let emsp: Emsp;
  let kills: Promise<void> = Promise.resolve();
  const kill = () => {
    kills = wattlog.kill9();
  };
  const steps: readonly (readonly [string, NonNullable<Emsp["misbehave"]>])[] = [
    ["as it comes, and before it is taken", (_push, response) => (kill(), hangUp(response))],
    ["taken, and not answered", (_push, response, take) => (take(), kill(), hangUp(response))],
    [
      "taken, and answered at the same moment",
      (_push, response, take) => {
        const { location: header } = take();
        response.setHeader("location", header!);
        answer(response, 201, 1000);
        kill();
        return true;
      },
    ],
  ];

  beforeAll(async () => {
    emsp = await partner("ABC");
    await wattlog.rest.post("/locations", location);
  });
  afterAll(() => emsp[Symbol.asyncDispose]());

  async function delivered(count: number): Promise<void> {
    await eventually(`${count} CDRs to be taken`, () => emsp.cdrs.size === count, { timeoutMs: 60_000 });
    await eventually("nothing to wait", async () => (await queueOf(emsp)).waitingCount === 0, { timeoutMs: 60_000 });
    const listed = await emsp.all<{ id: string }>(emsp.endpoint("cdrs"));
    expect([...emsp.cdrs.keys()].toSorted()).toEqual(listed.map(({ id }) => `DE/WLG/${id}`).toSorted());
    const sent = emsp.received.filter(isCdr);
    for (const { id } of listed) {
      const copies = sent.filter(({ body }) => (body as { id: string }).id === id).map(({ text }) => text);
      expect(copies.length).toBeGreaterThan(0);
      expect(new Set(copies).size).toBe(1);
    }
    expect((await queueOf(emsp)).deadLetterCount).toBe(0);
  }

  test.each(steps)("%s", async (_step, misbehave) => {
    const count = emsp.cdrs.size;
    const { promise: hit, resolve } = Promise.withResolvers<void>();
    emsp.misbehave = (push, response, take) => {
      if (!isCdr(push)) return false;
      emsp.misbehave = undefined;
      resolve();
      return misbehave(push, response, take);
    };
    await charge("CARD-ABC");
    await hit;
    await kills;
    await restart();
    await delivered(count + 1);
    expect(emsp.cdrs.size).toBe(count + 1);
  });

  test.each([0, 300, 1_500, 2_200, 2_600])("%i ms after the session has ended", async (ms) => {
    const count = emsp.cdrs.size;
    await charge("CARD-ABC");
    await sleep(ms);
    await wattlog.kill9();
    await restart();
    await delivered(count + 1);
    expect(emsp.cdrs.size).toBe(count + 1);
  });

  test("a rebuild and its take-over push nothing", async () => {
    const before = emsp.received.length;
    const rebuilt = await runCommand(["rebuild", "--data", wattlog.folder], { timeoutMs: 120_000 });
    expect([rebuilt.code, rebuilt.code === 0 ? "" : rebuilt.stderr]).toEqual([0, ""]);
    await charge("CARD-ABC");
    const since = () => emsp.received.slice(before).filter(isCdr);
    await eventually("the CDR of a session after it", () => since().length > 0, { timeoutMs: 60_000 });
    await eventually("nothing to wait", async () => (await queueOf(emsp)).waitingCount === 0);
    // The new session and its CDR, and the status of its EVSE: nothing of what was told before.
    const ids = new Set(
      emsp.received
        .slice(before)
        .filter(isCdr)
        .map(({ body }) => (body as { id: string }).id),
    );
    expect(ids.size).toBe(1);
    const told = emsp.received
      .slice(before)
      .filter(({ method, path }) => method === "PUT" && path.includes("/sessions/"));
    expect(told.length).toBeLessThanOrEqual(1);
  });
});

test("killed between a partner's command and its end, wattlog tells the result once that is known", async () => {
  await using emsp = await partner("CMD");
  await wattlog.rest.post("/locations", location);
  const path = "/emsp/results/unlock";
  {
    await using charger = await TestStation.connect({ url: wattlog.ocppUrl, id: station, onCommand: () => undefined });
    await charger.call("BootNotification", { chargePointVendor: "Test", chargePointModel: "T1" });
    const place = { location_id: "TOWN-HALL", evse_uid: "EVSE-1", connector_id: "1" };
    const order = { response_url: `${emsp.base}${path}`, ...place };
    // Refused until the station is known to be there.
    await eventually("the command to be taken", async () => {
      const { data } = await emsp.ask<{ result: string }>(
        "POST",
        `${emsp.endpoint("commands")}/UNLOCK_CONNECTOR`,
        order,
      );
      return data.result === "ACCEPTED";
    });
    await eventually("the station to be asked", () => charger.commands.length > 0);
    await wattlog.kill9();
  }
  await restart();
  // Half a minute after the command, for the station will not say it any more.
  await eventually("the result", () => emsp.at(path).length > 0, { timeoutMs: 120_000 });
  await eventually("nothing to wait", async () => (await queueOf(emsp)).waitingCount === 0);
  expect(emsp.at(path).map(({ body }) => body)).toEqual([{ result: "TIMEOUT" }]);
}, 180_000);

describe("a partner that does everything wrong", () => {
  test("delays nobody, and is told everything once it is well", async () => {
    const sick = await partner("SIC");
    const well = await partner("WEL");
    await using _sick = sick;
    await using _well = well;
    const wrongs = [hang, flood, redirect, speakForAnother, fail, hangUp];
    let at = 0;
    sick.misbehave = (_push, response) => wrongs[at++]?.(response) ?? false;
    await wattlog.rest.post("/locations", { ...location, name: "Town hall" });
    await eventually("the first to hang", () => at > 0);
    await charge("CARD-WEL");
    await eventually("the other's CDR", () => well.cdrs.size === 1);
    // All that while the first hung.
    expect(at).toBe(1);
    const { size } = sick.objects;
    await eventually("what the sick one missed", () => sick.objects.size > size, { timeoutMs: 90_000 });
    expect(at).toBeGreaterThanOrEqual(wrongs.length + 1);
    await eventually("nothing to wait for it", async () => (await queueOf(sick)).waitingCount === 0, {
      timeoutMs: 60_000,
    });
    expect((await queueOf(sick)).deadLetterCount).toBe(0);
    const metrics = await wattlog.metrics();
    const failed = metrics.get('ocpi_push_total{party="DESIC",module="locations",result="failed"}');
    expect(failed).toBe(wrongs.length);
  });
});

function answer(response: ServerResponse, http: number, status: number): true {
  response.writeHead(http, { "content-type": "application/json" });
  response.end(JSON.stringify({ status_code: status, timestamp: new Date().toISOString() }));
  return true;
}

/** Until the other side gives up. */
function hang(_response: ServerResponse): true {
  return true;
}

function hangUp(response: ServerResponse): true {
  response.destroy();
  return true;
}

function fail(response: ServerResponse): true {
  return answer(response, 500, 3000);
}

function redirect(response: ServerResponse): true {
  response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data" }).end();
  return true;
}

function speakForAnother(response: ServerResponse): true {
  response.setHeader("ocpi-from-country-code", "DE");
  response.setHeader("ocpi-from-party-id", "XYZ");
  return answer(response, 200, 1000);
}

/** 10 GB, as far as the other side takes them. */
function flood(response: ServerResponse): true {
  response.writeHead(200, { "content-type": "application/json" });
  let left = 10_240;
  const more = () => {
    while (!response.destroyed && left-- > 0 && response.write(Buffer.alloc(1 << 20, 32)));
    if (left <= 0) response.end();
    else response.once("drain", more);
  };
  more();
  return true;
}
