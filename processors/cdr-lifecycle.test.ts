// Between stop and CDR, and after it: what is held and why, what people decide, what late messages change.
import { afterEach, expect, test } from "vitest";

import { newNodeId } from "../core/ids/ids.ts";
import type { CdrReviewAction, CdrReviewOf, CdrValues } from "../core/records/cdr-review.ts";
import type { Cdr } from "../core/records/domain-event.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import type { SettingId } from "../core/registry/entities.ts";
import { eventsOf, foldInto, foldSteps, tablesOf, timed, World, type Folded } from "./folding.test-helper.ts";
import { at, idOf, Line, register } from "./station.test-helper.ts";

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

const component = { type: "ENERGY" as const, price: 0.5, vat: 20, step_size: 1 };

/** A connector of 22 kW at half a euro a kWh; the settings are in force from the first record on. */
async function worldOf(settings: Partial<Record<SettingId, string | number | boolean>> = {}): Promise<World> {
  const world = new World();
  worlds.push(world);
  await world.put("tariff", "T", { id: "T", currency: "EUR", elements: [{ price_components: [component] }] });
  const connector = { id: "1", stationId: "CS1", evseId: 1, connectorId: 1, tariff_ids: ["T"] };
  await world.put("location", "L", {
    id: "L",
    evses: [{ uid: "E", connectors: [{ ...connector, max_electric_power: 22_000 }] }],
  });
  for (const [id, value] of Object.entries(settings)) {
    await world.put("setting", id, { id: id as SettingId, value });
  }
  return world;
}

function lineOf(settings: object = {}): Line {
  const line = new Line("CS1");
  line.registry = { generation: 1, offset: 2 + Object.keys(settings).length };
  return line;
}

type Settings = Parameters<typeof worldOf>[0];

async function fold(settings: Settings, story: (line: Line) => readonly (FrameRecord | number)[]): Promise<Folded> {
  const line = lineOf(settings);
  const records = [line.connected(), line.claimed(), ...story(line)];
  return foldSteps(timed(records), await worldOf(settings));
}

/** 20 kWh in an hour at 22 kW: by the book. */
const sold = (line: Line) => [line.start(), line.stop(idOf())];

test.each<[string, Settings, number, string[]]>([
  ["20 kWh in an hour at 22 kW", {}, 21_000, []],
  ["27 kWh in an hour at 22 kW", {}, 28_000, ["energyAbovePower"]],
  ["the same where nobody asks for the power", { cdrHoldPowerPercent: 0 }, 28_000, []],
  ["more than the party's ceiling of energy", { cdrHoldEnergyKwh: 19 }, 21_000, ["energyAboveCeiling"]],
  ["longer than the party's ceiling", { cdrHoldHours: 0.5 }, 21_000, ["durationAboveCeiling"]],
  ["dearer than the party's ceiling", { cdrHoldCost: 11.99 }, 21_000, ["costAboveCeiling"]],
  ["exactly at all of them", { cdrHoldCost: 12, cdrHoldHours: 1, cdrHoldEnergyKwh: 20 }, 21_000, []],
  ["no signed value", { cdrHoldUnsigned: true }, 21_000, ["notSigned"]],
  ["a stop below its start", {}, 500, ["stopBelowStart"]],
  ["a word that the party trusts", { cdrHoldWords: "" }, 500, []],
])("a CDR is issued where its party's rules have no doubt, else held: %s", async (_, settings, meterStop, reasons) => {
  const { of } = await fold(settings, (line) => [line.start(), line.stop(idOf(), { meterStop })]);
  expect(of("cdrHeld").map((held) => held.reasons)).toEqual(reasons.length > 0 ? [reasons] : []);
  expect(of("cdrIssued")).toHaveLength(reasons.length > 0 ? 0 : 1);
});

