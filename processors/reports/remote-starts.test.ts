import { expect, test } from "vitest";

import type { FrameRecord } from "../../core/records/frame-record.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Folded } from "../folding.test-helper.ts";
import { at, Line } from "../station.test-helper.ts";
import { after, documentsOf, told } from "./reports.test-helper.ts";

/** Station times are those of the fold's log, which begins an hour after the helper's. */
const now = at(60);
const minute = 60_000;
const accepted = { status: "Accepted" };
const remoteStart = (line: Line, idTag = "TAG1", connectorId: number | null = 1, response: object = accepted) =>
  told(line, "RemoteStartTransaction", connectorId === null ? { idTag } : { idTag, connectorId }, response);
const tick = (line: Line, dueAt: number): FrameRecord =>
  new Line(line.station, line.protocol, "processor").record({ kind: "tick", dueAt });
const effects = (folded: Folded) => [...documentsOf(folded, "commandEffects").values()].map((d) => d["effect"]);
const timer = (folded: Folded) => {
  type Waiting = readonly { readonly dueAt: number; readonly acceptedAt: number }[];
  const state = folded.state.reports["remoteStarts"] as { readonly waiting: Waiting } | undefined;
  return (state?.waiting ?? []).map((w) => w.dueAt - w.acceptedAt);
};

test("1.6 §5.11: a remote start has started once a session of its token begins at its connector", async () => {
  const line = new Line("CS1");
  const folded = await after(line, ...remoteStart(line), line.start({ timestamp: now }));
  const [session] = folded.of("sessionStarted");
  expect([...documentsOf(folded, "commandEffects").values()]).toMatchObject([
    { effect: "started", sessionId: session!.sessionId },
  ]);
  expect(timer(folded)).toEqual([]);
});

test.each([
  ["another token", { idTag: "TAG2", timestamp: now }],
  ["another connector", { connectorId: 2, timestamp: now }],
  ["a start that waited in the station's queue", { timestamp: at(10) }],
])("1.6 §5.11: %s is not what was asked for, and in the end nothing has started", async (_what, start) => {
  const line = new Line("CS1");
  const open = await after(line, ...remoteStart(line), line.start(start));
  expect([effects(open), timer(open)]).toEqual([[], [60_000 + 5_000]]);
  const again = new Line("CS1");
  const due = new Date(now).getTime() + 3 * minute;
  const over = await after(again, ...remoteStart(again), again.start(start), 3 * minute, tick(again, due));
  expect(effects(over)).toEqual(["not_started"]);
});

test("T2: a session after the time is over does not count, however late the tick comes", async () => {
  const line = new Line("CS1");
  const records = [...remoteStart(line), 2 * minute, line.start({ timestamp: at(63) })];
  const due = new Date(now).getTime() + 3 * minute;
  expect(effects(await after(line, ...records, tick(line, due)))).toEqual(["not_started"]);
});

test("1.6 ConnectionTimeOut and 2.x EVConnectionTimeOut say how long is waited, as the station has them", async () => {
  const old = new Line("CS1");
  const key = { key: "connectiontimeout", readonly: false, value: "120" };
  const read = told(old, "GetConfiguration", {}, { configurationKey: [key] });
  const change = (value: string, status: string) =>
    told(old, "ChangeConfiguration", { key: "ConnectionTimeOut", value }, { status });
  expect(timer(await after(old, ...read, ...remoteStart(old)))).toEqual([125_000]);
  const refused = await after(old, ...change("30", "Accepted"), ...change("90", "Rejected"), ...remoteStart(old));
  expect(timer(refused)).toEqual([35_000]);
  const young = new Line("CS2", "ocpp2.0.1");
  const place = { component: { name: "TxCtrlr" }, variable: { name: "EVConnectionTimeOut" } };
  const item = { ...place, variableAttribute: [{ value: "20" }] };
  const report = young.call("NotifyReport", { requestId: 1, seqNo: 0, generatedAt: now, reportData: [item] });
  const start = { idToken: { idToken: "T", type: "Central" }, remoteStartId: 7 };
  const asked = () => told(young, "RequestStartTransaction", start, accepted);
  expect(timer(await after(young, report, ...asked()))).toEqual([25_000]);
  const set = told(
    young,
    "SetVariables",
    { setVariableData: [{ ...place, attributeValue: "40" }] },
    { setVariableResult: [{ ...place, attributeStatus: "Accepted" }] },
  );
  expect(timer(await after(young, report, ...set, ...asked()))).toEqual([45_000]);
});

test("2.0.1 F01, F02: the station names the remote start, also in a session that began with the cable", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const request = { idToken: { idToken: "TOKEN", type: "Central" }, evseId: 1, remoteStartId: 42 };
  const updated = { timestamp: now, transactionInfo: { transactionId: "tx-1", remoteStartId: 42 } };
  const folded = await after(
    line,
    line.event("Started", "tx-1", 0, { timestamp: now }),
    ...told(line, "RequestStartTransaction", request, accepted),
    line.event("Updated", "tx-1", 1, updated),
  );
  const [session] = folded.of("sessionStarted");
  expect([...documentsOf(folded, "commandEffects").values()]).toMatchObject([
    { effect: "started", sessionId: session!.sessionId },
  ]);
});

test("2.0.1 F01: a station that does not name it is understood by token and EVSE, but not one that was offline", async () => {
  const asked = (line: Line) =>
    told(line, "RequestStartTransaction", { idToken: { idToken: "TOKEN" }, remoteStartId: 1 }, accepted);
  const begun = (offline: boolean) => ({ timestamp: now, offline, idToken: { idToken: "token", type: "Central" } });
  const [one, two] = [new Line("CS1", "ocpp2.1"), new Line("CS2", "ocpp2.1")];
  expect(effects(await after(one, ...asked(one), one.event("Started", "a", 0, begun(false))))).toEqual(["started"]);
  expect(effects(await after(two, ...asked(two), two.event("Started", "a", 0, begun(true))))).toEqual([]);
});

test("a station that sends its start before it answers the command has started", async () => {
  const line = new Line("CS1");
  const [requested, sent, result] = remoteStart(line, "tag1", null);
  const folded = await after(line, requested!, sent!, line.start({ timestamp: now }), result!);
  expect(effects(folded)).toEqual(["started"]);
  const late = new Line("CS1");
  const [first, second, third] = remoteStart(late);
  const apart = await after(late, first!, second!, late.start({ timestamp: now }), 20_000, third!);
  expect(effects(apart)).toEqual([]);
});

test("a remote start that the station refused has no effect to wait for", async () => {
  const line = new Line("CS1");
  const folded = await after(line, ...remoteStart(line, "TAG1", 1, { status: "Rejected" }));
  expect([effects(folded), timer(folded)]).toEqual([[], []]);
});

test("two remote starts at two connectors are told apart", async () => {
  const line = new Line("CS1");
  const folded = await after(
    line,
    ...remoteStart(line, "TAG1", 1),
    ...remoteStart(line, "TAG1", 2),
    line.start({ connectorId: 2, timestamp: now }),
  );
  const [id] = documentsOf(folded, "commandEffects").keys();
  const commands = folded.of("commandRequested").map((event) => event.commandId);
  expect(trusted.command(id!)).toBe(commands[1]);
  expect(timer(folded)).toHaveLength(1);
});
