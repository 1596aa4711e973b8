import { describe, expect, test } from "vitest";
import { FakeRig, settle } from "./testing/fake-server.test-helper.ts";

describe("drain", () => {
  test("every station is sent away with `come back`, spread over time; ownership is released, records are flushed", async () => {
    const rig = await FakeRig.start({ drainMs: 10_000 });
    const sockets = await Promise.all(Array.from({ length: 1_300 }, (_, i) => rig.claimed(`CP-${i}`)));
    const draining = rig.gateway.drain();
    await rig.advance(1_000);
    const early = sockets.filter((socket) => socket.code !== undefined).length;
    expect(early).toBeGreaterThan(50);
    expect(early).toBeLessThan(500);
    const [since] = (await rig.metrics.drainingSeconds.get()).values;
    expect(since?.value).toBeCloseTo(1, 0);
    expect((await rig.metrics.drainGraceSeconds.get()).values).toMatchObject([{ value: 10 }]);
    for (let s = 0; s < 10; s++) await rig.advance(1_000);
    await draining;
    expect(new Set(sockets.map((socket) => socket.code))).toEqual(new Set([1012]));
    expect(rig.kinds().filter((kind) => kind === "disconnected")).toHaveLength(1_300);
    expect(rig.bus.owners.size).toBe(0);
    expect(rig.gateway.connections()).toBe(0);
  });

  test("a CALL in flight is answered before its socket closes", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    socket.says([2, "1", "Heartbeat", {}]);
    await settle();
    const draining = rig.gateway.drain();
    await rig.advance(500);
    expect(socket.code).toBeUndefined();
    rig.log.letGo();
    await settle();
    await draining;
    expect(socket.sent).toHaveLength(1);
    expect(socket.code).toBe(1012);
  });

  test("it ends in time even if the log never answers", async () => {
    const rig = await FakeRig.start({ drainMs: 5_000 });
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    socket.says([2, "1", "Heartbeat", {}]);
    await settle();
    let drained = false;
    void rig.gateway.drain().then(() => (drained = true));
    for (let s = 0; s < 6; s++) await rig.advance(1_000);
    expect(drained).toBe(true);
    expect(socket.sent).toEqual([]);
    const stopped = rig.gateway.stop();
    await rig.advance(2_000);
    await stopped;
  });
});
