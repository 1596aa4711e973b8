// What the examples of the specification do not show: clause by clause, and the choices of the README where it is silent (S1 to S27).
import { describe, expect, test } from "vitest";
import { decimal, over, roundUpTo, toDecimal } from "./fraction.ts";
import { wallMinute } from "./local-clock.ts";
import type { PriceComponent, Restrictions, Sample, Session, Tariff, TariffElement } from "./model.ts";
import { price } from "./reference.ts";

const PER_HOUR: PriceComponent = { type: "TIME", price: 1, step_size: 1 };
const PER_KWH: PriceComponent = { type: "ENERGY", price: 1, step_size: 1 };
const PARKED: PriceComponent = { type: "PARKING_TIME", price: 1, step_size: 1 };
const FLAT: PriceComponent = { type: "FLAT", price: 1, step_size: 1 };

function tariff(elements: readonly TariffElement[], more: Partial<Tariff> = {}): Tariff {
  const ids = { country_code: "DE", party_id: "ALL", id: "1", currency: "EUR", last_updated: "2025-01-01T00:00:00Z" };
  return { ...ids, elements, ...more };
}

const when = (restrictions: Restrictions, ...price_components: PriceComponent[]): TariffElement => ({
  price_components,
  restrictions,
});

function hours(timeZone: string, start: string, end: string): Session {
  return { timeZone, start, end, samples: [{ time: start, energyWh: 0, state: "charging" }] };
}

/** One hour from noon, in UTC. */
const NOON = "2025-06-02T12:00:00Z";
const ONE = "2025-06-02T13:00:00Z";
const hour = (...samples: readonly Sample[]): Session => ({ timeZone: "UTC", start: NOON, end: ONE, samples });
const at = (minute: number, energyWh: number, state: Sample["state"] = "charging"): Sample => ({
  time: new Date(Date.parse(NOON) + minute * 60_000).toISOString(),
  energyWh,
  state,
});
const excl = (elements: readonly TariffElement[], session: Session): string => price(tariff(elements), session).exclVat;

describe("exact numbers", () => {
  test.each([
    ["0.00005", "0.0001"],
    ["0.00004999", "0.00"],
    ["13.861", "13.861"],
    ["5", "5.00"],
    ["2.99995", "3.00"],
    ["-0.25", "-0.25"],
  ])("%s is %s with four places, half up", (exact, rounded) => {
    expect(toDecimal(decimal(exact), 4)).toBe(rounded);
  });

  test("a JSON number stands for its decimal", () => {
    expect(decimal(0.1)).toEqual({ n: 1n, d: 10n });
    expect(decimal(1e-7)).toEqual({ n: 1n, d: 10_000_000n });
    expect(decimal(1e21)).toEqual({ n: 10n ** 21n, d: 1n });
    expect(() => decimal("1,5")).toThrow("not a decimal");
  });

  test("a multiple stays, what is above goes to the next", () => {
    expect(roundUpTo(300n, decimal(300))).toEqual(decimal(300));
    expect(roundUpTo(300n, over(decimal(901), decimal(3)))).toEqual(decimal(600));
    expect(roundUpTo(300n, decimal(0))).toEqual(decimal(0));
  });
});

