import { expect, test } from "vitest";

import { newConnectionId, trusted } from "../../core/ids/ids.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import { showFrame } from "../../projections/rest/frames.ts";
import { frameLine, shortenTo } from "./frame-line.ts";
import { parseFrom } from "./log.ts";
import { formatTable, printable } from "./output.ts";
import { WrongUse } from "./command.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const commandId = trusted.command("0b0f8f0e-6f0e-4b57-9a67-1c3f4c1d2e3f");
const connectionId = newConnectionId();
const base = {
  party: trusted.party("DEWLG"),
  station: trusted.station("CS-1"),
  source: connectionId,
  sequence: 0,
  arrivedAt: 0,
  registry: { generation: 1, offset: 0 },
  keyId: null,
};
const lineOf = (body: FrameBody, actions = new Map<string, string>(), width?: number): string => {
  const value = encodeRecord({ ...base, ...body });
  return frameLine(showFrame({ offset: 0, logTime: 0, key: "", value }), actions, shortenTo(width));
};
const exchange = (call: string, answer: string | null): FrameBody => ({
  kind: "exchange",
  protocol: "ocpp1.6",
  action: "Authorize",
  messageId: "m1",
  call: bytes(call),
  answer: answer === null ? null : bytes(answer),
  facts: {},
  annotations: ["schemaSurplusField"],
});

test("a CALL is a line with time, action, id, payload, answer and what was tolerated", () => {
  expect(lineOf(exchange('[2,"m1","Authorize",{"idTag":"A"}]', '[3,"m1",{"idTagInfo":{"status":"Accepted"}}]'))).toBe(
    '1970-01-01T00:00:00.000Z  in   Authorize m1  {"idTag":"A"}  => {"idTagInfo":{"status":"Accepted"}}  (schemaSurplusField)',
  );
  expect(lineOf(exchange('[2,"m1","Authorize",{}]', '[4,"m1","NotSupported","no","{}"]'))).toContain(
    "=> error NotSupported: no",
  );
  expect(lineOf(exchange('[6,"m1","Authorize",{}]', null))).toContain("no answer");
});

test("a long payload is shortened to the width, and a control character cannot drive the terminal", () => {
  const line = lineOf(exchange(`[2,"m1","Authorize",{"idTag":"${"x".repeat(500)}"}]`, '[3,"m1",{}]'), new Map(), 120);
  expect(line.length).toBeLessThan(160);
  expect(line).toContain("…");
  const rude = lineOf({
    kind: "quarantined",
    protocol: "ocpp1.6",
    reason: "notJson",
    bytes: bytes("\u001b[2Jx\n\u009b1m"),
    answer: null,
  });
  expect(rude).toContain("not understood (notJson): \\u001b[2Jx\\u000a\\u009b1m");
});

test("a command is followed by its name from the request to the answer", () => {
  const actions = new Map<string, string>();
  const rest = {
    protocol: "ocpp1.6",
    payload: bytes('{"type":"Soft"}'),
    timeoutMs: 1,
    idempotencyKey: null,
    queueUntil: null,
  } as const;
  const requested = {
    kind: "commandRequested",
    commandId,
    connectionId,
    action: "Reset",
    origin: { via: "rest", actor: "a" },
    replyTo: null,
  } as const;
  expect(lineOf({ ...requested, ...rest }, actions)).toContain(`out  Reset ${commandId}  {"type":"Soft"}  requested`);
  expect(lineOf({ kind: "commandSent", commandId, connectionId }, actions)).toContain(`out  Reset ${commandId}  sent`);
  const frame = bytes(`[3,"${commandId}",{"status":"Accepted"}]`);
  expect(lineOf({ kind: "commandResult", commandId, connectionId, frame }, actions)).toContain(
    `in   Reset ${commandId}  => {"status":"Accepted"}`,
  );
});

test("every other kind has words, too", () => {
  expect(
    lineOf({
      kind: "connected",
      nodeId: trusted.node("n"),
      protocol: "ocpp2.1",
      securityProfile: 1,
      remoteAddress: "10.0.0.1",
    }),
  ).toContain("connected from 10.0.0.1");
  expect(lineOf({ kind: "disconnected", code: 1012, reason: "draining" })).toContain("disconnected: 1012 draining");
  expect(lineOf({ kind: "commandEnded", commandId, outcome: "expired" })).toContain("ended: expired");
  const junk = frameLine(
    showFrame({ offset: 0, logTime: 0, key: "", value: bytes("x") }),
    new Map(),
    shortenTo(undefined),
  );
  expect(junk).toContain("cannot be read");
});

test("--from takes a time or a span back from now", () => {
  expect(parseFrom(undefined, 5)).toBe(0);
  expect(parseFrom("2h", 10_000_000)).toBe(2_800_000);
  expect(parseFrom("2026-01-31T08:00:00+01:00", 0)).toBe(Date.UTC(2026, 0, 31, 7));
  for (const bad of ["", "2", "h", "yesterday", "2026-99-99T00:00:00Z"])
    expect(() => parseFrom(bad, 0)).toThrow(WrongUse);
});

test("a table has its numbers on the right and no control characters", () => {
  const table = formatTable(
    [
      { n: 5, t: "a\tb" },
      { n: 50, t: "" },
    ],
    { count: (row) => row.n, text: (row) => row.t },
  );
  expect(table).toBe("count  text\n    5  a\\u0009b\n   50\n");
  expect(printable("ö€\u2028")).toBe("ö€\\u2028");
});
