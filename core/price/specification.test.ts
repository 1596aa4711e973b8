// Every example of OCPI 2.2.1 and 2.3.0 that has a price (modules Tariffs 5.3.1-5.4 and CDRs), to every printed digit.
import { describe, expect, test } from "vitest";

import type { TariffDoc } from "../registry/entities.ts";
import { component, priced, sessionOf, tariffOf, totals, type Leg } from "./price.test-helper.ts";

const flat = component("FLAT", 0.5, 20);
const energy = component("ENERGY", 0.25, 10);
const noon = "2024-01-15T12:00:00+01:00";
const charging = (minutes: number, kwh = 0, more: Partial<Leg> = {}): Leg => ({ minutes, kwh, ...more });
const parked = (minutes: number): Leg => ({ minutes, state: "suspended_ev" });

const one = (...components: Parameters<typeof tariffOf>[0][number]["price_components"][number][]): TariffDoc =>
  tariffOf([{ price_components: components }]);

const tariff8 = one(energy);
const tariff9 = one(flat, energy);
const tariff10 = one(flat, energy, component("PARKING_TIME", 2, 20, 900));
const tariff12 = { ...tariff8, min_price: { excl_vat: 0.5, incl_vat: 0.55 } };
const tariff6 = { ...tariff9, max_price: { excl_vat: 10, incl_vat: 11 } };
const tariff1 = one(component("TIME", 2, 10, 60));
const tariff13 = one(component("TIME", 3, 10, 60), component("PARKING_TIME", 5, 20, 300));
const tariff2 = { ...one(component("TIME", 1.9, 5.2, 300)), type: "AD_HOC_PAYMENT" };
const tariff11 = { ...one(component("FLAT", 0.4, 25), component("TIME", 1.9, 5.2, 300)), type: "AD_HOC_PAYMENT" };
const tariff3 = { ...one(flat, { ...energy, step_size: 100 }), type: "PROFILE_CHEAP" };
const tariff5 = one(component("FLAT", 0, undefined, 0));

