// On a log that tells nobody (Kafka) the node that holds a station appends a command's request itself, with `sent` (C1).
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import type { BusMessage } from "../../core/bus/bus.ts";
import { newConnectionId, newNodeId, trusted, type CommandId } from "../../core/ids/ids.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { callAs, framesIn } from "../testing/client.ts";
import { party, World } from "../testing/world.ts";
import type { Api } from "./api.ts";

type Message<Type extends BusMessage["type"]> = Extract<BusMessage, { type: Type }>;
type Heard = Message<"handOver"> | Message<"command">;

const station = trusted.station("CP-A");
const connectionId = newConnectionId();
let world: World;
let api: Api;
let heard: Heard[];
let requests: number;
/** What the node says to what it hears. */
let node: (message: Heard) => void;

const accept = (commandId: string): Buffer => Buffer.from(`[3,"${commandId}",{"status":"Accepted"}]`);

function tell(commandId: CommandId, state: Message<"commandProgress">["state"]): void {
  void world.bus.send(world.nodeId, { type: "commandProgress", commandId, state });
}

function answered({ commandId, deadline }: Message<"command">): void {
  tell(commandId, { at: "result", frame: accept(commandId), logTime: deadline });
}

beforeAll(async () => {
  world = await World.open({
    openLog: async (folder, topics) => {
      const server = await EmbeddedLogServer.start({ folder, topics });
      const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
      Object.defineProperty(log, "listen", { value: undefined });
      return { log, close: () => server.close() };
    },
    openStore: openSqliteStore,
    openBus: () => new EmbeddedBusHub().client(),
  });
  api = await world.serve();
  const nodeId = newNodeId();
  const epoch = { generation: 1, offset: 0 };
  await world.bus.claim({ party, station, connectionId, nodeId, epoch, protocol: "ocpp1.6" });
  await world.bus.listen(nodeId, (message) => {
    if (message.type !== "command" && message.type !== "handOver") return;
    heard.push(message);
    node(message);
  });
});

beforeEach(async () => {
  heard = [];
  requests = (await framesIn(world, "CP-A")).length;
});

afterAll(() => world.close());

function reset(more: object = {}) {
  const body = { action: "Reset", payload: { type: "Soft" }, ...more };
  return callAs(api, "POST", "/api/v1/stations/CP-A/commands?wait=10", body);
}

const written = async () => (await framesIn(world, "CP-A")).slice(requests);

test("a node that takes it appends the request: the api writes nothing, and knows it by the node's word", async () => {
  node = (message) => {
    if (message.type !== "handOver") return;
    const { commandId } = message.request;
    const logTime = Date.now();
    // Its result may be heard first.
    tell(commandId, { at: "result", frame: accept(commandId), logTime: logTime + 1 });
    tell(commandId, { at: "requested", logTime });
  };
  const { body } = await reset();
  expect(body).toMatchObject({ status: "done", outcome: "accepted" });
  expect(await written()).toEqual([]);
  expect(heard).toMatchObject([
    { type: "handOver", connectionId, request: { action: "Reset", timeoutMs: 30_000, replyTo: world.nodeId } },
  ]);
  const known = await callAs(api, "GET", `/api/v1/commands/${String(body["id"])}`);
  expect(known.body).toMatchObject({ id: body["id"], action: "Reset", payload: { type: "Soft" } });
});

test.each([
  ["declines", (id: CommandId) => tell(id, { at: "declined" })],
  ["says nothing", () => undefined],
])("a node that %s: the api appends the request itself, under the same id, and wakes it", async (_, say) => {
  node = (message) => {
    if (message.type === "handOver") say(message.request.commandId);
    else answered(message);
  };
  const { body } = await reset();
  expect(body).toMatchObject({ status: "done", outcome: "accepted" });
  const commandId = body["id"];
  expect(await written()).toMatchObject([{ kind: "commandRequested", commandId, source: world.nodeId }]);
  expect(heard).toMatchObject([
    { type: "handOver", request: { commandId } },
    { type: "command", commandId },
  ]);
});

test("one of a caller's key is not handed over: only the fold knows whether it is the first", async () => {
  node = () => undefined;
  await callAs(api, "POST", "/api/v1/stations/CP-A/commands?wait=1", {
    action: "Reset",
    payload: { type: "Soft" },
    idempotencyKey: "once",
  });
  expect(await written()).toMatchObject([{ kind: "commandRequested" }]);
  expect(heard).toEqual([]);
});
