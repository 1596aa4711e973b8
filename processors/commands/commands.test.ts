import { expect, test } from "vitest";

import { newCommandId, newNodeId, type CommandId } from "../../core/ids/ids.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { foldSteps, t0, timed, type Folded } from "../folding.test-helper.ts";
import { ocppFold } from "../ocpp-fold.ts";
import { Line, nodeA, other } from "../station.test-helper.ts";

const api = other("CS1");
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

interface Request {
  readonly key?: string;
  readonly queueUntil?: number;
  readonly action?: string;
  readonly by?: Line;
}

function requested(
  id: CommandId,
  line: Line | null,
  { key, queueUntil, action = "Reset", by = api }: Request = {},
): FrameRecord {
  return by.record({
    kind: "commandRequested",
    commandId: id,
    connectionId: line?.id ?? null,
    protocol: "ocpp1.6",
    action,
    payload: json({ type: "Soft" }),
    timeoutMs: 30_000,
    idempotencyKey: key ?? null,
    queueUntil: queueUntil ?? null,
    origin: { via: "rest", actor: "key-1" },
    replyTo: newNodeId(),
  });
}
const sent = (id: CommandId, line: Line) => line.record({ kind: "commandSent", commandId: id, connectionId: line.id });
const result = (id: CommandId, line: Line, frame: unknown) =>
  line.record({ kind: "commandResult", commandId: id, connectionId: line.id, frame: json(frame) });
const node = new Line("CS1", "ocpp1.6", nodeA);
const byNode = (id: CommandId, outcome: "not_connected" | "expired") =>
  node.record({ kind: "commandEnded", commandId: id, outcome });
const tick = (dueAt: number) => api.record({ kind: "tick", dueAt });

function up(line: Line): FrameRecord[] {
  return [line.connected(), line.claimed()];
}
const outcomes = (folded: Folded) => folded.of("commandEnded").map((e) => e.outcome);

test.each([
  ["accepted", [3, "id", { status: "Accepted" }], "Reset"],
  ["rejected", [3, "id", { status: "Rejected" }], "Reset"],
  ["rejected", [3, "id", { status: "NotSupported" }], "UnlockConnector"],
  ["accepted", [3, "id", { status: "RebootRequired" }], "ChangeConfiguration"],
  ["error", [4, "id", "NotImplemented", "", {}], "Reset"],
] as const)("C4: the outcome is %s for %j", async (outcome, frame, action) => {
  const line = new Line("CS1");
  const id = newCommandId();
  const folded = await foldSteps(
    timed([...up(line), requested(id, line, { action }), sent(id, line), result(id, line, frame)]),
  );
  expect(folded.events.slice(1)).toMatchObject([
    { kind: "commandRequested", action, payload: '{"type":"Soft"}' },
    { kind: "commandSent" },
    { kind: "commandEnded", outcome, response: JSON.stringify(frame) },
  ]);
});

test("C1: the first request of an id is the command; later ones change nothing, not even after its end", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  const again = () => requested(id, line, { key: "k" });
  const folded = await foldSteps(
    timed([...up(line), again(), again(), sent(id, line), result(id, line, [3, "x", { status: "Accepted" }]), again()]),
  );
  expect(folded.of("commandRequested")).toHaveLength(1);
  expect(folded.effects.filter((e) => e.kind === "wake")).toHaveLength(1);
});

test("C1: an id made from a caller's key is woken by the processor, a random one is not", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  const keyed = await foldSteps(timed([...up(line), requested(id, line, { key: "k" })]));
  expect(keyed.effects).toMatchObject([
    { kind: "wake", to: nodeA, connectionId: line.id, commandId: id, deadline: t0 + 3_000 + 30_000 },
  ]);
  expect((await foldSteps(timed([...up(line), requested(id, line)]))).effects).toEqual([]);
});

test("C1, C4: of a key that an api found no owner for nobody is woken, also while its connection counts as alive", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  const folded = await foldSteps(timed([...up(line), requested(id, null, { key: "k" }), sent(id, line)]));
  expect(outcomes(folded)).toEqual(["not_connected"]);
  expect(folded.effects.filter(({ kind }) => kind === "wake")).toEqual([]);
});

test("C2: a command of a connection that is gone is not_connected, whether it went before or after the request", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  expect(outcomes(await foldSteps(timed([...up(line), requested(id, line), line.disconnected()])))).toEqual([
    "not_connected",
  ]);
  expect(outcomes(await foldSteps(timed([...up(line), line.disconnected(), requested(id, line)])))).toEqual([
    "not_connected",
  ]);
});

