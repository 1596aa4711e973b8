// What reservations cost: their time belongs to the session that used them, and nobody's use is a CDR of its own where the tariff asks.
import { afterEach, expect, test } from "vitest";

import type { FrameRecord, Protocol } from "../core/records/frame-record.ts";
import type { TariffDoc } from "../core/registry/entities.ts";
import { eventsOf, foldInto, foldSteps, t0, tablesOf, timed, World } from "./folding.test-helper.ts";
import { documentsOf, told } from "./reports/reports.test-helper.ts";
import { at, idOf, Line, other, register } from "./station.test-helper.ts";

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

type Element = TariffDoc["elements"][number];

const minuteMs = 60_000;
const energy: Element = { price_components: [{ type: "ENERGY", price: 0.25, step_size: 1 }] };
const whileReserved = (reservation: "RESERVATION" | "RESERVATION_EXPIRES", price: number): Element => ({
  price_components: [{ type: "TIME", price, step_size: 1 }],
  restrictions: { reservation },
});
const both = [whileReserved("RESERVATION", 4), whileReserved("RESERVATION_EXPIRES", 6), energy];

async function worldOf(elements: readonly Element[]): Promise<World> {
  const world = new World();
  worlds.push(world);
  await world.put("tariff", "T", { id: "T", currency: "EUR", elements });
  await world.put("setting", "defaultTariffId", { id: "defaultTariffId", value: "T" });
  return world;
}

/** Reserved from the log's minute 0 on (a few seconds after it), which is the station's minute 60. */
class Story {
  readonly line: Line;
  readonly records: (FrameRecord | number)[];

  constructor(protocol: Protocol = "ocpp1.6") {
    this.line = new Line("CS1", protocol);
    this.line.registry = { generation: 1, offset: 2 };
    const until = new Date(t0 + 30 * minuteMs).toISOString();
    const idToken = { idToken: "TAG1", type: "ISO14443" };
    const payload =
      protocol === "ocpp1.6"
        ? { connectorId: 1, expiryDate: until, idTag: "TAG1", reservationId: 5 }
        : { id: 5, expiryDateTime: until, idToken, evseId: 1 };
    this.records = [
      this.line.connected(),
      this.line.claimed(),
      ...told(this.line, "ReserveNow", payload, { status: "Accepted" }),
    ];
  }

  tick(minute: number): FrameRecord {
    const due = other("CS1");
    due.registry = this.line.registry;
    return due.record({ kind: "tick", dueAt: t0 + minute * minuteMs });
  }

  start16(minute = 15): FrameRecord {
    const request = { connectorId: 1, idTag: "TAG1", timestamp: at(60 + minute), meterStart: 1_000 };
    const transactionId = idOf({ timestamp: at(60 + minute) });
    return this.line.call(
      "StartTransaction",
      { ...request, reservationId: 5 },
      { transactionId, idTagInfo: { status: "Accepted" } },
    );
  }

  stop16(minute = 15): FrameRecord {
    return this.line.stop(idOf({ timestamp: at(60 + minute) }), { timestamp: at(120) });
  }

  fold(elements: readonly Element[], ...records: readonly (FrameRecord | number)[]) {
    return worldOf(elements).then((world) => foldSteps(timed([...this.records, ...records]), world));
  }
}

const minutes = (ms: number) => Math.round(ms / minuteMs);

test.each<[Protocol, (story: Story) => FrameRecord[]]>([
  ["ocpp1.6", (story) => [story.start16(), story.stop16()]],
  [
    "ocpp2.0.1",
    ({ line }) => [
      line.event("Started", "X", 0, { timestamp: at(75), ...register(1_000, "Transaction.Begin", 75) }),
      // H03: it may say so with a later message than its first.
      line.event("Updated", "X", 1, { timestamp: at(76), reservationId: 5 }),
      line.event("Ended", "X", 2, { timestamp: at(120), ...register(21_000, "Transaction.End", 120) }),
    ],
  ],
])(
  "%s: the time reserved is a period of the session that used it, priced by the RESERVATION element",
  async (v, tell) => {
    const story = new Story(v);
    const folded = await story.fold([...both], ...tell(story));
    const [{ cdr } = { cdr: undefined }] = folded.of("cdrIssued");
    expect(folded.of("cdrIssued")).toHaveLength(1);
    expect(cdr!.periods!.map((p) => [p.dimension, minutes(p.durationMs), p.energyMwh / 1e6])).toEqual([
      ["RESERVATION_TIME", 15, 0],
      ["TIME", 45, 20],
    ]);
    expect([minutes(cdr!.durationMs), cdr!.startedAt]).toEqual([45, Date.parse(at(75))]);
    expect(cdr!.lines.map((line) => [line.dimension, line.reservation ?? "", line.unitPrice])).toEqual([
      ["TIME", "RESERVATION", "4"],
      ["ENERGY", "", "0.25"],
    ]);
    // 20 kWh and, but for the seconds before the station had accepted it, a quarter of an hour.
    expect(Number(cdr!.total!.exclVat)).toBeCloseTo(6, 1);
    const used = documentsOf(folded, "reservations").get("5");
    expect(used).toMatchObject({ status: "used", sessionId: cdr!.sessionId });
  },
);

const wait = 15 * minuteMs;

