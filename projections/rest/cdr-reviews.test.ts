// The queue of held CDRs, decisions about these and about issued ones, and the rows that follow from them.
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { creditIdOf } from "../../core/records/cdr-review.ts";
import type { Cdr, DomainEvent } from "../../core/records/domain-event.ts";
import { tableChecksums } from "../../core/store/checksum.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Projector } from "../models/projector.ts";
import { reproject } from "../models/reproject.ts";
import { callAs, framesIn } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { partitions, World } from "../testing/world.ts";
import type { Api } from "./api.ts";

let world: World;
let projector: Projector;
let api: Api;
const station = new StationWriter("CP-A");
const get = (url: string) => callAs(api, "GET", url);
const post = (url: string, body: object) => callAs(api, "POST", url, body);

function cdrIn(events: readonly DomainEvent[]): Cdr {
  const issued = events.flatMap(({ body }) => (body.kind === "cdrIssued" ? [body.cdr] : []));
  return issued.at(-1)!;
}

async function tell(events: readonly DomainEvent[]): Promise<void> {
  await world.appendEvents(events);
  await world.caughtUp(projector);
}

/** An ended session whose CDR is held instead of issued. */
function heldSession(token: string): { readonly cdr: Cdr; readonly events: readonly DomainEvent[] } {
  const events = station.session(token, 90_000_000, 1, true);
  const { sessionId } = events[0]!.body as { readonly sessionId: Cdr["sessionId"] };
  const cdr = { ...issued, id: `held-${token}`, sessionId, idToken: token };
  const held = { kind: "cdrHeld", sessionId, cdr, reasons: ["energyAbovePower", "energyImplausible"] } as const;
  return { cdr, events: [...events, station.event(held)] };
}

const reviewed = ({ id: cdrId, sessionId }: Cdr, of: "held" | "issued", action: "release" | "correct" | "void") =>
  station.event({ kind: "cdrReviewed", cdrId, sessionId, of, action, actor: "anna", why: "looked at it" });

let issued: Cdr;
let held: Cdr;
beforeAll(async () => {
  world = await World.open(worldAdapters);
  projector = await world.project();
  api = await world.serve(projector);
  const first = [station.online(), ...station.session("RFID-1", 10_000_000, 1)];
  issued = cdrIn(first);
  const second = heldSession("RFID-2");
  held = second.cdr;
  await tell([...first, ...second.events]);
});
afterAll(() => world.close());

describe("held CDRs", () => {
  it("are in no list of CDRs, but in the queue with their reasons and amounts", async () => {
    expect((await get("/api/v1/cdrs")).body.items).toMatchObject([{ id: issued.id }]);
    expect((await get(`/api/v1/cdrs/${held.id}`)).status).toBe(404);
    const { items } = (await get("/api/v1/cdrs/held")).body;
    expect(items).toMatchObject([
      {
        id: held.id,
        stationId: "CP-A",
        state: "held",
        reasons: ["energyAbovePower", "energyImplausible"],
        idToken: "RFID-2",
        total: { amount: issued.total!.inclVat, currency: "EUR" },
        decisions: [],
      },
    ]);
    expect((await get(`/api/v1/sessions/${held.sessionId}`)).body).toMatchObject({ cdrId: null, cdrReason: "held" });
  });

  it("are decided about by a record with who and why, and never twice", async () => {
    expect((await post(`/api/v1/cdrs/held/${held.id}/release`, {})).status).toBe(422);
    expect((await post("/api/v1/cdrs/held/nothing/release", { why: "because" })).status).toBe(404);
    const answer = await post(`/api/v1/cdrs/held/${held.id}/release`, { why: "asked the driver" });
    expect([answer.status, answer.body]).toEqual([202, { id: held.id, requested: "release" }]);
    const [record] = (await framesIn(world, "CP-A")).filter(({ kind }) => kind === "cdrReview");
    expect(record).toMatchObject({
      of: "held",
      action: "release",
      cdr: { ...held },
      values: null,
      actor: "admin",
      why: "asked the driver",
    });
    await tell([reviewed(held, "held", "release"), station.event({ kind: "cdrIssued", cdr: held })]);
    expect((await get("/api/v1/cdrs/held")).body.items).toEqual([]);
    expect((await get("/api/v1/cdrs/held?state=released")).body.items).toMatchObject([
      { id: held.id, decisions: [{ action: "release", actor: "anna", why: "looked at it" }] },
    ]);
    expect((await get(`/api/v1/sessions/${held.sessionId}`)).body).toMatchObject({ cdrId: held.id, cdrReason: null });
    expect((await post(`/api/v1/cdrs/held/${held.id}/void`, { why: "again" })).status).toBe(409);
  });
});

