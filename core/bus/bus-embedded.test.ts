import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";

import { newCommandId, newNodeId, trusted } from "../ids/ids.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { attachBus } from "./bus-embedded-port.ts";
import { EmbeddedBusHub } from "./bus-embedded.ts";
import type { BusMessage, Claim, CommandBus } from "./bus.ts";
import { commandBusContract, type BusHarness } from "./bus.contract.ts";

function harness(client: (hub: EmbeddedBusHub) => CommandBus): () => Promise<BusHarness> {
  return async () => {
    const hub = new EmbeddedBusHub();
    const clients: CommandBus[] = [];
    return {
      async client() {
        const made = client(hub);
        clients.push(made);
        return made;
      },
      async end() {
        await Promise.all(clients.map((one) => one.close()));
        hub.close();
      },
    };
  };
}

commandBusContract(
  "the embedded bus, one thread",
  harness((hub) => hub.client()),
);
commandBusContract(
  "the embedded bus, through ports",
  harness((hub) => attachBus(hub.connect())),
);

test("another thread claims and listens; when it dies, its routes and its node are gone", async () => {
  const hub = new EmbeddedBusHub();
  const bus = hub.client();
  const nodeId = newNodeId();
  const party = trusted.party("DEABC");
  const station = trusted.station("s1");
  const connectionId = trusted.connection("c1");
  const claim = { party, station, connectionId, nodeId, epoch: { generation: 1, offset: 1 }, protocol: "ocpp1.6" };
  const port = hub.connect();
  const code = `
    const { workerData, parentPort } = require("node:worker_threads");
    import(workerData.module).then(async ({ attachBus }) => {
      const bus = attachBus(workerData.port);
      await bus.listen(workerData.claim.nodeId, (message) => parentPort.postMessage(message));
      await bus.claim(workerData.claim);
      parentPort.postMessage("claimed");
    });`;
  const module = new URL("./bus-embedded-port.ts", import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { module, port, claim }, transferList: [port] });
  const next = (): Promise<unknown> => new Promise((resolve) => worker.once("message", resolve));
  expect(await next()).toBe("claimed");
  expect(await bus.owner(party, station)).toEqual(claim);
  const heard = next();
  expect(await bus.send(nodeId, { type: "superseded", connectionId })).toBe(true);
  expect(await heard).toEqual({ type: "superseded", connectionId });
  await worker.terminate();
  await expect.poll(() => bus.nodes()).toEqual([]);
  expect(await bus.owner(party, station)).toBeUndefined();
  await bus.close();
  hub.close();
});

test("an owner once asked for is known without asking again, and what became of it is known in the same moment", async () => {
  const hub = new EmbeddedBusHub();
  const here = hub.client();
  const there = attachBus(hub.connect());
  const nodeId = newNodeId();
  const party = trusted.party("DEABC");
  const claimOf = (station: string, offset: number): Claim => ({
    party,
    station: trusted.station(station),
    connectionId: trusted.connection(`${station}-${offset}`),
    nodeId,
    epoch: { generation: 1, offset },
    protocol: "ocpp1.6",
  });
  const [first, second] = [claimOf("s1", 1), claimOf("s1", 2)];
  await here.claim(first);
  expect(await there.owner(party, first.station)).toEqual(first);
  // From here on the hub's thread gets no turn to answer in: what is known is known without it.
  expect(await atOnce(there.owner(party, first.station))).toEqual(first);
  await here.claim(second);
  expect(await atOnce(there.owner(party, first.station))).toEqual(second);
  await here.release(first);
  expect(await atOnce(there.owner(party, first.station))).toEqual(second);
  await here.release(second);
  expect(await there.owner(party, first.station)).toBeUndefined();
  await here.claim(claimOf("s1", 3));
  expect(await there.owner(party, first.station)).toEqual(claimOf("s1", 3));
  await here.close();
  expect(await there.owner(party, first.station)).toBeUndefined();
  await there.close();
  hub.close();
});

test("a message that came before an owner was asked for is heard, after the asking and in its order", async () => {
  const hub = new EmbeddedBusHub();
  const [here, there] = [hub.client(), attachBus(hub.connect())];
  const nodeId = newNodeId();
  const heard: string[] = [];
  await there.listen(nodeId, (message) => {
    if (message.type === "superseded") heard.push(message.connectionId);
  });
  for (const id of ["a", "b"]) await here.send(nodeId, { type: "superseded", connectionId: trusted.connection(id) });
  const asked = there.owner(trusted.party("DEABC"), trusted.station("nobody's"));
  expect(heard).toEqual([]);
  await asked;
  expect(heard).toEqual(["a", "b"]);
  await there.close();
  hub.close();
});

test("a message takes its own bytes to another thread, not the memory that they lie in", async () => {
  const hub = new EmbeddedBusHub();
  const [here, there] = [hub.client(), attachBus(hub.connect())];
  const [mine, theirs] = [newNodeId(), newNodeId()];
  const heard: Uint8Array[] = [];
  const hear = (message: BusMessage): void => {
    if (message.type === "command") heard.push(message.payload);
    else if (message.type === "commandProgress" && message.state.at === "result") heard.push(message.state.frame);
  };
  await here.listen(mine, hear);
  await there.listen(theirs, hear);
  const commandId = newCommandId();
  const text = '{"a":1}';
  await there.send(mine, {
    type: "command",
    party: trusted.party("DEABC"),
    station: trusted.station("s1"),
    connectionId: trusted.connection("c1"),
    commandId,
    action: "ClearCache",
    payload: Buffer.from(text),
    deadline: 0,
    replyTo: null,
  });
  const state = { at: "result", frame: Buffer.from(text), logTime: 1 } as const;
  await here.send(theirs, { type: "commandProgress", commandId, state });
  await expect.poll(() => heard.map((bytes) => Buffer.from(bytes).toString())).toEqual([text, text]);
  expect(heard.map(({ buffer }) => buffer.byteLength)).toEqual([text.length, text.length]);
  await there.close();
  hub.close();
});

/** @throws where the promise needs more than the microtasks of this turn. */
async function atOnce<T>(promise: Promise<T>): Promise<T> {
  const late = Symbol("late");
  const turns = async (): Promise<typeof late> => {
    for (let n = 0; n < 5; n++) await Promise.resolve();
    return late;
  };
  const result = await Promise.race([promise, turns()]);
  if (result === late) throw new Error("It was asked elsewhere.");
  return result;
}

test("calls in flight when the hub closes are refused, none hangs", async () => {
  const hub = new EmbeddedBusHub();
  const bus = attachBus(hub.connect());
  const ask = () => bus.owner(trusted.party("DEABC"), trusted.station("s1"));
  const calls = Promise.allSettled([ask(), ask()]);
  hub.close();
  const reasons = (await calls).map((call) => (call.status === "rejected" ? (call.reason as unknown) : undefined));
  expect(reasons.filter((reason) => reason && !isWattlogError(reason, "bus/unavailable"))).toEqual([]);
  await expect(ask()).rejects.toSatisfy((error) => isWattlogError(error, "bus/unavailable"));
  await expect(bus.nodes()).rejects.toSatisfy((error) => isWattlogError(error, "bus/unavailable"));
});
