import { afterAll, beforeAll, expect, it } from "vitest";

import { FakeClock } from "../../core/runtime/clock.ts";
import type { DomainEvent } from "../../core/records/domain-event.ts";
import { StationWriter } from "../testing/events.ts";
import { party } from "../testing/world.ts";
import { LocationTimes } from "./location-times.ts";
import { evseOf } from "./pushes/pushes.test-helper.ts";
import { aLocation, RoamingWorld } from "./roaming.test-helper.ts";

const minute = 60_000;
const stations = ["CP-1", "CP-2", "CP-3"] as const;
const began = Date.now() - 120 * minute;

let roaming: RoamingWorld;
beforeAll(async () => {
  roaming = await RoamingWorld.open();
  for (const id of stations) await roaming.rest("POST", "/locations", aLocation({ id, evses: [evseOf(id)] }));
}, 60_000);
afterAll(() => roaming.close());

it("what is kept from list to list is what a look at everything says, whatever happens in between", async () => {
  const clock = new FakeClock(began);
  const { store, registry } = roaming.world;
  const at = { passed: async () => clock.now() } as LocationTimesWatermark;
  const kept = new LocationTimes({ store, registry, clock }, at);
  const agree = async () => {
    clock.advance(minute);
    const { times } = await kept.of(party);
    const all = await new LocationTimes({ store, registry, clock }, at).of(party);
    expect(Object.fromEntries(times)).toEqual(Object.fromEntries(all.times));
    return Object.fromEntries(times);
  };
  /** @returns whether a location has another time than before. */
  const changes = async (happen: () => Promise<unknown>) => {
    const before = await agree();
    await happen();
    return JSON.stringify(await agree()) !== JSON.stringify(before);
  };
  const writer = new StationWriter("CP-2", clock.now());
  const tell = (make: () => readonly DomainEvent[]) => () => {
    writer.time = clock.now();
    return roaming.events(make());
  };
  expect(await changes(() => Promise.resolve())).toBe(false);
  expect(await changes(() => roaming.rest("POST", "/locations", aLocation({ id: "CP-3", city: "Leipzig" })))).toBe(
    true,
  );
  // Everything below was registered later than it happens, by this clock.
  clock.advance(180 * minute);
  expect(await changes(tell(() => [writer.online(), writer.status(1, "Available")]))).toBe(true);
  expect(await changes(tell(() => writer.session("TAG", 1_000, 0, true)))).toBe(true);
  expect(await changes(tell(() => [writer.status(1, "Charging")]))).toBe(true);
  expect(await changes(tell(() => [writer.offline()]))).toBe(false);
  await changes(tell(() => writer.session("TAG-2", 1_000, 0)));
  expect(await changes(() => Promise.resolve(clock.advance(30 * minute)))).toBe(false);
  expect(await changes(() => roaming.rest("PUT", "/settings/occupiedStatus", { value: "CHARGING" }))).toBe(false);
});

type LocationTimesWatermark = ConstructorParameters<typeof LocationTimes>[1];