test("a signed value of the station satisfies a party that wants one", async () => {
  const meterValue = [{ timestamp: at(60), sampledValue: [{ value: "T0NNRg==", format: "SignedData" }] }];
  const { of } = await fold({ cdrHoldUnsigned: true }, (line) => [
    line.start(),
    line.stop(idOf(), { transactionData: meterValue }),
  ]);
  expect(of("cdrIssued")).toHaveLength(1);
});

test("F1: the rules are those of the registry position that the record names, not of today", async () => {
  const world = await worldOf({ cdrHoldEnergyKwh: 19 });
  const line = new Line("CS1");
  line.registry = { generation: 1, offset: 2 };
  const { of } = await foldSteps(timed([line.connected(), line.claimed(), ...sold(line)]), world);
  expect(of("cdrHeld")).toHaveLength(0);
  expect(of("cdrIssued")).toHaveLength(1);
});

test.each([
  ["send", 1_000, 60, { total: { inclVat: "0.00" }, annotations: [] }],
  ["zero", 2_000, 0.5, { total: { exclVat: "0.00", inclVat: "0.00" }, lines: [], annotations: ["smallSession"] }],
  ["zero", 2_000, 60, { total: { inclVat: "0.60" }, annotations: [] }],
  ["suppress", 1_000, 60, undefined],
  ["suppress", 1_001, 0.5, undefined],
] as const)(
  "sessions of 0 kWh or under a minute: %s, at %d Wh after %d min",
  async (policy, meterStop, minute, cdr) => {
    const { of } = await fold({ smallSessions: policy, cdrHoldPowerPercent: 0 }, (line) => [
      line.start(),
      line.stop(idOf(), { meterStop, timestamp: at(minute) }),
    ]);
    expect(of("cdrIssued")).toMatchObject(cdr ? [{ cdr }] : []);
    expect(of("cdrWithheld")).toMatchObject(cdr ? [] : [{ reason: "suppressed" }]);
  },
);

// --- reviews ---

const api = newNodeId();
let reviews = 0;

function review(of: CdrReviewOf, action: CdrReviewAction, cdr: Cdr, values: CdrValues | null = null): FrameRecord {
  const line = lineOf();
  const body = { kind: "cdrReview", of, action, cdr: { ...cdr }, values, actor: "anna", why: "looked at it" } as const;
  return { ...line.record(body), source: api, sequence: ++reviews };
}

/** The same story again, and after it what somebody decided about its last CDR. */
async function decided(
  settings: Settings,
  story: (line: Line) => FrameRecord[],
  decide: (cdr: Cdr) => readonly (FrameRecord | number)[],
): Promise<Folded> {
  const line = lineOf(settings);
  const records = [line.connected(), line.claimed(), ...story(line)];
  const before = await foldSteps(timed(records), await worldOf(settings));
  const cdr = [...before.of("cdrIssued"), ...before.of("cdrHeld")].at(-1)!.cdr;
  return foldSteps(timed([...records, ...decide(cdr)]), await worldOf(settings));
}

const doubtful = (line: Line) => [line.start(), line.stop(idOf(), { meterStop: 28_000 })];

test("a held CDR that is released is issued as it was held, once, with who and why", async () => {
  const { of } = await decided({}, doubtful, (cdr) => [
    review("held", "release", cdr),
    review("held", "release", cdr),
    review("held", "void", cdr),
  ]);
  expect(of("cdrIssued")).toEqual([{ kind: "cdrIssued", cdr: of("cdrHeld")[0]!.cdr }]);
  expect(of("cdrReviewed")).toMatchObject([{ action: "release", actor: "anna", why: "looked at it" }]);
});

test("a held CDR is corrected by the tariff of then, whatever the rules say, or by a price that is named", async () => {
  const repriced = await decided({}, doubtful, (cdr) => [review("held", "correct", cdr, { energyMwh: 10_000_000 })]);
  const { id } = repriced.of("cdrHeld")[0]!.cdr;
  expect(repriced.of("cdrIssued")).toMatchObject([
    { cdr: { id, energyMwh: 10_000_000, total: { exclVat: "5.00", inclVat: "6.00" }, why: "looked at it" } },
  ]);
  const total = { exclVat: "1.00", inclVat: "1.20" };
  const named = await decided({}, doubtful, (cdr) => [review("held", "correct", cdr, { total })]);
  expect(named.of("cdrIssued")).toMatchObject([
    { cdr: { total, lines: [], annotations: ["correctedByReview", "priceByReview"] } },
  ]);
});

