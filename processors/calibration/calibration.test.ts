// Signed meter values from the frame to the CDR. The meters of these tests sign with keys of their own; that real ones are
// understood is core/metering's to prove.
import { expect, test } from "vitest";

import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { MeterKeysDoc } from "../../core/registry/entities.ts";
import { cdrsIn, foldInto, foldSteps, tablesOf, timed, World } from "../folding.test-helper.ts";
import { at, idOf, Line, other, register } from "../station.test-helper.ts";
import type { SignedDoubt } from "./billed.ts";
import { in16, Meter } from "./meter.test-helper.ts";

const meter = new Meter("M1");
const begin = meter.signed(1, { B: 1_000.5 });
const end = meter.signed(2, { E: 21_010.25 });
const signedMwh = 20_009_750;
const unsignedMwh = 20_000_000;

const doc = (keys: MeterKeysDoc["keys"] = [{ publicKey: meter.publicKey }], calibrated = true): MeterKeysDoc => ({
  id: new Line("CS1").station,
  calibrated,
  keys,
});

/** At position 1 the register is as given, at position 0 there is nothing. */
async function worldOf(...docs: readonly MeterKeysDoc[]): Promise<World> {
  const world = new World();
  for (const one of docs) await world.put("meterKeys", one.id, one);
  return world;
}

/** What a station of either version says: signed values with the start, and with the end. */
type Story = (line: Line, starts: readonly string[], ends: readonly string[]) => FrameRecord[];

const story16: Story = (line, starts, ends) => [
  line.start(),
  ...starts.map((data) => {
    const meterValue = [in16(data, "Transaction.Begin", 0)];
    return line.call("MeterValues", { connectorId: 1, transactionId: idOf(), meterValue });
  }),
  line.stop(idOf(), { transactionData: ends.map((data) => in16(data, "Transaction.End", 60)) }),
];

const in201 = (wh: number, data: string, context: string, minute: number) => ({
  timestamp: at(minute),
  sampledValue: [
    {
      value: wh,
      context,
      signedMeterValue: {
        signedMeterData: Buffer.from(data).toString("base64"),
        signingMethod: "ECDSA-secp256k1-SHA256",
        encodingMethod: "OCMF",
        publicKey: "",
      },
    },
  ],
});

const story201: Story = (line, starts, ends) => {
  const info = (chargingState: string) => ({ transactionInfo: { transactionId: "T1", chargingState } });
  const meterValue = [
    ...(register(21_000, "Transaction.End", 60) as { meterValue: object[] }).meterValue,
    ...ends.map((data) => in201(21_000, data, "Transaction.End", 60)),
  ];
  return [
    line.event("Started", "T1", 0, {
      ...register(1_000, "Transaction.Begin"),
      idToken: { idToken: "TAG1", type: "ISO14443" },
    }),
    ...starts.map((data, i) =>
      line.event("Updated", "T1", 1 + i, {
        ...info("Charging"),
        meterValue: [in201(1_000, data, "Transaction.Begin", 0)],
      }),
    ),
    line.event("Ended", "T1", 1 + starts.length, { ...info("EVConnected"), timestamp: at(60), meterValue }),
  ];
};

const stories = [
  ["1.6", "ocpp1.6", story16],
  ["2.0.1", "ocpp2.0.1", story201],
] as const;

const settled = 16 * 60_000;

/** The processor's, at the registry position that the station's records name. */
function tickAt(dueAt: number, { registry }: Line): FrameRecord {
  const processor = other("CS1");
  processor.registry = registry;
  return processor.record({ kind: "tick", dueAt });
}

async function fold(
  [, protocol, story]: (typeof stories)[number],
  starts: readonly string[],
  ends: readonly string[],
  world: World,
  position = 1,
) {
  const line = new Line("CS1", protocol);
  line.registry = { generation: 1, offset: position };
  const records = [line.connected(), line.claimed(), ...story(line, starts, ends)];
  const steps = timed(records);
  const last = steps.at(-1)!.logTime;
  // Where something was waited for, its time is over.
  const tick = tickAt(last + settled, line);
  const folded = await foldSteps([...steps, { record: tick, logTime: last + settled }], world);
  return { ...folded, cdr: cdrsIn(folded)[0]!, held: folded.of("cdrHeld") };
}

