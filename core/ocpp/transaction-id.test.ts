import * as fc from "fast-check";
import { expect, test } from "vitest";
import { transactionIdOf } from "./transaction-id.ts";

const start = { connectorId: 1, idTag: "TAG", timestamp: "2026-01-01T00:00:00Z", meterStart: 100 };

test("a StartTransaction resent on another node gets the same transactionId", () => {
  expect(transactionIdOf({ ...start })).toBe(transactionIdOf({ ...start }));
  // Pinned: another value would give every open transaction of a fleet a new id at an update.
  expect(transactionIdOf(start)).toBe(1719760260);
});

test("each of the four members makes another id, nothing else does", () => {
  const ids = new Set([
    transactionIdOf(start),
    transactionIdOf({ ...start, connectorId: 2 }),
    transactionIdOf({ ...start, idTag: "TAH" }),
    transactionIdOf({ ...start, timestamp: "2026-01-01T00:00:01Z" }),
    transactionIdOf({ ...start, meterStart: 101 }),
  ]);
  expect(ids.size).toBe(5);
  expect(transactionIdOf({ ...start, reservationId: 7 } as typeof start)).toBe(transactionIdOf(start));
});

test("any start, however broken, gets an id of 1 to 2^31-1", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.jsonValue(),
      fc.jsonValue(),
      fc.jsonValue(),
      (connectorId, idTag, timestamp, meterStart) => {
        const id = transactionIdOf({ connectorId, idTag, timestamp, meterStart });
        expect(Number.isInteger(id) && id >= 1 && id < 2 ** 31).toBe(true);
      },
    ),
  );
});

test("many consecutive starts collide no more often than chance", () => {
  const ids = new Set<number>();
  const count = 200_000;
  for (let i = 0; i < count; i++) ids.add(transactionIdOf({ ...start, meterStart: i }));
  // Expected collisions: n²/2^32 = 9.3.
  expect(count - ids.size).toBeLessThan(40);
});