test("a held CDR that is voided stays away, and the session says why", async () => {
  const { of } = await decided({}, doubtful, (cdr) => [review("held", "void", cdr), review("held", "release", cdr)]);
  expect(of("cdrIssued")).toEqual([]);
  expect(of("cdrWithheld")).toMatchObject([{ reason: "voided" }]);
});

test("an issued CDR is corrected by a credit CDR, in which only id and total differ, and a new one", async () => {
  const { of } = await decided({}, sold, (cdr) => [
    review("issued", "correct", cdr, { energyMwh: 10_000_000 }),
    review("issued", "correct", cdr, { energyMwh: 1 }),
    review("issued", "release", cdr),
  ]);
  const [original, credit, next, ...more] = of("cdrIssued").map((issued) => issued.cdr);
  expect(more).toEqual([]);
  const total = { exclVat: "-10.00", inclVat: "-12.00" };
  expect(credit).toEqual({ ...original, id: credit!.id, credits: original!.id, total, why: "looked at it" });
  expect(next).toMatchObject({ credits: null, replaces: original!.id, total: { exclVat: "5.00", inclVat: "6.00" } });
  expect(new Set([original!.id, credit!.id, next!.id]).size).toBe(3);
});

test("an issued CDR that is voided is credited, and nothing takes its place", async () => {
  const { of } = await decided({}, sold, (cdr) => [review("issued", "void", cdr)]);
  expect(of("cdrIssued").map(({ cdr }) => cdr.total?.inclVat)).toEqual(["12.00", "-12.00"]);
});

// --- late messages ---

/** The next start takes the same id: nothing ended the first one. */
const wait = 16 * 60_000;
const tick = () => new Line("CS1").record({ kind: "tick", dueAt: Date.UTC(2024, 0, 1) });

/** A stop without its start, which comes after the CDR. */
const startLate = (meterStart: number) => (line: Line) => [
  line.stop(idOf({ meterStart }), { timestamp: at(60) }),
  wait,
  tick(),
  line.start({ meterStart }),
];

test("a start after the CDR gives a correction that names who charged, where and how much", async () => {
  const { of } = await fold({}, startLate(1_000));
  const [first, credit, next, ...more] = of("cdrIssued").map((issued) => issued.cdr);
  expect(more).toEqual([]);
  expect(first).toMatchObject({ energyMwh: 0, evseId: 0 });
  expect(credit).toMatchObject({ credits: first!.id });
  expect(next).toMatchObject({
    energyMwh: 20_000_000,
    evseId: 1,
    idToken: "TAG1",
    durationMs: 3_600_000,
    total: { inclVat: "12.00" },
    replaces: first!.id,
  });
  expect(of("cdrReviewed")).toMatchObject([{ action: "correct", actor: "rule:lateFrame" }]);
  expect(of("sessionUpdated").at(-1)).toMatchObject({ energyMwh: 20_000_000, start: { evseId: 1 } });
});

const readingAt = (line: Line, seqNo: number, wh: number) =>
  line.event("Updated", "t", seqNo, { timestamp: at(50), ...register(wh, "Sample.Periodic", 50) });

/** 2.x: the reading in the middle is missing at the end, and comes after the CDR. */
async function lateReading(wh: number, settings: Settings = {}): Promise<Folded> {
  const line = new Line("CS1", "ocpp2.0.1");
  line.registry = lineOf(settings).registry;
  const records = [
    line.connected(),
    line.claimed(),
    line.event("Started", "t", 0, register(1_000)),
    line.event("Ended", "t", 2, { timestamp: at(60), ...register(11_000, "Sample.Periodic", 60) }),
    wait,
    tick(),
    readingAt(line, 1, wh),
    readingAt(line, 1, wh),
  ];
  return foldSteps(timed(records), await worldOf(settings));
}

