// What a price costs: sessions per core-second by a tariff of five elements with restrictions, from the engine's own form
// of a session to totals and a CDR's lines, on one thread. No file, no server.
import { performance } from "node:perf_hooks";

import { priceOf, shownLines } from "../core/price/price.ts";
import type { Sample, Session } from "../core/price/session.ts";
import { readyTariff, type ReadyTariff } from "../core/price/tariff.ts";
import type { TariffDoc } from "../core/registry/entities.ts";
import { atLeast, figure, InvalidRun, type Outcome } from "./report.ts";

const goalPerSecond = 50_000;
const rounds = 11;
const roundMs = 700;
const sessionsMade = 2_000;
const minute = 60_000;
const day = 24 * 60 * minute;

const weekdays = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"];
const tariff: TariffDoc = {
  id: "bench",
  currency: "EUR",
  min_price: { excl_vat: 1, incl_vat: 1.19 },
  max_price: { excl_vat: 80, incl_vat: 95.2 },
  elements: [
    { price_components: [{ type: "FLAT", price: 0.35, vat: 19, step_size: 1 }] },
    {
      price_components: [{ type: "ENERGY", price: 0.59, vat: 19, step_size: 100 }],
      restrictions: { start_time: "07:00", end_time: "19:00", day_of_week: weekdays, min_power: 22 },
    },
    {
      price_components: [{ type: "ENERGY", price: 0.49, vat: 19, step_size: 100 }],
      restrictions: { start_time: "06:00", end_time: "22:00" },
    },
    {
      price_components: [
        { type: "ENERGY", price: 0.39, vat: 19, step_size: 100 },
        { type: "TIME", price: 0.5, vat: 19, step_size: 60 },
      ],
    },
    {
      price_components: [{ type: "PARKING_TIME", price: 6, vat: 19, step_size: 900 }],
      restrictions: { start_time: "08:00", end_time: "20:00", min_duration: 1_800 },
    },
  ],
};

/** Two hours, three quarters of them charging, beginning at another minute of another day each; the same in every run. */
function sessionOf(number: number, samplesPerHour: number): Session {
  const start = Date.UTC(2026, 0, 5) + (number % 365) * day + ((number * 7_919) % 1_440) * minute;
  const end = start + 120 * minute;
  const samples: Sample[] = [];
  const count = 2 * samplesPerHour;
  for (let i = 0; i <= count; i++) {
    const at = start + Math.round((i * 120 * minute) / count);
    const share = Math.min(1, i / count / 0.75);
    const state = share < 1 ? "charging" : "suspended_ev";
    const powerMw = state === "charging" ? 21_000_000 + ((number * 31 + i) % 3) * 1_000_000 : 0;
    samples.push({ at, energyMwh: Math.floor(share * (30_000_000 + (number % 977) * 1_001)), state, powerMw });
  }
  return { timeZone: "Europe/Berlin", start, end, samples };
}

/** @returns sessions a core-second, a round each. */
function measure(ready: ReadyTariff, sessions: readonly Session[]): number[] {
  const rates: number[] = [];
  for (let round = -2; round < rounds; round++) {
    const until = performance.now() + roundMs;
    const before = process.cpuUsage();
    let done = 0;
    let lines = 0;
    while (performance.now() < until) {
      for (const session of sessions) {
        lines += shownLines(priceOf(ready, session)).length;
        done += 1;
      }
    }
    const used = process.cpuUsage(before);
    if (lines < done) throw new InvalidRun("sessions were priced without a line");
    // Two rounds to warm up.
    if (round >= 0) rates.push((done / (used.user + used.system)) * 1e6);
  }
  return rates;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

export async function price(): Promise<Outcome> {
  const readied = readyTariff(tariff);
  if (readied.result === "invalid") throw new InvalidRun(readied.why);
  const sessions = (samplesPerHour: number): Session[] =>
    Array.from({ length: sessionsMade }, (_, number) => sessionOf(number, samplesPerHour));
  const quarterly = sessions(4);
  const periods = quarterly.reduce((sum, s) => sum + priceOf(readied.tariff, s).periods.length, 0) / sessionsMade;
  const rates = measure(readied.tariff, quarterly);
  const everyMinute = measure(readied.tariff, sessions(60));
  return {
    goals: [
      atLeast("sessions of 2 h, a sample every 15 min, 5 elements", goalPerSecond, median(rates), "/core-s", rates),
    ],
    figures: [
      figure("the same with a sample every minute", median(everyMinute), "/core-s"),
      figure("charging periods a session", periods, ""),
    ],
  };
}
