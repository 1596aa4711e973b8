// The console in a real Chromium: what a person sees and does, on a desk and on a phone.
import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, type TestContext } from "vitest";

import { logKey, newConnectionId, trusted, type SessionId } from "../../core/ids/ids.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import type { Projector } from "../models/projector.ts";
import type { Api } from "../rest/api.ts";
import { writeEntity } from "../rest/registry-writer.ts";
import { eventually } from "../../test/harness/wait.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { framesIn } from "../testing/client.ts";
import { StationWriter } from "../testing/events.ts";
import { adminToken, party, World } from "../testing/world.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);
const evil = `<img src=x onerror="window.hacked=1">`;

let world: World;
let projector: Projector;
let api: Api;
let browser: Browser | undefined;
const writer = new StationWriter("CP-BERLIN-1", Date.now() - 600_000);

beforeAll(async () => {
  if (!executablePath) return;
  world = await World.open({ ...worldAdapters, openStore: openSqliteStore });
  projector = await world.project();
  api = await world.serve(projector);
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const injected = new StationWriter("CP-EVIL", Date.now() - 600_000);
  await world.appendEvents([
    writer.online(),
    writer.booted("Alfen", "Eve Single"),
    writer.status(1, "Available"),
    ...writer.session("RFID-1", 12_345_678, 3),
    injected.online(),
    injected.booted(evil, evil),
    injected.status(1, evil),
  ]);
  await world.caughtUp(projector);
  await register({ id: "CP-BERLIN-1" });
  await register({ id: "CP-WAITING", acceptance: "pending" });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  if (executablePath) await world.close();
});

async function register(station: object): Promise<void> {
  const headers = { authorization: `Bearer ${adminToken}` };
  await api.app.inject({ method: "POST", url: "/api/v1/stations", headers, payload: station });
}

/** Signed in, and failing the test for anything the browser complains about. */
async function open(
  context: TestContext,
  options: { width: number; height: number },
  check: (page: Page, base: string) => Promise<void>,
): Promise<void> {
  if (!browser) {
    if (process.env["CI"]) throw new Error("there is no Chromium: apt-get install chromium");
    context.skip("needs Chromium: apt-get install chromium");
    return;
  }
  const page = await browser.newPage({ viewport: options });
  page.setDefaultTimeout(8_000);
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  const base = `http://127.0.0.1:${api.port()}`;
  await page.goto(`${base}/sign-in?code=${api.signInCode()}`);
  await page.waitForURL(`${base}/`);
  await check(page, base);
  expect(complaints).toEqual([]);
  await page.close();
}

const desk = { width: 1280, height: 860 };

it("the fleet is live: a status shows without a reload, a pending station is approved with one click", async (context) => {
  await open(context, desk, async (page) => {
    const row = page.locator('tr[data-id="CP-BERLIN-1"]');
    await row.getByText("Available").waitFor();
    await page.locator("#live", { hasText: "live" }).waitFor();
    await world.appendEvents([writer.status(1, "Charging")]);
    await row.getByText("Charging").waitFor();
    await page.getByRole("button", { name: "Approve CP-WAITING" }).click();
    await expect.poll(() => world.registry.find(party, "station", "CP-WAITING")?.doc.acceptance).toBe("accepted");
    await page.getByText("waits for approval").waitFor({ state: "detached" });
    await page.getByRole("searchbox").fill("berlin");
    await page.locator('tr[data-id="CP-EVIL"]').waitFor({ state: "detached" });
    expect(await page.locator("tbody tr").count()).toBe(1);
  });
});

it("what a station sends is text, never markup (stored injection)", async (context) => {
  await open(context, desk, async (page, base) => {
    await page.locator('tr[data-id="CP-EVIL"]').getByText(evil, { exact: false }).first().waitFor();
    await page.goto(`${base}/#/stations/CP-EVIL`);
    await page.getByRole("heading", { name: "CP-EVIL" }).waitFor();
    expect(await page.locator("main img").count()).toBe(0);
    expect(await page.evaluate("window.hacked")).toBeUndefined();
  });
});