describe("OCPI 2.2.1 module Tariffs, 5.3.1 examples", () => {
  test.each([
    ["tariff_8, 20 kWh", tariff8, [charging(60, 20)], "5.00 / 5.50"],
    ["tariff_9, 20 kWh", tariff9, [charging(60, 20)], "5.50 / 6.10"],
    ["tariff_12, 20 kWh", tariff12, [charging(60, 20)], "5.00 / 5.50"],
    ["tariff_12, less than 2 kWh", tariff12, [charging(60, 1.9)], "0.50 / 0.55"],
    ["tariff_10, 20 kWh and 40 min parking", tariff10, [charging(60, 20), parked(40)], "7.00 / 7.90"],
    ["tariff_6, 50 kWh", tariff6, [charging(60, 50)], "10.00 / 11.00"],
    ["tariff_6, 30 kWh", tariff6, [charging(60, 30)], "8.00 / 8.85"],
    ["tariff_1, 2.5 h", tariff1, [charging(150)], "5.00 / 5.50"],
    ["tariff_1, time that is not charged is free", tariff1, [charging(150), parked(30)], "5.00 / 5.50"],
    ["tariff_13, 150 min and 42 min parking", tariff13, [charging(150), parked(42)], "11.25 / 12.75"],
    ["tariff_2, 2.5 h", tariff2, [charging(150)], "4.75 / 5.00"],
    ["tariff_11, 2.5 h", tariff11, [charging(150)], "5.15 / 5.50"],
    ["tariff_5, free of charge", tariff5, [charging(60, 20), parked(60)], "0.00 / 0.00"],
  ])("%s", (_, doc, legs, expected) => {
    expect(totals(doc, sessionOf(noon, legs))).toBe(expected);
  });

  test("tariff_3, 20.45 kWh: lines and totals as printed, in cents", () => {
    const announced = priced(tariff3, sessionOf(noon, [charging(60, 20.45)]));
    // Printed 5.63 / 6.24, which is these in cents.
    expect(announced.total).toEqual({ exclVat: "5.625", inclVat: "6.238" });
    const { lines } = priced(
      one(flat, { ...energy, price: 0.22, step_size: 100 }),
      sessionOf(noon, [charging(60, 20.45)]),
    );
    expect(lines.map((line) => line.volume)).toEqual([1, 20_500_000]);
    // Printed 5.01 / 5.56.
    const real = one(flat, { ...energy, price: 0.22, step_size: 100 });
    expect(totals(real, sessionOf(noon, [charging(60, 20.45)]))).toBe("5.01 / 5.561");
    // The breakdown of 2.3.0 leaves the step out: 5.61 / 6.22.
    expect(totals(one(flat, energy), sessionOf(noon, [charging(60, 20.45)]))).toBe("5.613 / 6.224");
  });

  const weekdays = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"];
  const tariff4 = (weekend: number): TariffDoc =>
    tariffOf(
      [
        { price_components: [component("FLAT", 2.5, 15)] },
        { price_components: [component("TIME", 1, 20, 900)], restrictions: { max_current: 32 } },
        {
          price_components: [component("TIME", 2, 20, 600)],
          restrictions: { min_current: 32, day_of_week: weekdays },
        },
        {
          price_components: [component("TIME", weekend, 20, 600)],
          restrictions: { min_current: 32, day_of_week: ["SATURDAY", "SUNDAY"] },
        },
        {
          price_components: [component("PARKING_TIME", 5, 10, 300)],
          restrictions: { start_time: "09:00", end_time: "18:00", day_of_week: weekdays },
        },
        {
          price_components: [component("PARKING_TIME", 6, 10, 300)],
          restrictions: { start_time: "10:00", end_time: "17:00", day_of_week: ["SATURDAY"] },
        },
      ],
      { type: "REGULAR" },
    );

  test("tariff_4, Monday 09:30, 165 min at 16 A and 42 min parking", () => {
    const session = sessionOf("2024-01-15T09:30:00+01:00", [charging(165, 0, { amperes: 16 }), parked(42)]);
    expect(totals(tariff4(1.25), session)).toBe("9.00 / 10.30");
  });

  test("tariff_4, Saturday 13:30, 114 min at 43 A and 71 min parking: 114 min cost the printed 2.28 at 1.20, not at 1.25", () => {
    const session = sessionOf("2024-01-20T13:30:00+01:00", [charging(114, 0, { amperes: 43 }), parked(71)]);
    expect(totals(tariff4(1.2), session)).toBe("12.28 / 13.861");
    expect(totals(tariff4(1.25), session)).toBe("12.375 / 13.975");
  });

  const fee = { price_components: [flat, energy] };
  const reserved = (...components: (typeof flat)[]) => ({
    price_components: components,
    restrictions: { reservation: "RESERVATION" },
  });
  const expires = (...components: (typeof flat)[]) => ({
    price_components: components,
    restrictions: { reservation: "RESERVATION_EXPIRES" },
  });
  const tariff15 = tariffOf([reserved(component("TIME", 5, 20, 60)), fee]);
  const tariff16 = tariffOf([reserved(component("FLAT", 2, 20), component("TIME", 5, 20, 300)), fee]);
  const tariff17 = tariffOf([expires(component("FLAT", 4, 20)), reserved(component("TIME", 2, 20, 600)), fee]);
  const tariff18 = tariffOf([expires(component("TIME", 6, 20, 600)), reserved(component("TIME", 3, 20, 600)), fee]);
  const tariff18Reordered = tariffOf([tariff18.elements[1]!, tariff18.elements[0]!, fee]);

  test.each([
    ["tariff_15, 15 min reservation and 20 kWh", tariff15, 15, "6.75 / 7.60"],
    ["tariff_16, 13 min reservation and 20 kWh", tariff16, 13, "8.75 / 10.00"],
    ["tariff_17, 22 min reservation and 20 kWh", tariff17, 22, "6.50 / 7.30"],
    ["tariff_18, 22 min reservation and 20 kWh", tariff18, 22, "7.00 / 7.90"],
  ])("%s", (_, doc, minutes, expected) => {
    const start = Date.parse(noon);
    const reservation = { start: start - minutes * 60_000, end: start, expired: false };
    expect(totals(doc, sessionOf(noon, [charging(60, 20)], reservation))).toBe(expected);
  });

  test.each([
    ["tariff_17, expired after 1 h", tariff17, 60, "6.00 / 7.20"],
    ["tariff_18, expired after 1.5 h", tariff18, 90, "9.00 / 10.80"],
    ["5.4.3, RESERVATION_EXPIRES decides wherever it stands", tariff18Reordered, 90, "9.00 / 10.80"],
  ])("%s", (_, doc, minutes, expected) => {
    const start = Date.parse(noon);
    const reservation = { start, end: start + minutes * 60_000, expired: true };
    expect(totals(doc, sessionOf(noon, [charging(minutes)], reservation))).toBe(expected);
  });
});

