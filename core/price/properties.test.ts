// What holds for every tariff and every session.
import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { TariffDoc } from "../registry/entities.ts";
import { added, costOf, noAmount } from "./amounts.ts";
import { compare, textOf } from "./fraction.ts";
import type { ComponentDoc } from "./price.test-helper.ts";
import { ready } from "./price.test-helper.ts";
import { priceOf } from "./price.ts";
import { chargingStates, type Sample, type Session } from "./session.ts";
import { readyTariff } from "./tariff.ts";

/** Without the bias to its ends: most of what matters lies between. */
const anywhere = fc.noBias(fc.integer({ min: 0, max: 999 }));
const runs = { numRuns: 400 };
const minute = 60_000;
const dimensions = ["FLAT", "ENERGY", "TIME", "PARKING_TIME"] as const;

const decimal = (most: number) => fc.integer({ min: 0, max: most * 100 }).map((cents) => cents / 100);
const rarely = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const component = (type: ComponentDoc["type"]): fc.Arbitrary<ComponentDoc> =>
  fc
    .record({
      price: decimal(10),
      vat: maybe(fc.constantFrom(0, 7, 19, 5.2)),
      step_size: fc.constantFrom(0, 1, 60, 300, 1000),
    })
    .map(({ vat, ...rest }) => ({ type, ...rest, ...(vat === undefined ? {} : { vat }) }));

const clock = fc
  .record({ hour: fc.nat(23), minute: fc.constantFrom("00", "15", "30") })
  .map(({ hour, minute: m }) => `${String(hour).padStart(2, "0")}:${m}`);

const restrictions = fc
  .record({
    start_time: rarely(clock),
    end_time: rarely(clock),
    day_of_week: rarely(fc.subarray(["MONDAY", "SATURDAY", "SUNDAY"], { minLength: 1 })),
    min_kwh: rarely(fc.constantFrom(1, 2.5, 5, 10)),
    max_kwh: rarely(fc.constantFrom(4, 12.3, 20)),
    max_power: rarely(fc.constantFrom(5, 11, 22)),
    min_current: rarely(fc.constantFrom(6, 16)),
    min_duration: rarely(fc.constantFrom(60, 1_800, 3_601, 7_200)),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));

const element = fc.subarray([...dimensions], { minLength: 1 }).chain((types) =>
  fc.record(
    {
      price_components: fc.tuple(...types.map(component)),
      restrictions: fc.oneof({ weight: 2, arbitrary: restrictions }, { weight: 1, arbitrary: fc.constant({}) }),
    },
    { requiredKeys: ["price_components"] },
  ),
);

/** Only those that wattlog takes: a random one may contradict itself. */
const tariff: fc.Arbitrary<TariffDoc> = fc
  .record({
    id: fc.constant("t"),
    currency: fc.constant("EUR"),
    tax_included: fc.constantFrom("NO", "YES"),
    elements: fc.array(element, { minLength: 1, maxLength: 5 }),
    limits: maybe(fc.record({ least: decimal(3), more: decimal(20) })),
  })
  .map(({ limits, ...doc }) => ({
    ...doc,
    ...(limits && { min_price: { excl_vat: limits.least }, max_price: { excl_vat: limits.least + limits.more } }),
  }))
  .filter((doc) => readyTariff(doc).result === "ready");

interface Stretch {
  readonly minutes: number;
  /** mWh each ms: an integer, so that every moment between two samples has an exact register. */
  readonly slope: number;
  readonly sample: Omit<Sample, "at" | "energyMwh">;
}

const stretch: fc.Arbitrary<Stretch> = fc.record({
  minutes: fc.integer({ min: 1, max: 180 }),
  slope: fc.nat(12),
  sample: fc
    .record({
      state: fc.constantFrom(...chargingStates),
      currentMa: maybe(fc.constantFrom(0, 6_000, 16_000, 48_000)),
      powerMw: maybe(fc.constantFrom(0, 5_000_000, 11_000_000, 22_000_000)),
    })
    .map(({ state, currentMa, powerMw }) => ({
      state,
      ...(currentMa === undefined ? {} : { currentMa }),
      ...(powerMw === undefined ? {} : { powerMw }),
    })),
});

/** Around both changes of the clock in Berlin, and any time of a year. */
const start = fc.oneof(
  fc.integer({ min: 0, max: 48 * 60 }).map((m) => Date.parse("2026-03-28T12:00:00Z") + m * minute),
  fc.integer({ min: 0, max: 48 * 60 }).map((m) => Date.parse("2026-10-24T12:00:00Z") + m * minute),
  fc.integer({ min: 0, max: 365 * 24 * 60 }).map((m) => Date.parse("2026-01-01T00:00:00Z") + m * minute),
);

const session: fc.Arbitrary<Session> = fc
  .record({ start, stretches: fc.array(stretch, { minLength: 1, maxLength: 8 }) })
  .map(({ start: begin, stretches }) => {
    const samples: Sample[] = [];
    let at = begin;
    let energyMwh = 0;
    for (const { minutes, slope, sample } of stretches) {
      samples.push({ at, energyMwh, ...sample });
      at += minutes * minute;
      energyMwh += minutes * minute * slope;
    }
    samples.push({ at, energyMwh, state: stretches.at(-1)!.sample.state });
    return { timeZone: "Europe/Berlin", start: begin, end: at, samples };
  });

