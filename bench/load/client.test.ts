import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";

import { LoadClient } from "./client.ts";
import { textFrame } from "./frames.ts";

let server: Server | undefined;
let peer: Socket | undefined;

afterEach(() => {
  peer?.destroy();
  server?.close();
});

interface Seen {
  readonly messages: string[];
  readonly lost: string[];
}

/** @param response to the upgrade. */
async function connect(response: Buffer): Promise<{ client: LoadClient; seen: Seen }> {
  const accepted = Promise.withResolvers<Socket>();
  server = createServer((socket) => {
    peer = socket;
    socket.once("data", () => {
      socket.write(response);
      accepted.resolve(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const seen: Seen = { messages: [], lost: [] };
  const options = { host: "127.0.0.1", port, path: "/CS-1", subprotocol: "ocpp1.6", localAddress: "127.0.0.2" };
  const client = await LoadClient.open(options, {
    message: (bytes, at, end) => void seen.messages.push(bytes.toString("utf8", at, end)),
    lost: (why) => void seen.lost.push(why),
  });
  await accepted.promise;
  return { client, seen };
}

const upgraded = Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
const message = (text: string): Buffer => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test("messages are read whole, however TCP cuts them", async () => {
  const { client, seen } = await connect(Buffer.concat([upgraded, message("first")]));
  const bytes = Buffer.concat([message("second"), message("third")]);
  for (const byte of bytes) {
    peer!.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => seen.messages).toEqual(["first", "second", "third"]);
  client.close();
});

test("what is sent arrives masked with 0, and a ping is answered", async () => {
  const { client } = await connect(upgraded);
  const arrived: Buffer[] = [];
  peer!.on("data", (chunk: Buffer) => arrived.push(chunk));
  client.send(textFrame("hello"));
  peer!.write(Buffer.from([0x89, 2, 1, 2]));
  await later();
  const pong = Buffer.from([0x8a, 0x82, 0, 0, 0, 0, 1, 2]);
  expect(Buffer.concat(arrived)).toEqual(Buffer.concat([textFrame("hello"), pong]));
  client.close();
});

test("a refused upgrade and a close say why", async () => {
  await expect(connect(Buffer.from("HTTP/1.1 503 Service Unavailable\r\n\r\n"))).rejects.toThrow("503");
  const { seen } = await connect(upgraded);
  peer!.write(Buffer.concat([Buffer.from([0x88, 5, 0x03, 0xf5]), Buffer.from("bye")]));
  await expect.poll(() => seen.lost).toEqual(["it was closed with 1013 bye"]);
});
