import { describe, expect, test } from "vitest";
import { limits } from "../../core/config/limits.ts";
import type { LogBatch } from "../../core/log/log.ts";
import { decodeRecord, encodeRecord } from "../../core/records/codec.ts";
import { newCommandId, newNodeId, type CommandId } from "../../core/ids/ids.ts";
import { FakeRig, settle, type FakeSocket } from "../testing/fake-server.test-helper.ts";

const api = newNodeId();

function ask(rig: FakeRig, socket: FakeSocket, changed: { id?: CommandId; timeoutMs?: number } = {}): CommandId {
  const commandId = changed.id ?? newCommandId();
  const { party, station, id: connectionId } = socket.connection!;
  const deadline = rig.clock.now() + (changed.timeoutMs ?? 30_000);
  const payload = Buffer.from('{"type":"Soft"}');
  void rig.bus.send(rig.nodeId, {
    type: "command",
    party,
    station,
    connectionId,
    commandId,
    action: "Reset",
    payload,
    deadline,
    replyTo: api,
  });
  return commandId;
}

/** As the api hands it over; in vain after `untilMs`. */
function handOver(rig: FakeRig, socket: FakeSocket, changed: { id?: CommandId; untilMs?: number } = {}): CommandId {
  const commandId = changed.id ?? newCommandId();
  const { party, station, id: connectionId, protocol } = socket.connection!;
  const request = {
    registry: rig.registry.position,
    commandId,
    protocol,
    action: "Reset",
    payload: Buffer.from('{"type":"Soft"}'),
    timeoutMs: 30_000,
    origin: { via: "rest", actor: "test" },
    replyTo: api,
  } as const;
  const until = rig.clock.now() + (changed.untilMs ?? 1_000);
  void rig.bus.send(rig.nodeId, { type: "handOver", party, station, connectionId, request, until });
  return commandId;
}

/** As the api requests it, for whoever listens at `tell`. */
function appended(rig: FakeRig, socket: FakeSocket, commandId: CommandId, tell: string): Promise<unknown> {
  const { party, station, id: connectionId, protocol } = socket.connection!;
  const value = encodeRecord({
    party,
    station,
    source: api,
    sequence: 1,
    arrivedAt: rig.clock.now(),
    registry: rig.registry.position,
    keyId: null,
    kind: "commandRequested",
    commandId,
    connectionId,
    protocol,
    action: "Reset",
    payload: Buffer.from('{"type":"Soft"}'),
    timeoutMs: 30_000,
    idempotencyKey: null,
    queueUntil: null,
    origin: { via: "rest", actor: "test" },
    replyTo: api,
  });
  return rig.log.append(rig.log.topics.frames, 0, [{ key: `${party}/${station}`, value, tell }]);
}

const commandKinds = (rig: FakeRig) => rig.kinds().filter((kind) => kind.startsWith("command"));
const progress = (rig: FakeRig) => rig.bus.sent.filter(({ to }) => to === api).map(({ message }) => message);

