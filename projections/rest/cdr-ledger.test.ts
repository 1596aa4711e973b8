// Exports of a period, their totals, and a day's sessions against CDRs and meters.
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, expect, it } from "vitest";

import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics, type Metrics } from "../../core/runtime/metrics.ts";
import { creditIdOf } from "../../core/records/cdr-review.ts";
import type { Cdr, DomainEvent, EventBody } from "../../core/records/domain-event.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { callAs } from "../testing/client.ts";
import { cdrOf, StationWriter } from "../testing/events.ts";
import { adminToken, World } from "../testing/world.ts";
import type { Api } from "./api.ts";
import { ReconciliationGauges } from "./reconciliation-gauges.ts";
import { causes } from "./reconciliation.ts";

const midnight = Date.UTC(2025, 5, 15);
const station = new StationWriter("CP-A", midnight + 3_600_000);
let world: World;
let api: Api;
const get = (url: string) => callAs(api, "GET", url);

/** A session that ended, and what became of its CDR. */
function session(energyMwh: number, instead: (cdr: Cdr) => readonly EventBody[], token = "RFID-1"): DomainEvent[] {
  const events = station.session(token, energyMwh, 1, true);
  const started = events[0]!.body as Extract<EventBody, { kind: "sessionStarted" }>;
  const { sessionId, startedAt } = started;
  const ended = station.event({
    kind: "sessionEnded",
    sessionId,
    endedAt: station.time,
    reason: "Local",
    meterStopMwh: 5_000_000 + energyMwh,
    energyMwh,
    annotations: [],
  });
  const cdr = cdrOf(sessionId, startedAt, station.time, energyMwh, token);
  return [...events, ended, ...instead(cdr).map((body) => station.event(body))];
}

const issue = (cdr: Cdr): EventBody => ({ kind: "cdrIssued", cdr });
const withheld =
  (reason: string) =>
  (cdr: Cdr): EventBody[] => [{ kind: "cdrWithheld", sessionId: cdr.sessionId, reason }];

function credited(cdr: Cdr, next?: Partial<Cdr>): EventBody[] {
  const total = { exclVat: `-${cdr.total!.exclVat}`, inclVat: `-${cdr.total!.inclVat}` };
  const credit = { ...cdr, id: creditIdOf(cdr.id), credits: cdr.id, total, why: '=HYPERLINK("x"), "quoted"' };
  const successor = { ...cdr, ...next, id: `${cdr.id}-next`, replaces: cdr.id };
  return [issue(cdr), issue(credit), ...(next ? [issue(successor)] : [])];
}

const late = (cdr: Cdr): EventBody[] => [
  issue({ ...cdr, energyMwh: cdr.energyMwh - 50_000 }),
  {
    kind: "sessionUpdated",
    sessionId: cdr.sessionId,
    energyMwh: cdr.energyMwh,
    state: null,
    idToken: null,
    readings: [],
    annotations: ["lateFrame"],
  },
];

const third = { exclVat: "0.333", inclVat: "0.396" };

beforeAll(async () => {
  world = await World.open(worldAdapters);
  const projector = await world.project();
  api = await world.serve(projector);
  await world.appendEvents([
    station.online(),
    ...session(10_000_000, (cdr) => [issue(cdr)]),
    ...session(1_111_111, (cdr) => [issue({ ...cdr, total: third })], "=cmd"),
    ...session(2_222_222, (cdr) => [issue({ ...cdr, total: third, currency: "CHF" })]),
    ...session(3_000_000, (cdr) => [issue({ ...cdr, total: null, lines: [] })]),
    ...session(4_000_000, (cdr) => credited(cdr)),
    ...session(5_000_000, (cdr) =>
      credited(cdr, { energyMwh: 1_000_000, total: third, annotations: ["correctedByReview"] }),
    ),
    ...session(6_000_000, late),
    ...session(7_000_000, withheld("held")),
    ...session(8_000_000, withheld("suppressed")),
    ...session(9_000_000, () => []),
  ]);
  await world.caughtUp(projector);
});
afterAll(() => world.close());

const period = "from=2025-06-15T00:00:00Z&to=2025-06-16T00:00:00Z";

async function exported(format: string): Promise<string> {
  const url = `/api/v1/cdrs/export?${period}&format=${format}`;
  const answer = await api.app.inject({ url, headers: { authorization: `Bearer ${adminToken}` } });
  expect(answer.statusCode).toBe(200);
  return answer.body;
}

/** In thousandths: what nobody needs a library for. */
function sumsOf(amounts: readonly (readonly [string, string])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [currency, amount] of amounts) sums[currency] = (sums[currency] ?? 0) + Math.round(Number(amount) * 1_000);
  return sums;
}

