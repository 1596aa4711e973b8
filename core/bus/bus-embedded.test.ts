import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";

import { newNodeId, trusted } from "../ids/ids.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { attachBus, EmbeddedBusHub } from "./bus-embedded.ts";
import type { CommandBus } from "./bus.ts";
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
  const module = new URL("./bus-embedded.ts", import.meta.url).href;
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

test("calls in flight when the hub closes are refused, none hangs", async () => {
  const hub = new EmbeddedBusHub();
  const bus = attachBus(hub.connect());
  const calls = Promise.allSettled([bus.nodes(), bus.nodes()]);
  hub.close();
  const reasons = (await calls).map((call) => (call.status === "rejected" ? (call.reason as unknown) : undefined));
  expect(reasons.filter((reason) => reason && !isWattlogError(reason, "bus/unavailable"))).toEqual([]);
  await expect(bus.nodes()).rejects.toSatisfy((error) => isWattlogError(error, "bus/unavailable"));
});
