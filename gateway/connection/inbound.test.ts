import { describe, expect, test } from "vitest";
import { limits } from "../../core/config/limits.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { FakeRig, settle } from "../testing/fake-server.test-helper.ts";

const heartbeat = [2, "1", "Heartbeat", {}];
const exchanges = (rig: FakeRig) => rig.log.frames().filter((record) => record.kind === "exchange");
const quarantined = (rig: FakeRig) =>
  rig.log.frames().filter((r): r is Extract<FrameRecord, { kind: "quarantined" }> => r.kind === "quarantined");

describe("duplicates", () => {
  test("the same CALL again gets the same answer again, and makes no second record", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    socket.says(heartbeat);
    await settle();
    await rig.advance(5_000);
    socket.says(heartbeat);
    await settle();
    expect(socket.sent).toHaveLength(2);
    expect(socket.sent[1]).toBe(socket.sent[0]);
    expect(exchanges(rig)).toHaveLength(1);
  });

  test("after a long silence as well, byte for byte, and only to the very same CALL", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const calls = Array.from({ length: 3 }, (_, n) => [2, `é${n}`, "DataTransfer", { vendorId: "ü", data: `${n}` }]);
    for (const call of calls) socket.says(call);
    await settle();
    await rig.advance(30_000);
    for (const call of calls) socket.says(call);
    await settle();
    expect(socket.sent.slice(3)).toEqual(socket.sent.slice(0, 3));
    expect(exchanges(rig)).toHaveLength(3);
    socket.says([2, "é1", "DataTransfer", { vendorId: "ü", data: "another" }]);
    await rig.advance(1);
    expect(exchanges(rig)).toHaveLength(4);
  });

  test("a CALL that still waits for the log in the silence is not answered by its repeat", async () => {
    const rig = await FakeRig.start({ appendHoldMs: 60_000 });
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    socket.says(heartbeat);
    await rig.advance(20_000);
    socket.says(heartbeat);
    await settle();
    expect(socket.sent).toEqual([]);
    rig.log.letGo();
    await settle();
    expect(socket.sent).toHaveLength(1);
    expect(exchanges(rig)).toHaveLength(1);
  });

  test("repeated while it is handled, it is answered once", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    socket.says(heartbeat);
    socket.says(heartbeat);
    await settle();
    rig.log.letGo();
    await settle();
    expect(socket.sent).toHaveLength(1);
    expect(exchanges(rig)).toHaveLength(1);
  });

  test("a reused id with another content is a new CALL and never gets the other's answer", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    socket.says([2, "1", "Authorize", { idTag: "A" }]);
    socket.says(heartbeat);
    await settle();
    expect(exchanges(rig)).toHaveLength(2);
    expect(socket.answers()[1]).toMatchObject([3, "1", { currentTime: expect.any(String) as string }]);
  });

  test("only the last sixteen are remembered", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    for (let i = 0; i <= limits.duplicateWindowCalls; i++) socket.says([2, `id-${i}`, "Heartbeat", {}]);
    await rig.advance(1);
    socket.says([2, "id-0", "Heartbeat", {}]);
    socket.says([2, "id-16", "Heartbeat", {}]);
    await settle();
    await rig.advance(1);
    expect(exchanges(rig)).toHaveLength(limits.duplicateWindowCalls + 2);
  });
});

describe("what cannot be understood is kept verbatim", () => {
  const cases = [
    ["ocpp1.6", "[2,", "notJson", null],
    ["ocpp2.0.1", "[2,", "notJson", [4, "-1", "RpcFrameworkError"]],
    ["ocpp1.6", '[9,"a"]', "unknownMessageType", null],
    ["ocpp2.0.1", '[9,"a"]', "unknownMessageType", [4, "a", "MessageTypeNotSupported"]],
    ["ocpp2.1", '[9,"a"]', "unknownMessageType", null],
    ["ocpp1.6", '[6,"a","X",{}]', "unknownMessageType", null],
    ["ocpp2.0.1", '[6,"a","X",{}]', "unknownMessageType", [4, "a", "MessageTypeNotSupported"]],
    ["ocpp2.0.1", '[5,"a","X","",{}]', "unknownMessageType", [4, "a", "MessageTypeNotSupported"]],
    ["ocpp2.0.1", '[6,"a",{}]', "unknownMessageType", [4, "a", "MessageTypeNotSupported"]],
    ["ocpp2.0.1", '[5,"a"]', "unknownMessageType", [4, "a", "MessageTypeNotSupported"]],
    ["ocpp1.6", '[6,"a",{}]', "unknownMessageType", null],
    ["ocpp2.1", '[6,"a",{}]', "missingElements", null],
    ["ocpp1.6", '[2,"a","Heartbeat"]', "missingElements", [4, "a", "ProtocolError"]],
    ["ocpp1.6", '[3,"a",{}]', "unsolicitedResult", null],
    ["ocpp1.6", '[3,"a"]', "missingElements", null],
    ["ocpp2.1", '[5,"a","GenericError","",{}]', "callResultError", null],
  ] as const;

  test.each(cases)("%s %s: %s", async (version, text, reason, answer) => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1", version);
    socket.says(text);
    await settle();
    const [record] = quarantined(rig);
    expect(record).toMatchObject({ reason, protocol: version });
    expect(Buffer.from(record!.bytes).toString()).toBe(text);
    const told = socket.answers().map((message) => message.slice(0, 3));
    expect(told).toEqual(answer === null ? [] : [answer]);
    expect(socket.sent.join("")).not.toContain("[2,");
  });

  test("its answer waits for the log like any other", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1", "ocpp2.0.1");
    rig.log.holding.add(0);
    socket.says("{");
    await settle();
    expect(socket.sent).toEqual([]);
    rig.log.letGo();
    await settle();
    expect(socket.sent).toHaveLength(1);
  });

  test("a SEND of 2.1 is kept and not answered", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1", "ocpp2.1");
    socket.says([
      6,
      "a",
      "NotifyPeriodicEventStream",
      { id: 1, pending: 0, basetime: "2026-01-01T00:00:00Z", data: [] },
    ]);
    await settle();
    expect(exchanges(rig)).toMatchObject([{ action: "NotifyPeriodicEventStream", answer: null }]);
    expect(socket.sent).toEqual([]);
  });
});