describe("the clock on the wall", () => {
  // From the published rules of the zones, not from the runtime.
  test.each([
    ["Europe/Amsterdam", "2025-03-30T00:59Z", 119],
    ["Europe/Amsterdam", "2025-03-30T01:00Z", 180],
    ["Europe/Amsterdam", "2025-10-26T00:59Z", 179],
    ["Europe/Amsterdam", "2025-10-26T01:00Z", 120],
    ["Australia/Lord_Howe", "2025-04-05T14:59Z", 119],
    ["Australia/Lord_Howe", "2025-04-05T15:00Z", 90],
    ["Africa/Cairo", "2025-04-24T22:00Z", 60],
    ["Asia/Kathmandu", "2025-01-01T00:00Z", 345],
  ])("%s at %s shows minute %i of the day", (zone, time, minute) => {
    expect(wallMinute(zone, Date.parse(time) / 60_000).minuteOfDay).toBe(minute);
  });

  test("S9: the hour that comes twice is paid twice, the one left out never", () => {
    const twoToThree = [when({ start_time: "02:00", end_time: "03:00" }, PER_HOUR)];
    expect(excl(twoToThree, hours("Europe/Berlin", "2025-10-25T22:00:00Z", "2025-10-26T05:00:00Z"))).toBe("2.00");
    expect(excl(twoToThree, hours("Europe/Berlin", "2025-03-29T23:00:00Z", "2025-03-30T05:00:00Z"))).toBe("0.00");
  });

  test("durations are those of a stopwatch on such a day", () => {
    const afterTwoHours = [when({ min_duration: 7_200 }, PER_HOUR)];
    expect(excl(afterTwoHours, hours("Europe/Berlin", "2025-10-26T00:00:00Z", "2025-10-26T03:00:00Z"))).toBe("1.00");
  });

  test.each<[string, Restrictions, string]>([
    ["a window wraps", { start_time: "22:00", end_time: "02:00" }, "4.00"],
    ["S11: only a start: until midnight", { start_time: "22:00" }, "2.00"],
    ["S11: only an end: from midnight", { end_time: "02:00" }, "2.00"],
    ["00:00 is the end of the day", { start_time: "22:00", end_time: "00:00" }, "2.00"],
    ["S11: both 00:00: the whole day", { start_time: "00:00", end_time: "00:00" }, "12.00"],
    ["a start date is included", { start_date: "2025-06-03" }, "6.00"],
    ["an end date is not", { end_date: "2025-06-03" }, "6.00"],
    ["a day of the week", { day_of_week: ["TUESDAY"] }, "6.00"],
    ["S10: no day of the week", { day_of_week: [] }, "12.00"],
    ["S10: the day is the moment's", { start_time: "22:00", end_time: "02:00", day_of_week: ["MONDAY"] }, "2.00"],
  ])("%s", (_, restrictions, expected) => {
    // Monday 18:00 to Tuesday 06:00 in Kolkata.
    const night = hours("Asia/Kolkata", "2025-06-02T12:30:00Z", "2025-06-03T00:30:00Z");
    expect(excl([when(restrictions, PER_HOUR)], night)).toBe(expected);
  });
});

