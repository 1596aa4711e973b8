import * as fc from "fast-check";
import { expect, test } from "vitest";

import { trusted } from "../ids/ids.ts";
import {
  CorruptRecordError,
  decodeRecord,
  encodeRecord,
  recordVersion,
  UnknownRecordError,
  type Upcasters,
} from "./codec.ts";
import { decodeEvent, encodeEvent, eventVersion } from "./domain-event.ts";
import type { FrameBody, FrameRecord, Protocol } from "./frame-record.ts";
import { pack, unpack } from "./msgpack.ts";
import { decodeChange, encodeChange, registryVersion, type RegistryChange } from "./registry-change.ts";

const base = {
  party: trusted.party("DEWLG"),
  station: trusted.station("CS-1"),
  source: trusted.connection("conn"),
  sequence: 1,
  arrivedAt: 1_700_000_000_000,
  registry: { generation: 1, offset: 0 },
  keyId: null,
};
const tick: FrameRecord = { ...base, kind: "tick", dueAt: 5 };

const decoders = [
  ["frame record", decodeRecord],
  ["domain event", decodeEvent],
  ["registry change", decodeChange],
] as const;

/** What of a value an array of wrong fields may hold. */
const junk = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array(),
  fc.array(fc.oneof(fc.integer(), fc.string()), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.integer(), { maxKeys: 3 }),
);

/** Every way to read it ends well or with one of the two errors that the folds know. */
function expectKnownError(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    if (error instanceof CorruptRecordError || error instanceof UnknownRecordError) return;
    throw error;
  }
}

test.each(decoders)("random bytes never make another error than corrupt or unknown: %s", (_, decode) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => expectKnownError(decode, bytes)));
});

test.each(decoders)("a right version and kind with anything behind them never make another error: %s", (_, decode) => {
  const fields = fc.tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 0, max: 15 }),
    fc.array(junk, { maxLength: 20 }),
  );
  fc.assert(
    fc.property(fields, ([version, kind, rest]) => expectKnownError(decode, pack([version, kind, ...rest]))),
    {
      numRuns: 500,
    },
  );
});

test("a record with any one field replaced is read or refused, never half read", () => {
  const body: FrameBody = {
    kind: "commandRequested",
    commandId: trusted.command("c"),
    connectionId: null,
    protocol: "ocpp1.6",
    action: "Reset",
    payload: new Uint8Array([1]),
    timeoutMs: 1,
    idempotencyKey: null,
    queueUntil: null,
    origin: { via: "rest", actor: "a" },
    replyTo: null,
  };
  const fields = unpack(encodeRecord({ ...base, ...body })) as unknown[];
  fc.assert(
    fc.property(fc.nat(fields.length - 1), junk, (at, value) => {
      expectKnownError(decodeRecord, pack(fields.with(at, value)));
    }),
    { numRuns: 500 },
  );
});

test.each(decoders)("what is no array, or has no version, is corrupt: %s", (_, decode) => {
  for (const value of [null, 1, "text", {}, [], ["1", 1], [-1, 1], [1.5, 1], [1, "exchange"]]) {
    expect(() => decode(pack(value)), `decoding ${JSON.stringify(value)}`).toThrow(CorruptRecordError);
  }
  expect(() => decode(new Uint8Array([0xc1]))).toThrow(CorruptRecordError);
});

test.each([
  ["frame record", decodeRecord, recordVersion],
  ["domain event", decodeEvent, eventVersion],
  ["registry change", decodeChange, registryVersion],
] as const)(
  "a version or kind that is not known here pauses, it is never taken for junk (F8): %s",
  (_, decode, version) => {
    expect(() => decode(pack([version + 1, 1, "whatever"]))).toThrow(UnknownRecordError);
    expect(() => decode(pack([version, 99, "whatever"]))).toThrow(UnknownRecordError);
    expect(() => decode(pack([0, 1]))).toThrow(UnknownRecordError);
  },
);

test("a protocol that is not known here is a newer writer's (F8)", () => {
  const fields = unpack(
    encodeRecord({
      ...base,
      kind: "quarantined",
      protocol: "ocpp1.6",
      reason: "notJson",
      bytes: new Uint8Array(),
      answer: null,
    }),
  ) as unknown[];
  expect(() => decodeRecord(pack(fields.with(9, 30)))).toThrow(UnknownRecordError);
});

test("a record of an older version is read through the upcasters", () => {
  // A synthetic version 0 that had no key id and called the due time seconds.
  const current = unpack(encodeRecord(tick)) as unknown[];
  const old = [0, ...current.slice(1, 8), 0.005];
  const from0 = (fields: unknown[]): unknown[] => [1, ...fields.slice(1, 8), null, (fields[8] as number) * 1000];
  const upcasters: Upcasters = new Map([[0, from0]]);
  expect(decodeRecord(pack(old), upcasters)).toEqual(tick);
  expect(() => decodeRecord(pack(old)), "without its upcaster").toThrow(UnknownRecordError);
});

test("an upcaster that leaves something out makes a corrupt record, not a half read one", () => {
  const upcasters: Upcasters = new Map([[0, (fields) => [1, ...fields.slice(1)]]]);
  expect(() => decodeRecord(pack([0, 9, "DEWLG"]), upcasters)).toThrow(CorruptRecordError);
});

const protocols: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

test("whatever an exchange holds comes back byte for byte", () => {
  const exchange = fc.record({
    protocol: fc.constantFrom(...protocols),
    action: fc.string(),
    messageId: fc.string({ unit: "grapheme" }),
    call: fc.uint8Array(),
    answer: fc.option(fc.uint8Array()),
    annotations: fc.array(fc.string(), { maxLength: 3 }),
    sequence: fc.maxSafeNat(),
    arrivedAt: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(exchange, (fields) => {
      const record: FrameRecord = { ...base, kind: "exchange", facts: {}, ...fields };
      expect(decodeRecord(encodeRecord(record))).toEqual(record);
    }),
  );
});

test("an encoded record is the caller's: the next one does not overwrite it", () => {
  const first = encodeRecord(tick);
  const copy = first.slice();
  encodeRecord({ ...tick, dueAt: 6, sequence: 2 });
  expect(first).toEqual(copy);
});

test("the body of an event cannot pass itself off as another kind", () => {
  const event = {
    party: base.party,
    station: base.station,
    keyId: null,
    sequence: 1,
    hash: "h",
    logTime: 1,
    cause: "1:0:0/0",
  };
  const fields = unpack(encodeEvent({ ...event, body: { kind: "stationSeen" } })) as unknown[];
  expect(decodeEvent(pack(fields.with(9, { kind: "cdrIssued" }))).body.kind).toBe("stationSeen");
});

test("whatever document a registry change holds comes back as it was", () => {
  const json = fc.jsonValue({ maxDepth: 3 }).filter((v) => !JSON.stringify(v).includes("__proto__"));
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((k) => k !== "__proto__"),
        json,
      ),
      (doc) => {
        const plain = JSON.parse(JSON.stringify(doc)) as object;
        const change: RegistryChange = {
          party: base.party,
          keyId: null,
          changeId: "c",
          entity: "location",
          id: "L",
          expectedVersion: null,
          doc: plain,
          at: 1,
          actor: "cli",
        };
        expect(decodeChange(encodeChange(change)).doc).toEqual(plain);
      },
    ),
  );
});
