// Restrictions during a session (OCPI 2.2.1, 5.4.6): when they begin and end to hold, in local time.
import { describe, expect, test } from "vitest";

import type { TariffDoc } from "../registry/entities.ts";
import { zoneOf } from "./local-time.ts";
import { component, minute, priced, ready, sessionOf, tariffOf, totals, type Leg } from "./price.test-helper.ts";
import { priceOf } from "./price.ts";

const parked = (minutes: number): Leg => ({ minutes, state: "suspended_ev" });

/** 1 an hour, or a kWh, where the restrictions hold; free elsewhere. */
function where(restrictions: Readonly<Record<string, unknown>>, type: "TIME" | "ENERGY" = "TIME"): TariffDoc {
  return tariffOf([{ price_components: [component(type, 1)], restrictions }]);
}

function hoursOf(doc: TariffDoc, start: string, minutes: number, timeZone = "Europe/Berlin"): number {
  const session = { ...sessionOf(start, [{ minutes }]), timeZone };
  return Number(priceOf(ready(doc), session).total.exclVat);
}

describe("the local clock", () => {
  test.each([
    ["from start_time (inclusive) to end_time (exclusive)", { start_time: "13:00", end_time: "14:00" }, 1],
    ["an end before the start is on the next day", { start_time: "14:00", end_time: "13:00" }, 5],
    ["00:00 as an end is the end of the day", { start_time: "17:00", end_time: "00:00" }, 1],
    ["a start alone holds until the end of the day", { start_time: "16:30" }, 1.5],
    ["an end alone holds from the begin of the day", { end_time: "12:30" }, 0.5],
    ["00:00 to 00:00 is the whole day", { start_time: "00:00", end_time: "00:00" }, 6],
  ])("%s", (_, restrictions, hours) => {
    expect(hoursOf(where(restrictions), "2024-01-15T12:00:00+01:00", 360)).toBe(hours);
  });

  test("in summer it is the summer's", () => {
    const doc = where({ start_time: "13:00", end_time: "14:00" });
    expect(hoursOf(doc, "2024-07-15T10:00:00Z", 60)).toBe(0);
    expect(hoursOf(doc, "2024-07-15T11:00:00Z", 60)).toBe(1);
  });

  test("an hour that is left out counts not at all, an hour that comes twice counts twice", () => {
    const doc = where({ start_time: "02:00", end_time: "03:00" });
    expect(hoursOf(doc, "2026-03-29T01:00:00+01:00", 180)).toBe(0);
    expect(hoursOf(doc, "2026-10-25T01:00:00+02:00", 240)).toBe(2);
    const until = where({ end_time: "02:30" });
    expect(hoursOf(until, "2026-03-29T01:00:00+01:00", 180)).toBe(1);
    // 01:00-02:30 in summer time, then 02:00-02:30 again.
    expect(hoursOf(until, "2026-10-25T01:00:00+02:00", 240)).toBe(2);
  });

  test("a zone with half an hour, one with three quarters, one that changes by half an hour", () => {
    const doc = where({ start_time: "12:00" });
    expect(hoursOf(doc, "2026-06-15T06:00:00Z", 60, "Asia/Kolkata")).toBe(0.5);
    expect(hoursOf(doc, "2026-06-15T06:00:00Z", 60, "Asia/Kathmandu")).toBe(0.75);
    expect(zoneOf("Australia/Lord_Howe")!.spanAt(Date.parse("2026-04-04T15:30:00Z")).offsetMs).toBe(630 * minute);
    expect(zoneOf("Australia/Lord_Howe")!.spanAt(Date.parse("2026-04-04T14:59:59Z")).offsetMs).toBe(660 * minute);
  });

  test("every change of a zone is found to the millisecond", () => {
    const berlin = zoneOf("Europe/Berlin")!;
    const change = Date.parse("2026-03-29T01:00:00Z");
    expect(berlin.spanAt(change - 1)).toMatchObject({ until: change, offsetMs: 60 * minute });
    expect(berlin.spanAt(change)).toMatchObject({ from: change, offsetMs: 120 * minute });
  });
});

describe("days", () => {
  test("day_of_week is the local calendar day, also in a night that wraps", () => {
    const night = where({ start_time: "22:00", end_time: "06:00", day_of_week: ["FRIDAY"] });
    // Friday 22:00 to midnight; the morning after is a Saturday.
    expect(hoursOf(night, "2024-01-19T21:00:00+01:00", 600)).toBe(2);
    // And the early Friday.
    expect(hoursOf(night, "2024-01-18T21:00:00+01:00", 600)).toBe(6);
  });

  test("start_date is inclusive, end_date exclusive, by the local date", () => {
    const doc = where({ start_date: "2024-01-20", end_date: "2024-01-21" });
    expect(hoursOf(doc, "2024-01-19T23:00:00+01:00", 120)).toBe(1);
    expect(hoursOf(doc, "2024-01-20T23:00:00+01:00", 120)).toBe(1);
  });
});

