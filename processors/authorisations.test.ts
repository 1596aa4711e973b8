import { expect, test } from "vitest";

import type { Facts, FrameRecord } from "../core/records/frame-record.ts";
import { after, documentsOf } from "./reports/reports.test-helper.ts";
import { at, Line } from "./station.test-helper.ts";

const asked = (reference?: string): Facts => ({
  authMethod: "AUTH_REQUEST",
  partnerAnswer: "ALLOWED",
  ...(reference === undefined ? {} : { authorizationReference: reference }),
});
const withFacts = (record: FrameRecord, facts: Facts): FrameRecord => ({ ...record, facts }) as FrameRecord;

test("what a partner said in real time stands with the session, by the record alone (F2): 1.6", async () => {
  const line = new Line("CS1");
  const start = line.start({ timestamp: at(60) });
  const folded = await after(
    line,
    withFacts(line.call("Authorize", { idTag: "TAG1" }, {}), asked("EARLIER")),
    withFacts(start, asked("REF-1")),
  );
  const [session] = folded.of("sessionStarted");
  expect([...documentsOf(folded, "authorisations")]).toEqual([
    [session!.sessionId, { method: "AUTH_REQUEST", reference: "REF-1" }],
  ]);
});

test("2.0.1: of several references the last one given stands, and a word without one is kept too", async () => {
  const line = new Line("CS1", "ocpp2.0.1");
  const event = (type: string, seqNo: number, facts: Facts) =>
    withFacts(line.event(type, "tx-1", seqNo, { idToken: { idToken: "TAG1", type: "ISO14443" } }), facts);
  const begun = await after(line, event("Started", 0, asked()));
  expect([...documentsOf(begun, "authorisations").values()]).toEqual([{ method: "AUTH_REQUEST", reference: null }]);
  const again = new Line("CS1", "ocpp2.0.1");
  const other = (type: string, seqNo: number, facts: Facts) =>
    withFacts(again.event(type, "tx-1", seqNo, { idToken: { idToken: "TAG1", type: "ISO14443" } }), facts);
  const gone = await after(again, other("Started", 0, asked("REF-1")), other("Updated", 1, asked("REF-2")));
  expect([...documentsOf(gone, "authorisations").values()]).toEqual([{ method: "AUTH_REQUEST", reference: "REF-2" }]);
});

test("a session whose token was let in by the list alone, or refused, has no such word", async () => {
  const line = new Line("CS1");
  const folded = await after(
    line,
    withFacts(line.start({ timestamp: at(60) }), { authMethod: "WHITELIST", partnerAnswer: "timeout" }),
    withFacts(line.start({ timestamp: at(61), connectorId: 2 }, "Blocked"), { partnerAnswer: "BLOCKED" }),
  );
  expect(folded.of("sessionStarted")).toHaveLength(2);
  expect(documentsOf(folded, "authorisations").size).toBe(0);
});
