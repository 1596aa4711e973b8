// Pushes in one process: a whole world with its log and store, and partners that serve the receiver interfaces over HTTP.
import type { ServerResponse } from "node:http";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { DomainEvent } from "../../../core/records/domain-event.ts";
import type { Emsp } from "../../../test/ocpi/emsp.ts";
import { eventually } from "../../../test/harness/wait.ts";
import { StationWriter } from "../../testing/events.ts";
import { aLocation, aTariff, RoamingWorld } from "../roaming.test-helper.ts";
import { evseOf, pushesTo, rollingRestart, waiting } from "./pushes.test-helper.ts";

let roaming: RoamingWorld;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  roaming.push();
}, 60_000);
afterAll(() => roaming.close());
beforeEach(() => tests++);
/** Partners of one test are not told of the next one's locations. */
afterEach(async () => {
  const { items } = (await roaming.rest("GET", "/partners")) as { items: readonly { id: string }[] };
  for (const { id } of items) await roaming.rest("DELETE", `/partners/${id}`);
});

let tests = 0;
const station = () => `CP-${tests}`;
const card = () => `CARD-${tests}`;
const locationId = () => `LOC-${tests}`;

const module = (name: string) => `/emsp/2.2.1/${name}`;
/** A partner whose driver has this token. */
async function partnerWith(partyId: string, uid: string): Promise<Emsp> {
  const emsp = await roaming.registered(partyId);
  const answer = await emsp.ask("PUT", `${emsp.endpoint("tokens")}/DE/${partyId}/${uid}`, emsp.token(uid));
  expect(answer.status).toBe(1000);
  return emsp;
}

/** A location with one EVSE at a station of its own. */
async function place(): Promise<void> {
  await roaming.rest("POST", "/tariffs", aTariff);
  await roaming.rest("POST", "/locations", aLocation({ id: locationId(), evses: [evseOf(station())] }));
}

function cdrIdIn(events: readonly DomainEvent[]): string {
  const issued = events.find(({ body }) => body.kind === "cdrIssued")!.body;
  return issued.kind === "cdrIssued" ? issued.cdr.id : "";
}

const proofOf = (id: string) =>
  roaming.world.store.reader
    .selectFrom("ocpi_delivery")
    .selectAll()
    .where("object", "=", id)
    .where("delivered_at", "is not", null)
    .executeTakeFirst();

