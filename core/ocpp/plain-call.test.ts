import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../config/limits.ts";
import { parseFrame } from "./framing.ts";
import { PlainCalls, unreadPayload } from "./plain-call.ts";
import { actionsOf, schema, validator, type JsonSchema, type OcppVersion } from "./validators.ts";

const versions: readonly OcppVersion[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

/** Every action of the version, whoever sends it: the more schemas, the better the test. */
function readerOf(version: OcppVersion): PlainCalls {
  return new PlainCalls(
    actionsOf(version).flatMap((action) => {
      const found = schema(version, action, "req");
      return found ? [[action, found] as const] : [];
    }),
  );
}

const readers = new Map(versions.map((version) => [version, readerOf(version)]));

const charactersOf = (ascii: string): string[] => ascii.split("");

const texts = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ minLength: 1, maxLength: 60, unit: fc.constantFrom(...charactersOf("ab 0{}[],:/~")) }),
  fc.string({ unit: "binary", maxLength: 5 }),
);
const numbers = fc.oneof(
  fc.integer(),
  fc.integer({ min: -3, max: 3 }),
  fc.double(),
  fc.constantFrom(0, -0, 1e21, 2 ** 53, 999_999_999_999_999, 0.1),
);
const oddTimes = `2026-01-01T00:00:00Z 2026-01-01t00:00:00z 2026-19-39T29:59:59.1+99:99 2026-01-01T23:59:60Z 2026-01-01
  2026-01-01T00:00:00 2026-01-01T00:00:00.Z 20260101T000000Z 2026-20-01T00:00:00Z 2026-01-01T30:00:00Z
  2026-01-01T00:60:00Z 2026-01-01T00:00:00+0100`.split(/\s+/);
const times = fc.oneof(
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("2199-01-01") }).map((date) => date.toISOString()),
  fc.constantFrom(...oddTimes),
);
const anything = fc.oneof(texts, numbers, fc.constantFrom<unknown>(true, false, null, [], {}, "Accepted"));

/** `wrong`: now and then with something that the schema does not allow. `bare`: with what it must have, no more. */
type Manner = "right" | "bare" | "wrong";

/** A payload by its schema. */
function payloadOf(of: JsonSchema, root: JsonSchema, manner: Manner): fc.Arbitrary<unknown> {
  const right = rightOf(of, root, manner);
  return manner === "wrong" ? fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: anything }) : right;
}

function rightOf(of: JsonSchema, root: JsonSchema, manner: Manner): fc.Arbitrary<unknown> {
  const wrong = manner === "wrong";
  const { $ref, type, format } = of;
  const definitions = root["definitions"] as Record<string, JsonSchema>;
  if (typeof $ref === "string") return rightOf(definitions[$ref.split("/").at(-1)!]!, root, manner);
  if (of["enum"]) return fc.constantFrom(...(of["enum"] as unknown[]));
  switch (type) {
    case "object": {
      const properties = (of["properties"] ?? {}) as Record<string, JsonSchema>;
      const requiredKeys = (of["required"] ?? []) as string[];
      const fields = Object.entries(properties)
        .filter(([name]) => manner !== "bare" || requiredKeys.includes(name))
        .map(([name, property]) => [name, payloadOf(property, root, manner)] as const);
      return fc.record(Object.fromEntries(fields), { requiredKeys });
    }
    case "array":
      return fc.array(payloadOf(of["items"] as JsonSchema, root, manner), {
        minLength: wrong ? 0 : ((of["minItems"] as number | undefined) ?? 0),
        maxLength: 3,
      });
    case "integer":
      return wrong ? numbers : fc.integer({ min: (of["minimum"] as number | undefined) ?? 0, max: 9 });
    case "number":
      return wrong ? numbers : fc.constantFrom(0, 1, 12.5, 230.25);
    case "boolean":
      return fc.boolean();
    default:
      if (format === "date-time") return wrong ? times : fc.constant("2026-01-01T00:00:00.000Z");
      return wrong ? texts : fc.string({ maxLength: 1, unit: fc.constantFrom(...charactersOf("aZ9 -")) });
  }
}

/** What is accepted must be a valid CALL to parser and validator as well. @returns whether it was accepted. */
function agrees(version: OcppVersion, bytes: Uint8Array): boolean {
  const read = readers.get(version)!.read(bytes);
  if (read === undefined) return false;
  const parsed = parseFrame(bytes);
  if (parsed.type !== "call") throw new Error(`accepted what is ${parsed.type}: ${read.text}`);
  const { payload, ...rest } = read;
  expect(payload).toBe(unreadPayload);
  expect(parsed).toEqual({ ...rest, payload: parsed.payload });
  expect(validator(version, read.action, "req")!(parsed.payload)).toBeNull();
  return true;
}

const cases = versions.flatMap((version) => readers.get(version)!.names.map((action) => [version, action] as const));

test("most actions can be read so", () => {
  const known = versions.map((version) => actionsOf(version).filter((a) => schema(version, a, "req")).length);
  const read = versions.map((version) => readers.get(version)!.names.length);
  for (const [i, count] of read.entries()) expect(count).toBeGreaterThan(known[i]! * 0.8);
});