// Before any frame is in the log that nobody folds here: what is shown ends where the folds stand.
it("station health: a fault is in the uptimes, in the port's picture and among the codes", async (context) => {
  const hurt = new StationWriter("CP-HURT", Date.now() - 7_200_000);
  const events = [hurt.online(), hurt.booted("Wallbe", "Pro"), hurt.status(1, "Available")];
  hurt.time = Date.now() - 5_400_000;
  await world.appendEvents([...events, hurt.status(1, "Faulted", "GroundFailure")]);
  await world.caughtUp(projector);
  await open(context, desk, async (page, base) => {
    await page.goto(`${base}/#/health`);
    const worst = page.getByRole("region", { name: "Ports that were down most" });
    await worst.getByRole("img", { name: /CP-HURT EVSE 1: faulted 1\.\d h/ }).waitFor();
    expect(await worst.locator("rect.faulted").count()).toBe(1);
    await page.getByRole("region", { name: "Faults" }).getByText("GroundFailure").waitFor();
    await page.getByLabel("Grouped by").selectOption("siteGroup");
    await page.getByRole("region", { name: "Uptime by site group" }).getByText("not said").waitFor();
  });
});

it("a station's page shows frames as they come, sends a command and shows its outcome", async (context) => {
  await open(context, desk, async (page, base) => {
    await page.goto(`${base}/#/stations/CP-BERLIN-1`);
    await page.locator("#live", { hasText: "live" }).waitFor();
    await appendHeartbeat();
    const frame = page.locator(".frames > li", { hasText: "Heartbeat" });
    await frame.locator("summary").first().click();
    await frame.getByText('[2,"m-1","Heartbeat",  {}]').last().waitFor();
    await page.getByLabel("Action").selectOption("Reset");
    await expect.poll(() => page.getByLabel("Payload").inputValue()).toContain('"type": "Hard"');
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator(".outcome", { hasText: "not_connected" }).waitFor();
    expect(await page.getByText("12.35 kWh").count()).toBe(1);
  });
});

it("partners: what one refused is seen and sent again, and what waits, with why", async (context) => {
  await addPartnerWithQueue();
  await open(context, desk, async (page, base) => {
    await page.goto(`${base}/#/partners`);
    const card = page.getByRole("region", { name: "DEABC-EMSP" });
    await card.getByText("3 failures in a row, the last: HTTP 500").waitFor();
    await card.getByText("1 waiting, 1 refused").waitFor();
    await card.getByText("status 2001: no tariff").waitFor();
    await card.getByRole("button", { name: "Send refused ones again" }).click();
    const retry = await eventually("it to be asked for", () => {
      const doc = world.registry.find(party, "partner", "DEABC-EMSP")?.doc;
      return doc?.pushes?.retry;
    });
    expect(retry).toMatch(/^[0-9a-f-]{36}$/);
    await card.getByRole("button", { name: "Pause" }).click();
    await card.getByRole("button", { name: "Let go on" }).waitFor();
  });
});

it("reviews: a held CDR is seen with why, and is decided about only with a reason", async (context) => {
  await addHeldCdr();
  await open(context, { width: 390, height: 844 }, async (page, base) => {
    await page.goto(`${base}/#/reviews`);
    const card = page.getByRole("region", { name: "CP-HELD" });
    await card.getByText("energyAbovePower").waitFor();
    const shot = process.env["WATTLOG_SHOT"];
    if (shot) await page.screenshot({ path: shot, fullPage: true });
    await card.getByRole("button", { name: "Never issue it" }).click();
    await card.getByLabel("Why").fill("the meter was exchanged");
    await card.getByRole("button", { name: "Correct the energy" }).click();
    expect(await reviewsInLog(), "without a reason, without an energy").toEqual([]);
    await card.getByLabel("Energy in kWh").fill("7.5");
    await card.getByRole("button", { name: "Correct the energy" }).click();
    await eventually("the decision to be in the log", async () => (await reviewsInLog()).length > 0);
    expect(await reviewsInLog()).toMatchObject([
      { of: "held", action: "correct", why: "the meter was exchanged", values: { energyMwh: 7_500_000 } },
    ]);
  });
});

