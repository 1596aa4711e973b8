// CDRs by tariffs that look at the session: its states, its times, its power.
import { afterEach, expect, test } from "vitest";

import type { Cdr, CdrPeriod } from "../core/records/domain-event.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import type { PriceComponentDoc, TariffDoc, TokenDoc } from "../core/registry/entities.ts";
import { eventsOf, foldInto, foldSteps, tablesOf, timed, World } from "./folding.test-helper.ts";
import { at, idOf, Line, register } from "./station.test-helper.ts";

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.end();
});

type Element = TariffDoc["elements"][number];

const component = (type: PriceComponentDoc["type"], price: number): PriceComponentDoc => ({
  type,
  price,
  step_size: 1,
});
const element = (restrictions: Element["restrictions"], ...price_components: PriceComponentDoc[]): Element => ({
  price_components,
  ...(restrictions ? { restrictions } : {}),
});

/** A station at a connector that has the tariff, in Berlin: the helper's hour begins there at 21:00. */
async function worldOf(
  elements: readonly Element[],
  time_zone?: string,
  more: Partial<TariffDoc> = {},
): Promise<World> {
  const world = new World();
  worlds.push(world);
  await world.put("tariff", "T", { id: "T", currency: "EUR", elements, ...more });
  await world.put("location", "L", {
    id: "L",
    ...(time_zone === undefined ? {} : { time_zone }),
    evses: [{ uid: "E", connectors: [{ id: "1", stationId: "CS1", evseId: 1, connectorId: 1, tariff_ids: ["T"] }] }],
  });
  return world;
}

function lineOf(protocol: "ocpp1.6" | "ocpp2.0.1" = "ocpp1.6", offset = 2): Line {
  const line = new Line("CS1", protocol);
  line.registry = { generation: 1, offset };
  return line;
}

async function cdrOf(world: World, line: Line, records: readonly FrameRecord[]): Promise<Cdr> {
  const { of } = await foldSteps(timed([line.connected(), line.claimed(), ...records]), world);
  expect(of("cdrIssued")).toHaveLength(1);
  return of("cdrIssued")[0]!.cdr;
}

const minutesOf = (periods: readonly CdrPeriod[] | undefined) =>
  periods?.map((p) => [(p.startedAt - Date.parse(at(0))) / 60_000, p.dimension, p.energyMwh / 1e6]);

const status = (line: Line, word: string, minute: number) =>
  line.call("StatusNotification", { connectorId: 1, status: word, errorCode: "NoError", timestamp: at(minute) });

const evening = [
  element({ end_time: "21:30" }, component("ENERGY", 0.5)),
  element(undefined, component("ENERGY", 0.25), component("PARKING_TIME", 6)),
];

const sold = (line: Line): FrameRecord[] => [
  line.start(),
  status(line, "Charging", 1),
  line.meter(idOf(), "11000", 20),
  status(line, "SuspendedEV", 40),
  line.stop(idOf()),
];

test("1.6: energy before and after a price change in local time, and parking from the status SuspendedEV on", async () => {
  const world = await worldOf(evening, "Europe/Berlin");
  const line = lineOf();
  const cdr = await cdrOf(world, line, sold(line));
  // 12.5 kWh at 0.50, 7.5 kWh at 0.25, 20 min at 6.
  expect(cdr).toMatchObject({ total: { exclVat: "10.125" }, annotations: [] });
  expect(minutesOf(cdr.periods)).toEqual([
    [0, "TIME", 12.5],
    [30, "TIME", 2.5],
    [40, "PARKING_TIME", 5],
  ]);
  expect(cdr.periods!.reduce((sum, p) => sum + p.durationMs, 0)).toBe(cdr.durationMs);
});

test.each(["SuspendedEVSE", "Faulted"])("1.6: the vehicle does not park while the station is %s", async (word) => {
  const world = await worldOf(
    [element(undefined, component("TIME", 1), component("PARKING_TIME", 6))],
    "Europe/Berlin",
  );
  const line = lineOf();
  const records = [line.start(), status(line, "Charging", 1), status(line, word, 30), line.stop(idOf())];
  expect(await cdrOf(world, line, records)).toMatchObject({ total: { exclVat: "1.00" } });
});

