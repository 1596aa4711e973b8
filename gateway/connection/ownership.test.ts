import { describe, expect, test } from "vitest";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { FakeRig, settle } from "../testing/fake-server.test-helper.ts";

const of = (records: readonly FrameRecord[], source: string | undefined) =>
  records.filter((record) => record.source === source).map(({ kind, sequence }) => `${sequence} ${kind}`);

describe("ownership (I3, I4)", () => {
  test("connected is record 0; life after its receipt claims; the epoch is the offset of connected", async () => {
    const rig = await FakeRig.start();
    const socket = rig.server.connect("CP-1");
    await settle();
    expect(rig.kinds()).toEqual(["connected"]);
    expect(socket.pings).toBe(1);
    socket.pong();
    await settle();
    expect(rig.log.frames()[1]).toMatchObject({ kind: "claimed", epoch: { generation: 1, offset: 0 } });
    expect([...rig.bus.owners.values()]).toMatchObject([{ connectionId: socket.connection!.id, epoch: { offset: 0 } }]);
  });

  test("a frame before the receipt of connected proves nothing", async () => {
    const rig = await FakeRig.start();
    rig.log.holding.add(0);
    const socket = rig.server.connect("CP-1");
    socket.says([2, "1", "Heartbeat", {}]);
    await settle();
    rig.log.letGo();
    await settle();
    expect(rig.kinds()).not.toContain("claimed");
    socket.says([2, "2", "Heartbeat", {}]);
    await settle();
    expect(of(rig.log.frames(), socket.connection?.id)).toEqual([
      "0 connected",
      "1 exchange",
      "2 claimed",
      "3 exchange",
    ]);
  });

  test("the newer connection closes the older one when it is claimed, not before", async () => {
    const rig = await FakeRig.start();
    const older = await rig.claimed("CP-1");
    const newer = rig.server.connect("CP-1");
    await settle();
    expect(older.code).toBeUndefined();
    newer.pong();
    await settle();
    expect(older.code).toBe(1008);
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "disconnected", reason: "superseded" });
    expect(rig.gateway.connections()).toBe(1);
    expect([...rig.bus.owners.values()]).toMatchObject([{ connectionId: newer.connection!.id }]);
  });

  test("a takeover of a young connection counts as flapping, one of a connection that stood for long does not", async () => {
    const rig = await FakeRig.start();
    const counted = async () => {
      const [takeovers] = (await rig.metrics.takeovers.get()).values;
      const [flaps] = (await rig.metrics.flaps.get()).values;
      return [takeovers?.value, flaps?.value];
    };
    await rig.claimed("CP-1");
    await rig.advance(61_000);
    await rig.claimed("CP-1");
    expect(await counted()).toEqual([1, 0]);
    await rig.claimed("CP-1");
    expect(await counted()).toEqual([2, 1]);
  });

  test("an older connection that shows life only after a newer one was claimed is closed", async () => {
    const rig = await FakeRig.start();
    const older = rig.server.connect("CP-1");
    await settle();
    const newer = rig.server.connect("CP-1");
    await settle();
    newer.pong();
    await settle();
    expect(older.code).toBe(1008);
    older.pong();
    await settle();
    expect(rig.kinds().filter((kind) => kind === "claimed")).toHaveLength(1);
  });

  test("the late close of the old socket does not release the new one's claim", async () => {
    const rig = await FakeRig.start();
    const older = await rig.claimed("CP-1");
    const newer = await rig.claimed("CP-1");
    await settle();
    expect(rig.bus.released.map((claim) => claim.connectionId)).toEqual([older.connection?.id]);
    expect([...rig.bus.owners.values()]).toMatchObject([{ connectionId: newer.connection!.id }]);
  });

  test("superseded by another node: closed with its code", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    await rig.bus.send(rig.nodeId, { type: "superseded", connectionId: socket.connection!.id });
    expect(socket.code).toBe(1008);
  });

  test("a close appends disconnected as the connection's last record and releases", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    socket.leaves(1001);
    await settle();
    expect(rig.log.frames().at(-1)).toMatchObject({
      kind: "disconnected",
      code: 1001,
      reason: "byStation",
      sequence: 2,
    });
    expect(rig.bus.owners.size).toBe(0);
  });

  test("wire: a half-open link is noticed within the idle time, and pinged before", async () => {
    const rig = await FakeRig.start();
    const silent = await rig.claimed("CP-1");
    const alive = await rig.claimed("CP-2");
    const before = silent.pings;
    for (let s = 0; s < 125; s += 5) {
      await rig.advance(5_000);
      alive.pong();
    }
    expect(silent.code).toBe(1006);
    expect(silent.pings - before).toBeGreaterThanOrEqual(3);
    expect(alive.code).toBeUndefined();
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "disconnected", reason: "silent" });
  });
});
