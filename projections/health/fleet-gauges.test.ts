import { expect, test } from "vitest";

import { countGroups } from "./fleet-gauges.ts";
import type { Member } from "./station-groups.ts";

const now = 1_750_000_000_000;
const month = 30 * 24 * 3_600_000;

function station(id: string, of: Partial<Member["member"]>, online = true, lastSeen = now): Member {
  const nothing = { vendor: null, model: null, firmware: null, locationId: null, carrier: null, siteGroup: null };
  return { station: id, member: { ...nothing, ...of }, online, lastSeen };
}

test("a dead carrier is seen in its own count, whoever made its stations; who was away for a month counts nowhere", () => {
  const fleet = [
    station("1", { vendor: "Alfen", carrier: "SIM-ONE" }),
    station("2", { vendor: "Wallbe", carrier: "SIM-ONE" }),
    station("3", { vendor: "Alfen", carrier: "SIM-TWO" }, false),
    station("4", { vendor: "Wallbe", carrier: "SIM-TWO" }, false),
    station("5", { vendor: "Wallbe", carrier: "SIM-TWO" }, false, now - month - 1),
    station("6", {}),
  ];
  const counts = countGroups(fleet, new Set(["1", "3"]), now - month);
  expect(Object.fromEntries([...counts].map(([kind, names]) => [kind, Object.fromEntries(names)]))).toEqual({
    vendor: {
      Alfen: { online: 0, offline: 1, faulted: 1 },
      Wallbe: { online: 1, offline: 1, faulted: 0 },
      unknown: { online: 1, offline: 0, faulted: 0 },
    },
    carrier: {
      "SIM-ONE": { online: 1, offline: 0, faulted: 1 },
      "SIM-TWO": { online: 0, offline: 2, faulted: 0 },
    },
    siteGroup: {},
  });
});

test("a station that invents vendors makes no more than thirty names and the rest, and nobody is lost", () => {
  const fleet = Array.from({ length: 500 }, (_, n) =>
    station(`${n}`, { vendor: n < 100 ? "Alfen" : `V${n}${"x".repeat(200)}` }),
  );
  const names = countGroups(fleet, new Set(), now).get("vendor")!;
  expect(names.size).toBe(31);
  expect(names.get("Alfen")?.online).toBe(100);
  expect(names.get("other")?.online).toBe(500 - 100 - 29);
  expect(Math.max(...[...names.keys()].map(({ length }) => length))).toBe(50);
});