test("periods partition the session: no gap, no overlap, all of its time and energy", () => {
  fc.assert(
    fc.property(tariff, session, (doc, used) => {
      const { periods } = priceOf(ready(doc), used);
      expect(periods.at(-1)!.end).toBe(used.end);
      for (const [i, period] of periods.entries()) {
        expect(period.end).toBeGreaterThanOrEqual(period.start);
        expect(period.start).toBe(i === 0 ? used.start : periods[i - 1]!.end);
      }
      expect(periods.reduce((sum, period) => sum + period.energyMwh, 0)).toBe(used.samples.at(-1)!.energyMwh);
    }),
    runs,
  );
});

test("the sum of the periods is the total, to the last digit, where no limit changes it", () => {
  fc.assert(
    fc.property(tariff, session, (doc, used) => {
      const { min_price: _min, max_price: _max, ...unlimited } = doc;
      const tariffReady = ready(unlimited);
      const { periods, total } = priceOf(tariffReady, used);
      const sum = periods.map((period) => costOf(period, tariffReady)).reduce(added, noAmount);
      expect(total).toEqual({ exclVat: textOf(sum.excl, 3, 2), inclVat: textOf(sum.incl, 3, 2) });
    }),
    runs,
  );
});

test("a sample more at a moment in which nothing changes does not change the price", () => {
  fc.assert(
    fc.property(tariff, session, anywhere, anywhere, (doc, used, pick, share) => {
      const at = pick % (used.samples.length - 1);
      const [before, after] = [used.samples[at]!, used.samples[at + 1]!];
      const moment = before.at + Math.floor((after.at - before.at) * (share / 1_000));
      const slope = (after.energyMwh - before.energyMwh) / (after.at - before.at);
      const between = { ...before, at: moment, energyMwh: before.energyMwh + slope * (moment - before.at) };
      const samples = [...used.samples.slice(0, at + 1), between, ...used.samples.slice(at + 1)];
      const [whole, split] = [priceOf(ready(doc), used), priceOf(ready(doc), { ...used, samples })];
      expect(split.total).toEqual(whole.total);
      expect(split.lines).toEqual(whole.lines);
    }),
    runs,
  );
});

test("a dearer component never lowers the price, with or without taxes", () => {
  fc.assert(
    fc.property(tariff, session, fc.nat(), fc.nat(), decimal(5), (doc, used, one, two, more) => {
      const target = one % doc.elements.length;
      const inner = two % doc.elements[target]!.price_components.length;
      const elements = doc.elements.map((e, i) => ({
        ...e,
        price_components: e.price_components.map((c, j) =>
          i === target && j === inner ? { ...c, price: Number(c.price) + more } : c,
        ),
      }));
      const cheap = priceOf(ready(doc), used).total;
      const dear = priceOf(ready({ ...doc, elements }), used).total;
      expect(Number(dear.exclVat)).toBeGreaterThanOrEqual(Number(cheap.exclVat));
      expect(Number(dear.inclVat)).toBeGreaterThanOrEqual(Number(cheap.inclVat));
    }),
    runs,
  );
});

test("taxes are the difference of the totals to the last digit, and none is negative without a limit", () => {
  fc.assert(
    fc.property(tariff, session, (doc, used) => {
      const { total, taxes, limitedBy, lines } = priceOf(ready(doc), used);
      const thousandths = (text: string) => Math.round(Number(text) * 1_000);
      const difference = thousandths(total.inclVat) - thousandths(total.exclVat);
      expect(difference).toBeGreaterThanOrEqual(0);
      const isTaxed = lines.some(({ component: { vatText } }) => vatText !== null);
      expect(taxes.length > 0).toBe(isTaxed);
      expect(taxes.reduce((sum, tax) => sum + thousandths(tax.amount), 0)).toBe(isTaxed ? difference : 0);
      // A thousandth is what rounding may leave to the last of them.
      const least = Math.min(0, ...taxes.map((tax) => thousandths(tax.amount)));
      expect(limitedBy.length > 0 || least >= -1).toBe(true);
    }),
    runs,
  );
});

test("what is billed is the next whole step of what was used, once for energy and once for time", () => {
  fc.assert(
    fc.property(tariff, session, (doc, used) => {
      const { steps, periods } = priceOf(ready(doc), used);
      expect(steps.length).toBeLessThanOrEqual(2);
      for (const { component: last, used: amount, billed } of steps) {
        expect(billed).toBeGreaterThanOrEqual(amount);
        expect(billed - amount).toBeLessThan(Math.max(1, last.step));
        expect(last.step === 0 || billed % last.step === 0).toBe(true);
      }
      const excess = periods.reduce((sum, p) => sum + (p.energy ? p.billedMwh - p.energyMwh : 0), 0);
      const energy = steps.find((step) => step.component.dimension === "ENERGY");
      expect(excess).toBe(energy ? energy.billed - energy.used : 0);
      expect(periods.every((p) => (p.energy === null) === (p.billedMwh === 0) || p.energyMwh === 0)).toBe(true);
    }),
    runs,
  );
});

test("fractions compare as the numbers that they are", () => {
  const fraction = fc.record({ n: fc.bigInt({ min: -1000n, max: 1000n }), d: fc.bigInt({ min: 1n, max: 1000n }) });
  fc.assert(
    fc.property(fraction, fraction, (a, b) => {
      expect(Math.sign(compare(a, b))).toBe(Math.sign(Number(a.n) / Number(a.d) - Number(b.n) / Number(b.d)));
    }),
  );
});