it("CSV and JSON lines hold every CDR of the period, and come to the ledger's totals to the last decimal", async () => {
  const totals = (await get(`/api/v1/cdrs/totals?${period}`)).body;
  expect(totals).toMatchObject({ cdrs: 8, credits: 2, unpriced: 1, complete: true });
  const ledger = totals["totals"] as { currency: string; inclVat: string }[];
  const wanted = sumsOf(ledger.map((one) => [one.currency, one.inclVat]));
  expect(Object.keys(wanted)).toEqual(["CHF", "EUR"]);
  const lines = (await exported("jsonl")).trim().split("\n");
  const cdrs = lines.map((line) => JSON.parse(line) as { total: { currency: string; amount: string } | null });
  expect(cdrs).toHaveLength(10);
  expect(sumsOf(cdrs.flatMap(({ total }) => (total ? [[total.currency, total.amount]] : [])))).toEqual(wanted);
  const rows: Record<string, string>[] = parse(await exported("csv"), { columns: true });
  expect(rows).toHaveLength(10);
  const priced = rows.filter((row) => row["totalInclVat"] !== "");
  expect(sumsOf(priced.map((row) => [row["currency"]!, row["totalInclVat"]!]))).toEqual(wanted);
});

it("an export is a file that a spreadsheet can open without running what a station or a person wrote", async () => {
  const rows: Record<string, string>[] = parse(await exported("csv"), { columns: true });
  expect(rows.find((row) => row["credits"] !== "")).toMatchObject({ why: `'=HYPERLINK("x"), "quoted"` });
  expect(rows.map((row) => row["idToken"])).toContain("'=cmd");
  expect(rows.some((row) => row["totalInclVat"]!.startsWith("-"))).toBe(true);
});

it("a period that ends before it begins, or none at all, is refused; one without CDRs is empty", async () => {
  expect((await get("/api/v1/cdrs/totals")).status).toBe(400);
  const backwards = "from=2025-06-16T00:00:00Z&to=2025-06-15T00:00:00Z";
  expect((await get(`/api/v1/cdrs/export?${backwards}`)).status).toBe(400);
  const before = await get("/api/v1/cdrs/totals?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z");
  expect(before.body).toMatchObject({ cdrs: 0, credits: 0, totals: [] });
});

interface Shown {
  readonly cause: keyof typeof causes;
  readonly sessions: number;
  readonly energyWh: number;
}

it("a day's sessions, CDRs and meters differ by what the causes say, and by nothing else", async () => {
  const { body } = await get("/api/v1/reconciliation/2025-06-15");
  expect(body).toMatchObject({
    complete: true,
    sessions: { ended: 10 },
    cdrs: { standing: 6, missing: 1, credits: 2, unpriced: 1 },
    meters: { sessions: 10 },
    sessionsLessMeters: [],
    unexplained: 1,
  });
  const differences = body["sessionsLessCdrs"] as readonly Shown[];
  expect(differences.map(({ cause, sessions, energyWh }) => [cause, sessions, energyWh])).toEqual([
    ["corrected", 1, 4_000],
    ["credited", 1, 4_000],
    ["held", 1, 7_000],
    ["lateBelowThreshold", 1, 50],
    ["suppressed", 1, 8_000],
    ["unexplained", 1, 9_000],
  ]);
  const energy = (of: string) => (body[of] as { energyWh: number }).energyWh;
  const explained = differences.reduce((sum, one) => sum + one.energyWh, 0);
  expect(energy("sessions") - energy("cdrs")).toBeCloseTo(explained, 3);
  expect(energy("sessions")).toBe(energy("meters"));
});

it.each([
  ["last", Date.UTC(2025, 5, 16, 0, 1)],
  ["today", Date.UTC(2025, 5, 15, 23, 59)],
])("the report is told as metrics, %s", async (day, now) => {
  const metrics = createMetrics();
  const clock = { ...systemClock, now: () => now };
  const gauges = new ReconciliationGauges({ store: world.store, clock, metrics, logger: silentLogger() });
  await gauges.measure();
  const told = async (gauge: Pick<Metrics["reconciledDifference"], "get">) => {
    const { values } = await gauge.get();
    return values.map(({ labels, value }) => [...Object.values(labels), value].join(" ")).toSorted();
  };
  const other = day === "last" ? "today" : "last";
  expect(await told(metrics.reconciledWithoutCdr)).toEqual([`${day} 1`, `${other} 0`].toSorted());
  expect(await told(metrics.reconciledUnexplained)).toEqual([`${day} 1`, `${other} 0`].toSorted());
  const differences = await told(metrics.reconciledDifference);
  expect(differences.filter((each) => each.startsWith(day))).toEqual([
    `${day} cdrs corrected 4000`,
    `${day} cdrs credited 4000`,
    `${day} cdrs duplicate 0`,
    `${day} cdrs held 7000`,
    `${day} cdrs lateBelowThreshold 50`,
    `${day} cdrs suppressed 8000`,
    `${day} cdrs unexplained 9000`,
    `${day} meters duplicate 0`,
    `${day} meters unexplained 0`,
  ]);
  expect(differences.filter((each) => each.startsWith(other))).toHaveLength(4);
  gauges.forget();
  await expect(gauges.measure()).rejects.toThrow("abort");
  for (const gauge of [metrics.reconciledUnexplained, metrics.reconciledDifference])
    expect(await told(gauge)).toEqual([]);
});

it("another day has other sessions, and one that is not over yet is not complete", async () => {
  expect((await get("/api/v1/reconciliation/2025-06-14")).body).toMatchObject({ sessions: { ended: 0 } });
  expect((await get("/api/v1/reconciliation/2999-01-01")).body).toMatchObject({ complete: false });
  expect((await get("/api/v1/reconciliation/yesterday")).status).toBe(400);
});