describe("pushes", () => {
  it("a location and a tariff are put when they change, and a tariff that is removed is deleted", async () => {
    const emsp = await partnerWith("ABC", card());
    await place();
    const location = `${module("locations")}/DE/WLG/${locationId()}`;
    const tariff = `${module("tariffs")}/DE/WLG/standard`;
    await eventually("both to be put", () => emsp.objects.has(location) && emsp.objects.has(tariff));
    expect(emsp.objects.get(location)).toMatchObject({ id: locationId(), evses: [{ uid: station() }] });
    expect(emsp.objects.get(tariff)).toMatchObject({ id: "standard", currency: "EUR" });
    await roaming.rest("DELETE", "/tariffs/standard");
    await eventually("it to be deleted", () => !emsp.objects.has(tariff));
  });

  it("a session goes to the owner of its token alone: PUT first, PATCH after, then the CDR with its proof of delivery", async () => {
    const emsp = await partnerWith("ABC", card());
    const other = await partnerWith("XYZ", `${card()}-2`);
    await place();
    const writer = new StationWriter(station());
    const events = writer.session(card(), 6_250_000, 2);
    await roaming.events(events.slice(0, 1));
    const put = await eventually("the session to be put", () => pushesTo(emsp, "sessions")[0]);
    expect(put).toMatchObject({ method: "PUT", body: { status: "ACTIVE", kwh: 0, cdr_token: { uid: card() } } });
    await roaming.events(events.slice(1));
    const patch = await eventually("its end", () => pushesTo(emsp, "sessions")[1]);
    expect(patch).toMatchObject({ method: "PATCH", path: put.path, body: { status: "COMPLETED", kwh: 6.25 } });
    expect((patch.body as { charging_periods: unknown[] }).charging_periods).toHaveLength(1);
    const id = cdrIdIn(events);
    const proof = await eventually("the proof", () => proofOf(id));
    expect([...emsp.cdrs.keys()]).toEqual([`DE/WLG/${id}`]);
    expect(proof).toMatchObject({ object: id, proof: `${emsp.base}/emsp/2.2.1/cdrs/${id}`, body: null });
    const listed = await emsp.ask<unknown[]>("GET", emsp.endpoint("cdrs"));
    expect(JSON.parse([...emsp.cdrs.values()][0]!.bodies[0]!)).toEqual(listed.data[0]);
    expect(pushesTo(other, "sessions")).toEqual([]);
    expect(other.cdrs.size).toBe(0);
    expect(await eventually("an empty queue", async () => (await waiting(roaming)).length === 0)).toBe(true);
  });

  it("a rolling restart of many stations pushes no status; a status that changes is patched once", async () => {
    const emsp = await partnerWith("ABC", card());
    expect(await rollingRestart(roaming, emsp, 100)).toEqual({ changed: ["INOPERATIVE"], others: 0 });
  });

  it("statuses that change together are told side by side, each once; the partner that fails at one has the others, and then that one", async () => {
    const emsp = await partnerWith("ABC", card());
    const names = Array.from({ length: 40 }, (_, of) => `${station()}-${of}`);
    await roaming.rest("POST", "/locations", aLocation({ id: locationId(), evses: names.map(evseOf) }));
    const location = `${module("locations")}/DE/WLG/${locationId()}`;
    await eventually("the location", () => emsp.objects.has(location));
    const patches = () => emsp.received.filter(({ method, path }) => method === "PATCH" && path.startsWith(location));
    let failures = 2;
    let [open, most] = [0, 0];
    emsp.misbehave = async ({ method, path }, response) => {
      if (method !== "PATCH") return false;
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 20));
      open--;
      if (!path.endsWith("-7") || failures-- <= 0) return false;
      response.writeHead(500).end();
      return true;
    };
    const writers = names.map((name) => new StationWriter(name));
    await roaming.events(writers.flatMap((writer) => [writer.online(), writer.status(1, "Faulted")]));
    await eventually("every status", async () => {
      const told = new Set(patches().map(({ path }) => path));
      return told.size === names.length && failures < 0 && (await waiting(roaming)).length === 0;
    });
    expect(most).toBeGreaterThan(1);
    // Those that were on their way with it may have failed to be counted, never to be told.
    const repeated = patches().length - names.length;
    expect(repeated).toBe(2);
    expect(patches().map(({ body }) => (body as { status: string }).status)).toEqual(patches().map(() => "OUTOFORDER"));
  });

  it("a PATCH of what the partner does not have leads to GET and PUT", async () => {
    const emsp = await partnerWith("ABC", card());
    await place();
    const location = `${module("locations")}/DE/WLG/${locationId()}`;
    await eventually("the location", () => emsp.objects.has(location));
    emsp.objects.delete(location);
    const writer = new StationWriter(station());
    await roaming.events([writer.online(), writer.status(1, "Available")]);
    await eventually("all of it again", () => emsp.objects.has(location));
    const methods = emsp.received.filter(({ path }) => path.startsWith(location)).map(({ method }) => method);
    expect(methods).toEqual(["PUT", "PATCH", "GET", "PUT"]);
    expect(emsp.objects.get(location)).toMatchObject({ evses: [{ status: "AVAILABLE" }] });
  });

  it("what a partner refuses is a dead letter that an operator sees and sends again, and nothing behind it waits", async () => {
    const emsp = await partnerWith("ABC", card());
    const id = "DEABC-EMSP";
    emsp.misbehave = ({ path }, response) => path === module("cdrs") && answers(response, 200, 2001);
    await place();
    const writer = new StationWriter(station());
    const events = writer.session(card(), 1_000_000, 1);
    await roaming.events(events);
    const queue = await eventually("the dead letter", async () => {
      const found = await roaming.rest("GET", `/partners/${id}/pushes`);
      return found["deadLetterCount"] === 1 && found;
    });
    expect(queue["deadLetters"]).toMatchObject([{ module: "cdrs", object: cdrIdIn(events), attempts: 1 }]);
    expect(JSON.stringify(queue["deadLetters"])).toContain("status 2001");
    await eventually("the session's end all the same", () =>
      pushesTo(emsp, "sessions").some(({ body }) => (body as { status: string }).status === "COMPLETED"),
    );
    emsp.misbehave = undefined;
    await roaming.rest("POST", `/partners/${id}/retry`);
    await eventually("the CDR", () => emsp.cdrs.size === 1);
    const after = await eventually("nothing to be left", async () => {
      const found = await roaming.rest("GET", `/partners/${id}/pushes`);
      return found["deadLetterCount"] === 0 && found["waitingCount"] === 0 && found;
    });
    expect(after["state"]).toBe("idle");
    const bodies = pushesTo(emsp, "cdrs").map(({ text }) => text);
    expect([bodies.length, new Set(bodies).size]).toEqual([2, 1]);
  });

  it("a CDR whose answer is lost goes again with the same bytes, and what the partner has already counts as delivered", async () => {
    const emsp = await partnerWith("ABC", card());
    let tries = 0;
    emsp.misbehave = ({ path }, response, take) => {
      if (path !== module("cdrs") || ++tries > 2) return false;
      if (tries === 2) return answers(response, 200, 2001, "CDR already exists");
      take();
      response.destroy();
      return true;
    };
    await place();
    const events = new StationWriter(station()).session(card(), 1_000_000, 1);
    await roaming.events(events);
    await eventually("it to be delivered", async () => (await proofOf(cdrIdIn(events))) !== undefined);
    const bodies = pushesTo(emsp, "cdrs").map(({ text }) => text);
    expect([bodies.length, new Set(bodies).size, emsp.cdrs.size]).toEqual([2, 1, 1]);
  });

  it("resync pushes everything again, and asks for each CDR that was taken where it is: what is gone goes again with the same bytes", async () => {
    const emsp = await partnerWith("ABC", card());
    await place();
    const events = new StationWriter(station()).session(card(), 1_000_000, 1);
    const id = cdrIdIn(events);
    const name = `DE/WLG/${id}`;
    const kept = `${module("cdrs")}/${id}`;
    const bodies = () => emsp.cdrs.get(name)?.bodies ?? [];
    await roaming.events(events);
    await eventually("the CDR", () => emsp.cdrs.has(name));
    const settled = () => eventually("all of it", async () => (await waiting(roaming)).length === 0);
    await settled();
    const resync = async () => {
      const asked = emsp.at(kept).length;
      await roaming.rest("POST", "/partners/DEABC-EMSP/resync");
      await eventually("the question", () => emsp.at(kept).length > asked);
      await settled();
    };
    await resync();
    expect(bodies()).toHaveLength(1);
    emsp.objects.clear();
    await resync();
    const [location, tariff] = [
      `${module("locations")}/DE/WLG/${locationId()}`,
      `${module("tariffs")}/DE/WLG/standard`,
    ];
    expect([location, tariff, kept].map((path) => emsp.objects.has(path))).toEqual([true, true, true]);
    expect(bodies()).toHaveLength(2);
    expect(new Set(bodies()).size).toBe(1);
    expect(await proofOf(id)).toMatchObject({ proof: emsp.cdrs.get(name)!.location });
    // What it has there is not what it took.
    emsp.objects.set(kept, { ...(emsp.objects.get(kept) as object), total_energy: 99 });
    await resync();
    expect(bodies()).toHaveLength(2);
    expect(await roaming.rest("GET", "/partners/DEABC-EMSP/pushes")).toMatchObject({
      deadLetters: [{ module: "cdrs", object: id, problem: expect.stringContaining("another CDR") }],
    });
    expect(await proofOf(id)).toBeDefined();
  });
});

function answers(response: ServerResponse, http: number, status: number, message?: string): true {
  response.writeHead(http, { "content-type": "application/json" });
  response.end(JSON.stringify({ status_code: status, status_message: message, timestamp: new Date().toISOString() }));
  return true;
}
