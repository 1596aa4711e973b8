import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";

import type { ShownPrice } from "../../core/price/explain.ts";
import { runCommandLine } from "./main.ts";

const folder = mkdtempSync(join(tmpdir(), "wattlog-price-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function wattlogPrice(tariff: unknown, session: unknown, ...more: string[]) {
  const file = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  const said = { out: "", err: "" };
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => ((said.out += String(text)), true));
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((said.err += String(text)), true));
  const args = ["price", "--tariff", file("tariff.json", tariff), "--session", file("session.json", session), ...more];
  try {
    return { code: await runCommandLine(args), ...said };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

const day = (hours: string) => `2024-01-15T${hours}:00Z`;
const tariff = {
  country_code: "DE",
  party_id: "ALL",
  id: "day",
  currency: "EUR",
  elements: [
    {
      price_components: [{ type: "ENERGY", price: 0.5, vat: 20, step_size: 1 }],
      restrictions: { end_time: "17:00" },
    },
    { price_components: [{ type: "ENERGY", price: 0.25, vat: 20, step_size: 1000 }] },
    {
      price_components: [{ type: "FLAT", price: "1.50", vat: 20, step_size: 1 }],
      restrictions: { reservation: "RESERVATION" },
    },
  ],
  last_updated: "2024-01-01T00:00:00Z",
};
const session = {
  timeZone: "Europe/Berlin",
  start: day("15:00"),
  end: day("17:00"),
  samples: [
    { time: day("15:00"), energyWh: 1_000_000, state: "charging", currentA: 16 },
    { time: day("17:00"), energyWh: "1010000.5", state: "idle" },
  ],
  reservation: { start: day("14:30") },
};

test("price --json: totals as decimal strings, periods as deltas stamped at their start, lines", async () => {
  const { code, out } = await wattlogPrice(tariff, session, "--json");
  expect(code).toBe(0);
  const price = JSON.parse(out) as ShownPrice;
  // 1.50 + 5.00025 kWh at 0.50 + 5.00025 kWh at 0.25, billed up to 10.001 -> 11 kWh.
  expect(price).toMatchObject({ total: { exclVat: "5.50", inclVat: "6.60" }, currency: "EUR", limitedBy: [] });
  expect(price.periods.map((p) => [p.start, p.end])).toEqual([
    ["2024-01-15T14:30:00.000Z", "2024-01-15T15:00:00.000Z"],
    ["2024-01-15T15:00:00.000Z", "2024-01-15T16:00:00.000Z"],
    ["2024-01-15T16:00:00.000Z", "2024-01-15T17:00:00.000Z"],
  ]);
  expect(price.lines).toMatchObject([
    { dimension: "FLAT", volume: "1", unitPrice: "1.5", reservation: "RESERVATION" },
    { dimension: "ENERGY", volume: "5.00025", element: 0, total: { exclVat: "2.500125" } },
    { dimension: "ENERGY", volume: "5.99975", element: 1, total: { exclVat: "1.499938" } },
  ]);
  expect(price.steps).toEqual([{ dimension: "ENERGY", element: 1, stepSize: 1000, used: "10.0005", billed: "11" }]);
});

test("price: for a person, why each element matched or did not", async () => {
  const { code, out } = await wattlogPrice(tariff, session);
  expect(code).toBe(0);
  expect(out).toContain("not element 0: end_time is 00:00-17:00, and it was 17:00");
  expect(out).toContain("step_size 1000 of element 1: ENERGY 10.0005 -> 11 kWh");
  expect(out).toContain("Total 5.50 excl. VAT, 6.60 incl. VAT EUR");
});

test("price: a tariff or a session that is none is exit code 1, with path and reason", async () => {
  const wrong = { ...tariff, elements: [{ price_components: [{ type: "SUGAR", price: 1, step_size: 1 }] }] };
  const late = { ...session, samples: [{ time: day("18:00"), energyWh: -1, state: "asleep" }] };
  const { code, out, err } = await wattlogPrice(wrong, late, "--json");
  expect(code).toBe(1);
  expect(out).toBe("");
  expect(err).toContain("tariff /elements/0/price_components/0/type is one of ENERGY, FLAT, PARKING_TIME, TIME\n");
  expect(err).toContain("session /samples/0/state is one of charging, suspended_ev, suspended_evse, idle\n");
  expect(err).toContain("session /samples/0/energyWh is a decimal from 0 on\n");
});

test("price: a file that is not there is wrong use", async () => {
  const err = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    expect(await runCommandLine(["price", "--tariff", join(folder, "none.json"), "--session", "x"])).toBe(2);
    expect(await runCommandLine(["price", "--tariff", join(folder, "none.json")])).toBe(2);
  } finally {
    err.mockRestore();
  }
});
