import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../config/limits.ts";
import { composeCall, composeError, composeResult, integerAt, parseFrame } from "./framing.ts";

const parse = (text: string) => parseFrame(Buffer.from(text));
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe("messages", () => {
  test("a CALL, and a null payload is {}", () => {
    expect(parse('[2,"a","Heartbeat",{}]')).toEqual({
      type: "call",
      messageId: "a",
      rawMessageId: '"a"',
      action: "Heartbeat",
      payload: {},
      text: '[2,"a","Heartbeat",{}]',
    });
    expect(parse('[2,"a","Heartbeat",null]')).toMatchObject({ type: "call", payload: {} });
  });

  test("CALLRESULT, CALLERROR, and the types of 2.1", () => {
    expect(parse('[3,"a",{"x":1}]')).toEqual({ type: "result", messageId: "a", payload: { x: 1 } });
    expect(parse('[3,"",null]')).toEqual({ type: "result", messageId: "", payload: {} });
    expect(parse('[4,"a","GenericError","why",{}]')).toMatchObject({ type: "error", code: "GenericError" });
    expect(parse('[4,"a","GenericError"]')).toMatchObject({ type: "error", description: "", details: {} });
    expect(parse('[5,"a","GenericError","why",{}]')).toMatchObject({ type: "resultError" });
    expect(parse('[6,"a","NotifyPeriodicEventStream",{}]')).toMatchObject({ type: "send" });
  });

  test("a numeric id is echoed with its own digits, also beyond 2^53", () => {
    const frame = parse('[2, 9223372036854775807 ,"Heartbeat",{}]');
    expect(frame).toMatchObject({ type: "call", rawMessageId: "9223372036854775807" });
    expect(textOf(composeResult("9223372036854775807", {}))).toBe("[3,9223372036854775807,{}]");
  });

  test("an id with quotes and controls is echoed as valid JSON of the same value", () => {
    const id = 'a"\\\u0001é';
    const frame = parse(JSON.stringify([2, id, "Heartbeat", {}]));
    if (frame.type !== "call") throw new Error("no call");
    expect(JSON.parse(textOf(composeResult(frame.rawMessageId, {})))).toEqual([3, id, {}]);
  });

  test.each([
    ["notJson", "[2,"],
    ["notJson", ""],
    ["notJson", '[2,"a","Heartbeat",{\0'],
    ["notJson", "\0"],
    ["notJson", '[2,"a\u0001b","Heartbeat",{}]'],
    ["notAnArray", "{}"],
    ["notAnArray", "null"],
    ["unknownMessageType", "[]"],
    ["unknownMessageType", '["2","a","Heartbeat",{}]'],
    ["unknownMessageType", '[7,"a"]'],
    ["missingElements", '[2,"a","Heartbeat"]'],
    ["missingElements", '[3,"a"]'],
    ["badMessageId", '[2,null,"Heartbeat",{}]'],
    ["badMessageId", `[2,"${"x".repeat(65)}","Heartbeat",{}]`],
    ["badAction", '[2,"a",7,{}]'],
    ["badAction", '[2,"a","",{}]'],
  ])("%s: %s", (reason, text) => {
    expect(parse(text)).toMatchObject({ type: "malformed", reason });
  });

  test("quirk 15: NUL bytes at the end of a message or of a text are left out, and said so", () => {
    const heartbeat = { type: "call", messageId: "a", action: "Heartbeat", nulBytes: true };
    for (const text of ['[2,"a","Heartbeat",{}]\0\0', '[2,"a\0","Heartbeat\0",{}]']) {
      expect(parse(text)).toMatchObject({ ...heartbeat, text });
    }
    expect(parse('[2,"a","BootNotification",{"chargePointModel":"M\0\0"}]')).toMatchObject({
      payload: { chargePointModel: "M" },
    });
    expect(parse('[3,"a",{}]\0')).toEqual({ type: "result", messageId: "a", payload: {}, nulBytes: true });
    expect(parse('[7,"a"]\0')).toMatchObject({ type: "malformed", reason: "unknownMessageType" });
    const alfen = '[2,"a","MeterValues",{"transactionId":9223372036854775807}]\0';
    expect(integerAt(Buffer.from(alfen), [3, "transactionId"], 2 ** 63)).toBe("9223372036854775807");
  });

  test("bytes that are no UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from('[2,"'), Buffer.from([0xff, 0xfe]), Buffer.from('","Heartbeat",{}]')]);
    expect(parseFrame(bytes)).toMatchObject({ type: "malformed", reason: "notUtf8" });
  });

  test("what is no CALL is never answered: it is said of a malformed one whether it was meant as a CALL", () => {
    expect(parse('[2,"a"]')).toMatchObject({ of: "call", rawMessageId: '"a"' });
    expect(parse('[3,"a"]')).toMatchObject({ of: "other" });
    expect(parse('[6,"a"]')).toMatchObject({ of: "later" });
    expect(parse('[5,"a"]')).toMatchObject({ of: "later" });
  });
});