for (const version of stories) {
  const [name] = version;

  test(`${name}: a calibrated station's CDR goes by the signed begin and end alone, and carries them`, async () => {
    const { cdr, held, of, state } = await fold(version, [begin], [end], await worldOf(doc()));
    expect(held).toEqual([]);
    expect(cdr).toMatchObject({
      energyMwh: signedMwh,
      annotations: expect.arrayContaining(["energySigned"]),
      signed: [
        { nature: "Start", verdict: "valid", publicKey: meter.publicKey },
        { nature: "End", verdict: "valid", publicKey: meter.publicKey },
      ],
    });
    expect(cdr.periods!.reduce((sum, period) => sum + period.energyMwh, 0)).toBe(signedMwh);
    // The session shows the same, register by register.
    expect(of("sessionUpdated").at(-1)).toMatchObject({
      energyMwh: signedMwh,
      start: { meterStartMwh: 1_000_500 },
      end: { meterStopMwh: 21_010_250 },
    });
    expect(state.transactions.settled[0]!.energyMwh).toBe(signedMwh);
  });

  test.each<[string, readonly string[], readonly string[], MeterKeysDoc, readonly SignedDoubt[]]>([
    ["nothing signed", [], [], doc(), ["signedBeginMissing", "signedEndMissing"]],
    ["no begin", [], [end], doc(), ["signedBeginMissing"]],
    ["no end", [begin], [], doc(), ["signedEndMissing"]],
    ["a tampered end", [begin], [end.replace("21010.25", "11010.25")], doc(), ["signedInvalid"]],
    ["a tampered begin", [begin.replace("1000.5", "9000.5")], [end], doc(), ["signedInvalid"]],
    ["another meter's key", [begin], [end], doc([{ publicKey: new Meter("M1").publicKey }]), ["signedInvalid"]],
    ["no key", [begin], [end], doc([]), ["signedNoKey"]],
    ["a key of another EVSE", [begin], [end], doc([{ publicKey: meter.publicKey, evseId: 2 }]), ["signedNoKey"]],
    ["a key that is none", [begin], [end], doc([{ publicKey: "secret" }]), ["signedUnverifiable"]],
    ["an end of no format", [begin], ["AP;0;3;ALCV3"], doc(), ["signedUnknownFormat"]],
    [
      "an end that the meter withdraws",
      [begin],
      [meter.signed(2, { E: 21_010.25 }, { EF: "E" })],
      doc(),
      ["signedUnusable"],
    ],
    ["an end below the begin", [begin], [meter.signed(2, { E: 900 })], doc(), ["signedStopBelowStart"]],
    ["an end signed before the begin", [meter.signed(3, { B: 1_000.5 })], [end], doc(), ["signedPageUnlike"]],
    ["another session's end", [begin], [meter.signed(9, { E: 41_000 })], doc(), ["signedEnergyUnlike"]],
    ["two ends", [begin], [end, meter.signed(3, { E: 21_020 })], doc(), ["signedAmbiguous"]],
  ])(`${name}: a calibrated station's CDR is held, with the reason: %s`, async (_, starts, ends, keys, reasons) => {
    const { held, of, cdr } = await fold(version, starts, ends, await worldOf(keys));
    expect(held.map((event) => event.reasons)).toEqual([reasons]);
    expect(of("cdrIssued")).toEqual([]);
    // For whoever decides: by the other registers.
    expect(cdr.energyMwh).toBe(unsignedMwh);
    expect(cdr.annotations).not.toContain("energySigned");
  });

  test(`${name}: a station that is not calibrated is billed as ever; its signed values go with the CDR`, async () => {
    const tampered = end.replace("21010.25", "11010.25");
    const { cdr, of } = await fold(version, [begin], [tampered], await worldOf(doc(undefined, false)));
    expect(of("cdrIssued")).toHaveLength(1);
    expect(cdr).toMatchObject({
      energyMwh: unsignedMwh,
      signed: [
        { nature: "Start", verdict: "valid" },
        { nature: "End", verdict: "invalid", publicKey: null },
      ],
    });
    expect(cdr.annotations).toContain("signatureInvalid");
  });

  test(`${name}: a station of which the register says nothing gets no word about its signatures`, async () => {
    const { cdr } = await fold(version, [begin], [end], await worldOf());
    expect(cdr.annotations.filter((word) => word.startsWith("sign"))).toEqual([]);
    expect(cdr.signed).toMatchObject([{ verdict: "noKey" }, { verdict: "noKey" }]);
  });

  test(`F1: ${name}: calibrated is who was so at the registry position that the records name`, async () => {
    const { cdr, held } = await fold(version, [], [], await worldOf(doc()), 0);
    expect(held).toEqual([]);
    expect(cdr.energyMwh).toBe(unsignedMwh);
  });

  test(`${name}: begin and end in one signed value at the end are enough`, async () => {
    const both = meter.signed(7, { B: 1_000, E: 21_004 });
    const { cdr, held } = await fold(version, [], [both], await worldOf(doc()));
    expect(held).toEqual([]);
    expect(cdr.energyMwh).toBe(20_004_000);
    expect(cdr.signed!.map(({ nature }) => nature)).toEqual(["Start", "End"]);
  });
}