describe("OCPI 2.3.0 module Tariffs, 5.3.1 examples", () => {
  test("tariff_19, 2.5 h, taxes not included and not known", () => {
    const doc = { ...one(component("TIME", 2)), currency: "CAD", tax_included: "NO" };
    expect(totals(doc, sessionOf(noon, [charging(150)]))).toBe("5.00 / 5.00");
  });

  test("tariff_20, 2.5 h, taxes included and not known", () => {
    const doc = { ...one(component("TIME", 2.1)), currency: "CAD", tax_included: "YES" };
    const { total, taxes } = priced(doc, sessionOf(noon, [charging(150)]));
    expect(total).toEqual({ exclVat: "5.25", inclVat: "5.25" });
    expect(taxes).toEqual([]);
  });

  test("min_price and max_price as PriceLimit (tariff_12, tariff_6)", () => {
    const least = { ...tariff8, tax_included: "NO", min_price: { before_taxes: 0.5, after_taxes: 0.55 } };
    expect(totals(least, sessionOf(noon, [charging(60, 1.9)]))).toBe("0.50 / 0.55");
    const most = { ...tariff9, tax_included: "NO", max_price: { before_taxes: 10, after_taxes: 11 } };
    expect(totals(most, sessionOf(noon, [charging(60, 50)]))).toBe("10.00 / 11.00");
  });
});

describe("OCPI 2.2.1 module Tariffs, 5.4.2 PriceComponent, step_size", () => {
  test.each([
    [1, "0.029"],
    [25, "0.031"],
    [500, "0.125"],
  ])("115.2 Wh at 0.25 by steps of %i", (step, expected) => {
    const doc = one(component("ENERGY", 0.25, undefined, step));
    expect(totals(doc, sessionOf(noon, [charging(60, 0.1152)]))).toBe(`${expected} / ${expected}`);
  });

  const between = (start_time: string, end_time: string, ...components: (typeof flat)[]) => ({
    price_components: components,
    restrictions: { start_time, end_time },
  });
  const tariff14 = tariffOf([
    between("00:00", "17:00", component("TIME", 1.2, undefined, 1800), component("PARKING_TIME", 1, undefined, 900)),
    between("17:00", "20:00", component("TIME", 2.4, undefined, 900), component("PARKING_TIME", 1, undefined, 900)),
    between("20:00", "00:00", component("TIME", 2.4, undefined, 900)),
  ]);
  test.each([
    ["#1, 16:55, 10 min and 2 min parking", "16:55", [charging(10), parked(2)], "0.55 / 0.55"],
    ["#2, 16:35, 35 min", "16:35", [charging(35)], "1.30 / 1.30"],
    [
      "switching to free of charge, 19:40, 12 min and 20 min parking",
      "19:40",
      [charging(12), parked(20)],
      "0.73 / 0.73",
    ],
  ])("tariff_14 %s", (_, time, legs, expected) => {
    expect(totals(tariff14, sessionOf(`2024-01-15T${time}:00+01:00`, legs))).toBe(expected);
  });
});