test("1.6: connected after the end of charging is parking, connected before its begin is not", async () => {
  const world = await worldOf([element(undefined, component("PARKING_TIME", 6))], "Europe/Berlin");
  const line = lineOf();
  const words = [status(line, "Preparing", 1), status(line, "Charging", 10), status(line, "Finishing", 50)];
  const cdr = await cdrOf(world, line, [line.start(), ...words, line.stop(idOf())]);
  expect(cdr).toMatchObject({ total: { exclVat: "1.00" } });
});

const charging = (
  line: Line,
  seqNo: number,
  minute: number,
  chargingState: string,
  more: object = {},
  type = "Updated",
) =>
  line.event(type, "t", seqNo, {
    timestamp: at(minute),
    transactionInfo: { transactionId: "t", chargingState },
    ...more,
  });

test("2.x: a state that arrives late counts from its own time on", async () => {
  const world = await worldOf(
    [element(undefined, component("TIME", 1), component("PARKING_TIME", 6))],
    "Europe/Berlin",
  );
  const line = lineOf("ocpp2.0.1");
  const records = [
    charging(line, 0, 0, "Charging", {}, "Started"),
    charging(line, 2, 50, "Charging"),
    charging(line, 1, 30, "SuspendedEV"),
    charging(line, 3, 60, "EVConnected", register(1000, "Transaction.End", 60), "Ended"),
  ];
  const cdr = await cdrOf(world, line, records);
  // 30 + 10 min charging, 20 min parking between.
  expect(minutesOf(cdr.periods)?.map(([minute, dimension]) => [minute, dimension])).toEqual([
    [0, "TIME"],
    [30, "PARKING_TIME"],
    [50, "TIME"],
  ]);
  expect(cdr.total).toEqual({ exclVat: "2.667", inclVat: "2.667" });
});

const measured = (minute: number, wh: number, ...more: object[]) => ({
  meterValue: [{ timestamp: at(minute), sampledValue: [{ value: wh }, ...more] }],
});

test("2.x: power in units with a multiplier, current summed over the phases", async () => {
  const byPower = [element({ min_power: 7 }, component("ENERGY", 1)), element(undefined, component("ENERGY", 0.1))];
  const byCurrent = [
    element({ min_current: 30 }, component("ENERGY", 1)),
    element(undefined, component("ENERGY", 0.1)),
  ];
  const power = (value: number) => ({
    value,
    measurand: "Power.Active.Import",
    unitOfMeasure: { unit: "W", multiplier: 3 },
  });
  const current = (value: number) =>
    ["L1", "L2", "L3"].map((phase) => ({ value, measurand: "Current.Import", phase, unitOfMeasure: { unit: "A" } }));
  const records = (line: Line, low: object[], high: object[]) => [
    charging(line, 0, 0, "Charging", measured(0, 0, ...low), "Started"),
    charging(line, 1, 30, "Charging", measured(30, 10_000, ...high)),
    charging(line, 2, 60, "EVConnected", measured(60, 20_000), "Ended"),
  ];
  const [one, two] = [lineOf("ocpp2.0.1"), lineOf("ocpp2.0.1")];
  const wanted = { total: { exclVat: "11.00" }, annotations: [] };
  const atPower = await worldOf(byPower, "Europe/Berlin");
  expect(await cdrOf(atPower, one, records(one, [power(6.9)], [power(7)]))).toMatchObject(wanted);
  const atCurrent = await worldOf(byCurrent, "Europe/Berlin");
  expect(await cdrOf(atCurrent, two, records(two, current(9.9), current(10)))).toMatchObject(wanted);
});

test("what a tariff asks for and nobody knows is said: current, time zone", async () => {
  const line = lineOf();
  const world = await worldOf([element({ max_current: 32, start_time: "08:00" }, component("ENERGY", 1))]);
  const cdr = await cdrOf(world, line, [line.start(), line.stop(idOf())]);
  expect(cdr.annotations).toEqual(["currentUnknown", "timeZoneUnknown"]);
});

test("without a tariff there is no price, and the CDR says so; its periods are there", async () => {
  const line = lineOf();
  const cdr = await cdrOf(new World(), line, sold(line));
  expect(cdr).toMatchObject({ total: null, lines: [], tariffId: null, annotations: ["noTariff"] });
  expect(minutesOf(cdr.periods)?.map(([minute]) => minute)).toEqual([0, 40]);
});