test.each<[string, number, Settings, number]>([
  ["above the threshold", 13_000, {}, 3],
  ["below the threshold", 11_099, {}, 1],
  ["below a party's own threshold", 13_000, { lateCorrectionWh: 5_000 }, 1],
  ["without any change", 10_000, { lateCorrectionWh: 0 }, 1],
])("a reading after the CDR %s is a correction or an annotation, once", async (_, wh, settings, cdrs) => {
  const { of } = await lateReading(wh, settings);
  expect(of("cdrIssued")).toHaveLength(cdrs);
  expect(of("sessionUpdated").some((update) => update.annotations.includes("lateFrame"))).toBe(true);
});

test("a late message that would change a CDR to what its rules doubt changes nothing and says so", async () => {
  const { of } = await lateReading(60_000);
  expect(of("cdrIssued")).toHaveLength(1);
  expect(of("sessionUpdated").at(-1)?.annotations).toEqual(["lateImplausible"]);
});

test("rule L4: reviews and corrections fold to the same rows and events in batches of any size, and again", async () => {
  const line = lineOf();
  const world = await worldOf();
  const records = [line.connected(), line.claimed(), ...doubtful(line), ...startLate(3_000)(line)];
  const before = await foldSteps(timed(records), world);
  const held = before.of("cdrHeld")[0]!.cdr;
  const issued = before.of("cdrIssued").at(-1)!.cdr;
  const decisions = [
    review("held", "correct", held, { energyMwh: 5_000_000 }),
    review("issued", "void", issued),
    readingOf(line),
  ];
  await world.write(timed([...records, ...decisions]));
  const stores = [await foldInto(world, [1]), await foldInto(world, [100]), await foldInto(world, [3, 1, 4])];
  const [one, ...others] = await Promise.all(stores.map((store) => tablesOf(store)));
  for (const other of others) expect(other).toEqual(one);
  const cdrs = (await eventsOf(stores[0]!)).flatMap(({ body }) => (body.kind === "cdrIssued" ? [body.cdr] : []));
  expect(cdrs.map((cdr) => [cdr.credits !== null, cdr.total?.inclVat])).toEqual([
    [false, undefined],
    [true, undefined],
    [false, "10.80"],
    [false, "3.00"],
    [true, "-10.80"],
  ]);
});

const readingOf = (line: Line) => line.meter(idOf(), "30000", 70);

test("a CDR of more charging periods than the state should hold is for people alone: a late message that says another energy says so, one that does not is an annotation", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  line.registry = lineOf().registry;
  const states = Array.from({ length: 70 }, (_, nth) =>
    line.event("Updated", "t", nth + 1, {
      timestamp: at(nth / 2),
      transactionInfo: { transactionId: "t", chargingState: nth % 2 === 0 ? "SuspendedEV" : "Charging" },
    }),
  );
  const records = [
    line.connected(),
    line.claimed(),
    line.event("Started", "t", 0, register(1_000)),
    ...states,
    line.event("Ended", "t", 80, { timestamp: at(60), ...register(11_000, "Sample.Periodic", 60) }),
    wait,
    tick(),
    readingAt(line, 70, 11_000),
    readingAt(line, 75, 13_000),
  ];
  const { of, state } = await foldSteps(timed(records), await worldOf());
  expect(of("cdrIssued")).toHaveLength(1);
  expect(of("cdrIssued")[0]!.cdr.periods!.length).toBeGreaterThan(64);
  expect(state.transactions.kept).toEqual([]);
  const said = of("sessionUpdated").map(({ annotations }) => annotations);
  expect(said.slice(-3)).toEqual([["lateFrame"], [], ["lateNotCorrected"]]);
});