describe("hostile bytes", () => {
  test("depth and element bombs are refused before they are parsed", () => {
    expect(parse("[".repeat(100_000))).toMatchObject({ reason: "tooDeep" });
    expect(parse(`[2,"a","Heartbeat",${'{"a":'.repeat(50)}1${"}".repeat(50)}]`)).toMatchObject({ reason: "tooDeep" });
    expect(parse(`[${"[],".repeat(limits.jsonMaxElements)}[]]`)).toMatchObject({ reason: "tooManyElements" });
    expect(parse(`[2,"a","X",[${"0,".repeat(limits.jsonMaxElements)}0]]`)).toMatchObject({ reason: "tooManyElements" });
  });

  test("brackets and commas inside texts do not count", () => {
    const text = "[{,".repeat(limits.jsonMaxElements);
    expect(parse(JSON.stringify([2, "a", "Heartbeat", { text: `\\"${text}` }]))).toMatchObject({ type: "call" });
  });

  test("__proto__ and duplicate keys change nothing but the payload itself", () => {
    const frame = parse('[2,"a","Heartbeat",{"__proto__":{"polluted":1},"a":1,"a":2,"constructor":{"x":1}}]');
    if (frame.type !== "call") throw new Error("no call");
    expect(Object.hasOwn(frame.payload as object, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(frame.payload)).toBe(Object.prototype);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect((frame.payload as { a: number }).a).toBe(2);
  });

  test("half a surrogate pair becomes U+FFFD in action and payload, names included, and stays in the id's echo", () => {
    const frame = parse('[2,"i\\ud800","A\\udfff",{"k\\uD800":["\\udc00x","\\ud83d\\ude97"],"n":1}]');
    expect(frame).toMatchObject({ messageId: "i\ufffd", rawMessageId: '"i\\ud800"', action: "A\ufffd" });
    expect(frame).toMatchObject({ payload: { "k\ufffd": ["\ufffdx", "🚗"], n: 1 } });
    expect(parse('[3,"a",{"status":"\\ud800"}]')).toMatchObject({ payload: { status: "\ufffd" } });
  });

  test("1e400 is read and breaks nothing", () => {
    expect(parse('[2,"a","MeterValues",{"connectorId":1e400}]')).toMatchObject({ type: "call" });
    expect(parse('[2,1e400,"Heartbeat",{}]')).toMatchObject({ rawMessageId: "1e400" });
  });

  test("any bytes: never throws, and gives a frame or a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parseFrame(bytes).type).toMatch(/^(call|send|result|error|resultError|malformed)$/);
      }),
    );
  });

  test("any JSON array: never throws, and every CALL's id makes a valid answer", () => {
    const element = fc.oneof(fc.jsonValue(), fc.constantFrom(2, 3, 4, 5, 6), fc.string());
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), (elements) => {
        const frame = parse(JSON.stringify(elements));
        if (frame.type !== "call") return;
        const answer = JSON.parse(textOf(composeResult(frame.rawMessageId, {}))) as unknown[];
        expect(answer[1]).toEqual(JSON.parse(JSON.stringify(elements[1])));
      }),
    );
  });

  test("a mutated good frame never throws", () => {
    const good = Buffer.from(
      '[2,"id-1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z"}]}]',
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        expect(parseFrame(bytes)).toBeDefined();
      }),
    );
  });
});

describe("integers beyond 2^53", () => {
  test("Alfen's transactionId 2^63-1 keeps its digits", () => {
    const bytes = Buffer.from('[2,"a","MeterValues",{"transactionId":9223372036854775807,"x":{"transactionId":1}}]');
    const frame = parseFrame(bytes);
    if (frame.type !== "call") throw new Error("no call");
    const { transactionId } = frame.payload as { transactionId: number };
    expect(integerAt(bytes, [3, "transactionId"], transactionId)).toBe("9223372036854775807");
  });

  test("small ones are as they are, and what is no integer is none", () => {
    const bytes = Buffer.from('[2,"a","X",{"a":-1,"b":1.5,"c":"1","d":1e300}]');
    expect(integerAt(bytes, [3, "a"], -1)).toBe("-1");
    expect(integerAt(bytes, [3, "b"], 1.5)).toBeUndefined();
    expect(integerAt(bytes, [3, "c"], "1")).toBeUndefined();
    expect(integerAt(bytes, [3, "d"], 1e300)).toBeUndefined();
    expect(integerAt(bytes, [3, "missing", "deeper"], 1e300)).toBeUndefined();
  });
});

describe("composing", () => {
  test("a CALLERROR has five elements, a description of at most 255 characters and details {}", () => {
    const error = JSON.parse(textOf(composeError('"a"', "GenericError", "x".repeat(999)))) as unknown[];
    expect(error).toEqual([4, "a", "GenericError", "x".repeat(255), {}]);
  });

  test("a CALL carries the command's payload byte for byte", () => {
    const call = composeCall("id", "Reset", Buffer.from('{"type" : "Soft"}'));
    expect(textOf(call)).toBe('[2,"id","Reset",{"type" : "Soft"}]');
  });
});
