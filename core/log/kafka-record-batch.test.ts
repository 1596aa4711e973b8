import { crc32c, createRecordsBatch, NumericMap } from "@platformatic/kafka";
import * as fc from "fast-check";
import { expect, test } from "vitest";

import { encodeRecordBatch } from "./kafka-record-batch.ts";

/** As the library, whose batches the brokers have always taken. */
function byLibrary(entries: readonly { key: Buffer; value: Buffer }[], head: Parameters<typeof encodeRecordBatch>[1]) {
  const { producerId, producerEpoch, firstSequence, timestamp } = head;
  const sequences = new NumericMap([["t:3", firstSequence]]);
  const records = entries.map((entry) => ({ ...entry, topic: "t", partition: 3, timestamp: BigInt(timestamp) }));
  return createRecordsBatch(records, { producerId, producerEpoch, sequences, compression: "none" }).buffer;
}

const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(63, 64, 8_191, 8_192, 70_000));
const bytes = size.map((length) => Buffer.alloc(length, length % 251));
const head = fc.record({
  producerId: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  producerEpoch: fc.integer({ min: 0, max: 32_767 }),
  firstSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});

test("a batch is the same bytes that the client library makes, checksum included", () => {
  const entries = fc.array(fc.record({ key: bytes, value: bytes }), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(entries, head, (some, of) => {
      expect(encodeRecordBatch(some, of, crc32c).equals(byLibrary(some, of))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test.each([0, 1, 0x3f, 0x40, 0x1fff, 0x2000, 0xf_ffff, 0x10_0000, 0x10_0001])("a value of %i bytes", (length) => {
  const of = { producerId: 1n, producerEpoch: 0, firstSequence: 5, timestamp: 1 };
  const entries = [{ key: Buffer.from("k"), value: Buffer.alloc(length, 7) }];
  expect(encodeRecordBatch(entries, of, crc32c).equals(byLibrary(entries, of))).toBe(true);
});
