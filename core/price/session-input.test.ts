import { describe, expect, test } from "vitest";

import { component, ready, tariffOf } from "./price.test-helper.ts";
import { priceOf } from "./price.ts";
import { readSession } from "./session-input.ts";

const time = (hours: string) => `2024-01-15T${hours}:00+01:00`;
const sample = (hours: string, energyWh: number | string, state = "charging") => ({
  time: time(hours),
  energyWh,
  state,
});
const good = {
  timeZone: "Europe/Berlin",
  start: time("10:00"),
  end: time("12:00"),
  samples: [sample("10:00", 0), sample("12:00", 20_000)],
};

function read(input: unknown) {
  const result = readSession(input);
  if (result.result === "invalid") throw new Error(JSON.stringify(result.faults));
  return result.session;
}

test("energy counts from the first sample at the start, else from 0; decimals keep every digit", () => {
  const energy = ready(tariffOf([{ price_components: [component("ENERGY", 1)] }]));
  const kwh = (samples: readonly object[]) => priceOf(energy, read({ ...good, samples })).total.exclVat;
  expect(kwh([sample("10:00", "5000000.125"), sample("12:00", "5001000.125")])).toBe("1.00");
  expect(kwh([sample("11:00", 1_000), sample("12:00", 2_000)])).toBe("2.00");
  expect(read({ ...good, samples: [{ ...sample("10:00", "0.001"), currentA: 6.5, powerW: "1.5" }] }).samples).toEqual([
    { at: Date.parse(time("10:00")), energyMwh: 1, state: "charging", currentMa: 6_500, powerMw: 1_500 },
  ]);
});

describe("a reservation ends when charging starts, however the session is given", () => {
  const reserved = tariffOf([
    { price_components: [component("TIME", 6)], restrictions: { reservation: "RESERVATION" } },
    { price_components: [component("TIME", 60)] },
  ]);
  const expired = tariffOf([
    ...reserved.elements,
    { price_components: [component("FLAT", 4)], restrictions: { reservation: "RESERVATION_EXPIRES" } },
  ]);
  const price = (doc: typeof reserved, input: object) => priceOf(ready(doc), read({ ...good, ...input })).total.exclVat;

  test.each([
    ["before the session", { reservation: { start: time("09:30"), end: time("10:00") } }],
    ["before the session, its end left out", { reservation: { start: time("09:30") } }],
    [
      "before the session, which began before it would have expired",
      { reservation: { start: time("09:30"), end: time("11:00") } },
    ],
    [
      "at the begin of the session",
      {
        start: time("09:30"),
        samples: [sample("09:30", 0, "idle"), sample("10:00", 0), sample("12:00", 20_000)],
        reservation: { start: time("09:30"), end: time("10:00") },
      },
    ],
  ])("%s", (_, input) => {
    expect(price(reserved, input)).toBe("123.00");
  });

  test("expired: only the reservation is priced; where nothing was sampled it has", () => {
    const reservation = { start: time("10:00"), end: time("11:00") };
    expect(price(expired, { reservation: { ...reservation, expired: true } })).toBe("10.00");
    expect(price(expired, { samples: [], reservation })).toBe("10.00");
    const limited = { ...expired, min_price: { excl_vat: 20 }, max_price: { excl_vat: 30 } };
    expect(price(limited, { samples: [], reservation })).toBe("10.00");
    expect(price(limited, { reservation: { start: time("09:30") } })).toBe("30.00");
  });

  test("energy between two samples at the very start of charging is sold", () => {
    const doc = tariffOf([{ price_components: [component("ENERGY", 1)] }]);
    const samples = [sample("10:00", 0), sample("10:00", 1_000), sample("12:00", 3_000)];
    expect(price(doc, { samples, reservation: { start: time("09:30") } })).toBe("3.00");
  });
});

describe("what is no session has a path and a reason", () => {
  test.each([
    [null, ""],
    [{ ...good, timeZone: "Europe/Nowhere" }, "/timeZone"],
    [{ ...good, start: "2024-01-15" }, "/start"],
    [{ ...good, end: time("09:00"), samples: [] }, "/end"],
    [{ ...good, end: "2026-01-15T12:00:00Z" }, "/end"],
    [{ ...good, samples: {} }, "/samples"],
    [{ ...good, samples: [1] }, "/samples/0"],
    [{ ...good, samples: [sample("10:00", -1)] }, "/samples/0/energyWh"],
    [{ ...good, samples: [sample("10:00", 0, "Charging")] }, "/samples/0/state"],
    [{ ...good, samples: [{ ...sample("10:00", 0), currentA: "x" }] }, "/samples/0/currentA"],
    [{ ...good, samples: [sample("13:00", 0)] }, "/samples/0/time"],
    [{ ...good, samples: [sample("11:00", 0), sample("10:30", 0)] }, "/samples/1/time"],
    [{ ...good, samples: [sample("10:00", 5), sample("11:00", 4)] }, "/samples/1/energyWh"],
    [{ ...good, reservation: "RESERVATION" }, "/reservation"],
    [{ ...good, reservation: { start: time("10:00"), end: time("09:00") } }, "/reservation/end"],
    [{ ...good, reservation: { start: time("09:00"), expired: "yes" } }, "/reservation/expired"],
  ])("%j", (input, path) => {
    const result = readSession(input);
    expect(result.result === "invalid" && result.faults.map((fault) => fault.path)).toEqual([path]);
  });
});
