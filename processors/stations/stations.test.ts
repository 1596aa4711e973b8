import { expect, test } from "vitest";

import { limits } from "../../core/config/limits.ts";
import { foldSteps, timed } from "../folding.test-helper.ts";
import { ocppFold } from "../ocpp-fold.ts";
import { at, Line, nodeA, nodeB, other } from "../station.test-helper.ts";

const lost = (nodeId: typeof nodeA) => other("").record({ kind: "nodeLost", nodeId });
const status = (line: Line, word: string, more: object = {}) =>
  line.call("StatusNotification", { connectorId: 1, status: word, errorCode: "NoError", timestamp: at(1), ...more });
const boot = (line: Line) =>
  line.call("BootNotification", {
    chargePointVendor: "V",
    chargePointModel: "M",
    chargeBoxSerialNumber: "S",
    firmwareVersion: "1",
  });

test("I4: a station is online once its connection is claimed, and offline with the end of it", async () => {
  const line = new Line("CS1");
  const { events } = await foldSteps(timed([line.connected(), line.claimed(), line.disconnected("idle")]));
  expect(events).toMatchObject([
    { kind: "stationOnline", connectionId: line.id, nodeId: nodeA },
    { kind: "stationOffline", connectionId: line.id, reason: "idle" },
  ]);
});

test("I4: the claimed connection of the highest epoch is current; the late end of an older one changes nothing", async () => {
  const [old, young] = [new Line("CS1"), new Line("CS1")];
  const { of } = await foldSteps(
    timed([
      old.connected(),
      old.claimed(),
      young.connected(nodeB),
      young.claimed(),
      old.disconnected(),
      status(old, "Faulted"),
      status(young, "Available"),
    ]),
  );
  expect(of("stationOnline").map((e) => e.connectionId)).toEqual([old.id, young.id]);
  expect(of("stationOffline")).toEqual([]);
  expect(of("connectorStatus").map((e) => e.status)).toEqual(["Available"]);
});

test("I4: an older connection that is claimed late does not displace the current one", async () => {
  const [old, young] = [new Line("CS1"), new Line("CS1")];
  const { of } = await foldSteps(
    timed([old.connected(), young.connected(), young.claimed(), status(old, "Faulted"), old.claimed()]),
  );
  expect(of("stationOnline").map((e) => e.connectionId)).toEqual([young.id]);
  expect(of("connectorStatus")).toEqual([]);
});

test("I4: what a connection reports before it is claimed is told when it is", async () => {
  const line = new Line("CS1");
  const steps = timed([line.connected(), boot(line), status(line, "Available"), status(line, "Charging")]);
  expect((await foldSteps(steps)).events).toEqual([]);
  const { events } = await foldSteps([...steps, ...timed([line.claimed()], steps.at(-1)!.logTime)]);
  expect(events).toMatchObject([
    { kind: "stationOnline" },
    { kind: "stationBooted", vendor: "V", model: "M", serial: "S", firmware: "1" },
    { kind: "connectorStatus", evseId: 1, connectorId: 1, status: "Charging", errorCode: null },
  ]);
});

test("a status is told only when it changes; connector 0 is the station itself", async () => {
  const line = new Line("CS1");
  const two = new Line("CS2", "ocpp2.0.1");
  const { of } = await foldSteps(
    timed([
      line.connected(),
      line.claimed(),
      status(line, "Available"),
      status(line, "Available"),
      status(line, "Available", { errorCode: "GroundFailure" }),
      status(line, "Available", { connectorId: 0 }),
    ]),
  );
  expect(of("connectorStatus").map((e) => [e.evseId, e.connectorId, e.errorCode])).toEqual([
    [1, 1, null],
    [1, 1, "GroundFailure"],
    [0, 0, null],
  ]);
  const second = await foldSteps(
    timed([
      two.connected(),
      two.claimed(),
      two.call("StatusNotification", { evseId: 2, connectorId: 3, connectorStatus: "Occupied", timestamp: at(1) }),
    ]),
  );
  expect(second.of("connectorStatus")).toMatchObject([{ evseId: 2, connectorId: 3, status: "Occupied" }]);
});

test("T3: a lost node takes its stations offline, and any later record of the connection takes that back", async () => {
  const line = new Line("CS1");
  const { events, state } = await foldSteps(
    timed([line.connected(), line.claimed(), lost(nodeB), lost(nodeA), line.call("Heartbeat", {})]),
  );
  expect(events.map((e) => e.kind)).toEqual(["stationOnline", "stationOffline", "stationOnline"]);
  expect(ocppFold.nodesOf(state)).toEqual([nodeA]);
});

test("stationSeen comes at most once a minute of log time, and not beside other events", async () => {
  const line = new Line("CS1");
  const beat = () => line.call("Heartbeat", {});
  const { of } = await foldSteps(
    timed([
      line.connected(),
      line.claimed(),
      beat(),
      30_000,
      beat(),
      30_000,
      beat(),
      beat(),
      61_000,
      status(line, "Available"),
      beat(),
    ]),
  );
  expect(of("stationSeen")).toHaveLength(1);
});

test("limits: connections and connectors of one station are bounded", async () => {
  const lines = Array.from({ length: limits.stationConnectionsRemembered + 5 }, () => new Line("CS1"));
  const [current] = lines;
  const many = Array.from({ length: limits.stationConnectorsRemembered + 5 }, (_, n) =>
    status(current!, "Available", { connectorId: n }),
  );
  const { state } = await foldSteps(
    timed([current!.connected(), current!.claimed(), ...many, ...lines.slice(1).map((l) => l.connected())]),
  );
  expect(state.self.connections).toHaveLength(limits.stationConnectionsRemembered);
  expect(state.self.connections.some((c) => c.id === current!.id)).toBe(true);
  expect(state.self.connectors).toHaveLength(limits.stationConnectorsRemembered);
});

test("F4: a state comes back from its packed form as it was", async () => {
  const line = new Line("CS1");
  const { state } = await foldSteps(
    timed([
      line.connected(),
      boot(line),
      line.claimed(),
      status(line, "Available"),
      line.start(),
      line.stop(undefined),
      line.start({ meterStart: 5 }),
    ]),
  );
  expect(ocppFold.unpack(ocppFold.pack(state))).toEqual(state);
});