describe.each(cases)("%s %s", (version, action) => {
  const root = schema(version, action, "req")!;
  const spaces = fc.constantFrom("", "", " ", "\n\t ", "\r");

  test("a plain message is accepted, with spaces as without", () => {
    const accepted = (payload: unknown, space: string) => {
      const text = `[2,${space}"19223201",${space}"${action}",${space}${JSON.stringify(payload, null, space)}]`;
      return agrees(version, Buffer.from(text));
    };
    fc.assert(fc.property(payloadOf(root, root, "bare"), spaces, accepted), { numRuns: 10 });
    // A field that has no shape sends a message to the parser.
    fc.assert(
      fc.property(payloadOf(root, root, "right"), spaces, (payload, space) => void accepted(payload, space)),
      { numRuns: 25 },
    );
  });

  test("nothing is accepted that parser or validator refuse", () => {
    fc.assert(
      fc.property(payloadOf(root, root, "wrong"), texts, (payload, id) => {
        agrees(version, Buffer.from(`[2,${JSON.stringify(id)},"${action}",${JSON.stringify(payload)}]`));
      }),
      { numRuns: 60 },
    );
  });

  test("nor when some of its bytes are changed", () => {
    const change = fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...oddBytes)));
    fc.assert(
      fc.property(
        payloadOf(root, root, "right"),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (payload, changes) => {
          const bytes = [...Buffer.from(`[2,"19223201","${action}",${JSON.stringify(payload)}]`)];
          for (const [where, removed, added] of changes) bytes.splice(where % bytes.length, removed, added);
          agrees(version, Uint8Array.from(bytes));
        },
      ),
      { numRuns: 120 },
    );
  });
});

const oddBytes = [...Buffer.from('"\\,:{}[]0-.eE+ \t\n\u007f')];

const meterValues = (value: string) =>
  `[2,"7","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[${value}]}]}]`;

test("a message of too many elements is left to the parser, which says so", () => {
  const one = '{"value":"1"}';
  const fits = meterValues(Array.from({ length: 100 }, () => one).join());
  expect(agrees("ocpp1.6", Buffer.from(fits))).toBe(true);
  const tooMany = meterValues(Array.from({ length: limits.jsonMaxElements / 2 }, () => one).join());
  expect(agrees("ocpp1.6", Buffer.from(tooMany))).toBe(false);
  expect(parseFrame(Buffer.from(tooMany))).toMatchObject({ reason: "tooManyElements" });
});

test.each([
  ["a long id", `[2,"${"x".repeat(37)}","Heartbeat",{}]`],
  ["a numeric id", '[2,7,"Heartbeat",{}]'],
  ["an id with an escape", '[2,"\\u0041","Heartbeat",{}]'],
  ["another message type", '[3,"7","Heartbeat",{}]'],
  ["an action that begins like one", '[2,"7","Heart",{}]'],
  ["an action that nobody knows", '[2,"7","Heartbeats",{}]'],
  ["a null payload", '[2,"7","Heartbeat",null]'],
  ["a fifth element", '[2,"7","Heartbeat",{},{}]'],
  ["something behind it", '[2,"7","Heartbeat",{}]]'],
  ["a surplus field", '[2,"7","Heartbeat",{"a":1}]'],
  ["a field twice", '[2,"7","MeterValues",{"connectorId":1,"connectorId":1,"meterValue":[]}]'],
  ["a missing field", '[2,"7","MeterValues",{"connectorId":1}]'],
  ["a rounded number", '[2,"7","MeterValues",{"connectorId":1,"transactionId":9223372036854775807,"meterValue":[]}]'],
  ["a number with a zero before it", '[2,"7","MeterValues",{"connectorId":01,"meterValue":[]}]'],
  ["a time with something behind it", meterValues('{"value":"1"}').replace("00Z", "00+01:00x")],
  ["an unknown word", meterValues('{"value":"1","unit":"horses"}')],
  ["a word that begins like one", meterValues('{"value":"1","unit":"k"}')],
  ["an umlaut", meterValues('{"value":"ü"}')],
  ["an escape", meterValues('{"value":"\\n"}')],
  ["a control character", meterValues('{"value":"\n"}')],
  ["an end too early", meterValues('{"value":"1"}').slice(0, -1)],
  ["nothing", ""],
])("%s is left to the parser", (_name, text) => {
  expect(agrees("ocpp1.6", Buffer.from(text))).toBe(false);
});

test("a list is counted against the fewest and the most that it may have", () => {
  const list = { type: "array", items: { type: "boolean" }, minItems: 2, maxItems: 3 };
  const reader = new PlainCalls([["Some", { type: "object", properties: { list } }]]);
  const isRead = (items: number) => {
    const payload = { list: Array.from({ length: items }, () => true) };
    return reader.read(Buffer.from(JSON.stringify([2, "7", "Some", payload]))) !== undefined;
  };
  expect([0, 1, 2, 3, 4].map(isRead)).toEqual([false, false, true, true, false]);
});

test("every beginning of a message is left to the parser", () => {
  const whole = Buffer.from(meterValues('{"value":"1","unit":"Wh"}'));
  expect(agrees("ocpp1.6", whole)).toBe(true);
  for (let length = 0; length < whole.length; length++) {
    expect(agrees("ocpp1.6", whole.subarray(0, length))).toBe(false);
  }
});
