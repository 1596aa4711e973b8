import { once } from "node:events";
import { connect } from "node:net";

import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../core/config/limits.ts";
import { hashPassword } from "../core/registry/password.ts";
import { Rig, stationId } from "./testing/rig.test-helper.ts";

let rig: Rig;

afterEach(async () => {
  await rig.stop();
});

const boot = { chargePointVendor: "V", chargePointModel: "M" };

describe("a station's first minute", () => {
  test("upgrade, Boot and Heartbeat are answered, and the log has connected, claimed and the exchanges", async () => {
    rig = await Rig.start();
    const station = await rig.connect("some/prefix/CP-1");
    expect(station.opened?.protocol).toBe("ocpp1.6");
    const answer = await station.call("1", "BootNotification", boot);
    expect(answer).toMatchObject([3, "1", { status: "Accepted" }]);
    await station.call("2", "Heartbeat", {});
    const kinds = rig.log.frames().map((record) => record.kind);
    expect(kinds).toEqual(expect.arrayContaining(["connected", "claimed", "exchange", "exchange"]));
    const sources = new Set(rig.log.frames().map((record) => record.source));
    expect([...sources]).toEqual([station.connectionId]);
  });

  test("no answer leaves before the log has acknowledged the record that holds the call", async () => {
    rig = await Rig.start();
    const station = await rig.connect("CP-1");
    await station.call("1", "BootNotification", boot);
    for (let partition = 0; partition < 4; partition++) rig.log.holding.add(partition);
    station.send([2, "2", "Heartbeat", {}]);
    await station.until(() => rig.log.heldAppends() === 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(station.received).toHaveLength(1);
    rig.log.letGo();
    await station.until(() => station.received.length === 2);
    expect(JSON.parse(station.received[1]!)).toMatchObject([3, "2", {}]);
  });
});

describe("the upgrade over a real socket", () => {
  test("names the connection, takes raw key bytes, refuses with 401, 404 and 503", async () => {
    rig = await Rig.start({}, "reject");
    const key = Buffer.from("00ff3a0102030405060708090a0b0c0d0e0f1011", "hex");
    const id = stationId("CP-1");
    await rig.change("station", id, { id, acceptance: "accepted", password: hashPassword(key), securityProfile: 1 });
    const good = await rig.connect("CP-1", { auth: { user: "CP-1", password: key } });
    expect(good.connectionId).toMatch(/^[0-9a-f-]{36}$/);
    expect((await rig.connect("CP-1", { auth: { user: "CP-1", password: "no" } })).closed?.httpStatus).toBe(401);
    expect((await rig.connect("CP-2")).closed?.httpStatus).toBe(404);
    await rig.gateway.drain();
    const refused = await rig.connect("CP-1");
    expect(refused.closed).toMatchObject({ httpStatus: 503 });
    expect(refused.closed?.retryAfterSeconds).toBeGreaterThan(0);
  });

  test("subprotocols may be offered in several header lines (RFC 6455 §11.3.4)", async () => {
    rig = await Rig.start();
    const socket = connect(rig.gateway.port(), "127.0.0.1");
    const lines = ["GET /CP-1 HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"];
    lines.push("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13");
    lines.push("Sec-WebSocket-Protocol: ocpp1.5", "Sec-WebSocket-Protocol: ocpp1.6");
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    const [head] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(head.toString("latin1").toLowerCase()).toContain("sec-websocket-protocol: ocpp1.6\r\n");
  });

  test("no subprotocol of ours: the handshake completes without the header, then closes", async () => {
    rig = await Rig.start();
    const station = await rig.connect("CP-1", { protocols: ["ocpp1.5"] });
    expect(station.opened).toMatchObject({ protocol: undefined });
    await station.until(() => station.closed !== undefined);
    expect(station.closed).toMatchObject({ code: 1002 });
    expect(rig.log.frames()).toEqual([]);
  });

  test("a plain GET is told what this port is", async () => {
    rig = await Rig.start();
    const response = await fetch(`http://127.0.0.1:${rig.gateway.port()}/CP-1`);
    expect(await response.text()).toContain("OCPP port");
  });

  test("a port in use is refused with the setting's name, not shared", async () => {
    rig = await Rig.start();
    const second = new Rig({ port: rig.gateway.port() });
    await second.registry.start();
    await expect(second.gateway.start()).rejects.toMatchObject({
      code: "start/port-in-use",
      message: expect.stringContaining("WATTLOG_OCPP_PORT") as string,
    });
    await second.stop();
  });

  test("percent-encoded identity and another letter case reach the registered station", async () => {
    rig = await Rig.start({}, "reject");
    const id = stationId("DE*ICE*E1");
    await rig.change("station", id, { id, acceptance: "accepted" });
    const station = await rig.connect("ocpp//de%2Aice%2Ae1/");
    await station.call("1", "Heartbeat", {});
    expect(new Set(rig.log.frames().map((record) => record.station))).toEqual(new Set([id]));
  });
});

describe("a socket's end", () => {
  test("a message over the limit closes, and the log says so", async () => {
    rig = await Rig.start();
    const station = await rig.connect("CP-1");
    await station.call("1", "Heartbeat", {});
    station.send(`[2,"2","DataTransfer",{"data":"${"x".repeat(limits.frameMaxBytes)}"}]`);
    await station.until(() => rig.log.frames().some((record) => record.kind === "disconnected"));
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "disconnected", reason: "tooLarge" });
  });

  test("a station that vanishes leaves `disconnected`", async () => {
    rig = await Rig.start();
    const station = await rig.connect("CP-1");
    await station.call("1", "Heartbeat", {});
    station.destroy();
    await station.until(() => rig.gateway.connections() === 0);
    await station.until(() => rig.log.frames().at(-1)?.kind === "disconnected");
    expect(rig.log.frames().at(-1)).toMatchObject({ reason: "byStation" });
  });

  test("a pong alone claims", async () => {
    rig = await Rig.start();
    const station = await rig.connect("CP-1");
    await station.until(() => rig.log.frames().some((record) => record.kind === "claimed"));
    expect(rig.bus.owners.size).toBe(1);
  });

  test("drain over a real socket: 1012", async () => {
    rig = await Rig.start();
    const station = await rig.connect("CP-1");
    await station.call("1", "Heartbeat", {});
    await rig.gateway.drain();
    await station.until(() => station.closed !== undefined);
    expect(station.closed).toMatchObject({ code: 1012 });
  });
});

test("frames are counted by action; what no version knows is `other`", async () => {
  rig = await Rig.start();
  const station = await rig.connect("CP-1");
  await station.call("1", "Heartbeat", {});
  await station.call("2", "Made-up", {});
  await rig.gateway.drain();
  const text = await rig.metrics.registry.metrics();
  expect(text).toContain('ocpp_frames_received_total{action="Heartbeat",version="ocpp1.6"} 1');
  expect(text).toContain('ocpp_frames_received_total{action="other",version="ocpp1.6"} 1');
  expect(text).not.toContain("Made-up");
});
