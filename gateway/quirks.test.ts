// Quirks of the wire (ocpp.md, quirks 15, 16 and 19), over real sockets. Those of payloads are in decide/quirks.test.ts.
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";

import type { FrameRecord, Protocol } from "../core/records/frame-record.ts";
import { Rig } from "./testing/rig.test-helper.ts";

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start();
});
afterEach(() => rig.stop());

const frames = <Kind extends FrameRecord["kind"]>(kind: Kind) =>
  rig.log.frames().filter((record): record is Extract<FrameRecord, { kind: Kind }> => record.kind === kind);

async function counted(annotation: string): Promise<number> {
  const { values } = await rig.metrics.annotations.get();
  return values.find(({ labels }) => labels.annotation === annotation)?.value ?? 0;
}

const boot: Readonly<Record<Protocol, object>> = {
  "ocpp1.6": { chargePointVendor: "V", chargePointModel: "M" },
  "ocpp2.0.1": { reason: "PowerUp", chargingStation: { vendorName: "V", model: "M" } },
  "ocpp2.1": { reason: "PowerUp", chargingStation: { vendorName: "V", model: "M" } },
};

test.each(versions)(
  "quirk 15: a station of %s whose frames end in NUL bytes can boot, and it shows",
  async (version) => {
    const station = await rig.connect("CP-1", { protocols: [version] });
    const text = `${JSON.stringify([2, "1", "BootNotification", boot[version]])}\0`;
    station.send(text);
    await station.until(() => station.received.length === 1);
    expect(JSON.parse(station.received[0]!)).toMatchObject([3, "1", { status: "Accepted" }]);
    const [record] = frames("exchange");
    expect(record).toMatchObject({ annotations: ["nulBytes"] });
    expect(Buffer.from(record!.call).toString()).toBe(text);
  },
);

test("quirk 15: where validation is strict, NUL bytes are refused", async () => {
  await rig.set("validation", "strict");
  const codes = {
    "ocpp1.6": "FormationViolation",
    "ocpp2.0.1": "FormatViolation",
    "ocpp2.1": "FormatViolation",
  } as const;
  for (const version of versions) {
    const station = await rig.connect(version, { protocols: [version] });
    station.send(`${JSON.stringify([2, "1", "BootNotification", boot[version]])}\0`);
    await station.until(() => station.received.length === 1);
    expect((JSON.parse(station.received[0]!) as unknown[]).slice(0, 3)).toEqual([4, "1", codes[version]]);
  }
  expect(frames("exchange").map(({ annotations }) => annotations)).toEqual(
    versions.map(() => ["nulBytes", "refusedBySchema"]),
  );
});

test.each(versions)("quirk 15: half a frame of %s is kept, and the whole one after it is answered", async (version) => {
  const station = await rig.connect("CP-1", { protocols: [version] });
  const whole = '[2,"1","Heartbeat",{}]';
  station.send(whole.slice(0, -4));
  station.send(whole);
  await station.until(() => station.received.some((text) => text.startsWith('[3,"1"')));
  expect(frames("quarantined")).toMatchObject([{ reason: "notJson" }]);
  expect(frames("exchange")).toHaveLength(1);
});

test.each(versions)("quirk 16: a station of %s that never boots is served", async (version) => {
  const station = await rig.connect("CP-1", { protocols: [version] });
  expect(await station.call("1", "Heartbeat", {})).toMatchObject([3, "1", {}]);
});

test("quirk 16: a boot again and again, with the same id or another, is answered each time", async () => {
  const station = await rig.connect("CP-1");
  for (let n = 0; n < 20; n++) {
    const id = n % 2 === 0 ? "1000001" : `b${n}`;
    expect(await station.call(id, "BootNotification", boot["ocpp1.6"])).toMatchObject([3, id, { status: "Accepted" }]);
  }
  // One of the same id and ten of their own: the nine repeats are answered as the first was, counted, and make no record.
  expect(frames("exchange")).toHaveLength(11);
  await expect.poll(() => counted("repeatedCall"), { timeout: 3_000 }).toBe(9);
});

/** A handshake as bytes, for what no client library would send. @returns the head of the answer. */
async function handshake(head: (port: number) => readonly string[]): Promise<string> {
  const port = rig.gateway.port();
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(`${head(port).join("\r\n")}\r\n\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer.toString("latin1");
}

const webSocket = [
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: ocpp1.6",
];

test.each<[string, (port: number) => readonly string[]]>([
  ["no Connection: Upgrade", (port) => ["GET /ocpp/CP-1 HTTP/1.1", `Host: 127.0.0.1:${port}`, ...webSocket]],
  [
    "Connection: close",
    (port) => ["GET /ocpp/CP-1 HTTP/1.1", `Host: 127.0.0.1:${port}`, "Connection: close", ...webSocket],
  ],
  [
    "Origin: file://",
    (port) => [
      "GET /ocpp/CP-1 HTTP/1.1",
      `Host: 127.0.0.1:${port}`,
      "Origin: file://",
      "Connection: Upgrade",
      ...webSocket,
    ],
  ],
])("quirk 19: a handshake with %s is let in", async (_what, head) => {
  const answer = await handshake(head);
  expect(answer.split("\r\n")[0]).toBe("HTTP/1.1 101 Switching Protocols");
  expect(answer.toLowerCase()).toContain("sec-websocket-protocol: ocpp1.6");
  await expect.poll(() => frames("connected").map(({ station }) => station)).toEqual(["CP-1"]);
});

// uWebSockets.js takes no request line but one whose path begins with a slash, and says so before wattlog is asked.
test("quirk 19: a handshake with an absolute URL in the request line is told so at once", async () => {
  const line = (port: number) => [
    `GET ws://127.0.0.1:${port}/ocpp/CP-1 HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    ...webSocket,
  ];
  expect(await handshake(line)).toMatch(/^HTTP\/1\.1 505 /);
  const neighbour = await rig.connect("CP-2");
  expect(await neighbour.call("1", "Heartbeat", {})).toMatchObject([3, "1", {}]);
});