describe("OCPI 2.2.1 module Tariffs, 5.4.6 TariffRestrictions", () => {
  test("max_power: 1 kWh at 6 kW, 40 kWh at 48 kW, 0.5 kWh at 4 kW", () => {
    const at = (price: number, max_power?: number) => ({
      price_components: [component("ENERGY", price, 20)],
      ...(max_power === undefined ? {} : { restrictions: { max_power } }),
    });
    const doc = tariffOf([at(0.2, 16), at(0.35, 32), at(0.5)]);
    const kw = [charging(10, 1, { kw: 6 }), charging(50, 40, { kw: 48 }), charging(7.5, 0.5, { kw: 4 })];
    expect(priced(doc, sessionOf(noon, kw)).total.exclVat).toBe("20.30");
    // Without readings of power, what the energy says.
    const byEnergy = [charging(10, 1), charging(50, 40), charging(7.5, 0.5)];
    expect(priced(doc, sessionOf(noon, byEnergy)).total.exclVat).toBe("20.30");
  });

  test("max_duration: 5 kWh in the first 30 minutes, 1.2 kWh in 10 more", () => {
    const at = (price: number, max_duration?: number) => ({
      price_components: [component("ENERGY", price, 20)],
      ...(max_duration === undefined ? {} : { restrictions: { max_duration } }),
    });
    const doc = tariffOf([at(0, 1800), at(0.25, 3600), at(0.4)]);
    expect(priced(doc, sessionOf(noon, [charging(30, 5), charging(10, 1.2)])).total.exclVat).toBe("0.30");
  });
});

describe("OCPI 2.2.1 module CDRs", () => {
  test("cdr_example, 1.973 h at 2.00 by steps of 300", () => {
    const doc = one(component("TIME", 2, 10, 300));
    expect(totals(doc, sessionOf("2015-06-29T21:39:09Z", [charging(118 + 23 / 60, 15.342)]))).toBe("4.00 / 4.40");
  });

  const before17 = { end_time: "17:00" };
  test("step_size, 21 min charging and 7 min parking, both by 5 min: 21 and 10 min", () => {
    const doc = one(component("TIME", 60, undefined, 300), component("PARKING_TIME", 60, undefined, 300));
    const { lines } = priced(doc, sessionOf(noon, [charging(21), parked(7)]));
    expect(lines.map((line) => line.volume / 60_000)).toEqual([21, 10]);
  });

  test("step_size, 4.3 kWh before and 1.1 kWh after 17:00 by 500 Wh: 5.5 kWh in all", () => {
    const doc = tariffOf([
      { price_components: [component("ENERGY", 0.2, undefined, 500)], restrictions: before17 },
      { price_components: [component("ENERGY", 0.27, undefined, 500)] },
    ]);
    const { lines } = priced(doc, sessionOf("2024-01-15T16:00:00+01:00", [charging(60, 4.3), charging(30, 1.1)]));
    expect(lines.map((line) => line.volume / 1_000_000)).toEqual([4.3, 1.2]);
  });

  test("step_size, 6 min before and 22 min after 17:00 by 10 min: 24 min after 17:00", () => {
    const doc = tariffOf([
      { price_components: [component("TIME", 5, undefined, 600)], restrictions: before17 },
      { price_components: [component("TIME", 7, undefined, 600)] },
    ]);
    const { lines } = priced(doc, sessionOf("2024-01-15T16:54:00+01:00", [charging(28)]));
    expect(lines.map((line) => line.volume / 60_000)).toEqual([6, 24]);
  });

  test("step_size, 21 min charging and 16 min parking, both by 10 min: 21 and 20 min", () => {
    const doc = one(component("TIME", 1, undefined, 600), component("PARKING_TIME", 2, undefined, 600));
    const { lines } = priced(doc, sessionOf(noon, [charging(21), parked(16)]));
    expect(lines.map((line) => line.volume / 60_000)).toEqual([21, 20]);
  });
});
