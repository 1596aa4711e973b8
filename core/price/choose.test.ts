import { expect, test } from "vitest";

import { chooseTariff, isValidAt } from "./choose.ts";
import { component, tariffOf } from "./price.test-helper.ts";

const at = Date.parse("2026-06-15T12:00:00Z");
const named = (id: string, more: object = {}) =>
  tariffOf([{ price_components: [component("ENERGY", 1)] }], { id, ...more });

test("OCPI 5.3.1: valid from start_date_time (inclusive) to end_date_time (exclusive), and from validFrom on", () => {
  expect(isValidAt(named("a"), at)).toBe(true);
  expect(isValidAt(named("a", { start_date_time: "2026-06-15T12:00:00Z" }), at)).toBe(true);
  expect(isValidAt(named("a", { start_date_time: "2026-06-15T12:00:00.001Z" }), at)).toBe(false);
  expect(isValidAt(named("a", { end_date_time: "2026-06-15T12:00:00" }), at)).toBe(false);
  expect(isValidAt(named("a", { validFrom: "2026-06-15T14:00:00+02:00" }), at)).toBe(true);
  expect(isValidAt(named("a", { validFrom: "2026-06-15T12:00:01Z" }), at)).toBe(false);
});

const all = [
  named("old", { end_date_time: "2026-01-01T00:00:00Z" }),
  named("cheap", { type: "PROFILE_CHEAP" }),
  named("adHoc", { type: "AD_HOC_PAYMENT" }),
  named("any"),
  named("regular", { type: "REGULAR" }),
  named("partner", { appliesTo: { partners: ["DEABC"] } }),
  named("group", { appliesTo: { groups: ["fleet"] } }),
  named("token", { appliesTo: { tokens: ["04AA"] } }),
];

test.each([
  [{}, "regular"],
  [{ tokenType: "RFID" }, "regular"],
  [{ tokenType: "AD_HOC_USER" }, "adHoc"],
  [{ profile: "CHEAP" }, "cheap"],
  // Nothing of that type: what is for all sessions.
  [{ profile: "FAST" }, "any"],
  [{ partner: "DEABC" }, "partner"],
  [{ partner: "NLXYZ" }, "regular"],
  [{ partner: "DEABC", group: "fleet" }, "group"],
  [{ partner: "DEABC", group: "fleet", token: "04AA" }, "token"],
] as const)("who charges decides: %j -> %s", (ask, id) => {
  expect(chooseTariff(all, { at, ...ask })?.id).toBe(id);
});

test("of two alike the first of the connector; of none that fits, none", () => {
  expect(chooseTariff([named("one"), named("two")], { at })?.id).toBe("one");
  expect(chooseTariff([all[0]!, all[2]!, all[7]!], { at })).toBeUndefined();
});