describe("limits", () => {
  test("a flood closes the socket", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    for (let i = 0; i <= limits.stationFrameBurst && socket.code === undefined; i++) {
      socket.says([2, `${i}`, "Heartbeat", {}]);
      if (i % 50 === 0) await settle();
    }
    await settle();
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "disconnected", reason: "tooManyFrames" });
  });

  test("a flood of pings as well, for each costs its neighbours as much time as a frame", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    for (let i = 0; i <= limits.stationFrameBurst; i++) socket.pong();
    await settle();
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "disconnected", reason: "tooManyFrames" });
  });

  test("too many CALLs that wait for the log close the socket", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    for (let i = 0; i <= limits.stationPendingFrames; i++) socket.says([2, `${i}`, "Heartbeat", {}]);
    expect(socket.code).toBe(1008);
  });

  test("a station that does not read is closed", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    socket.dropping = true;
    socket.says(heartbeat);
    await settle();
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "disconnected", reason: "notReading" });
  });
});

describe("a station that goes at once", () => {
  const nothingUnderstood = "}{";
  const stopped = { transactionId: 1, meterStop: 5, timestamp: "2026-01-01T00:00:00Z" };

  test.each([1000, 1006])("promise 6: what it said before its socket ended (%i) is in the log", async (code) => {
    const rig = await FakeRig.start({ appendHoldMs: 60_000 });
    const socket = await rig.claimed("CP-1");
    const before = rig.kinds().length;
    rig.log.holding.add(0);
    socket.says(heartbeat);
    await settle();
    // These wait behind the batch that is on its way.
    socket.says([2, "2", "StopTransaction", stopped]);
    socket.says(nothingUnderstood);
    socket.leaves(code);
    await settle();
    rig.log.letGo();
    await rig.advance(1);
    expect(rig.kinds().slice(before)).toEqual(["exchange", "exchange", "quarantined", "disconnected"]);
    expect(socket.sent).toEqual([]);
  });

  test("but not where the log gave up on what it said before: the station says all of it again", async () => {
    const rig = await FakeRig.start({ appendHoldMs: 60_000 });
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    socket.says(heartbeat);
    await settle();
    socket.says([2, "2", "StopTransaction", stopped]);
    rig.log.holding.clear();
    rig.log.rejectHeld(false);
    await settle();
    await rig.advance(200);
    expect(exchanges(rig)).toEqual([]);
    expect(socket.code).toBe(1013);
  });
});

describe("outage of the log", () => {
  const twoPartitions = async () => {
    const rig = await FakeRig.start({ appendHoldMs: 1_000 }, 2);
    const sockets = await Promise.all(Array.from({ length: 8 }, (_, i) => rig.claimed(`CP-${i}`)));
    const sick = sockets.filter((s) => s.connection!.partition === 0);
    const well = sockets.filter((s) => s.connection!.partition === 1);
    expect([sick.length > 1, well.length > 1]).toEqual([true, true]);
    await rig.advance(1);
    return { rig, sick, well };
  };

  test("a partition that takes nothing: its stations are closed without a CALLERROR, the others are served", async () => {
    const { rig, sick, well } = await twoPartitions();
    rig.log.holding.add(0);
    sick[0]!.says(heartbeat);
    await rig.advance(1_500);
    await rig.advance(2_000);
    expect(sick.map((socket) => [socket.code, socket.sent])).toEqual(sick.map(() => [1013, []]));
    well[0]!.says(heartbeat);
    await settle();
    await rig.advance(1);
    expect(well[0]!.sent).toHaveLength(1);
    expect(well.every((socket) => socket.code === undefined)).toBe(true);
    const path = sick[0]!.connection!.station;
    expect(rig.server.upgrade(path)).toMatchObject({ type: "refuse", status: "503 Service Unavailable" });
    expect(rig.gateway.readiness().every(({ problem }) => problem === undefined)).toBe(true);
    rig.log.letGo();
    await settle();
    expect(rig.server.upgrade(path)).toMatchObject({ type: "accept" });
    expect(rig.kinds().filter((kind) => kind === "disconnected")).toHaveLength(sick.length);
  });

  test("a rejected append, stored or not: its frames are never answered and their socket closes", async () => {
    for (const stored of [false, true]) {
      const { rig, sick } = await twoPartitions();
      rig.log.holding.add(0);
      sick[0]!.says(heartbeat);
      await settle();
      rig.log.holding.clear();
      rig.log.rejectHeld(stored);
      await settle();
      await rig.advance(200);
      expect(sick[0]!.sent).toEqual([]);
      expect(sick[0]!.code).toBe(1013);
      expect(sick[1]!.code).toBeUndefined();
    }
  });
});
