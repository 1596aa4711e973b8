import { expect, test } from "vitest";

import type { FrameRecord } from "../core/records/frame-record.ts";
import { cdrsIn, foldSteps, t0, timed, World, type Folded } from "./folding.test-helper.ts";
import { at, idOf, Line, other } from "./station.test-helper.ts";

const mwh = (wh: number) => wh * 1000;
const settled = 16 * 60_000;

/** A tick after the usual wait for queued frames: what still had to settle has. */
function tick(): FrameRecord {
  return other("CS1").record({ kind: "tick", dueAt: t0 + 24 * 3_600_000 });
}

/** The story on one connection, and time enough for every CDR. */
function fold(line: Line, records: readonly (FrameRecord | number)[]): Promise<Folded> {
  return foldSteps(timed([line.connected(), line.claimed(), ...records, settled, tick()]));
}

test("promise 2: a live 1.6 transaction is one session and one CDR, at once, with stop - start as its energy", async () => {
  const line = new Line("CS1");
  const id = idOf();
  const { of, events } = await foldSteps(
    timed([
      line.connected(),
      line.claimed(),
      line.start(),
      line.meter(id, "5000", 10),
      line.meter(id, "9000.5", 20),
      line.stop(id),
    ]),
  );
  expect(of("sessionStarted")).toMatchObject([
    {
      transactionId: String(id),
      idToken: "TAG1",
      evseId: 1,
      connectorId: 1,
      meterStartMwh: mwh(1000),
      annotations: [],
    },
  ]);
  expect(of("sessionUpdated").map((e) => e.energyMwh)).toEqual([mwh(4000), mwh(8000.5), mwh(20_000)]);
  expect(of("sessionEnded")).toMatchObject([
    { energyMwh: mwh(20_000), meterStopMwh: mwh(21_000), reason: "Local", annotations: [] },
  ]);
  expect(of("cdrIssued")).toMatchObject([
    { cdr: { energyMwh: mwh(20_000), durationMs: 3_600_000, total: null, annotations: ["noTariff"] } },
  ]);
  expect(events.map((e) => e.kind).slice(0, 2)).toEqual(["stationOnline", "sessionStarted"]);
});

interface Scenario {
  readonly name: string;
  readonly story: (line: Line) => readonly (FrameRecord | number)[];
  readonly sessions: number;
  readonly energyWh: readonly number[];
  readonly words: readonly string[];
}