const roamingToken = (uid: string, party_id: string): TokenDoc => ({
  uid,
  type: "RFID",
  contractId: `C-${uid}`,
  valid: true,
  whitelist: "ALLOWED",
  roaming: { partner: "platform", by: "pushed", token: { country_code: "DE", party_id, uid } },
});

test.each([
  ["PARTNERS", "2.00"],
  ["OTHERS", "1.00"],
  ["OURS", "1.00"],
  ["OUR-BEST", "4.00"],
  ["GROUPED", "3.00"],
  ["NOBODY", "1.00"],
])(
  "the tariff is the one for who charges: token, then group, then partner, then everybody (%s)",
  async (idTag, price) => {
    const world = await worldOf([element(undefined, component("FLAT", 1))], "Europe/Berlin");
    const own = { type: "RFID", contractId: "C", valid: true, whitelist: "ALLOWED" } as const;
    const appliesTo: Readonly<Record<string, object>> = {
      P: { partners: ["DEABC"] },
      G: { groups: ["staff"] },
      B: { tokens: ["OUR-BEST"] },
    };
    for (const [place, [id, whom]] of Object.entries(appliesTo).entries()) {
      const elements = [element(undefined, component("FLAT", place + 2))];
      await world.put("tariff", id, { id, currency: "EUR", elements, appliesTo: whom });
    }
    const connector = { id: "1", stationId: "CS1", evseId: 1, connectorId: 1, tariff_ids: ["T", "P", "G", "B"] };
    await world.put("location", "L", { id: "L", evses: [{ uid: "E", connectors: [connector] }] });
    const tokens: readonly TokenDoc[] = [
      roamingToken("PARTNERS", "ABC"),
      roamingToken("OTHERS", "XYZ"),
      { ...own, uid: "OURS" },
      { ...own, uid: "OUR-BEST", groupId: "staff" },
      { ...own, uid: "GROUPED", groupId: "staff" },
    ];
    for (const token of tokens) await world.put("token", token.uid.toLowerCase(), token);
    const line = lineOf("ocpp1.6", 2 + 3 + 1 + tokens.length);
    const cdr = await cdrOf(world, line, [line.start({ idTag }), line.stop(idOf({ idTag }), { idTag })]);
    expect(cdr.total?.exclVat).toBe(price);
  },
);

test("a tariff announced for later does not price a session that begins before", async () => {
  const world = await worldOf([element(undefined, component("FLAT", 1))], "Europe/Berlin");
  const later = { id: "T", currency: "EUR", elements: [element(undefined, component("FLAT", 9))], validFrom: at(1) };
  await world.put("tariff", "T", later);
  const line = lineOf("ocpp1.6", 3);
  expect(await cdrOf(world, line, [line.start(), line.stop(idOf())])).toMatchObject({ total: { exclVat: "1.00" } });
  const next = { timestamp: at(1) };
  const stop = line.stop(idOf(next), { timestamp: at(61) });
  expect(await cdrOf(world, line, [line.start(next), stop])).toMatchObject({ total: { exclVat: "9.00" } });
});

test("F5: the price is the same however the session's records were batched, and in one batch with many others", async () => {
  const world = await worldOf(evening, "Europe/Berlin");
  const line = lineOf();
  const others = Array.from({ length: 3 }, (_, n) => {
    const other = new Line(`CS${n + 2}`);
    other.registry = { generation: 1, offset: 2 };
    return [other.connected(), other.claimed(), ...sold(other)];
  });
  const own = [line.connected(), line.claimed(), ...sold(line)];
  const mixed = own.flatMap((record, n) => [record, ...others.map((records) => records[n]!)]);
  await world.write(timed(mixed));
  const stores = [await foldInto(world, [1]), await foldInto(world, [5, 2]), await foldInto(world, [1_000])];
  const [first, ...rest] = await Promise.all(
    stores.map((store) => tablesOf(store, ["station_state", "reading", "outbox"])),
  );
  for (const tables of rest) expect(tables).toEqual(first);
  const cdrs = (await eventsOf(stores[0]!)).flatMap(({ body }) => (body.kind === "cdrIssued" ? [body.cdr] : []));
  expect(cdrs.map((cdr) => cdr.total?.exclVat)).toEqual(["10.125", undefined, undefined, undefined]);
  expect(cdrs.every((cdr) => cdr.periods?.length === (cdr.total ? 3 : 2))).toBe(true);
});
