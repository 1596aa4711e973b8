import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";

import { freePorts } from "./ports.ts";
import { Relay } from "./relay.ts";
import { eventually, sleep } from "./wait.ts";

let echo: Server;
let relay: Relay;
let heard: string;
let client: Socket;
let answered: string;

beforeEach(async () => {
  heard = "";
  answered = "";
  echo = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      heard += bytes.toString();
      socket.write(bytes);
    });
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const [port] = await freePorts(1);
  relay = await Relay.listen(Number(port), () => (echo.address() as AddressInfo).port);
  client = connect(Number(port), "127.0.0.1");
  client.on("error", () => undefined);
  client.on("data", (bytes) => (answered += bytes.toString()));
  client.write("a");
  await eventually("the echo", () => answered === "a");
});

afterEach(async () => {
  client.destroy();
  await relay[Symbol.asyncDispose]();
  echo.close();
});

test("what is held back arrives late and whole; the other direction goes on", async () => {
  relay.hold(["back"]);
  client.write("b");
  await eventually("b to come there", () => heard === "ab");
  await sleep(50);
  expect(answered).toBe("a");
  relay.release();
  await eventually("b to come back", () => answered === "ab");
});

test("what is held there is not heard, and an end that was closed meanwhile is told of after its last words", async () => {
  relay.hold(["there"]);
  client.end("b");
  await sleep(50);
  expect(heard).toBe("a");
  relay.release();
  await eventually("b to come there", () => heard === "ab");
  await eventually("the link to end", () => relay.size === 0);
});

test("a silenced link says nothing either way, a new one does", async () => {
  expect(relay.silence(() => true)).toBe(1);
  client.write("b");
  await sleep(50);
  expect(heard).toBe("a");
  const other = connect(relay.port, "127.0.0.1");
  other.write("c");
  await eventually("the other link's", () => heard === "ac");
  other.destroy();
});

test("a cut ends every link at once", async () => {
  expect(relay.cut()).toBe(1);
  await eventually("the end", () => client.destroyed);
  expect(relay.size).toBe(0);
});
