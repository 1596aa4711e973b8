// The log is away (reliability.md, outage of the log): what a gateway keeps is bounded, its stations go at a rate, and come
// back spread over time. That one partition harms only its own stations is in connection/inbound.test.ts.
import { expect, test } from "vitest";

import { Rng } from "../bench/fleet/rng.ts";
import { limits } from "../core/config/limits.ts";
import { partitionOf } from "../core/log/partition.ts";
import { logKey, parseStationId } from "../core/ids/ids.ts";
import { FakeRig, type FakeSocket } from "./testing/fake-server.test-helper.ts";
import { party } from "./testing/rig.test-helper.ts";

const heartbeat = [2, "1", "Heartbeat", {}];
const closedOf = (sockets: readonly FakeSocket[]): number => sockets.filter(({ code }) => code !== undefined).length;

async function stationsOf(rig: FakeRig, count: number): Promise<FakeSocket[]> {
  const sockets: FakeSocket[] = [];
  for (let i = 0; i < count; i++) sockets.push(await rig.claimed(`CP-${i}`));
  return sockets;
}

test("the stations of a partition that takes nothing are closed at the gateway's rate, not at once", async () => {
  const rig = await FakeRig.start({ appendHoldMs: 1_000 }, 1);
  const seconds = 3;
  const sockets = await stationsOf(rig, seconds * limits.closesPerSecond);
  rig.log.holding.add(0);
  sockets[0]!.says(heartbeat);
  await rig.advance(1_200);
  const atFirst = closedOf(sockets);
  await rig.advance(1_000);
  const within = closedOf(sockets) - atFirst;
  expect(within).toBeGreaterThan(limits.closesPerSecond * 0.5);
  expect(within).toBeLessThanOrEqual(limits.closesPerSecond * 1.5);
  await rig.advance(seconds * 1_000);
  expect(closedOf(sockets)).toBe(sockets.length);
  expect(new Set(sockets.map(({ code }) => code))).toEqual(new Set([1013]));
});

test("who is refused meanwhile is told to come back at different times", async () => {
  const rng = new Rng(1);
  const rig = await FakeRig.start({ appendHoldMs: 1_000 }, 1, () => rng.next());
  const socket = await rig.claimed("CP-0");
  rig.log.holding.add(0);
  socket.says(heartbeat);
  await rig.advance(3_000);
  const asked = Array.from({ length: 200 }, (_, i) => rig.server.upgrade(`CP-NEW-${i}`));
  const seconds = asked.map((answer) =>
    answer.type === "refuse" ? Number(new Map(answer.headers).get("Retry-After")) : 0,
  );
  expect(Math.min(...seconds)).toBeGreaterThanOrEqual(5);
  expect(Math.max(...seconds)).toBeLessThanOrEqual(25);
  expect(new Set(seconds).size).toBeGreaterThan(10);
});

test("with many partitions each has its share of what the gateway may keep: the sum has a ceiling", async () => {
  const partitions = 256;
  const share = limits.appendQueueBytes / partitions;
  expect(share).toBeLessThan(limits.appendQueueBytesPerPartition);
  const rig = await FakeRig.start({}, partitions);
  const id = Array.from({ length: 10_000 }, (_, i) => `CP-${i}`).find(
    (name) => partitionOf(logKey(party, parseStationId(name)!), partitions) === 7,
  )!;
  const socket = await rig.claimed(id);
  rig.log.holding.add(7);
  const data = "x".repeat(100_000);
  for (let i = 0; socket.code === undefined && i < limits.stationPendingFrames - 1; i++) {
    socket.says([2, String(i), "DataTransfer", { vendorId: "flood", data }]);
    await rig.advance(150);
    const { values } = await rig.metrics.logQueueBytes.get();
    expect(values[0]?.value ?? 0).toBeLessThanOrEqual(share);
  }
  await rig.advance(1_000);
  // Long before the hold is over.
  expect(socket.code).toBe(1013);
  expect(socket.answers()).toEqual([]);
});