test("C4: without an answer it is expired if never sent, timeout if sent, unknown if the connection went after that", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  const start = [...up(line), requested(id, line)];
  const due = t0 + 3_000 + 30_000 + 5_000;
  expect(ocppFold.dueAt((await foldSteps(timed(start))).state)).toBe(due);
  expect(outcomes(await foldSteps(timed([...start, tick(due - 1)])))).toEqual([]);
  expect(outcomes(await foldSteps(timed([...start, tick(due)])))).toEqual(["expired"]);
  expect(outcomes(await foldSteps(timed([...start, sent(id, line), tick(due)])))).toEqual(["timeout"]);
  expect(
    outcomes(await foldSteps(timed([...start, sent(id, line), line.disconnected(), tick(due), tick(due)]))),
  ).toEqual(["unknown"]);
});

test("C4: the first end in the log wins, and an answer after it is kept beside it", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  const folded = await foldSteps(
    timed([
      ...up(line),
      requested(id, line),
      sent(id, line),
      tick(t0 + 60_000),
      byNode(id, "expired"),
      result(id, line, [3, "x", { status: "Accepted" }]),
    ]),
  );
  expect(outcomes(folded)).toEqual(["timeout"]);
  expect(folded.of("commandLateAnswer")).toMatchObject([{ response: '[3,"x",{"status":"Accepted"}]' }]);
});

test("C1, C4: an api that found no owner does not end the command that another api requested first", async () => {
  const line = new Line("CS1");
  const second = other("CS1");
  const id = newCommandId();
  const refused = [
    requested(id, line, { key: "k", by: second }),
    second.record({ kind: "commandEnded", commandId: id, outcome: "not_connected" }),
  ];
  const first = [...up(line), requested(id, line, { key: "k" })];
  const rest = [sent(id, line), result(id, line, [3, "x", { status: "Accepted" }])];
  expect(outcomes(await foldSteps(timed([...first, ...refused, ...rest])))).toEqual(["accepted"]);
  // Where it was first itself, it is the command, and the other one changes nothing.
  const late = await foldSteps(timed([...up(line), ...refused, requested(id, line, { key: "k" })]));
  expect(outcomes(late)).toEqual(["not_connected"]);
  expect(late.effects.filter((e) => e.kind === "wake")).toHaveLength(1);
});

test("C4: the node that finds the socket gone or the deadline past ends the command", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  expect(outcomes(await foldSteps(timed([...up(line), requested(id, line), byNode(id, "expired")])))).toEqual([
    "expired",
  ]);
});

test("C2: a queued command is bound once, by record, to the next claimed connection, and then woken", async () => {
  const [line, next] = [new Line("CS1"), new Line("CS1")];
  const id = newCommandId();
  const queued = requested(id, null, { queueUntil: t0 + 600_000 });
  const bound = (l: Line) => api.record({ kind: "commandBound", commandId: id, connectionId: l.id });
  const waiting = await foldSteps(timed([queued]));
  expect(ocppFold.dueAt(waiting.state)).toBe(t0 + 600_000);
  const claimed = await foldSteps(timed([queued, ...up(line)]));
  expect(claimed.effects).toMatchObject([{ kind: "bind", commandId: id, connectionId: line.id }]);
  const both = await foldSteps(timed([queued, ...up(line), bound(line), ...up(next), bound(next)]));
  expect(both.effects.map((e) => e.kind)).toEqual(["bind", "wake"]);
  expect(both.effects[1]).toMatchObject({ to: nodeA, connectionId: line.id, payload: json({ type: "Soft" }) });
});

test("C2: a queued command asks again with a tick when its binding record never came, and expires when its time is over", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  const steps = [...up(line), requested(id, null, { queueUntil: t0 + 600_000 })];
  const asked = await foldSteps(timed(steps));
  const due = ocppFold.dueAt(asked.state)!;
  expect(asked.effects.map((e) => e.kind)).toEqual(["bind"]);
  const again = await foldSteps(timed([...steps, tick(due)]));
  expect(again.effects.map((e) => e.kind)).toEqual(["bind", "bind"]);
  expect(outcomes(await foldSteps(timed([...steps, tick(t0 + 600_000)])))).toEqual(["expired"]);
});

test("T3: commands of a lost node wait for their deadline", async () => {
  const line = new Line("CS1");
  const id = newCommandId();
  const folded = await foldSteps(
    timed([...up(line), requested(id, line), sent(id, line), other("").record({ kind: "nodeLost", nodeId: nodeA })]),
  );
  expect(outcomes(folded)).toEqual([]);
});
