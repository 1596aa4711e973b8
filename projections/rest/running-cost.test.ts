// What a session that goes on has cost so far, as the API shows it.
import { afterEach, beforeEach, expect, test } from "vitest";

import type { PriceSoFar } from "../../core/ports/running-price.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { callAs } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { World } from "../testing/world.ts";

let world: World;
beforeEach(async () => {
  world = await World.open(worldAdapters);
});
afterEach(() => world.close());

const price: PriceSoFar = {
  at: Date.UTC(2025, 5, 15),
  energyMwh: 2_000_000,
  periods: [],
  tariffId: "T",
  currency: "EUR",
  total: { exclVat: "1.00", inclVat: "1.20" },
  isUnsigned: false,
};

test("what a session of a calibrated station has cost so far is marked unsigned, and that of no other", async () => {
  const runningPrices = {
    soFar: async (_party: string, { station }: { readonly station: string }) => ({
      ...price,
      isUnsigned: station === "CP-CALIBRATED",
    }),
  };
  const projector = await world.project();
  const api = await world.serve(projector, world.nodeId, runningPrices);
  const sessions = ["CP-CALIBRATED", "CP-OTHER"].map((id) => new StationWriter(id).session("RFID-1", 5_000, 1, true));
  await world.appendEvents(sessions.flat());
  await world.caughtUp(projector);
  const shown: unknown[] = [];
  for (const [first] of sessions) {
    if (first!.body.kind !== "sessionStarted") throw new Error("it has no start");
    shown.push((await callAs(api, "GET", `/api/v1/sessions/${first!.body.sessionId}`)).body["soFar"]);
  }
  const soFar = {
    at: "2025-06-15T00:00:00.000Z",
    cost: { amount: "1.20", currency: "EUR" },
    costExclVat: { amount: "1.00", currency: "EUR" },
    tariffId: "T",
  };
  expect(shown).toEqual([{ ...soFar, unsigned: true }, soFar]);
});