describe("commands (C1-C4)", () => {
  test("sent after its record is durable, answered, told to whoever waits", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    const id = ask(rig, socket);
    await settle();
    expect(socket.sent).toEqual([]);
    rig.log.letGo();
    await settle();
    expect(socket.answers()).toEqual([[2, id, "Reset", { type: "Soft" }]]);
    socket.says([3, id, { status: "Accepted" }]);
    await settle();
    expect(commandKinds(rig)).toEqual(["commandSent", "commandResult"]);
    expect(progress(rig)).toMatchObject([{ type: "commandProgress", commandId: id, state: { at: "result" } }]);
  });

  test("handed over, its request and that it was sent are one append, and it is written after it (C1, C3)", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const before = rig.log.appends.length;
    rig.log.holding.add(0);
    const id = handOver(rig, socket);
    await settle();
    expect([socket.sent, progress(rig)]).toEqual([[], []]);
    rig.log.letGo();
    await settle();
    expect(rig.log.appends.slice(before).map(({ count }) => count)).toEqual([2]);
    expect(commandKinds(rig)).toEqual(["commandRequested", "commandSent"]);
    expect(socket.answers()).toEqual([[2, id, "Reset", { type: "Soft" }]]);
    expect(progress(rig)).toMatchObject([{ commandId: id, state: { at: "requested" } }]);
    socket.says([3, id, { status: "Accepted" }]);
    await settle();
    expect(progress(rig)).toMatchObject([{ state: { at: "requested" } }, { state: { at: "result" } }]);
  });

  test("handed over twice, or woken as well because the node's word was lost, it reaches the station once", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const id = handOver(rig, socket);
    await settle();
    socket.says([3, id, { status: "Accepted" }]);
    await settle();
    handOver(rig, socket, { id });
    ask(rig, socket, { id });
    await settle();
    expect(socket.answers().filter(([type]) => type === 2)).toHaveLength(1);
    expect(commandKinds(rig)).toEqual(["commandRequested", "commandSent", "commandResult"]);
  });

  test("what cannot leave at once is not taken over: nothing is written, and the api's own request is served", async () => {
    const rig = await FakeRig.start();
    const [socket, gone] = [await rig.claimed("CP-1"), await rig.claimed("CP-2")];
    const first = handOver(rig, socket);
    await settle();
    const busy = handOver(rig, socket);
    const late = handOver(rig, socket, { untilMs: 0 });
    gone.leaves();
    const nobody = handOver(rig, gone);
    await settle();
    expect(progress(rig).slice(1)).toMatchObject(
      [busy, late, nobody].map((commandId) => ({ commandId, state: { at: "declined" } })),
    );
    expect(commandKinds(rig)).toEqual(["commandRequested", "commandSent"]);
    socket.says([3, first, { status: "Accepted" }]);
    ask(rig, socket, { id: late });
    await settle();
    expect(socket.answers().at(-1)).toEqual([2, late, "Reset", { type: "Soft" }]);
  });

  test("one that the log hands over, durable, is sent as if the bus had said it, and once where both do", async () => {
    const rig = await FakeRig.start({ appendHoldMs: 60_000 });
    const socket = await rig.claimed("CP-1");
    const id = newCommandId();
    await appended(rig, socket, id, rig.nodeId);
    await settle();
    expect(socket.answers()).toEqual([[2, id, "Reset", { type: "Soft" }]]);
    ask(rig, socket, { id });
    await settle();
    expect(commandKinds(rig)).toEqual(["commandRequested", "commandSent"]);
    socket.says([3, id, { status: "Accepted" }]);
    await settle();
    // Its deadline is log time of the request + its timeout (C3).
    const late = newCommandId();
    const requested = appended(rig, socket, late, rig.nodeId);
    rig.log.holding.add(0);
    await requested;
    await rig.advance(30_000);
    rig.log.letGo();
    await settle();
    expect(socket.answers().map((call) => call[1])).toEqual([id]);
    expect(rig.kinds().slice(-2)).toEqual(["commandSent", "commandEnded"]);
  });

  test("C3: one whose receipt in time is handled after its deadline, by a process that stood still, is not sent", async () => {
    const rig = await FakeRig.start({ appendHoldMs: 60_000 });
    const socket = await rig.claimed("CP-1");
    const append = rig.log.append.bind(rig.log);
    const thaw = Promise.withResolvers<void>();
    rig.log.append = async (...given) => {
      const receipt = await append(...given);
      await thaw.promise;
      return receipt;
    };
    ask(rig, socket);
    await settle();
    await rig.advance(30_000);
    thaw.resolve();
    await settle();
    expect(socket.answers()).toEqual([]);
    expect(commandKinds(rig)).toEqual(["commandSent"]);
    rig.log.append = append;
    const next = ask(rig, socket);
    await settle();
    expect(socket.answers().map((call) => call[1])).toEqual([next]);
  });

  test("a result that the log hands to whoever waits is not said over the bus as well", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const told: LogBatch[] = [];
    const end = rig.log.listen(api, (batch) => told.push(batch));
    const id = ask(rig, socket);
    await settle();
    socket.says([3, id, { status: "Accepted" }]);
    await settle();
    const records = told.flatMap((batch) => batch.records.map(({ value }) => decodeRecord(value)));
    expect(records).toMatchObject([{ kind: "commandResult", commandId: id }]);
    expect(progress(rig)).toEqual([]);
    end();
    const next = ask(rig, socket);
    await settle();
    socket.says([3, next, { status: "Accepted" }]);
    await settle();
    expect(progress(rig)).toMatchObject([{ commandId: next, state: { at: "result" } }]);
  });

  test("a station that answers and goes at once, as after a Reset, has answered", async () => {
    const rig = await FakeRig.start({ appendHoldMs: 60_000 });
    const socket = await rig.claimed("CP-1");
    const id = ask(rig, socket);
    await settle();
    rig.log.holding.add(0);
    socket.says([2, "1", "Heartbeat", {}]);
    await settle();
    socket.says([3, id, { status: "Accepted" }]);
    socket.leaves(1006);
    await settle();
    rig.log.letGo();
    await rig.advance(1);
    expect(rig.kinds().slice(-4)).toEqual(["commandSent", "exchange", "commandResult", "disconnected"]);
    expect(progress(rig)).toMatchObject([{ commandId: id, state: { at: "result" } }]);
  });

  test("delivered twice, it reaches the station once", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const id = ask(rig, socket);
    ask(rig, socket, { id });
    await settle();
    socket.says([3, id, { status: "Accepted" }]);
    ask(rig, socket, { id });
    await settle();
    expect(socket.sent).toHaveLength(1);
    expect(commandKinds(rig)).toEqual(["commandSent", "commandResult"]);
  });

  test("a node that slept past the deadline sends nothing: the log's clock decides", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    ask(rig, socket, { timeoutMs: 1_000 });
    await settle();
    rig.clock.advance(1_000);
    rig.log.letGo();
    await settle();
    expect(socket.sent).toEqual([]);
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "commandEnded", outcome: "expired", source: rig.nodeId });
    expect(progress(rig)).toMatchObject([{ state: { at: "ended", outcome: "expired" } }]);
  });

  test("a connection that is not here: not_connected", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    socket.leaves();
    await settle();
    ask(rig, socket);
    await settle();
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "commandEnded", outcome: "not_connected" });
  });

  test("an end that the log took after a tick could have ended it: nobody is told by the node (C4)", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const other = await rig.claimed("CP-2");
    socket.leaves();
    await settle();
    rig.log.holding.add(0);
    // Holds the partition's one batch in flight, so that the end waits behind it.
    other.says([2, "h", "Heartbeat", {}]);
    await settle();
    ask(rig, socket, { timeoutMs: 1_000 });
    await settle();
    rig.clock.advance(1_000 + limits.commandTickGraceMs);
    rig.log.letGo();
    await settle();
    expect(rig.log.frames().at(-1)).toMatchObject({ kind: "commandEnded", outcome: "not_connected" });
    expect(progress(rig)).toEqual([]);
  });

  test("closed between `sent` and the write: it is not written, and ends not_connected before disconnected", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    rig.log.holding.add(0);
    ask(rig, socket);
    await settle();
    socket.leaves();
    rig.log.letGo();
    await settle();
    expect(socket.sent).toEqual([]);
    expect(rig.kinds().slice(-3)).toEqual(["commandSent", "commandEnded", "disconnected"]);
  });

  test("a socket that does not take the CALL (too much waits in it): it ends not_connected, nothing of it was written", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    socket.dropping = true;
    const [id, next] = [ask(rig, socket), ask(rig, socket)];
    await settle();
    expect(rig.kinds().slice(-4)).toEqual(["commandSent", "commandEnded", "commandEnded", "disconnected"]);
    expect(progress(rig)).toMatchObject(
      [id, next].map((commandId) => ({ commandId, state: { at: "ended", outcome: "not_connected" } })),
    );
  });

  test("one is outstanding at a time; the next leaves when it is answered, or its time is over", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const first = ask(rig, socket, { timeoutMs: 2_000 });
    const second = ask(rig, socket, { timeoutMs: 60_000 });
    const third = ask(rig, socket, { timeoutMs: 60_000 });
    await settle();
    expect(socket.sent).toHaveLength(1);
    await rig.advance(2_000);
    expect(socket.answers().map((call) => call[1])).toEqual([first, second]);
    socket.says([4, second, "NotSupported", "", {}]);
    await settle();
    expect(socket.answers().map((call) => call[1])).toEqual([first, second, third]);
    // The late answer of the first is kept beside its end.
    socket.says([3, first, { status: "Accepted" }]);
    await settle();
    expect(commandKinds(rig).filter((kind) => kind === "commandResult")).toHaveLength(2);
  });

  test("one that waits past its deadline expires without `sent`; too many in line expire at once", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    ask(rig, socket, { timeoutMs: 60_000 });
    ask(rig, socket, { timeoutMs: 1_000 });
    await settle();
    await rig.advance(1_000);
    expect(commandKinds(rig)).toEqual(["commandSent", "commandEnded"]);
    for (let i = 0; i <= limits.commandsPendingPerStation; i++) ask(rig, socket, { timeoutMs: 60_000 });
    await settle();
    expect(commandKinds(rig).filter((kind) => kind === "commandEnded")).toHaveLength(2);
  });

  test("crossing CALLs: a station's CALL is answered while a command waits", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const id = ask(rig, socket);
    await settle();
    socket.says([2, "x", "Heartbeat", {}]);
    await settle();
    expect(socket.answers().map((message) => message[1])).toEqual([id, "x"]);
  });

  test("quirk 15: an answer with an empty id is the outstanding one's, and counted", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    ask(rig, socket);
    await settle();
    socket.says([3, "", { status: "Accepted" }]);
    await settle();
    expect(commandKinds(rig)).toEqual(["commandSent", "commandResult"]);
    await rig.advance(1_000);
    const { values } = await rig.metrics.annotations.get();
    expect(values).toEqual([{ labels: { annotation: "emptyMessageId" }, value: 1 }]);
  });

  test("a second answer to one command is quarantined", async () => {
    const rig = await FakeRig.start();
    const socket = await rig.claimed("CP-1");
    const id = ask(rig, socket);
    await settle();
    socket.says([3, id, { status: "Accepted" }]);
    socket.says([3, id, { status: "Rejected" }]);
    await settle();
    expect(rig.kinds().at(-1)).toBe("quarantined");
  });
});