test("nobody came: a session and a CDR of its own where the tariff has RESERVATION_EXPIRES, nothing where it has not", async () => {
  const story = new Story();
  const unused = [30 * minuteMs, story.tick(30), wait, story.tick(46)];
  const { of, state } = await story.fold([...both], ...unused);
  const [{ cdr } = { cdr: undefined }] = of("cdrIssued");
  expect(cdr).toMatchObject({ energyMwh: 0, durationMs: 0, idToken: "TAG1", evseId: 1 });
  expect(cdr!.annotations).toContain("reservationExpired");
  expect(cdr!.periods!.map((p) => [p.dimension, minutes(p.durationMs)])).toEqual([["RESERVATION_TIME", 30]]);
  // Half an hour at 6, but for the seconds before it was accepted.
  expect(Number(cdr!.total!.exclVat)).toBeCloseTo(3, 1);
  expect(of("sessionEnded")).toMatchObject([{ sessionId: cdr!.sessionId, energyMwh: 0, reason: "ReservationExpired" }]);
  expect(state.transactions.active).toEqual([]);
  const free = new Story();
  const none = await free.fold([whileReserved("RESERVATION", 4), energy], 30 * minuteMs, free.tick(30));
  expect([...none.of("sessionStarted"), ...none.of("cdrIssued")]).toEqual([]);
});

test("a reservation that was cancelled costs nothing", async () => {
  const story = new Story();
  const cancelled = told(story.line, "CancelReservation", { reservationId: 5 }, { status: "Accepted" });
  const { of } = await story.fold([...both], ...cancelled, 30 * minuteMs, story.tick(30));
  expect([...of("sessionStarted"), ...of("cdrIssued")]).toEqual([]);
});

test("a start that a station had in its queue has used what was taken for expired: nothing is asked for the expiry", async () => {
  const story = new Story();
  const late = [30 * minuteMs, story.tick(30), story.start16(), story.stop16()];
  const { of } = await story.fold([...both], ...late, wait, story.tick(46));
  expect(of("cdrIssued").map(({ cdr }) => cdr.periods!.map((p) => p.dimension))).toEqual([
    ["RESERVATION_TIME", "TIME"],
  ]);
  expect(of("cdrWithheld").map(({ reason }) => reason)).toEqual(["settling", "suppressed"]);
});

test("one that comes after the CDR of the expiry takes that back; one that began after the expiry does not", async () => {
  const story = new Story();
  const issued = [30 * minuteMs, story.tick(30), wait, story.tick(46)];
  const { of } = await story.fold([...both], ...issued, story.start16(), story.stop16());
  const cdrs = of("cdrIssued").map(({ cdr }) => cdr);
  expect(cdrs.map(({ credits }) => credits)).toEqual([null, cdrs[0]!.id, null]);
  expect(Number(cdrs[1]!.total!.exclVat)).toBeLessThan(0);
  const tooLate = new Story();
  const after = [30 * minuteMs, tooLate.tick(30), wait, tooLate.tick(46), tooLate.start16(50), tooLate.stop16(50)];
  const second = (await tooLate.fold([...both], ...after)).of("cdrIssued").map(({ cdr }) => cdr);
  expect(second.map(({ credits, periods }) => [credits, periods![0]!.dimension])).toEqual([
    [null, "RESERVATION_TIME"],
    [null, "TIME"],
  ]);
});

test("F5: what reservations cost does not depend on batches", async () => {
  const story = new Story();
  const world = await worldOf(both);
  await world.write(timed([...story.records, 30 * minuteMs, story.tick(30), wait, story.tick(46), story.start16()]));
  const stores = [await foldInto(world, [1]), await foldInto(world, [100]), await foldInto(world, [3, 1, 4])];
  const [one, ...others] = await Promise.all(stores.map((store) => tablesOf(store)));
  for (const rest of others) expect(rest).toEqual(one);
  const kinds = (await eventsOf(stores[0]!)).map(({ body }) => body.kind);
  expect(kinds.filter((kind) => kind === "cdrIssued")).toHaveLength(2);
});

test.each<[string, object, string[]]>([
  ["the same", { total: { inclTax: 5 } }, []],
  ["a cent more", { total: { exclTax: 5.01 } }, []],
  ["two cents more", { total: { inclTax: 5.02 } }, ["localCostUnlike"]],
  ["in another currency", { currency: "SEK", total: { inclTax: 5 } }, ["localCostUnlike"]],
  ["none", { total: {} }, ["localCostUnlike"]],
])(
  "2.1: what the station says that it cost is kept beside the session, and held against the CDR: %s",
  async (_, cost, words) => {
    const world = await worldOf([energy]);
    const line = new Line("CS1", "ocpp2.1");
    line.registry = { generation: 1, offset: 2 };
    const totalCost = { currency: "EUR", typeOfCost: "NormalCost", ...cost };
    const costDetails = { totalCost, totalUsage: { energy: 20, chargingTime: 3_600, idleTime: 0 } };
    const folded = await foldSteps(
      timed([
        line.connected(),
        line.claimed(),
        line.event("Started", "X", 0, register(1_000, "Transaction.Begin", 0)),
        line.event("Ended", "X", 1, { ...register(21_000, "Transaction.End", 1), costDetails }),
      ]),
      world,
    );
    const [{ cdr } = { cdr: undefined }] = folded.of("cdrIssued");
    expect(cdr!.annotations.filter((word) => word.startsWith("localCost"))).toEqual(words);
    expect(cdr!.total!.exclVat).toBe("5.00");
    expect(documentsOf(folded, "localCosts").get(cdr!.sessionId)).toEqual(costDetails);
  },
);

test("2.1: a station that could not compute the cost is said to have failed", async () => {
  const line = new Line("CS1", "ocpp2.1");
  line.registry = { generation: 1, offset: 2 };
  const costDetails = { failureToCalculate: true, totalCost: { currency: "EUR", typeOfCost: "NormalCost", total: {} } };
  const records = [line.connected(), line.event("Started", "X", 0), line.event("Ended", "X", 1, { costDetails })];
  const { of } = await foldSteps(timed(records), await worldOf([energy]));
  expect(of("cdrIssued")[0]!.cdr.annotations).toContain("localCostFailed");
});