it("on a phone nothing scrolls sideways, and every page has its landmarks and names", async (context) => {
  await open(context, { width: 390, height: 844 }, async (page, base) => {
    for (const [path, heading] of [
      ["/#/", "Stations"],
      ["/#/sessions", "Sessions"],
      ["/#/partners", "Partners"],
      ["/#/reviews", "Reviews"],
      ["/#/health", "Station health"],
      ["/#/stations/CP-BERLIN-1", "CP-BERLIN-1"],
    ] as const) {
      await page.goto(base + path);
      await page.getByRole("heading", { name: heading }).first().waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      expect(await page.getByRole("main").count()).toBe(1);
      expect(await page.getByRole("navigation").count()).toBeGreaterThan(0);
      const unnamed = await page.evaluate(
        `[...document.querySelectorAll("button, a, input, select, textarea")].filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).length`,
      );
      expect(unnamed).toBe(0);
    }
  });
});

it("signing in with a token, and out again", async (context) => {
  await open(context, desk, async (page, base) => {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(`${base}/sign-in`);
    await page.goto(base);
    await page.waitForURL(`${base}/sign-in`);
    await page.getByLabel("Admin token or API key").fill(adminToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${base}/`);
    await page.goto(`${base}/api/docs`);
    await page.getByText("/api/v1/stations/{id}/commands").waitFor();
    expect(await page.locator("details.route").count()).toBeGreaterThan(30);
  });
});

/** A session of 90 kWh whose CDR waits for somebody, beside one that has its CDR. */
async function addHeldCdr(): Promise<void> {
  const station = new StationWriter("CP-HELD", Date.now() - 600_000);
  const sold = station.session("RFID-6", 10_000_000, 1);
  const issued = sold.flatMap(({ body }) => (body.kind === "cdrIssued" ? [body.cdr] : []))[0]!;
  const going = station.session("RFID-7", 90_000_000, 1, true);
  const { sessionId } = going[0]!.body as { readonly sessionId: SessionId };
  const cdr = { ...issued, id: "held-1", sessionId, idToken: "RFID-7", energyMwh: 90_000_000 };
  const held = station.event({ kind: "cdrHeld", sessionId, cdr, reasons: ["energyAbovePower"] });
  await world.appendEvents([...sold, ...going, held]);
  await world.caughtUp(projector);
}

async function reviewsInLog(): Promise<readonly FrameRecord[]> {
  return (await framesIn(world, "CP-HELD")).filter(({ kind }) => kind === "cdrReview");
}

/** As it is while the partner is away: nobody pushes here. */
async function addPartnerWithQueue(): Promise<void> {
  const role = { role: "EMSP", countryCode: "DE", partyId: "ABC" } as const;
  const peer = { versionsUrl: "https://emsp.example/versions", version: "2.2.1", endpoints: [], sealedToken: "" };
  const doc = { id: "DEABC-EMSP", roles: [role], state: "registered", peer } as const;
  const principal = { actor: "test", role: "admin", party, via: "rest" } as const;
  await writeEntity(world, principal, "partner", doc.id, doc, 0);
  const of = { party, partner: doc.id, module: "cdrs", due: Date.now() - 60_000 };
  await world.store.transaction(async (tx) => {
    await tx.upsert("ocpi_push", [{ ...of, object: "3f2c7a10-2f5e-4d5e-9d3e-7b1f0a6f9c11", changed: 1, body: null }]);
    const problem = "HTTP 200, status 2001: no tariff";
    await tx.upsert("ocpi_dead_letter", [{ ...of, object: "C-2", attempts: 1, problem, died_at: Date.now() }]);
    const peerRow = { party, partner: doc.id, failures: 3, resume_at: Date.now() + 60_000, problem: "HTTP 500" };
    await tx.upsert("ocpi_peer", [{ ...peerRow, delivered_at: null, resync: null, retry: null }]);
  });
}

async function appendHeartbeat(): Promise<void> {
  const station = trusted.station("CP-BERLIN-1");
  const topic = world.log.topics.frames;
  const key = logKey(party, station);
  const value = encodeRecord({
    party,
    station,
    source: newConnectionId(),
    sequence: 1,
    arrivedAt: Date.now(),
    registry: { generation: 1, offset: 0 },
    keyId: null,
    kind: "exchange",
    protocol: "ocpp1.6",
    action: "Heartbeat",
    messageId: "m-1",
    call: Buffer.from('[2,"m-1","Heartbeat",  {}]'),
    answer: Buffer.from('[3,"m-1",{}]'),
    facts: {},
    annotations: [],
  });
  await world.log.append(topic, partitionOf(key, topic.partitions), [{ key, value }]);
}