describe("samples", () => {
  test("S1: energy is linear between samples, and the limit is crossed between two of them", () => {
    const steps = [when({ max_kwh: 1 }, PER_HOUR), when({}, { ...PER_HOUR, price: 4 })];
    expect(excl(steps, hour(at(0, 0), at(60, 4_000)))).toBe("3.25");
  });

  test("S1: without a sample at the start the meter counts from there; a sample outside is refused", () => {
    expect(excl([when({}, PER_KWH)], hour(at(30, 1_000), at(45, 3_000)))).toBe("3.00");
    expect(excl([when({}, PER_KWH)], hour(at(0, 500), at(30, 1_000), at(45, 3_000)))).toBe("2.50");
    expect(() => excl([when({}, PER_KWH)], hour(at(-1, 0)))).toThrow("outside");
    expect(() => excl([when({}, PER_KWH)], hour(at(61, 0)))).toThrow("outside");
  });

  test("S2: the first sample speaks for the time before it, the last for all after; no sample is TIME", () => {
    expect(excl([when({}, PER_HOUR)], hour(at(30, 0, "idle"), at(45, 0)))).toBe("0.25");
    expect(excl([when({}, PER_HOUR, PER_KWH)], hour())).toBe("1.00");
  });

  test("S3: energy at one moment is billed, at the start too", () => {
    expect(excl([when({}, PER_KWH)], hour(at(0, 0), at(0, 1_000), at(30, 1_000), at(30, 1_500), at(60, 1_500)))).toBe(
      "1.50",
    );
  });

  test("S4: a falling meter is refused", () => {
    expect(() => excl([when({}, PER_KWH)], hour(at(0, 10), at(1, 9)))).toThrow("falls");
  });

  test("S5: what the vehicle does not ask for is parking, what the EVSE does not give is not", () => {
    const session = hour(at(0, 0), at(10, 0, "suspended_evse"), at(30, 0, "suspended_ev"), at(45, 0, "idle"));
    expect(excl([when({}, { ...PER_HOUR, price: 60 })], session)).toBe("30.00");
    expect(excl([when({}, { ...PARKED, price: 60 })], session)).toBe("30.00");
  });

  const slow = { powerW: 2_000, currentA: 10 };
  test.each<[string, Restrictions, string]>([
    ["S6: power is measured, then carried on", { min_power: 2, max_power: 2.001 }, "30.00"],
    ["S6: before any is measured it is the slope", { min_power: 4, max_power: 4.001 }, "15.00"],
    ["S6, S7: without charging there is none", { max_power: 0.001 }, "15.00"],
    ["S7: current is carried on too", { min_current: 10 }, "30.00"],
    ["S7: current that is not known meets nothing", { max_current: 99 }, "45.00"],
  ])("%s", (_, restrictions, expected) => {
    const session = hour(
      at(0, 0),
      { ...at(15, 1_000), ...slow },
      at(30, 1_000, "suspended_evse"),
      at(45, 1_000),
      at(60, 9_000),
    );
    expect(excl([when(restrictions, { ...PER_HOUR, price: 60 })], session)).toBe(expected);
  });

  test("S6: nothing sampled, no power known", () => {
    expect(excl([when({ max_power: 99 }, PER_HOUR)], hour())).toBe("0.00");
  });

  test("S27: an amount of energy is reached at a whole millisecond", () => {
    const session = { ...hour(at(0, 0)), end: "2025-06-02T12:00:10Z" };
    const full = { ...session, samples: [...session.samples, { ...at(0, 1_000), time: session.end }] };
    const perMs = { ...PER_HOUR, price: 3_600_000, step_size: 0 };
    expect(excl([when({ max_kwh: 0.00004 }, perMs)], full)).toBe("0.00");
    expect(excl([when({ max_kwh: 0.00005 }, perMs)], full)).toBe("1.00");
  });
});

describe("steps", () => {
  const step = (component: PriceComponent, step_size: number, by: number): PriceComponent => ({
    ...component,
    step_size,
    price: by,
  });

  test("S14: a component that becomes active without use does not set the step", () => {
    const elements = [
      when({ max_duration: 1_800 }, step(PER_KWH, 1, 1)),
      when({ min_duration: 1_800 }, step(PER_KWH, 10_000, 9)),
    ];
    expect(excl(elements, hour(at(0, 0), at(30, 1_500)))).toBe("1.50");
  });

  test("charging again after parking: still only parking is rounded", () => {
    const elements = [when({}, step(PER_HOUR, 3_600, 6), step(PARKED, 1_800, 60))];
    expect(excl(elements, hour(at(0, 0), at(10, 0, "idle"), at(20, 0)))).toBe("35.00");
  });

  test("S16: step_size 0 rounds nothing", () => {
    expect(excl([when({}, step(PER_KWH, 0, 1))], hour(at(0, 0), at(60, 0.5)))).toBe("0.001");
  });

  test("S17: the time of a reservation is rounded by itself", () => {
    const elements = [
      when({ reservation: "RESERVATION" }, step(PER_HOUR, 600, 60)),
      when({}, step(PER_HOUR, 3_600, 1)),
    ];
    const session = { ...hour(at(0, 0)), reservation: { start: "2025-06-02T11:55:00Z" } };
    expect(excl(elements, session)).toBe("11.00");
  });
});

