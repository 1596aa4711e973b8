import { expect, test } from "vitest";

import { validator } from "../../core/ocpp/validators.ts";
import { clientFrame, firstId, MeterValuesFrame, meterValuesBytes, opcodes } from "./frames.ts";

/** The payload of a client frame, its mask key being 0. */
function payloadOf(frame: Buffer): string {
  const length = frame[1]! & 0x7f;
  return frame.toString("utf8", length === 126 ? 8 : 6);
}

test("a MeterValues frame has 300 bytes and is valid OCPP 1.6, whatever the transaction", () => {
  for (const transactionId of [1, 2 ** 31 - 1]) {
    const text = payloadOf(new MeterValuesFrame(transactionId).next());
    expect(text).toHaveLength(meterValuesBytes);
    const [type, , action, payload] = JSON.parse(text) as readonly unknown[];
    expect([type, action]).toEqual([2, "MeterValues"]);
    expect(validator("ocpp1.6", "MeterValues", "req")?.(payload)).toBeNull();
  }
});

test("the next frame has the next id, a later time and a higher reading", () => {
  const frame = new MeterValuesFrame(7);
  frame.next();
  const [, id, , payload] = JSON.parse(payloadOf(frame.next())) as readonly [number, string, string, object];
  expect(id).toBe(String(firstId + 2));
  expect(payload).toMatchObject({
    transactionId: 7,
    meterValue: [{ timestamp: "2025-06-01T17:46:42Z", sampledValue: [{ value: String(firstId + 2) }, {}] }],
  });
});

test("only the answer to the frame sent last is taken for one", () => {
  const frame = new MeterValuesFrame(7);
  frame.next();
  expect(frame.isAnsweredBy(Buffer.from(`[3,"${firstId + 1}",{}]`), 0)).toBe(true);
  expect(frame.isAnsweredBy(Buffer.from(`[3,"${firstId}",{}]`), 0)).toBe(false);
});

test("long payloads get the extended length, and longer ones are refused", () => {
  expect([...clientFrame(opcodes.text, Buffer.alloc(125)).subarray(0, 2)]).toEqual([0x81, 0x80 | 125]);
  expect([...clientFrame(opcodes.text, Buffer.alloc(300)).subarray(0, 4)]).toEqual([0x81, 0x80 | 126, 1, 44]);
  expect(() => clientFrame(opcodes.text, Buffer.alloc(0x10000))).toThrow(RangeError);
});
