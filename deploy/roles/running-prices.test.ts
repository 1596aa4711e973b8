// What sessions have cost so far, and their charging periods as roaming partners see them.
import { afterEach, expect, test } from "vitest";

import type { PartnerDoc } from "../../core/registry/entities.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createRunningPrices } from "../../processors/running-prices.ts";
import { at, Line, party, register } from "../../processors/station.test-helper.ts";
import { showSessions } from "../../projections/ocpi/sessions.ts";
import { pricedWorld } from "./priced-world.test-helper.ts";
import { up, type RebuildWorld } from "./rebuild-world.test-helper.ts";

const worlds: RebuildWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

async function opened(): Promise<RebuildWorld> {
  const world = await pricedWorld();
  worlds.push(world);
  await world.world.put("token", "card-1", {
    uid: "CARD-1",
    type: "RFID",
    contractId: "C1",
    valid: true,
    whitelist: "ALWAYS",
    roaming: { partner: "P", by: "pushed", token: { country_code: "DE", party_id: "ABC" } },
  });
  await world.world.put("setting", "settleAfterMs", { id: "settleAfterMs", value: 60_000 });
  await world.start();
  return world;
}

function lineOf(): Line {
  const line = new Line("CS1", "ocpp2.0.1");
  line.registry = { generation: 1, offset: 5 };
  return line;
}

const info = (chargingState: string) => ({ transactionInfo: { transactionId: "X", chargingState } });
const token = { idToken: { idToken: "CARD-1", type: "ISO14443" } };

async function shownToPartner(world: RebuildWorld) {
  await world.quiet();
  const { store, registry, clock } = world;
  const runningPrices = createRunningPrices({ store, registry });
  const rows = await store.reader.selectFrom("live_session").selectAll().execute();
  const view = {
    context: { store, registry, clock, logger: silentLogger(), runningPrices },
    party,
    partner: { party, doc: { id: "P", roles: [], state: "registered" } as unknown as PartnerDoc, version: 1 },
    version: "2.2.1",
  } as const;
  const [session] = await showSessions(view, [rows[0]!.id]);
  return { session: session!, row: rows[0]!, runningPrices };
}

test("OCPI sessions: charging periods begin where the price or the charging state changes, are deltas, and add up", async () => {
  const world = await opened();
  const line = lineOf();
  const started = { ...info("Charging"), ...token, ...register(1_000, "Transaction.Begin") };
  await world.write([
    ...up(line),
    line.event("Started", "X", 0, started),
    line.event("Updated", "X", 40, { ...info("Charging"), ...register(11_000, "Sample.Periodic", 40) }),
  ]);
  const going = await shownToPartner(world);
  expect(going.session).toMatchObject({
    status: "ACTIVE",
    kwh: 10,
    currency: "EUR",
    // 7.5 kWh at 0.50, 2.5 at 0.25.
    total_cost: { excl_vat: 4.375 },
    charging_periods: [
      {
        start_date_time: at(0),
        dimensions: [
          { type: "ENERGY", volume: 7.5 },
          { type: "TIME", volume: 0.5 },
        ],
      },
      {
        start_date_time: at(30),
        dimensions: [
          { type: "ENERGY", volume: 2.5 },
          { type: "TIME", volume: 0.1667 },
        ],
      },
    ],
  });
  await world.write([
    line.event("Updated", "X", 50, info("SuspendedEV")),
    line.event("Ended", "X", 60, { ...info("Idle"), ...register(13_000, "Transaction.End", 60) }),
  ]);
  // seqNos are missing: the CDR waits for them, and the price so far is that of the whole session.
  const ended = await shownToPartner(world);
  expect(ended.row.cdr_id).toBeNull();
  const types = (ended.session["charging_periods"] as { dimensions: { type: string }[] }[]).map(
    ({ dimensions }) => dimensions[1]!.type,
  );
  expect(types).toEqual(["TIME", "TIME", "PARKING_TIME"]);
  world.clock.advance(24 * 3_600_000);
  await world.until("the CDR is issued", async () => {
    const rows = await world.store.reader.selectFrom("live_cdr").select("id").execute();
    return rows.length > 0;
  });
  const settled = await shownToPartner(world);
  expect(settled.session).toMatchObject({ status: "COMPLETED" });
  expect(settled.session["charging_periods"]).toEqual(ended.session["charging_periods"]);
  expect(settled.session["total_cost"]).toEqual(ended.session["total_cost"]);
});

test("a price so far counts nothing that came after the row that it is shown with", async () => {
  const world = await opened();
  const line = lineOf();
  await world.write([
    ...up(line),
    line.event("Started", "X", 0, { ...info("Charging"), ...register(1_000, "Transaction.Begin") }),
    line.event("Updated", "X", 10, { ...info("Charging"), ...register(3_000, "Sample.Periodic", 10) }),
  ]);
  const { row, runningPrices } = await before(world);
  await world.write([
    line.event("Updated", "X", 20, { ...info("Charging"), ...register(5_000, "Sample.Periodic", 20) }),
  ]);
  await world.quiet();
  const asked = { id: row.id, station: row.station };
  expect(await runningPrices.soFar(party, { ...asked, until: row.last_updated })).toMatchObject({
    energyMwh: 2_000_000,
    total: { exclVat: "1.00" },
  });
  expect(await runningPrices.soFar(party, { ...asked, until: Number.MAX_SAFE_INTEGER })).toMatchObject({
    energyMwh: 4_000_000,
    total: { exclVat: "2.00" },
  });
  expect(await runningPrices.soFar(party, { id: "none", station: "CS1", until: 0 })).toBeUndefined();
});

test.each([
  ["of a station that is marked calibrated when the session begins", true],
  ["of any other", false],
])("a price so far %s says whether a CDR by signed registers may differ", async (_, calibrated) => {
  const world = await pricedWorld();
  worlds.push(world);
  const line = lineOf();
  await world.world.put("meterKeys", line.station, { id: line.station, calibrated, keys: [] });
  line.registry = { generation: 1, offset: 4 };
  // What comes later is of later sessions.
  await world.world.put("meterKeys", line.station, { id: line.station, calibrated: !calibrated, keys: [] });
  await world.start();
  await world.write([
    ...up(line),
    line.event("Started", "X", 0, { ...info("Charging"), ...register(1_000, "Transaction.Begin") }),
    line.event("Updated", "X", 10, { ...info("Charging"), ...register(3_000, "Sample.Periodic", 10) }),
  ]);
  const { row, runningPrices } = await before(world);
  const asked = { id: row.id, station: row.station, until: row.last_updated };
  expect(await runningPrices.soFar(party, asked)).toMatchObject({ total: { exclVat: "1.00" }, isUnsigned: calibrated });
});

async function before(world: RebuildWorld) {
  await world.quiet();
  const { store, registry } = world;
  const row = await store.reader.selectFrom("live_session").selectAll().executeTakeFirstOrThrow();
  return { row, runningPrices: createRunningPrices({ store, registry }) };
}
