import * as fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../config/limits.ts";
import { trusted } from "../ids/ids.ts";
import { decodeRecord, encodeRecord } from "./codec.ts";
import { encodeExchange } from "./exchange-encoder.ts";
import type { FrameRecordOf, Protocol } from "./frame-record.ts";

const number = fc.oneof(
  fc.nat(300),
  fc.nat(70_000),
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32),
);
const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("x".repeat(31), "x".repeat(32), "x".repeat(255), "x".repeat(256), "é".repeat(200)),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.constantFrom(255, 256, 65_535, 65_536, limits.frameMaxBytes).map((n) => new Uint8Array(n)),
);

const exchange: fc.Arbitrary<FrameRecordOf<"exchange">> = fc.record({
  kind: fc.constant("exchange" as const),
  party: fc.constant(trusted.party("DEABC")),
  station: text.map((t) => trusted.station(t)),
  source: fc.uuid().map((t) => trusted.connection(t)),
  sequence: number,
  arrivedAt: number,
  registry: fc.record({ generation: number, offset: number }),
  keyId: fc.constantFrom(null, "key"),
  protocol: fc.constantFrom<Protocol>("ocpp1.6", "ocpp2.0.1", "ocpp2.1"),
  action: text,
  messageId: text,
  call: bytes,
  answer: fc.oneof(bytes, fc.constant(null)),
  facts: fc.oneof(
    fc.constant({}),
    fc.constant({ authMethod: "WHITELIST" as const }),
    text.map((t) => ({ acceptedBecause: t })),
  ),
  annotations: fc.array(text, { maxLength: 20 }),
});

test("the hand-made encoder writes the very bytes of the generic one", () => {
  fc.assert(
    fc.property(exchange, (record) => {
      const mine = encodeExchange(record);
      expect(Buffer.compare(mine, encodeRecord(record))).toBe(0);
      expect(decodeRecord(mine)).toMatchObject({ kind: "exchange", sequence: record.sequence });
    }),
    { numRuns: 500 },
  );
});

test("each record's bytes stay as they are, however many and however long the next ones", () => {
  const records = fc.sample(exchange, { numRuns: 300, seed: 7 });
  const long = (size: number) => ({ ...records[0]!, call: new Uint8Array(size).fill(65) });
  const all = [...records, long(10_000), long(70_000), ...records, long(15_000), long(131_072), ...records];
  const encoded = all.map((record) => encodeExchange(record));
  for (const [i, record] of all.entries()) expect(Buffer.compare(encoded[i]!, encodeRecord(record))).toBe(0);
});

test("facts and annotations may be longer than all the rest", () => {
  const [some] = fc.sample(exchange, { numRuns: 1, seed: 7 });
  const record = { ...some!, facts: { acceptedBecause: "x".repeat(70_000) }, annotations: ["y".repeat(20_000)] };
  expect(Buffer.compare(encodeExchange(record), encodeRecord(record))).toBe(0);
});
