// Sessions explained: by the records of the log, the fold and the engine themselves, held against what is recorded.
import { afterEach, expect, test } from "vitest";

import type { Explanation } from "../../core/ports/explanation.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { createExplainer } from "../../processors/explain/explain.ts";
import { ocppFold } from "../../processors/ocpp-fold.ts";
import { at, idOf, Line, party, register } from "../../processors/station.test-helper.ts";
import { pricedWorld } from "./priced-world.test-helper.ts";
import { up, type RebuildWorld } from "./rebuild-world.test-helper.ts";

const worlds: RebuildWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

async function opened(): Promise<RebuildWorld> {
  const world = await pricedWorld();
  worlds.push(world);
  return world;
}

function lineOf(protocol: "ocpp1.6" | "ocpp2.0.1" = "ocpp1.6"): Line {
  const line = new Line("CS1", protocol);
  line.registry = { generation: 1, offset: 3 };
  return line;
}

async function explained(world: RebuildWorld, which = 0): Promise<Explanation> {
  await world.quiet();
  const sessions = await world.store.reader.selectFrom("live_session").select("id").orderBy("started_at").execute();
  const explanation = await createExplainer(world.tools).explain(party, sessions[which]!.id);
  return explanation!;
}

const status = (line: Line, word: string, minute: number) =>
  line.call("StatusNotification", { connectorId: 1, status: word, errorCode: "NoError", timestamp: at(minute) });

const values = (line: Line, minute: number, ...sampledValue: readonly object[]) =>
  line.call("MeterValues", {
    connectorId: 1,
    transactionId: idOf(),
    meterValue: [{ timestamp: at(minute), sampledValue }],
  });

function sold(line: Line): FrameRecord[] {
  const good = () => values(line, 20, { value: "11000" }, { value: "230", measurand: "Voltage", unit: "V" });
  return [
    line.start(),
    status(line, "Charging", 1),
    good(),
    values(line, 25, { value: "900" }),
    values(line, 26, { value: "kaputt" }, { value: "16", measurand: "Current.Import", unit: "A" }),
    values(line, 27, { value: "99000" }),
    // The same again at a reconnect (quirk 5).
    good(),
    status(line, "SuspendedEV", 40),
    line.stop(idOf()),
  ];
}

test("a session from its frames to its total: readings with reasons, elements with reasons, what was charged", async () => {
  const world = await opened();
  await world.start();
  const line = lineOf();
  await world.write([...up(line), ...sold(line)]);
  const e = await explained(world);
  expect(e.differences).toEqual([]);
  expect(e.price?.total.exclVat).toBe(e.cdr?.total?.exclVat);
  expect(e.energy).toEqual({
    startMwh: 1_000_000,
    startBy: "meterStart",
    stopMwh: 21_000_000,
    stopBy: "meterStop",
    energyMwh: 20_000_000,
  });
  const words = e.records.flatMap((r) => r.readings.map(({ reading, word }) => `${reading.value} ${word}`));
  expect(words).toEqual([
    "1000 start",
    "Charging state",
    "11000 register",
    "230 otherMeasurand",
    "900 falls",
    "kaputt noEnergy",
    "16 current",
    "99000 aboveStop",
    "SuspendedEV state",
    "21000 stop",
  ]);
  expect(e.records.map((r) => r.passedOver?.word ?? "").filter(Boolean)).toEqual(["repeatedReadings"]);
  expect(e.tariffs.map(({ id, word }) => [id, word])).toEqual([
    ["OLD", "notValidThen"],
    ["T", "chosen"],
  ]);
  const [early, later] = e.price!.periods;
  expect(early!.dimensions[0]!.matched).toEqual([{ restriction: "end_time", limit: "00:00-21:30", actual: "21:00" }]);
  expect(later!.dimensions[0]!.skipped).toMatchObject([{ element: 0, restriction: "end_time", actual: "21:30" }]);
});

