import { afterEach, describe, expect, test } from "vitest";

import { MockCsms } from "./mock-csms.test-helper.ts";
import type { MockOptions } from "./mock-csms.test-helper.ts";
import { acceptKey, WsClient } from "./ws-client.ts";
import type { WsClosed, WsOpen } from "./ws-client.ts";
import { encodeFrame, FrameParser, opcodes } from "./ws-frames.ts";

const hello = Buffer.from("Hello");

function parse(bytes: Buffer, expectMasked: boolean, chunkSize = bytes.length): string[] {
  const seen: string[] = [];
  const parser = new FrameParser(
    { expectMasked, maxMessageBytes: 100_000 },
    {
      message: (opcode, data) => seen.push(`${opcode} ${data.length > 20 ? data.length : data.toString()}`),
      control: (opcode, data) => seen.push(`${opcode} ${data.toString()}`),
      fail: (code) => seen.push(`fail ${code}`),
    },
  );
  for (let i = 0; i < bytes.length; i += chunkSize) parser.push(Buffer.from(bytes.subarray(i, i + chunkSize)));
  return seen;
}

describe("frames follow the examples of RFC 6455, 5.7", () => {
  test("an unmasked text frame", () => {
    expect(encodeFrame(opcodes.text, hello).toString("hex")).toBe("810548656c6c6f");
    expect(parse(Buffer.from("810548656c6c6f", "hex"), false)).toEqual(["1 Hello"]);
  });

  test("a masked text frame", () => {
    expect(encodeFrame(opcodes.text, hello, 0x37fa213d).toString("hex")).toBe("818537fa213d7f9f4d5158");
    expect(parse(Buffer.from("818537fa213d7f9f4d5158", "hex"), true)).toEqual(["1 Hello"]);
  });

  test("a fragmented message with a ping between its parts", () => {
    const bytes = Buffer.from("010348656c890548656c6c6f80026c6f", "hex");
    expect(parse(bytes, false)).toEqual(["9 Hello", "1 Hello"]);
  });

  test.each([125, 126, 256, 65_535, 65_536])(
    "a payload of %i bytes survives, also when it comes byte by byte",
    (length) => {
      const frame = encodeFrame(opcodes.binary, Buffer.alloc(length, 7), 0x01020304);
      expect(parse(frame, true)).toEqual([`2 ${length}`]);
      expect(parse(frame, true, length > 1000 ? 999 : 1)).toEqual([`2 ${length}`]);
    },
  );

  test("what the protocol forbids fails the connection", () => {
    expect(parse(Buffer.from("c10548656c6c6f", "hex"), false)).toEqual(["fail 1002"]);
    expect(parse(Buffer.from("810548656c6c6f", "hex"), true)).toEqual(["fail 1002"]);
    expect(parse(Buffer.from("80026c6f", "hex"), false)).toEqual(["fail 1002"]);
    expect(parse(Buffer.from("0900", "hex"), false)).toEqual(["fail 1002"]);
    expect(parse(Buffer.from("817f0000000000100000", "hex"), false)).toEqual(["fail 1009"]);
  });

  test("the handshake's key gives the accept value of 1.3", () => {
    expect(acceptKey("dGhlIHNhbXBsZSBub25jZQ==")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });
});

interface Seen {
  open?: WsOpen;
  closed?: WsClosed;
  readonly messages: string[];
}

describe("a client on a real socket", () => {
  const mocks: MockCsms[] = [];
  afterEach(() => Promise.all(mocks.splice(0).map((mock) => mock.close())));

  async function connect(options: MockOptions = {}) {
    const mock = await new MockCsms(options).listen();
    mocks.push(mock);
    const seen: Seen = { messages: [] };
    const client = new WsClient(
      { url: `${mock.url}/S1`, protocols: ["ocpp1.6"], auth: { user: "S1", password: "secret:1" } },
      {
        open: (info) => (seen.open = info),
        message: (data) => seen.messages.push(data.toString()),
        closed: (info) => (seen.closed = info),
      },
    );
    await expect.poll(() => seen.open ?? seen.closed).toBeDefined();
    return { mock, seen, client };
  }

  test("reads subprotocol and connection id, and sends basic auth", async () => {
    const { mock, seen, client } = await connect();
    expect(seen.open).toMatchObject({ protocol: "ocpp1.6", connectionId: "c1" });
    expect(mock.authorizations[0]).toBe(`Basic ${Buffer.from("S1:secret:1").toString("base64")}`);
    client.destroy();
  });

  test("a message goes there and back, fragmented on the way", async () => {
    const { mock, seen, client } = await connect();
    client.sendText(Buffer.from('[2,"1","Heartbeat",{}]'));
    await expect.poll(() => seen.messages.length).toBe(1);
    expect(mock.calls[0]).toMatchObject({ station: "S1", action: "Heartbeat", raw: '[2,"1","Heartbeat",{}]' });
    mock.sendRaw("S1", encodeFrame(opcodes.text, Buffer.from("ab"), undefined, false));
    mock.sendRaw("S1", encodeFrame(opcodes.continuation, Buffer.from("cd")));
    await expect.poll(() => seen.messages.at(-1)).toBe("abcd");
    client.destroy();
  });

  test("pings are answered, until it is told not to", async () => {
    const { mock, client } = await connect();
    mock.sendRaw("S1", encodeFrame(opcodes.ping, Buffer.from("one")));
    await expect.poll(() => mock.pongs).toEqual(["one"]);
    client.setAutoPong(false);
    mock.sendRaw("S1", encodeFrame(opcodes.ping, Buffer.from("two")));
    client.sendText(Buffer.from('[2,"1","Heartbeat",{}]'));
    await expect.poll(() => mock.calls.length).toBe(1);
    expect(mock.pongs).toEqual(["one"]);
    client.destroy();
  });

  test("a refused upgrade tells its status and Retry-After", async () => {
    const { seen } = await connect({ refuse: () => ({ status: 503, headers: { "Retry-After": "7" } }) });
    expect(seen.closed).toMatchObject({ code: 1006, httpStatus: 503, retryAfterSeconds: 7 });
  });

  test("an orderly close gets the peer's code", async () => {
    const { seen, client } = await connect();
    client.close(1000, "done");
    await expect.poll(() => seen.closed?.code).toBe(1000);
  });
});
