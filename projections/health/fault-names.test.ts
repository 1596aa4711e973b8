import { expect, test } from "vitest";

import { noticeKey } from "../../core/records/station-documents.ts";
import { nameOfFault, type Notice } from "./fault-names.ts";

const begin = 1_750_000_000_000;
/** Of connector 1 at EVSE 2, for ten seconds. */
const fault = { evse_id: 2, connector_id: 1, from_at: begin, to_at: begin + 10_000 };

/** @param seconds since the fault began */
function notice(seconds: number, more: object, offset = 7): Notice {
  const place = { component: "Connector", componentInstance: null, evseId: 2, connectorId: 1 };
  const problem = { variable: "Problem", variableInstance: null, actualValue: "true", trigger: "Delta" };
  const document = JSON.stringify({ ...place, ...problem, cleared: false, techCode: null, ...more });
  return { key: noticeKey({ logTime: begin + seconds * 1_000, offset }), document };
}

test("what says most names it: a vendor's code, then a Problem, then any alert, of each the first; a reading never", () => {
  const reading = notice(0, { component: "Meter", variable: "Temperature", trigger: "Periodic" });
  const alert = notice(0, { component: "Cooling", variable: "Temperature", trigger: "Alerting", actualValue: "93" }, 8);
  const problem = notice(1, { component: "ConnectorPlugRetentionLock" });
  const later = notice(2, {});
  const coded = notice(3, { component: "PowerContactor", variable: "Tripped", techCode: "E42" });
  expect(nameOfFault(fault, [])).toBeUndefined();
  expect(nameOfFault(fault, [reading])).toBeUndefined();
  expect(nameOfFault(fault, [reading, alert])).toEqual({ code: "Cooling/Temperature", vendorCode: null });
  const lock = { code: "ConnectorPlugRetentionLock/Problem", vendorCode: null };
  expect(nameOfFault(fault, [reading, alert, problem, later])).toEqual(lock);
  const contactor = { code: "PowerContactor/Tripped", vendorCode: "E42" };
  expect(nameOfFault(fault, [reading, alert, problem, later, coded])).toEqual(contactor);
});

test("another connector's event is none of it; one of the EVSE or of the station is", () => {
  expect(nameOfFault(fault, [notice(0, { evseId: 1 })])).toBeUndefined();
  expect(nameOfFault(fault, [notice(0, { connectorId: 2 })])).toBeUndefined();
  expect(nameOfFault(fault, [notice(0, { connectorId: null })])).toMatchObject({ code: "Connector/Problem" });
  expect(nameOfFault(fault, [notice(0, { evseId: null, connectorId: null })])).toMatchObject({
    code: "Connector/Problem",
  });
});

test("what was over before the fault began names nothing, what was over afterwards does", () => {
  const coded = notice(-9, { techCode: "E42" });
  const named = { code: "Connector/Problem", vendorCode: "E42" };
  expect(nameOfFault(fault, [coded])).toEqual(named);
  for (const over of [{ cleared: true }, { actualValue: "False" }]) {
    expect(nameOfFault(fault, [coded, notice(-1, over)])).toBeUndefined();
    expect(nameOfFault(fault, [coded, notice(1, over)])).toEqual(named);
    // Another Problem is over, not this one.
    expect(nameOfFault(fault, [coded, notice(-1, { ...over, componentInstance: "L2" })])).toEqual(named);
  }
});

test("what comes with its end or after it is of something else", () => {
  expect(nameOfFault(fault, [notice(9.999, {})])).toBeDefined();
  expect(nameOfFault(fault, [notice(10, {})])).toBeUndefined();
});