test("a connection of long ago: its first record need not be read for the session's charging states to count", async () => {
  const world = await opened();
  await world.start();
  const line = lineOf();
  await world.write(up(line));
  for (let hour = 0; hour < 30; hour++) await world.write([line.call("Heartbeat", {})]);
  await world.write(sold(line));
  const e = await explained(world);
  expect(e.differences).toEqual([]);
  expect(e.price!.lines.map(({ dimension }) => dimension)).toContain("PARKING_TIME");
  // Nothing but the session's own hour.
  expect(e.records[0]!.record.offset).toBeGreaterThan(30);
});

test("an earlier transaction of the same id has a part in it: what came before is read too", async () => {
  const world = await opened();
  await world.start();
  const line = lineOf();
  const untrusted = { timestamp: "1970-01-01T00:00:10Z" };
  const id = idOf(untrusted);
  const stop = { timestamp: "1970-01-01T01:00:00Z" };
  await world.write([...up(line), line.start(untrusted), line.stop(id, stop)]);
  for (let hour = 0; hour < 30; hour++) await world.write([line.call("Heartbeat", {})]);
  await world.write([line.start(untrusted), line.stop(id, { ...stop, meterStop: 22_000 })]);
  const e = await explained(world, 1);
  expect(e.session.annotations.map(({ word }) => word)).toContain("idReused");
  expect(e.differences).toEqual([]);
});

test("a session that goes on: what it costs so far", async () => {
  const world = await opened();
  await world.start();
  const line = lineOf("ocpp2.0.1");
  const charging = { transactionInfo: { transactionId: "X", chargingState: "Charging" } };
  await world.write([
    ...up(line),
    line.event("Started", "X", 0, { ...charging, ...register(1_000, "Transaction.Begin") }),
    line.event("Updated", "X", 1, { ...charging, ...register(11_000, "Sample.Periodic", 20) }),
  ]);
  const e = await explained(world);
  expect(e).toMatchObject({ session: { status: "active", endedAt: null }, cdr: null, differences: [] });
  // 10 kWh at 0.50.
  expect(e.price?.total.exclVat).toBe("5.00");
});

test("Q1: a message that was held until it was redriven, and what waited behind it", async () => {
  const world = await opened();
  let isPoison = true;
  await world.start({
    ...ocppFold,
    evolve(state, record, context) {
      if (isPoison && record.kind === "exchange" && record.action === "StopTransaction") throw new Error("planted");
      return ocppFold.evolve(state, record, context);
    },
  });
  const line = lineOf();
  await world.write([...up(line), ...sold(line)]);
  await world.quiet();
  const before = await explained(world);
  expect(before.differences).toEqual([]);
  expect(before.records.at(-1)?.passedOver?.word).toBe("held");
  isPoison = false;
  const [row] = await world.held();
  await world.endHold("redrive", row!.record_offset, "CS1");
  const after = await explained(world);
  expect(after.differences).toEqual([]);
  expect(after.cdr).not.toBeNull();
});

test("what is recorded otherwise than the records give it is named", async () => {
  const world = await opened();
  await world.start();
  const line = lineOf();
  await world.write([...up(line), ...sold(line)]);
  await world.quiet();
  await world.stop();
  const [cdr] = await world.store.reader.selectFrom("live_cdr").selectAll().execute();
  const document = cdr!.document.replace('"exclVat":"10.125"', '"exclVat":"11.125"');
  expect(document).not.toBe(cdr!.document);
  await world.store.transaction(async ({ db }) => {
    await db.updateTable("cdr").set({ document }).execute();
    await db.updateTable("session").set({ energy_mwh: 1 }).execute();
  });
  const e = await createExplainer(world.tools).explain(party, cdr!.session_id);
  expect(e!.differences).toHaveLength(2);
  expect(e!.differences.join(" ")).toMatch(/Energy in mWh is recorded as 1; .* 20000000\. total of the CDR .*11\.125/);
});

test("no such session, or one of another party", async () => {
  const world = await opened();
  await world.start();
  const explainer = createExplainer(world.tools);
  expect(await explainer.explain(party, "00000000-0000-5000-8000-000000000000")).toBeUndefined();
});