test("no register between the signed ones has a part in the price", async () => {
  const line = new Line("CS1");
  line.registry = { generation: 1, offset: 1 };
  const pause = { connectorId: 1, status: "SuspendedEV", errorCode: "NoError", timestamp: at(30) };
  const [start, ...others] = story16(line, [begin], [end]);
  const unsigned = line.meter(idOf(), "15000", 30);
  const records = [start!, unsigned, line.call("StatusNotification", pause), ...others];
  const folded = await foldSteps(timed([line.connected(), line.claimed(), ...records]), await worldOf(doc()));
  const [charging, parked] = cdrsIn(folded)[0]!.periods!;
  // Half of the time is half of the energy; the register that is not signed would have it at 13 999.5 Wh.
  expect([charging, parked]).toMatchObject([
    { dimension: "TIME", energyMwh: signedMwh / 2 },
    { dimension: "PARKING_TIME", energyMwh: signedMwh / 2 },
  ]);
});

test("L4: however a calibrated station's records are cut into batches, the same rows follow", async () => {
  const world = await worldOf(doc());
  try {
    const line = new Line("CS1");
    line.registry = { generation: 1, offset: 1 };
    await world.write(timed([line.connected(), line.claimed(), ...story16(line, [begin], [end])]));
    const rows = await tablesOf(await foldInto(world, [100]));
    expect(await tablesOf(await foldInto(world, [1]))).toEqual(rows);
    expect(rows["reading"]!.length).toBeGreaterThan(1);
  } finally {
    await world.end();
  }
});

const swapped = at(30);
const successor = new Meter("M2");

test.each<[string, MeterKeysDoc["keys"], readonly SignedDoubt[]]>([
  [
    "of then",
    [
      { publicKey: meter.publicKey, validUntil: at(61) },
      { publicKey: successor.publicKey, validFrom: at(61) },
    ],
    [],
  ],
  ["that came later", [{ publicKey: meter.publicKey, validFrom: swapped }], ["signedNoKey"]],
  ["that had gone", [{ publicKey: meter.publicKey, validUntil: swapped }], ["signedNoKey"]],
  ["of another serial number", [{ publicKey: meter.publicKey, meter: "M2" }], ["signedNoKey"]],
  [
    "of its serial number",
    [
      { publicKey: successor.publicKey, meter: "M2" },
      { publicKey: meter.publicKey, meter: "m1" },
    ],
    [],
  ],
])("a meter that is swapped has a history of keys: one %s", async (_, keys, reasons) => {
  const { held } = await fold(stories[0], [begin], [end], await worldOf(doc(keys)));
  expect(held.flatMap((event) => event.reasons)).toEqual(reasons);
});

test("a meter that is swapped during a session: begin and end are of two", async () => {
  const keys = [{ publicKey: meter.publicKey }, { publicKey: successor.publicKey }];
  const { held } = await fold(stories[0], [begin], [successor.signed(3, { E: 21_010 })], await worldOf(doc(keys)));
  expect(held.map((event) => event.reasons)).toEqual([["signedMeterUnlike"]]);
});

const late = (line: Line, data: string) =>
  line.call("MeterValues", { connectorId: 1, transactionId: idOf(), meterValue: [in16(data, "Transaction.End", 60)] });

async function foldLate(waitedMs: number, data: string) {
  const line = new Line("CS1");
  line.registry = { generation: 1, offset: 1 };
  const steps = timed([line.connected(), line.claimed(), ...story16(line, [begin], [])]);
  const last = steps.at(-1)!.logTime;
  const tick = tickAt(last + settled, line);
  const value = { record: late(line, data), logTime: last + waitedMs };
  const more = [
    value,
    { ...value, record: late(line, data), logTime: last + waitedMs + 1 },
    { record: tick, logTime: last + settled },
  ];
  more.sort((a, b) => a.logTime - b.logTime);
  return foldSteps([...steps, ...more], await worldOf(doc()));
}

test("quirk 4: the signed end may come after StopTransaction; until then the CDR waits, once", async () => {
  const { of, readings } = await foldLate(1_000, end);
  expect(of("cdrHeld")).toEqual([]);
  expect(of("cdrIssued")).toMatchObject([{ cdr: { energyMwh: signedMwh } }]);
  // Sent twice, kept once.
  const kept = [...readings.values()].flat(2).filter(({ value }) => value === end);
  expect(kept).toHaveLength(1);
});

test("a held CDR is made anew when its signed end comes late, and stays held where that is no better", async () => {
  const healed = await foldLate(settled + 60_000, end);
  expect(healed.of("cdrHeld").map(({ reasons }) => reasons)).toEqual([["signedEndMissing"]]);
  expect(healed.of("cdrIssued")).toMatchObject([{ cdr: { energyMwh: signedMwh } }]);
  expect(healed.of("sessionUpdated").at(-1)).toMatchObject({ energyMwh: signedMwh });
  const forged = await foldLate(settled + 60_000, end.replace("21010.25", "11010.25"));
  expect(forged.of("cdrHeld")).toHaveLength(1);
  expect(forged.of("cdrIssued")).toEqual([]);
});
