import { Decimal } from "decimal.js";
import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { PriceComponentDoc, TariffDoc } from "../registry/entities.ts";
import { price, type Usage } from "./price.ts";

const kWh = 1_000_000;
const minute = 60_000;

function tariff(components: readonly PriceComponentDoc[], more: Partial<TariffDoc> = {}): TariffDoc {
  return { id: "t", currency: "EUR", elements: components.map((c) => ({ price_components: [c] })), ...more };
}

function usage(energyMwh: number, chargingMinutes = 0, parkingMinutes = 0): Usage {
  return { energyMwh, chargingMs: Math.round(chargingMinutes * minute), parkingMs: parkingMinutes * minute };
}

const flat: PriceComponentDoc = { type: "FLAT", price: 0.5, vat: 20, step_size: 1 };
const energy: PriceComponentDoc = { type: "ENERGY", price: 0.25, vat: 10, step_size: 1 };
const parking: PriceComponentDoc = { type: "PARKING_TIME", price: 2, vat: 20, step_size: 900 };
const perHour = (amount: number, vat: number, step_size: number): PriceComponentDoc => ({
  type: "TIME",
  price: amount,
  vat,
  step_size,
});
const limit = { max_price: { excl_vat: 10, incl_vat: 11 } };
const least = { min_price: { excl_vat: 0.5, incl_vat: 0.55 } };

// The examples of OCPI 2.2.1, module Tariffs and CDRs, that have no restriction.
test.each([
  ["tariff_8, 20 kWh", tariff([energy]), usage(20 * kWh), "5.00", "5.50"],
  ["tariff_9, 20 kWh", tariff([flat, energy]), usage(20 * kWh), "5.50", "6.10"],
  ["tariff_10, 20 kWh and 40 min parking", tariff([flat, energy, parking]), usage(20 * kWh, 60, 40), "7.00", "7.90"],
  ["tariff_12, 20 kWh", tariff([energy], least), usage(20 * kWh), "5.00", "5.50"],
  ["tariff_12, below the minimum", tariff([energy], least), usage(1.5 * kWh), "0.50", "0.55"],
  ["tariff_6, 50 kWh, above the maximum", tariff([flat, energy], limit), usage(50 * kWh), "10.00", "11.00"],
  ["tariff_6, 30 kWh", tariff([flat, energy], limit), usage(30 * kWh), "8.00", "8.85"],
  ["tariff_1, 2.5 h", tariff([perHour(2, 10, 60)]), usage(0, 150), "5.00", "5.50"],
  [
    "tariff_13, 150 min and 42 min parking",
    tariff([perHour(3, 10, 60), { type: "PARKING_TIME", price: 5, vat: 20, step_size: 300 }]),
    usage(0, 150, 42),
    "11.25",
    "12.75",
  ],
  // The specification's text says 5.00: it rounds 4.997 to cents.
  ["tariff_2, 2.5 h", tariff([perHour(1.9, 5.2, 300)]), usage(0, 150), "4.75", "4.997"],
  [
    "tariff_3, 20.45 kWh by steps of 100 Wh at 0.22",
    tariff([{ ...energy, price: 0.22, step_size: 100 }]),
    usage(20.45 * kWh),
    "4.51",
    "4.961",
  ],
  ["tariff_5, free of charge", tariff([{ type: "FLAT", price: 0, step_size: 0 }]), usage(20 * kWh, 60), "0.00", "0.00"],
  ["cdr_example, 1.973 h", tariff([perHour(2, 10, 300)]), usage(15.342 * kWh, 1.973 * 60), "4.00", "4.40"],
  ["115.2 Wh by steps of 1", tariff([{ ...energy, vat: 0 }]), usage(115_200), "0.029", "0.029"],
  ["115.2 Wh by steps of 25", tariff([{ ...energy, vat: 0, step_size: 25 }]), usage(115_200), "0.031", "0.031"],
  ["115.2 Wh by steps of 500", tariff([{ ...energy, vat: 0, step_size: 500 }]), usage(115_200), "0.125", "0.125"],
])("OCPI example %s", (_, doc, used, exclVat, inclVat) => {
  expect(price(doc, used)).toMatchObject({ result: "priced", total: { exclVat, inclVat } });
});

test("of TIME and PARKING_TIME only parking is rounded up, where there was parking", () => {
  const both = tariff([perHour(60, 0, 3600), { type: "PARKING_TIME", price: 60, vat: 0, step_size: 600 }]);
  expect(price(both, usage(0, 61, 1))).toMatchObject({ total: { exclVat: "71.00" } });
  expect(price(both, usage(0, 61, 0))).toMatchObject({ total: { exclVat: "120.00" } });
});

test("a restriction that may decide a dimension is no price at all; one behind an unrestricted element decides nothing", () => {
  const restricted = { price_components: [energy], restrictions: { start_time: "17:00" } };
  const first = { ...tariff([energy]), elements: [restricted, { price_components: [energy] }] };
  expect(price(first, usage(kWh))).toEqual({ result: "unsupported", dimension: "ENERGY" });
  const last = { ...tariff([energy]), elements: [{ price_components: [energy] }, restricted] };
  expect(price(last, usage(kWh))).toMatchObject({ result: "priced" });
  const none = { ...tariff([energy]), elements: [{ price_components: [energy], restrictions: {} }] };
  expect(price(none, usage(kWh))).toMatchObject({ result: "priced" });
});

test.each([
  [{ ...energy, price: "much" }],
  [{ ...energy, price: Number.NaN }],
  [{ ...energy, vat: "x" }],
  [{ ...energy, step_size: -1 }],
])("a component that is none makes no price: %j", (component) => {
  expect(price(tariff([component]), usage(kWh))).toMatchObject({ result: "invalid" });
});

test("lines name what was sold; a dimension without volume has none", () => {
  const result = price(tariff([flat, energy, parking]), usage(20 * kWh, 60));
  expect(result).toMatchObject({
    lines: [
      { dimension: "FLAT", volume: "1", unitPrice: "0.5", vat: "20", total: { exclVat: "0.5", inclVat: "0.6" } },
      { dimension: "ENERGY", volume: "20", unitPrice: "0.25", vat: "10", total: { exclVat: "5", inclVat: "5.5" } },
    ],
  });
});

test("more energy never costs less, and VAT never makes it cheaper", () => {
  const amount = fc.integer({ min: 0, max: 100_000 }).map((n) => new Decimal(n).div(1000).toFixed());
  fc.assert(
    fc.property(
      amount,
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 0, max: 5000 }),
      fc.nat(10 ** 9),
      fc.nat(10 ** 9),
      (p, vat, step_size, a, b) => {
        const doc = tariff([{ type: "ENERGY", price: p, vat, step_size }]);
        const [low, high] = [price(doc, usage(Math.min(a, b))), price(doc, usage(Math.max(a, b)))];
        if (low.result !== "priced" || high.result !== "priced") throw new Error("no price");
        expect(Number(low.total.exclVat)).toBeLessThanOrEqual(Number(high.total.exclVat));
        expect(Number(high.total.exclVat)).toBeLessThanOrEqual(Number(high.total.inclVat));
      },
    ),
  );
});