const scenarios: readonly Scenario[] = [
  {
    name: "quirk 2: Start repeated with the same message id",
    story: (l) => [l.start({}, "Accepted", "m"), l.start({}, "Accepted", "m"), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: [],
  },
  {
    name: "quirk 2: Start repeated with a new message id",
    story: (l) => [l.start(), l.start(), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: [],
  },
  {
    name: "I5: Start resent after its Stop, clock trusted",
    story: (l) => [l.start(), l.stop(idOf()), l.start()],
    sessions: 1,
    energyWh: [20_000],
    words: [],
  },
  {
    name: "quirk 2: double Stop",
    story: (l) => [l.start(), l.stop(idOf()), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: [],
  },
  {
    name: "a second Stop that contradicts the first does not count",
    story: (l) => [l.start(), l.stop(idOf()), l.stop(idOf(), { meterStop: 99_000 })],
    sessions: 1,
    energyWh: [20_000],
    words: ["stopConflict"],
  },
  {
    name: "quirk 3: offline Start lost, only Stop arrives",
    story: (l) => [l.stop(4711)],
    sessions: 1,
    energyWh: [0],
    words: ["startMissing"],
  },
  {
    name: "quirk 3: MeterValues of a Start that never came",
    story: (l) => [l.meter(4711, "100", 1), l.meter(4711, "300", 2), l.stop(4711, { meterStop: 400 })],
    sessions: 1,
    energyWh: [300],
    words: ["startMissing"],
  },
  {
    name: "MeterValues before their Start",
    story: (l) => [l.meter(idOf(), "1500", 1), l.start(), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: ["startMissing", "startLate"],
  },
  {
    name: "quirk 1: transactionId 0 on Stop",
    story: (l) => [l.start(), l.stop(0)],
    sessions: 1,
    energyWh: [20_000],
    words: ["transactionIdInvalid"],
  },
  {
    name: "quirk 1: transactionId -1 on Stop, twice",
    story: (l) => [l.start(), l.stop(-1), l.stop(-1)],
    sessions: 1,
    energyWh: [20_000],
    words: ["transactionIdInvalid"],
  },
  {
    name: "quirk 1: no transactionId on Stop",
    story: (l) => [l.start(), l.stop(undefined)],
    sessions: 1,
    energyWh: [20_000],
    words: ["transactionIdInvalid"],
  },
  {
    name: "quirk 1: 0 on Stop with two open: that of the same idTag",
    story: (l) => [
      l.start(),
      l.start({ connectorId: 2, idTag: "TAG2", meterStart: 0 }),
      l.stop(0, { idTag: "tag2", meterStop: 500 }),
      l.stop(idOf()),
    ],
    sessions: 2,
    energyWh: [500, 20_000],
    words: ["transactionIdInvalid"],
  },
  {
    name: "quirk 1: 0 on Stop with two open of one tag is a session of its own",
    story: (l) => [l.start(), l.start({ connectorId: 2 }), l.stop(0)],
    sessions: 3,
    energyWh: [0],
    words: ["startMissing", "transactionIdInvalid"],
  },
  {
    name: "quirk 1: transactionId 0 in MeterValues mid-session",
    story: (l) => [l.start(), l.meter(0, "50000", 5), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: ["registerAboveStop", "transactionIdInvalid"],
  },
  {
    name: "quirk 4: closing MeterValues after Stop change nothing of the CDR",
    story: (l) => [l.start(), l.stop(idOf()), l.meter(idOf(), "21001", 61)],
    sessions: 1,
    energyWh: [20_000],
    words: ["lateFrame"],
  },
  {
    name: "quirk 7: padded and empty values",
    story: (l) => [l.start(), l.meter(idOf(), " 2000 ", 1), l.meter(idOf(), "", 2), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: ["registerUnusable"],
  },
  {
    name: "quirk 9: session-relative MeterValues under a lifetime Start",
    story: (l) => [
      l.start({ meterStart: 500_000 }),
      l.meter(idOf({ meterStart: 500_000 }), "700", 1),
      l.stop(idOf({ meterStart: 500_000 }), { meterStop: 501_000 }),
    ],
    sessions: 1,
    energyWh: [1_000],
    words: ["registerBelowStart"],
  },
  {
    name: "quirk 9: meterStop -1",
    story: (l) => [l.start(), l.meter(idOf(), "3000", 1), l.stop(idOf(), { meterStop: -1 })],
    sessions: 1,
    energyWh: [2_000],
    words: ["meterStopInvalid"],
  },
  {
    name: "quirk 9: fractional meterStop",
    story: (l) => [l.start(), l.stop(idOf(), { meterStop: 1000.5 })],
    sessions: 1,
    energyWh: [0.5],
    words: [],
  },
  {
    name: "quirk 9: stop below start",
    story: (l) => [l.start(), l.stop(idOf(), { meterStop: 10 })],
    sessions: 1,
    energyWh: [0],
    words: ["stopBelowStart"],
  },
  {
    name: "quirk 11: connectorId 0 in MeterValues",
    story: (l) => [l.start(), l.meter(idOf(), "3000", 1, 0), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: ["connectorUnlike"],
  },
  {
    name: "a refused Start that goes on all the same",
    story: (l) => [l.start({}, "Invalid"), l.stop(idOf())],
    sessions: 1,
    energyWh: [20_000],
    words: ["startNotAuthorised"],
  },
  {
    name: "a station clock at 1970",
    story: (l) => [
      l.start({ timestamp: "1970-01-01T00:00:05Z" }),
      60_000,
      l.stop(idOf({ timestamp: "1970-01-01T00:00:05Z" }), { timestamp: "1970-01-01T00:01:05Z" }),
    ],
    sessions: 1,
    energyWh: [20_000],
    words: ["startTimeImplausible", "stopTimeImplausible"],
  },
  {
    name: "a stop time before the start time",
    story: (l) => [l.start(), l.stop(idOf(), { timestamp: at(-30) })],
    sessions: 1,
    energyWh: [20_000],
    words: ["stopBeforeStart"],
  },
  {
    name: "I5: an untrusted clock starts the same again: another transaction",
    story: (l) => {
      const s = { timestamp: "1970-01-01T00:00:05Z" };
      return [
        l.start(s),
        l.stop(idOf(s)),
        l.call("BootNotification", {}),
        l.start(s),
        l.stop(idOf(s), { meterStop: 2000 }),
      ];
    },
    sessions: 2,
    energyWh: [20_000, 1_000],
    words: ["idReused", "startTimeImplausible", "stopBeforeStart"],
  },
  {
    name: "I5: an untrusted clock, the same message again and no boot between: a repeat, and it says so",
    story: (l) => {
      const s = { timestamp: "1970-01-01T00:00:05Z" };
      return [l.start(s, "Accepted", "m"), l.stop(idOf(s)), l.start(s, "Accepted", "m")];
    },
    sessions: 1,
    energyWh: [20_000],
    words: ["repeatAmbiguous", "startTimeImplausible", "stopBeforeStart"],
  },
  {
    name: "an energy in kWh, by phases",
    story: (l) => [
      l.start({ meterStart: 0 }),
      l.call("MeterValues", {
        connectorId: 1,
        transactionId: idOf({ meterStart: 0 }),
        meterValue: [
          { timestamp: at(1), sampledValue: ["L1", "L2", "L3"].map((phase) => ({ value: "1.5", unit: "kWh", phase })) },
        ],
      }),
      l.stop(idOf({ meterStart: 0 }), { meterStop: "x" }),
    ],
    sessions: 1,
    energyWh: [4_500],
    words: ["meterStopInvalid"],
  },
];

test.each(scenarios)("$name", async ({ story, sessions, energyWh, words }) => {
  const line = new Line("CS1");
  const folded = await fold(line, story(line));
  expect(folded.of("sessionStarted")).toHaveLength(sessions);
  expect(cdrsIn(folded).map((cdr) => cdr.energyMwh)).toEqual(energyWh.map(mwh));
  const told = new Set(
    folded.events.flatMap((e) => ("annotations" in e ? e.annotations : "cdr" in e ? e.cdr.annotations : [])),
  );
  told.delete("noTariff");
  told.delete("noRegister");
  expect([...told].sort()).toEqual([...words].sort());
});

test("quirk 5: the same meter data resent at every reconnect is told once", async () => {
  const line = new Line("CS1");
  const { of } = await fold(line, [line.start(), line.meter(idOf(), "2000", 1), line.meter(idOf(), "2000", 1)]);
  expect(of("sessionUpdated")).toHaveLength(1);
});

test("a session that moves to another connection waits settleAfterMs for what is still queued, and says so", async () => {
  const [first, second] = [new Line("CS1"), new Line("CS1")];
  const steps = [
    first.connected(),
    first.claimed(),
    first.start(),
    first.disconnected(),
    second.connected(),
    second.claimed(),
    second.stop(idOf()),
  ];
  const before = await foldSteps(timed(steps));
  expect(before.of("cdrWithheld")).toMatchObject([{ reason: "settling" }]);
  expect(before.of("cdrIssued")).toHaveLength(0);
  const late = second.meter(idOf(), "30000", 30);
  const after = await foldSteps(timed([...steps, late, settled, tick(), tick()]));
  expect(after.of("cdrIssued")).toHaveLength(1);
});

test("F1: the price is that of the tariff as of the transaction's first record, whatever the registry says later", async () => {
  const world = new World();
  const tariff = (price: number) => ({
    id: "T",
    currency: "EUR",
    elements: [{ price_components: [{ type: "ENERGY" as const, price, vat: 20, step_size: 1 }] }],
  });
  await world.put("tariff", "T", tariff(0.5));
  await world.put("location", "L", {
    id: "L",
    evses: [{ uid: "E", connectors: [{ id: "1", stationId: "CS1", evseId: 1, connectorId: 1, tariff_ids: ["T"] }] }],
  });
  await world.put("tariff", "T", tariff(9));
  const line = new Line("CS1");
  line.registry = { generation: 1, offset: 2 };
  const start = line.start();
  line.registry = { generation: 1, offset: 3 };
  const { of } = await foldSteps(timed([line.connected(), line.claimed(), start, line.stop(idOf())]), world);
  expect(of("cdrIssued")[0]?.cdr).toMatchObject({
    tariffId: "T",
    currency: "EUR",
    total: { exclVat: "10.00", inclVat: "12.00" },
    registry: { offset: 2 },
    annotations: [],
  });
});

test("settings: settleAfterMs and defaultTariffId act as of the record's registry position", async () => {
  const world = new World();
  await world.put("tariff", "D", {
    id: "D",
    currency: "EUR",
    elements: [{ price_components: [{ type: "FLAT", price: 1, step_size: 1 }] }],
  });
  await world.put("setting", "defaultTariffId", { id: "defaultTariffId", value: "D" });
  await world.put("setting", "settleAfterMs", { id: "settleAfterMs", value: 0 });
  const line = new Line("CS1");
  line.registry = { generation: 1, offset: 3 };
  const { of } = await foldSteps(timed([line.stop(4711)]), world);
  expect(of("cdrIssued")[0]?.cdr).toMatchObject({ tariffId: "D", total: { exclVat: "1.00" } });
});

test("a station that never stops a transaction keeps a bounded number of them open", async () => {
  const line = new Line("CS1");
  const starts = Array.from({ length: 80 }, (_, n) => line.start({ meterStart: n }));
  const { of, state } = await foldSteps(timed(starts));
  expect(of("sessionStarted")).toHaveLength(80);
  expect(of("sessionEnded").every((e) => e.annotations.includes("abandoned"))).toBe(true);
  expect(state.transactions.active.filter((t) => t.endedAt === null)).toHaveLength(64);
});

test("the connector's status is the state of a 1.6 session", async () => {
  const line = new Line("CS1");
  const status = (word: string) =>
    line.call("StatusNotification", { connectorId: 1, status: word, errorCode: "NoError", timestamp: at(1) });
  const { of } = await fold(line, [line.start(), status("Charging"), status("SuspendedEV"), line.stop(idOf())]);
  expect(
    of("sessionUpdated")
      .map((e) => e.state)
      .slice(0, 2),
  ).toEqual(["Charging", "SuspendedEV"]);
});