describe("the session so far", () => {
  test("min_kwh is inclusive, max_kwh exclusive; the moment is interpolated between samples", () => {
    const session = sessionOf("2024-01-15T12:00:00+01:00", [{ minutes: 100, kwh: 10 }]);
    expect(priced(where({ min_kwh: 4 }, "ENERGY"), session).total.exclVat).toBe("6.00");
    expect(priced(where({ max_kwh: 4 }, "ENERGY"), session).total.exclVat).toBe("4.00");
    expect(priced(where({ min_kwh: 2.5, max_kwh: 7.5 }, "ENERGY"), session).total.exclVat).toBe("5.00");
    expect(priced(where({ min_kwh: 10 }, "ENERGY"), session).total.exclVat).toBe("0.00");
    expect(priced(where({ max_kwh: 4 }), session).periods.map((p) => (p.end - p.start) / minute)).toEqual([40, 60]);
  });

  test("durations count the whole session, parking included: min inclusive, max exclusive", () => {
    const legs = [{ minutes: 30 }, parked(30), { minutes: 60 }];
    const session = sessionOf("2024-01-15T12:00:00+01:00", legs);
    expect(priced(where({ min_duration: 3600 }), session).total.exclVat).toBe("1.00");
    expect(priced(where({ max_duration: 3600 }), session).total.exclVat).toBe("0.50");
  });

  test("current and power hold from a sample to the next; min is inclusive, max exclusive", () => {
    const legs = [
      { minutes: 60, kwh: 1, amperes: 32, kw: 22 },
      { minutes: 60, kwh: 1, amperes: 31.9, kw: 21.9 },
    ];
    const session = sessionOf("2024-01-15T12:00:00+01:00", legs);
    for (const [restrictions, kwh] of [
      [{ min_current: 32 }, "1.00"],
      [{ max_current: 32 }, "1.00"],
      [{ min_power: 22 }, "1.00"],
      [{ max_power: 22 }, "1.00"],
      [{ max_power: 22, min_current: 32 }, "0.00"],
    ] as const) {
      expect(priced(where(restrictions, "ENERGY"), session).total.exclVat).toBe(kwh);
    }
  });

  test("current that nobody knows is within no limit; while nothing is charged it is 0", () => {
    const session = sessionOf("2024-01-15T12:00:00+01:00", [{ minutes: 60 }, parked(60)]);
    expect(hoursOf(where({ max_current: 32 }), "2024-01-15T12:00:00+01:00", 60)).toBe(0);
    const parking = tariffOf([{ price_components: [component("PARKING_TIME", 1)], restrictions: { max_current: 32 } }]);
    expect(priced(parking, session).total.exclVat).toBe("1.00");
  });
});

describe("elements", () => {
  test("for each dimension the first element that has it and matches; none: free", () => {
    const doc = tariffOf([
      { price_components: [component("TIME", 9)], restrictions: { min_duration: 7200 } },
      { price_components: [component("ENERGY", 1)] },
      { price_components: [component("TIME", 2), component("ENERGY", 5)], restrictions: { max_duration: 3600 } },
    ]);
    const session = sessionOf("2024-01-15T12:00:00+01:00", [{ minutes: 180, kwh: 3 }]);
    // 3 kWh at 1, an hour at 2, an hour free, an hour at 9.
    expect(totals(doc, session)).toBe("14.00 / 14.00");
  });

  test("FLAT is due once, by the first that becomes active", () => {
    const doc = tariffOf([
      { price_components: [component("FLAT", 3)], restrictions: { start_time: "13:00" } },
      { price_components: [component("FLAT", 7)], restrictions: { start_time: "12:30" } },
    ]);
    const session = sessionOf("2024-01-15T12:00:00+01:00", [{ minutes: 180 }]);
    const { total, periods } = priced(doc, session);
    expect(total.exclVat).toBe("7.00");
    expect(periods.map((p) => [(p.start - session.start) / minute, p.flat?.priceText])).toEqual([
      [0, undefined],
      [30, "7"],
    ]);
  });

  test("suspended_evse is TIME; suspended_ev and idle are PARKING_TIME; each state is a period", () => {
    const doc = tariffOf([{ price_components: [component("TIME", 1), component("PARKING_TIME", 10)] }]);
    const states = ["charging", "suspended_evse", "suspended_ev", "idle"] as const;
    const session = sessionOf(
      "2024-01-15T12:00:00+01:00",
      states.map((state) => ({ minutes: 60, state })),
    );
    const { total, periods } = priced(doc, session);
    expect(total.exclVat).toBe("22.00");
    expect(periods.map((p) => p.state)).toEqual(states);
  });
});