describe("flat fees, reservations, sessions of no length", () => {
  test("S12: the fee that is active first, whenever that is, and no other", () => {
    const later = [when({ min_duration: 1_800 }, { ...FLAT, price: 7 })];
    expect(excl(later, hour(at(0, 0)))).toBe("7.00");
    expect(excl([...later, when({}, FLAT)], hour(at(0, 0)))).toBe("1.00");
    expect(excl(later, { ...hour(), end: "2025-06-02T12:29:00Z" })).toBe("0.00");
  });

  test("S18, S19: an expired reservation is priced by RESERVATION_EXPIRES, then RESERVATION, and by nothing else", () => {
    const elements = [
      when({}, { ...FLAT, price: 100 }),
      when({ reservation: "RESERVATION" }, { ...FLAT, price: 10 }, PER_HOUR),
      when({ reservation: "RESERVATION_EXPIRES" }, { ...FLAT, price: 20 }),
    ];
    const reservation = { start: "2025-06-02T10:00:00Z" };
    expect(excl(elements, { ...hour(at(0, 0)), reservation })).toBe("112.00");
    expect(excl(elements, { ...hour(at(0, 0)), reservation: { ...reservation, expired: true } })).toBe("22.00");
    expect(excl(elements, { ...hour(), reservation })).toBe("22.00");
    expect(excl(elements, { ...hour(), reservation: { ...reservation, expired: false } })).toBe("112.00");
  });

  test("S24: a session of no length pays the fee and the energy of its moment", () => {
    const moment = { ...hour(at(0, 0), at(0, 500)), end: NOON };
    expect(excl([when({}, FLAT, PER_KWH, PER_HOUR)], moment)).toBe("1.50");
  });
});

describe("taxes and limits", () => {
  const taxed = { ...PER_KWH, vat: 25 };
  const kwh = hour(at(0, 0), at(60, 1_000));

  test.each<[string, Partial<Tariff>, string, string]>([
    ["absent", {}, "1.00", "1.25"],
    ["NO", { tax_included: "NO" }, "1.00", "1.25"],
    ["YES", { tax_included: "YES" }, "0.80", "1.00"],
    ["N/A", { tax_included: "N/A" }, "1.00", "1.00"],
    ["a minimum of 2.2.1", { min_price: { excl_vat: 2, incl_vat: 2.1 } }, "2.00", "2.10"],
    ["a minimum of 2.3.0", { min_price: { before_taxes: 2, after_taxes: 1 } }, "2.00", "1.25"],
    ["a maximum", { max_price: { before_taxes: 4, after_taxes: 1.1 } }, "1.00", "1.10"],
    ["S21: a maximum before taxes alone", { max_price: { before_taxes: 0.5 } }, "0.50", "1.25"],
    [
      "S21: a maximum before taxes alone, without taxes",
      { tax_included: "N/A", max_price: { before_taxes: 0.5 } },
      "0.50",
      "0.50",
    ],
    ["S21: a minimum before taxes alone", { min_price: { before_taxes: 2 } }, "2.00", "2.00"],
  ])("%s", (_, more, exclVat, inclVat) => {
    expect(price(tariff([when({}, taxed)], more), kwh)).toEqual({ exclVat, inclVat });
  });

  test("S25: a card pays in the currency's coins", () => {
    const adHoc = { type: "AD_HOC_PAYMENT" } as const;
    const third = hour(at(0, 0), at(60, 1_333));
    expect(price(tariff([when({}, PER_KWH)], adHoc), third).exclVat).toBe("1.33");
    expect(price(tariff([when({}, PER_KWH)], { ...adHoc, currency: "JPY" }), third).exclVat).toBe("1");
    expect(price(tariff([when({}, PER_KWH)]), third).exclVat).toBe("1.333");
  });

  test("S20: an expired reservation has no limits, one before a session counts to them", () => {
    const minimum = { min_price: { before_taxes: 5, after_taxes: 5 } };
    const elements = [when({ reservation: "RESERVATION" }, { ...FLAT, price: 4 }), when({}, FLAT)];
    const reservation = { start: "2025-06-02T11:00:00Z" };
    expect(price(tariff(elements, minimum), { ...kwh, reservation }).exclVat).toBe("5.00");
    expect(price(tariff(elements, minimum), { ...kwh, reservation: { ...reservation, expired: true } }).exclVat).toBe(
      "4.00",
    );
  });
});
