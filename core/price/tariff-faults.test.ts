import { describe, expect, test } from "vitest";

import { tariffFaults } from "./tariff-faults.ts";

const energy = { type: "ENERGY", price: 0.25, vat: 19, step_size: 1 };
const good = { id: "t", currency: "EUR", elements: [{ price_components: [energy] }] };
const withComponent = (more: object) => ({ ...good, elements: [{ price_components: [{ ...energy, ...more }] }] });
const restricted = (restrictions: unknown) => ({ ...good, elements: [{ price_components: [energy], restrictions }] });

test("a tariff of OCPI 2.2.1 or 2.3.0 has no fault, unknown fields included", () => {
  for (const doc of [
    good,
    { ...good, min_price: { excl_vat: 1, incl_vat: "1.19" }, max_price: { excl_vat: 2 }, energy_mix: {} },
    { ...good, tax_included: "YES", min_price: { before_taxes: 1 }, start_date_time: "2026-01-01T00:00:00" },
    { ...withComponent({ vat: 0 }), tax_included: "N/A" },
    { ...good, elements: [{ price_components: [{ type: "FLAT", price: "0.00", step_size: 0 }] }] },
    restricted({ start_time: "22:00", end_time: "06:00", day_of_week: ["MONDAY"], min_kwh: 0, max_duration: 60 }),
    restricted({ start_time: "00:00", end_time: "00:00" }),
    restricted({ start_date: "2024-02-29", end_date: "2024-03-01", min_power: 3.7, max_power: 11 }),
  ]) {
    expect(tariffFaults(doc)).toEqual([]);
  }
});

const component = "/elements/0/price_components/0";
const restrictions = "/elements/0/restrictions";

describe("what breaks the schema or contradicts itself has a path and a reason", () => {
  test.each([
    [[], ""],
    [{ ...good, id: "" }, "/id"],
    [{ ...good, currency: "eur" }, "/currency"],
    [{ ...good, type: "CHEAP" }, "/type"],
    [{ ...good, tax_included: true }, "/tax_included"],
    [{ ...good, elements: [] }, "/elements"],
    [{ ...good, elements: [null] }, "/elements/0"],
    [{ ...good, elements: [{ price_components: [] }] }, "/elements/0/price_components"],
    [withComponent({ type: "SUGAR" }), `${component}/type`],
    [withComponent({ price: "much" }), `${component}/price`],
    [withComponent({ price: Number.NaN }), `${component}/price`],
    [withComponent({ price: "1e999" }), `${component}/price`],
    [withComponent({ vat: -1 }), `${component}/vat`],
    [{ ...withComponent({ vat: 19 }), tax_included: "N/A" }, `${component}/vat`],
    [withComponent({ step_size: -1 }), `${component}/step_size`],
    [withComponent({ step_size: 0.5 }), `${component}/step_size`],
    [withComponent({ step_size: undefined }), `${component}/step_size`],
    [{ ...good, elements: [{ price_components: [energy, energy] }] }, "/elements/0/price_components/1/type"],
    [restricted([]), restrictions],
    [restricted({ colour: "red" }), `${restrictions}/colour`],
    [restricted({ start_time: "24:00" }), `${restrictions}/start_time`],
    [restricted({ start_time: "09:00", end_time: "09:00" }), `${restrictions}/end_time`],
    [restricted({ start_date: "2023-02-29" }), `${restrictions}/start_date`],
    [restricted({ start_date: "2024-01-02", end_date: "2024-01-02" }), `${restrictions}/end_date`],
    [restricted({ day_of_week: "MONDAY" }), `${restrictions}/day_of_week`],
    [restricted({ day_of_week: ["MOON"] }), `${restrictions}/day_of_week`],
    [restricted({ min_kwh: 5, max_kwh: 5 }), `${restrictions}/max_kwh`],
    [restricted({ min_current: 32, max_current: 16 }), `${restrictions}/max_current`],
    [restricted({ max_power: 0 }), `${restrictions}/max_power`],
    [restricted({ min_duration: 1.5 }), `${restrictions}/min_duration`],
    [restricted({ min_kwh: -1 }), `${restrictions}/min_kwh`],
    [restricted({ reservation: "MAYBE" }), `${restrictions}/reservation`],
    [restricted({ reservation: "RESERVATION" }), `${component}/type`],
    [{ ...good, min_price: 1 }, "/min_price"],
    [{ ...good, min_price: { incl_vat: 1 } }, "/min_price/excl_vat"],
    [{ ...good, min_price: { excl_vat: 2, incl_vat: 1 } }, "/min_price/incl_vat"],
    [{ ...good, min_price: { excl_vat: 2 }, max_price: { excl_vat: 1 } }, "/max_price"],
    [{ ...good, validFrom: "tomorrow" }, "/validFrom"],
    [{ ...good, start_date_time: "2026-01-02T00:00:00Z", end_date_time: "2026-01-02T00:00:00Z" }, "/end_date_time"],
  ])("%j", (doc, path) => {
    const faults = tariffFaults(doc);
    expect(faults.map((fault) => fault.path)).toEqual([path]);
    expect(faults[0]!.reason).toMatch(/^[a-z0-9]/);
  });
});
