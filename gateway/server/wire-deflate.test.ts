// The wire checklist (docs/wire-checklist.md): what lies below a message: frames, their compression, their size.
import { deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../core/config/limits.ts";
import { RawStation } from "../testing/raw-station.test-helper.ts";
import { Rig } from "../testing/rig.test-helper.ts";

const versions = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;
const of2x = ["ocpp2.0.1", "ocpp2.1"] as const;
const offer = "permessage-deflate; client_max_window_bits";
const heartbeat = '[2,"1","Heartbeat",{}]';
/** On a machine that does other things as well. */
const soon = { timeout: 10_000 };
let rig: Rig;
let station: RawStation | undefined;

beforeEach(async () => {
  rig = await Rig.start();
});

afterEach(async () => {
  station?.destroy();
  await rig.stop();
});

async function connect(version: string, extensions = ""): Promise<RawStation> {
  station = await RawStation.connect(rig.gateway.port(), "CP-1", version, extensions);
  return station;
}

const ends = () => rig.log.frames().flatMap((record) => (record.kind === "disconnected" ? [record] : []));

describe("permessage-deflate", () => {
  test.each(of2x)("wire: %s: permessage-deflate is negotiated without a context and understood", async (version) => {
    const socket = await connect(version, offer);
    // A context kept per connection would be memory of every idle one.
    const agreed = socket.header("sec-websocket-extensions");
    expect(agreed).toContain("permessage-deflate");
    expect(agreed).toContain("server_no_context_takeover");
    expect(agreed).toContain("client_no_context_takeover");
    const surplus = { text: "x".repeat(50_000) };
    socket.sendCompressed(JSON.stringify([2, "big", "DataTransfer", { vendorId: "V", data: surplus }]));
    socket.sendCompressed(heartbeat);
    socket.sendText('[2,"2","Heartbeat",{}]');
    await vi.waitFor(() => expect(socket.received).toHaveLength(3), soon);
    expect(socket.received.map((text) => (JSON.parse(text) as unknown[])[1])).toEqual(["big", "1", "2"]);
    const calls = rig.log.frames().flatMap((record) => (record.kind === "exchange" ? [record.call.length] : []));
    expect(calls[0]).toBeGreaterThan(50_000);
  });

  test.each(versions)("wire: %s: who does not offer permessage-deflate is given none", async (version) => {
    expect((await connect(version)).header("sec-websocket-extensions")).toBeUndefined();
  });

  test.each(of2x)("wire: %s: a compressed message inflates to the frame limit and no further", async (version) => {
    const fits = `[2,"1","Heartbeat",{}${" ".repeat(limits.frameMaxBytes - heartbeat.length)}]`;
    const socket = await connect(version, offer);
    socket.sendCompressed(fits);
    await vi.waitFor(() => expect(socket.received).toHaveLength(1), soon);
    socket.sendCompressed(`${fits} `);
    await vi.waitFor(() => expect(ends()).toMatchObject([{ reason: "tooLarge" }]), soon);
    expect(socket.received).toHaveLength(1);
  });

  test("wire: a bomb that would inflate to 100 MB ends its socket, and the memory does not follow it", async () => {
    const bomb = deflateRawSync(Buffer.alloc(100 * 1024 * 1024, " "), { level: 9, finishFlush: 2 }).subarray(0, -4);
    expect(bomb.length).toBeLessThan(limits.frameMaxBytes);
    const before = process.memoryUsage.rss();
    for (let round = 0; round < 5; round++) {
      const socket = await connect("ocpp2.1", offer);
      socket.sendDeflated(bomb);
      await vi.waitFor(() => expect(socket.closed).toBe(true), soon);
    }
    // One that was inflated as a whole would show; what else the process does is a tenth of it.
    expect(process.memoryUsage.rss() - before).toBeLessThan(50 * 1024 * 1024);
    expect(ends().map(({ reason }) => reason)).toEqual(Array.from({ length: 5 }, () => "tooLarge"));
  });
});

describe("frames", () => {
  test.each(versions)("wire: %s: a message of 128 KiB is read, a larger one closes the socket", async (version) => {
    const socket = await connect(version);
    const padding = " ".repeat(limits.frameMaxBytes - heartbeat.length);
    socket.sendText(`[2,"1","Heartbeat",{}${padding}]`);
    await vi.waitFor(() => expect(socket.received).toHaveLength(1), soon);
    socket.sendText(`[2,"2","Heartbeat",{}${padding} ]`);
    await vi.waitFor(() => expect(ends()).toMatchObject([{ reason: "tooLarge" }]), soon);
  });

  test.each(versions)(
    "wire: %s: text that is no UTF-8 closes with 1007, said in the log and counted",
    async (version) => {
      const socket = await connect(version);
      socket.sendText(
        Buffer.concat([Buffer.from('[2,"1","DataTransfer",{"vendorId":"'), Buffer.from([0xff, 0xfe, 0x22])]),
      );
      await vi.waitFor(() => expect(ends()).toMatchObject([{ code: 1007, reason: "badFrame" }]), soon);
      const text = await rig.metrics.registry.metrics();
      expect(text).toContain('ocpp_gateway_closes_total{code="1007",reason="badFrame"} 1');
    },
  );

  test.each(versions)("wire: %s: the same bytes in a binary frame are kept, and answered in 2.x", async (version) => {
    const socket = await connect(version);
    socket.sendBinary(
      Buffer.concat([Buffer.from('[2,"1","DataTransfer",{"vendorId":"'), Buffer.from([0xff, 0xfe, 0x22])]),
    );
    socket.sendText(heartbeat);
    const answers = [
      [4, "-1", "RpcFrameworkError", expect.any(String), {}],
      [3, "1", {}],
    ].slice(version === "ocpp1.6" ? 1 : 0);
    await vi.waitFor(() => expect(socket.received).toHaveLength(answers.length), soon);
    expect(socket.received.map((text) => JSON.parse(text) as unknown)).toMatchObject(answers);
    expect(rig.log.frames().find(({ kind }) => kind === "quarantined")).toMatchObject({ reason: "notUtf8" });
  });

  test.each(versions)("wire: %s: a frame that breaks the framing ends its socket", async (version) => {
    const socket = await connect(version);
    socket.sendReserved(heartbeat);
    await vi.waitFor(() => expect(ends()).toMatchObject([{ code: 1006, reason: "byStation" }]), soon);
    expect(socket.received).toEqual([]);
  });

  test.each(versions)("wire: %s: either side may ping", async (version) => {
    const socket = await connect(version);
    socket.ping("are you there");
    await vi.waitFor(() => expect(socket.pongs).toEqual(["are you there"]), soon);
    const polite = await rig.connect("CP-2", { protocols: [version] });
    // It says nothing but the pong that our first ping asks for, and that is life.
    await polite.until(() => rig.log.frames().some(({ kind, station: id }) => kind === "claimed" && id === "CP-2"));
  });
});
