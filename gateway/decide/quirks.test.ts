// Quirks of payloads (ocpp.md): in lenient mode each is answered as if it were well, and the record says what it was.
import { describe, expect, test } from "vitest";

import { parseFrame } from "../../core/ocpp/framing.ts";
import type { Annotation } from "../../core/records/annotations.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { context } from "../testing/sample.test-helper.ts";

interface Quirk {
  readonly name: string;
  readonly version?: Protocol;
  readonly action: string;
  readonly payload: object;
  readonly annotations: readonly Annotation[];
  /** Of the answer; {} where it says nothing. */
  readonly answer?: object;
}

const time = "2026-01-01T00:00:00Z";
const sampled = (sample: object) => ({ connectorId: 1, meterValue: [{ timestamp: time, sampledValue: [sample] }] });
const sampled2 = (sample: object) => ({ evseId: 1, meterValue: [{ timestamp: time, sampledValue: [sample] }] });
const status = { connectorId: 1, errorCode: "NoError", status: "Available" };
const boot = { chargePointVendor: "V", chargePointModel: "M" };
const accepted = { idTagInfo: { status: "Accepted" } };
const start = { connectorId: 1, idTag: "TAG", meterStart: 0, timestamp: time };

const quirks: readonly Quirk[] = [
  {
    name: "quirk 1: transactionId null on Stop",
    action: "StopTransaction",
    payload: { transactionId: null, meterStop: 1, timestamp: time },
    annotations: ["schemaWrongType"],
  },
  {
    name: "quirk 1: a transactionId that is a number on 2.x",
    version: "ocpp2.0.1",
    action: "TransactionEvent",
    payload: {
      eventType: "Started",
      timestamp: time,
      triggerReason: "CablePluggedIn",
      seqNo: 0,
      transactionInfo: { transactionId: 7 },
    },
    annotations: ["schemaWrongType"],
  },
  {
    name: "quirk 6: reservationId 0",
    action: "StartTransaction",
    payload: { ...start, reservationId: 0 },
    annotations: [],
    answer: accepted,
  },
  {
    name: "quirk 7: a value that is a number on 1.6",
    action: "MeterValues",
    payload: sampled({ value: 230.1 }),
    annotations: ["schemaWrongType"],
  },
  {
    name: "quirk 7: a value that is a text on 2.x",
    version: "ocpp2.1",
    action: "MeterValues",
    payload: sampled2({ value: " 230.1" }),
    annotations: ["schemaWrongType"],
  },
  {
    name: "quirk 7: no sampledValue at all",
    action: "MeterValues",
    payload: { connectorId: 1, meterValue: [{ timestamp: time, sampledValue: [] }] },
    annotations: [],
  },
  {
    name: "quirk 9: meterStop with a fraction",
    action: "StopTransaction",
    payload: { transactionId: 7, meterStop: 1000.5, timestamp: time },
    annotations: ["schemaWrongType"],
  },
  {
    name: "quirk 10: a phase that OCPP does not have",
    action: "MeterValues",
    payload: sampled({ value: "1", phase: "L4" }),
    annotations: ["schemaUnknownValue"],
  },
  ...["Celcius", "Celsius"].map((unit) => ({
    name: `quirk 12: unit ${unit}, which the schema spells both ways`,
    action: "MeterValues",
    payload: sampled({ value: "20", measurand: "Temperature", unit }),
    annotations: [],
  })),
  ...["C", "Hertz"].map((unit) => ({
    name: `quirk 12: unit ${unit}`,
    action: "MeterValues",
    payload: sampled({ value: "20", unit }),
    annotations: ["schemaUnknownValue"] as const,
  })),
  {
    name: "quirk 13: errorCode Error",
    action: "StatusNotification",
    payload: { ...status, errorCode: "Error" },
    annotations: ["schemaUnknownValue"],
  },
  {
    name: "quirk 13: a status that nobody knows",
    version: "ocpp2.0.1",
    action: "StatusNotification",
    payload: { evseId: 1, connectorId: 1, timestamp: time, connectorStatus: "Charging" },
    annotations: ["schemaUnknownValue"],
  },
  {
    name: "quirk 14: an idTag of 21 characters",
    action: "Authorize",
    payload: { idTag: "X".repeat(21) },
    annotations: ["schemaTooLong"],
    answer: accepted,
  },
  {
    name: "quirk 14: a start with an idTag of 21 characters",
    action: "StartTransaction",
    payload: { ...start, idTag: "X".repeat(21) },
    annotations: ["schemaTooLong"],
    answer: accepted,
  },
  ...[
    ["chargePointModel", 22],
    ["chargePointSerialNumber", 26],
    ["chargeBoxSerialNumber", 34],
  ].map(([field, length]) => ({
    name: `quirk 14: a ${field} of ${length} characters`,
    action: "BootNotification",
    payload: { ...boot, [field!]: "X".repeat(Number(length)) },
    annotations: ["schemaTooLong"] as const,
    answer: { status: "Accepted" },
  })),
  {
    name: "quirk 18: a boot in the shape of 1.6 on 2.x",
    version: "ocpp2.0.1",
    action: "BootNotification",
    payload: boot,
    annotations: ["schemaMissingField"],
    answer: { status: "Accepted" },
  },
  {
    name: "quirk 18: values in the shape of 1.6 on 2.x",
    version: "ocpp2.0.1",
    action: "MeterValues",
    payload: sampled({ value: "1" }),
    annotations: ["schemaMissingField"],
  },
  {
    name: "quirk 18: the idTag of 1.6 on 2.x",
    version: "ocpp2.1",
    action: "Authorize",
    payload: { idTag: "TAG" },
    annotations: ["schemaMissingField"],
    answer: { idTokenInfo: { status: "Accepted" } },
  },
  {
    name: "quirk 18: an idToken that is a text on 2.x",
    version: "ocpp2.0.1",
    action: "Authorize",
    payload: { idToken: "TAG" },
    annotations: ["schemaWrongType"],
    answer: { idTokenInfo: { status: "Accepted" } },
  },
];

function decided({ version = "ocpp1.6", action, payload }: Quirk, strict: boolean): Decision {
  const frame = parseFrame(Buffer.from(JSON.stringify([2, "1", action, payload])));
  if (frame.type !== "call") throw new Error("no CALL");
  return decide(frame, context(version, { strict }));
}

describe("lenient", () => {
  test.each(quirks)("$name: answered, and the record says what it was", (quirk) => {
    const { answer, annotations } = decided(quirk, false);
    expect(answer).toMatchObject({ type: "result", payload: quirk.answer ?? {} });
    expect(annotations).toEqual(quirk.annotations);
  });
});

describe("strict", () => {
  test.each(quirks.filter(({ annotations }) => annotations.length > 0))("$name: refused", (quirk) => {
    const { answer, annotations } = decided(quirk, true);
    expect(answer.type).toBe("error");
    expect(annotations).toEqual([...quirk.annotations, "refusedBySchema"]);
  });
});
