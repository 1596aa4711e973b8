import { afterAll, beforeAll, expect, test } from "vitest";

import { systemClock } from "../../../core/runtime/clock.ts";
import { silentLogger } from "../../../core/runtime/logger.ts";
import { StationWriter } from "../../testing/events.ts";
import { party } from "../../testing/world.ts";
import { aLocation, RoamingWorld } from "../roaming.test-helper.ts";
import { EvseStatuses } from "./evse-statuses.ts";
import { evseOf } from "./pushes.test-helper.ts";

let roaming: RoamingWorld;
let statuses: EvseStatuses;

beforeAll(async () => {
  roaming = await RoamingWorld.open();
  const { store, registry } = roaming.world;
  statuses = new EvseStatuses({ store, registry, clock: systemClock, logger: silentLogger() });
}, 60_000);
afterAll(async () => {
  statuses.close();
  await roaming.close();
});

const connectorsOf = (station: string) => (evseOf(station) as { connectors: readonly object[] }).connectors;

test("two stations of a location are followed apart: the word of one says nothing of the other's EVSE, nor fixes what they share", async () => {
  await roaming.registered("ABC");
  const shared = { uid: "SHARED", connectors: [...connectorsOf("CP-A"), ...connectorsOf("CP-B")] };
  await roaming.rest("POST", "/locations", aLocation({ evses: [evseOf("CP-A"), evseOf("CP-B"), shared] }));
  const writers = ["CP-A", "CP-B"].map((name) => new StationWriter(name));
  await roaming.events(writers.flatMap((writer) => [writer.online(), writer.status(1, "Available")]));
  await roaming.world.store.write({ changes: [(await statuses.ofLocations(party, ["LOC-1"], 0)).rows] });
  await roaming.events(writers.map((writer) => writer.status(1, "Unavailable")));

  const { rows, marks } = await statuses.ofStations(party, ["CP-A"], 5);
  expect(rows).toMatchObject({ rows: [{ evse: "CP-A" }, { evse: "SHARED" }] });
  expect(marks.map(({ object, body }) => [object, body !== undefined])).toEqual([
    ["LOC-1/CP-A", true],
    ["LOC-1/SHARED", false],
  ]);
});