describe("issued CDRs", () => {
  it("are corrected by a record that names what is wrong and what is right", async () => {
    const path = `/api/v1/cdrs/${issued.id}/correct`;
    expect((await post(path, { why: "nothing else" })).status).toBe(422);
    const backwards = { why: "the clock", endedAt: "1999-01-01T00:00:00Z" };
    expect((await post(path, backwards)).body).toMatchObject({ status: 422, path: "/endedAt" });
    const total = { exclVat: "1.00", inclVat: "1.19" };
    expect((await post(path, { why: "the meter was exchanged", energyWh: 1_234.567, total })).status).toBe(202);
    const records = (await framesIn(world, "CP-A")).filter(({ kind }) => kind === "cdrReview");
    expect(records.at(-1)).toMatchObject({ of: "issued", values: { energyMwh: 1_234_567, total } });
  });

  it("stay as they are: the credit CDR takes them back, the session names the new one, and neither is credited again", async () => {
    const before = (await get(`/api/v1/cdrs/${issued.id}`)).body;
    const why = "the meter was exchanged";
    const negative = { exclVat: `-${issued.total!.exclVat}`, inclVat: `-${issued.total!.inclVat}` };
    const credit: Cdr = { ...issued, id: creditIdOf(issued.id), credits: issued.id, why, total: negative };
    await tell([reviewed(issued, "issued", "correct"), station.event({ kind: "cdrIssued", cdr: credit })]);
    const { sessionId } = issued;
    expect((await get(`/api/v1/sessions/${sessionId}`)).body).toMatchObject({
      cdrId: null,
      cdrReason: "credited",
      cost: null,
    });
    const next: Cdr = { ...issued, id: "next", replaces: issued.id, why };
    await tell([station.event({ kind: "cdrIssued", cdr: next })]);
    expect((await get(`/api/v1/sessions/${sessionId}`)).body).toMatchObject({ cdrId: "next", cdrReason: null });
    expect((await get(`/api/v1/cdrs/${issued.id}`)).body).toEqual(before);
    expect((await get(`/api/v1/cdrs/${credit.id}`)).body).toMatchObject({
      credits: issued.id,
      total: { amount: negative.inclVat },
      energyWh: before["energyWh"],
      why,
    });
    expect((await get("/api/v1/cdrs/next")).body).toMatchObject({ replaces: issued.id, why });
    expect((await post(`/api/v1/cdrs/${issued.id}/void`, { why: "again" })).status).toBe(409);
    expect((await post(`/api/v1/cdrs/${credit.id}/void`, { why: "again" })).status).toBe(409);
    expect((await get(`/api/v1/cdrs/held/${issued.id}`)).body).toMatchObject({ state: "corrected", heldAt: null });
  });
});

it("B1: projected again, all of it is in the same rows", async () => {
  const scratch = await world.scratchStore();
  await reproject({ log: world.log, into: scratch, partitions: [...Array(partitions).keys()] });
  expect(await world.store.reader.selectFrom("cdr_review").select("id").execute()).toHaveLength(2);
  expect(await tableChecksums(scratch.reader, 1)).toEqual(await tableChecksums(world.store.reader, 1));
});
