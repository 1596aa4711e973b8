// A session explained as people ask for it: on the command line beside a live process, as a PDF, and on the console's page, on
// a desk, on a phone and on paper.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { bootedStation } from "../harness/station.ts";
import { lastAnswer } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";

interface Explained {
  readonly agrees: boolean;
  readonly total: { readonly exclVat: string } | null;
  readonly frames: readonly { readonly offset: number; readonly frame?: string }[];
  readonly readings: readonly { readonly value: string; readonly accepted: boolean; readonly word: string }[];
}

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);
const evil = "<img src=x onerror=alert(1)>";
const folder = mkdtempSync(join(tmpdir(), "wattlog-explain-"));
let running: Running;
let id: string;

beforeAll(async () => {
  running = await startWattlog();
  const { rest } = running;
  const component = (type: string, price: number) => ({ type, price, vat: 19, step_size: 1 });
  await rest.post("/tariffs", {
    country_code: "DE",
    party_id: "WLG",
    id: "T",
    currency: "EUR",
    elements: [
      { price_components: [component("ENERGY", 0.5)], restrictions: { max_kwh: 10 } },
      { price_components: [component("ENERGY", 0.25), component("PARKING_TIME", 6)] },
    ],
    last_updated: "2024-01-01T00:00:00Z",
  });
  await rest.send("PUT", "/settings/defaultTariffId", { value: "T" });
  id = await charge();
}, 120_000);

afterAll(async () => {
  await running?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** @returns the session's id, once its CDR is there. */
async function charge(): Promise<string> {
  const start = Date.now() - 3_600_000;
  const at = (minute: number) => new Date(start + minute * 60_000).toISOString();
  await using station = await bootedStation({ url: running.ocppUrl, id: "EX-1" });
  const begin = { connectorId: 1, idTag: evil.slice(0, 20), meterStart: 1_000, timestamp: at(0) };
  const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", begin);
  const meter = (minute: number, value: string) =>
    station.call("MeterValues", {
      connectorId: 1,
      transactionId,
      meterValue: [{ timestamp: at(minute), sampledValue: [{ value }] }],
    });
  for (let minute = 1; minute <= 30; minute++) await meter(minute, String(1_000 + minute * 500));
  await meter(31, evil);
  await meter(32, "17");
  await station.call("StopTransaction", { transactionId, meterStop: 21_000, timestamp: at(55) });
  const cdrs = await lastAnswer(
    () => running.rest.cdrsOf("EX-1"),
    (all) => all.length > 0,
  );
  return cdrs[0]!.sessionId;
}

test("`wattlog explain` beside a live process: the same as REST, a PDF, and text for a person", async () => {
  const env = { WATTLOG_DATA_DIR: running.folder };
  const e = await running.rest.get<Explained>(`/sessions/${id}/explain`);
  expect(e).toMatchObject({ agrees: true });
  expect(Number(e.total?.exclVat)).toBeGreaterThan(7);
  expect(e.readings.filter(({ accepted }) => !accepted).map(({ word }) => word)).toEqual(["noEnergy", "falls"]);
  expect(e.frames[0]!.frame).toContain('"StartTransaction"');
  const pdf = join(folder, "session.pdf");
  const said = await runCommand(["explain", id, "--json", "--pdf", pdf], { env });
  expect(said).toMatchObject({ code: 0 });
  expect(JSON.parse(said.stdout)).toEqual(e);
  expect(readFileSync(pdf).subarray(0, 5).toString()).toBe("%PDF-");
  const text = await runCommand(["explain", id], { env });
  expect(text.code).toBe(0);
  expect(text.stdout).toContain("not element 0: max_kwh is 10");
  expect(text.stdout).toContain("and a register never falls");
  expect((await runCommand(["explain", "none"], { env })).code).toBe(1);
}, 60_000);

test("the page opens from the sessions, shows text and no markup, and fits a desk, a phone and paper", async (context) => {
  if (!executablePath) {
    if (process.env["CI"]) throw new Error("there is no Chromium: apt-get install chromium");
    context.skip("needs Chromium: apt-get install chromium");
    return;
  }
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`${running.httpUrl}/sign-in`);
    await page.getByLabel("Admin token or API key").fill(running.token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${running.httpUrl}/`);
    await page.goto(`${running.httpUrl}/#/sessions`);
    await page.locator(`tr[data-id="${id}"] a[title="Explain"]`).click();
    await shows(page);
    await page.setViewportSize({ width: 390, height: 844 });
    await shows(page);
    await page.setViewportSize({ width: 794, height: 1_123 });
    await page.emulateMedia({ media: "print" });
    await shows(page);
    expect(await page.getByRole("button", { name: "Print" }).isVisible()).toBe(false);
    expect(await page.getByRole("navigation").isVisible()).toBe(false);
    expect((await page.pdf({ format: "A4" })).length).toBeGreaterThan(10_000);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
  }
}, 60_000);

async function shows(page: Page): Promise<void> {
  await page.getByRole("heading", { name: "Session explained" }).waitFor();
  await page.getByText("lead to what is recorded and charged").waitFor();
  await page.getByText("not element 0: max_kwh is 10").first().waitFor();
  expect(await page.locator(".evidence > li").count()).toBe(34);
  expect(await page.locator("main img").count()).toBe(0);
  expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
}
