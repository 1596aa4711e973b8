import { expect, test } from "vitest";

import { capacityOf, margins, measured, usualFleet, type Fleet } from "./plan.ts";

const fleet = (stations: number, more: Partial<Fleet> = {}): Fleet => ({ ...usualFleet, stations, ...more });

test("ten thousand stations, by hand", () => {
  const plan = capacityOf(fleet(10_000, { framesPerHour: 36, peak: 2, logDays: 10, tokens: 90_000 }));
  expect(plan.framesPerSecond).toEqual({ average: 100, peak: 200 });
  // 10 000 / 10 000 + 1; when one is gone the other has all: 250 + 100 000 * 0.3 kB + 10 000 * 2.08 kB.
  expect(plan.gateway).toMatchObject({ pods: 2, megabytes: 301 });
  expect(plan.processor).toMatchObject({ pods: 2, megabytes: 280 });
  expect(plan.partitions).toBe(12);
  // 100/s * 960 B * 864 000 s * 3 replicas = 0.249 TB, at most 70 % of a disk filled, on three brokers.
  expect(plan.kafka).toMatchObject({ brokers: 3, terabytesEach: 0.12 });
  expect(plan.postgres.gigabytesPerDay).toBe(14);
  expect(plan.archiveGigabytesPerDay).toBe(8.3);
  expect(plan.notes).toHaveLength(1);
});

test("a role whose load fills one core at the peak has a second pod and a spare one", () => {
  const frames = (margins.busy * 1e6 * 1.5) / measured.processorMicros;
  const plan = capacityOf(fleet(frames * 3_600, { framesPerHour: 1, peak: 1 }));
  expect(plan.processor).toMatchObject({ pods: 3, cores: 0.5 });
});

test("ten million stations: what one cluster cannot do is said", () => {
  const plan = capacityOf(fleet(10_000_000, { tokens: 10_000_000 }));
  expect(plan.gateway.pods).toBe(1_001);
  expect(plan.partitions).toBeGreaterThanOrEqual(plan.processor.pods * margins.partitionsPerProcessor);
  expect(plan.notes.join(" ")).toMatch(/Postgres would write/);
  expect(plan.notes.join(" ")).toMatch(/registry takes/i);
});

test("more load never needs less of anything", () => {
  const numbers = (value: unknown): number[] =>
    typeof value === "number" ? [value] : value instanceof Object ? Object.values(value).flatMap(numbers) : [];
  const total = (stations: number): number[] => {
    const plan = capacityOf(fleet(stations));
    const { gateway, processor, projector } = plan;
    return numbers([gateway.pods, processor.pods, projector.pods, plan.partitions, plan.kafka.brokers, plan.postgres]);
  };
  let before = total(1);
  for (const stations of [100, 5_000, 15_000, 100_000, 1_000_000, 3_000_000, 10_000_000]) {
    const now = total(stations);
    now.forEach((value, at) => expect(value).toBeGreaterThanOrEqual(before[at]!));
    before = now;
  }
});
