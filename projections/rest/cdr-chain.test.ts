// Rule F7: numbers without gaps from one writer, and a chain that shows every change.
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { silentLogger } from "../../core/runtime/logger.ts";
import type { StoreTransaction } from "../../core/store/store.ts";
import type { CdrRow } from "../../core/store/tables.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Projector } from "../models/projector.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { adminToken, party, World } from "../testing/world.ts";
import type { Api } from "./api.ts";
import { blocksOf, verifyChain } from "./cdr-chain.ts";
import { CdrNumbering } from "./cdr-numbering.ts";

const start = Date.UTC(2025, 5, 15);
const hour = 3_600_000;
/** Of two partitions each. */
const stations = ["CP-A", "CP-B", "CP-C", "CP-D"].map((name) => new StationWriter(name, start));
let world: World;
let projector: Projector;
let api: Api;
let passed = start + hour;

/** As an api's; the watermark is the test's. */
function numbering(): CdrNumbering {
  const { log, store, registry, clock } = world;
  const logger = silentLogger();
  return new CdrNumbering({ log, store, registry, clock, logger }, { passed: () => Promise.resolve(passed) });
}

const get = (url: string) => callAs(api, "GET", url);
const chain = async () => (await get("/api/v1/cdrs/chain")).body;

/** @param at log time from which on */
async function sell(sessions: number, at: number): Promise<void> {
  for (const station of stations) station.time = at;
  const events = stations.flatMap((station) =>
    Array.from({ length: sessions }, (_, nth) => station.session(`RFID-${nth}`, 1_000_000 + nth, 1)).flat(),
  );
  await world.appendEvents(events);
  await world.caughtUp(projector);
}

async function exportedNumbers(): Promise<(number | null)[]> {
  const url = "/api/v1/cdrs/export?from=2025-06-15T00:00:00Z&to=2025-06-16T00:00:00Z";
  const answer = await api.app.inject({ url, headers: { authorization: `Bearer ${adminToken}` } });
  const lines = answer.body.trim().split("\n");
  return lines.map((line) => (JSON.parse(line) as { number: number | null }).number);
}

beforeAll(async () => {
  world = await World.open(worldAdapters);
  projector = await world.project();
  api = await world.serve(projector);
  await world.appendEvents(stations.map((station) => station.online()));
  await sell(3, start);
});
afterAll(() => world.close());

describe("numbers of CDRs (F7)", () => {
  it("are given to none until the party wants them", async () => {
    await numbering().close(party);
    expect(await chain()).toMatchObject({ blocks: 0, cdrs: 0, last: 0, broken: null });
    expect(new Set(await exportedNumbers())).toEqual(new Set([null]));
  });

  it("run without gaps from the first CDR on, in the order of booking, over all partitions", async () => {
    expect((await callAs(api, "PUT", "/api/v1/settings/cdrNumbering", { value: true })).status).toBe(201);
    await numbering().close(party);
    expect(await chain()).toMatchObject({ blocks: 1, cdrs: 12, last: 12, broken: null });
    expect(await exportedNumbers()).toEqual(Array.from({ length: 12 }, (_, nth) => nth + 1));
    const { items } = (await get("/api/v1/cdrs?limit=500")).body;
    const single = await Promise.all(items.map(({ id }) => get(`/api/v1/cdrs/${String(id)}`)));
    expect(single.map(({ body }) => body["number"] as number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 12 }, (_, nth) => nth + 1),
    );
  });

  it("go on where the block before ended, whoever closes it; of two at once one does", async () => {
    await sell(2, passed);
    passed = start + 2 * hour;
    const two = await Promise.allSettled([numbering().close(party), numbering().close(party)]);
    expect(two.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(await chain()).toMatchObject({ blocks: 2, cdrs: 20, last: 20, broken: null });
    expect(await exportedNumbers()).toEqual(Array.from({ length: 20 }, (_, nth) => nth + 1));
  });

  it("wait for every partition: what was booked after the watermark has none yet", async () => {
    await sell(1, passed);
    await numbering().close(party);
    expect((await chain())["last"]).toBe(20);
    expect((await exportedNumbers()).slice(20)).toEqual([null, null, null, null]);
  });
});

describe("the chain", () => {
  const verify = () => verifyChain(world.store.reader, party, blocksOf(world.registry, party));

  /** What is told of it, and that it holds again once the row is as it was. */
  async function tampered(
    change: (tx: StoreTransaction, row: CdrRow) => Promise<unknown>,
    undo: (tx: StoreTransaction, row: CdrRow) => Promise<unknown> = (tx, row) => tx.upsert("cdr", [row]),
  ): Promise<string | null> {
    const rows = await world.store.reader.selectFrom("cdr").selectAll().orderBy("last_updated").execute();
    const row = rows[14]!;
    await world.store.transaction((tx) => change(tx, row));
    const { broken, blocks } = await verify();
    expect(blocks).toBe(1);
    await world.store.transaction((tx) => undo(tx, row));
    expect((await verify()).broken).toBeNull();
    return broken;
  }

  const removed = (tx: StoreTransaction, id: string) => tx.db.deleteFrom("cdr").where("id", "=", id).execute();

  it("shows a CDR that is another one, and the block that it is in", async () => {
    const broken = await tampered((tx, row) =>
      tx.upsert("cdr", [{ ...row, document: row.document.replace('"EUR"', '"USD"') }]),
    );
    expect(broken).toMatch(/^The block of the CDRs 13 to 20 .*is not what it was/);
  });

  it("shows a CDR that is gone", async () => {
    const broken = await tampered((tx, { id }) => removed(tx, id));
    expect(broken).toMatch(/7 CDRs are in its time, it was closed with 8/);
  });

  it("shows a CDR that came in between", async () => {
    const broken = await tampered(
      (tx, row) => tx.upsert("cdr", [{ ...row, id: "extra" }]),
      (tx) => removed(tx, "extra"),
    );
    expect(broken).toMatch(/9 CDRs are in its time, it was closed with 8/);
  });
});
