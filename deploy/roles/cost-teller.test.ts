// Stations are told what their sessions have cost so far (2.0.1 I02).
import { afterEach, expect, test } from "vitest";

import type { BusMessage, Claim } from "../../core/bus/bus.ts";
import { trusted, type NodeId } from "../../core/ids/ids.ts";
import { validator } from "../../core/ocpp/validators.ts";
import type { SettingId } from "../../core/registry/entities.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createRunningPrices } from "../../processors/running-prices.ts";
import { Line, register } from "../../processors/station.test-helper.ts";
import { CostTeller } from "../../projections/rest/cost-teller.ts";
import { RebuildWorld, up } from "./rebuild-world.test-helper.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Asked {
  readonly station: string;
  readonly action: string;
  readonly payload?: object;
}

/** A teller over sessions that a real fold made, and what it asks of stations. */
async function telling(
  seconds: number,
  outcome: "accepted" | "error" = "accepted",
  settings: Partial<Record<SettingId, boolean>> = {},
  calibrated = false,
) {
  const world = await RebuildWorld.open();
  ends.push(() => world.end());
  const elements = [{ price_components: [{ type: "ENERGY" as const, price: 0.5, vat: 20, step_size: 1 }] }];
  await world.world.put("tariff", "T", { id: "T", currency: "EUR", elements });
  await world.world.put("setting", "defaultTariffId", { id: "defaultTariffId", value: "T" });
  await world.world.put("setting", "runningCostSeconds", { id: "runningCostSeconds", value: seconds });
  await world.world.put("meterKeys", "CS1", { id: trusted.station("CS1"), calibrated, keys: [] });
  for (const [id, value] of Object.entries(settings) as [SettingId, boolean][])
    await world.world.put("setting", id, { id, value });
  await world.start();
  const toGateway: BusMessage[] = [];
  const owner: Claim = {
    party: trusted.party("default"),
    station: trusted.station("CS1"),
    connectionId: trusted.connection("c"),
    nodeId: trusted.node("n"),
    epoch: { generation: 1, offset: 0 },
    protocol: "ocpp2.0.1",
  };
  const bus = {
    owner: async () => owner,
    send: async (_to: NodeId, message: BusMessage) => toGateway.push(message) > 0,
  };
  const asked: Asked[] = [];
  const { store, registry, clock } = world;
  const context = { store, registry, clock, bus, logger: silentLogger() };
  const teller = new CostTeller(context as never, createRunningPrices({ store, registry }), {
    request: async (_principal, station, { action, payload }) => {
      asked.push({ station, action, ...(payload ? { payload } : {}) });
      return { id: trusted.command("c"), status: "done", outcome, response: null };
    },
  });
  teller.start();
  ends.push(() => teller.stop());
  const line = new Line("CS1", "ocpp2.0.1");
  line.registry = { generation: 1, offset: 4 };
  const charging = { transactionInfo: { transactionId: "X", chargingState: "Charging" } };
  let seqNo = 0;
  const meter = async (wh: number, minute: number) => {
    const type = seqNo === 0 ? "Started" : "Updated";
    const before = seqNo === 0 ? up(line) : [];
    await world.write([
      ...before,
      line.event(type, "X", seqNo++, { ...charging, ...register(wh, "Sample.Periodic", minute) }),
    ]);
    await world.quiet();
  };
  return { world, asked, toGateway, meter };
}

test("I02: a station is told a cost that changed, with taxes, by the engine of its CDR, and no cost twice", async () => {
  const { world, asked, meter } = await telling(60);
  await meter(1_000, 0);
  await meter(3_000, 10);
  await world.until("it is told", () => asked.some(({ payload }) => JSON.stringify(payload).includes("1.2")));
  expect(asked.at(-1)).toEqual({
    station: "CS1",
    action: "CostUpdated",
    payload: { totalCost: 1.2, transactionId: "X" },
  });
  const told = asked.length;
  await meter(3_000, 20);
  world.clock.advance(600_000);
  await meter(5_000, 30);
  await world.until("the next cost is told", () => asked.length > told);
  expect(asked.slice(told).map(({ payload }) => payload)).toEqual([{ totalCost: 2.4, transactionId: "X" }]);
});

test("a station that is marked calibrated is told that the cost goes by what no meter signed", async () => {
  const { world, asked, meter } = await telling(60, "accepted", {}, true);
  await meter(1_000, 0);
  await meter(3_000, 10);
  const payload = { totalCost: 1.2, transactionId: "X", customData: { vendorId: "wattlog", unsigned: true } };
  await world.until("it is told", () => asked.some((told) => JSON.stringify(told.payload).includes("1.2")));
  expect(asked.at(-1)).toEqual({ station: "CS1", action: "CostUpdated", payload });
  for (const version of ["ocpp2.0.1", "ocpp2.1"] as const) {
    expect(validator(version, "CostUpdated", "req")!(payload)).toBeNull();
  }
});

test("I02: a station that does not know the message is not told again; without the setting nobody is told", async () => {
  const unknowing = await telling(1, "error");
  await unknowing.meter(1_000, 0);
  await unknowing.meter(3_000, 10);
  await unknowing.world.until("it is told", () => unknowing.asked.length > 0);
  const silent = await telling(0);
  await silent.meter(1_000, 0);
  for (const [minute, wh] of [
    [20, 5_000],
    [30, 7_000],
  ] as const) {
    await unknowing.meter(wh, minute);
    await silent.meter(wh, minute);
    for (let turn = 0; turn < 20; turn++) {
      unknowing.world.clock.advance(1_000);
      silent.world.clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  expect(unknowing.asked).toHaveLength(1);
  expect(silent.asked).toEqual([]);
});

test("I03: the gateway is told what its answers may say, also where the station itself knows no CostUpdated", async () => {
  const { world, asked, toGateway, meter } = await telling(1, "error", { runningCostAtEnd: true });
  await meter(1_000, 0);
  await meter(3_000, 10);
  const cost = (totalCost: number) => ({ type: "runningCost", connectionId: "c", transactionId: "X", totalCost });
  await world.until("the first cost is told", () => toGateway.some((m) => m.type === "runningCost" && m.totalCost > 1));
  expect(toGateway.at(-1)).toEqual(cost(1.2));
  world.clock.advance(2_000);
  await meter(5_000, 20);
  await world.until("the next cost is told", () => toGateway.some((m) => m.type === "runningCost" && m.totalCost > 2));
  expect(toGateway.at(-1)).toEqual(cost(2.4));
  expect(asked).toHaveLength(1);
});
