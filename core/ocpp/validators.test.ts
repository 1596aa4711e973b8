import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { OCPP16, OCPP20, OCPP21 } from "typed-ocpp";
import { actionsOf, errorCodeFor, schema, validator, type OcppVersion, type Violation } from "./validators.ts";

const VERSIONS: readonly OcppVersion[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

function check(version: OcppVersion, action: string, payload: unknown): Violation | null {
  const validate = validator(version, action, "req");
  if (validate === undefined) throw new Error(`no validator for ${action}`);
  return validate(payload);
}

describe("the tables of actions", () => {
  test.each([
    ["ocpp1.6", 39],
    ["ocpp2.0.1", 64],
    ["ocpp2.1", 91],
  ] as const)("%s has all of its %i actions", (version, count) => {
    const actions = actionsOf(version);
    expect(actions).toHaveLength(count);
    expect(new Set(actions).size).toBe(count);
  });

  test("every action has a validator and a schema both ways; only a SEND has no answer", () => {
    const without: string[] = [];
    for (const version of VERSIONS) {
      for (const action of actionsOf(version)) {
        for (const direction of ["req", "conf"] as const) {
          const both = [validator(version, action, direction), schema(version, action, direction)];
          if (both.includes(undefined)) without.push(`${version} ${action} ${direction}`);
        }
      }
    }
    expect(without).toEqual(["ocpp2.1 NotifyPeriodicEventStream conf"]);
  });

  test.each(["Nope", "", "constructor", "__proto__", "toString"])(
    "an unknown action has no validator: %j",
    (action) => {
      for (const version of VERSIONS) {
        expect(validator(version, action, "req")).toBeUndefined();
        expect(schema(version, action, "req")).toBeUndefined();
      }
    },
  );

  test("a station-to-CSMS action of one version is unknown in another", () => {
    expect(validator("ocpp1.6", "TransactionEvent", "req")).toBeUndefined();
    expect(validator("ocpp2.0.1", "StartTransaction", "req")).toBeUndefined();
    expect(validator("ocpp2.0.1", "NotifySettlement", "req")).toBeUndefined();
    expect(validator("ocpp2.1", "NotifySettlement", "req")).toBeDefined();
  });

  test("the same validator is returned at each call", () => {
    expect(validator("ocpp1.6", "Heartbeat", "req")).toBe(validator("ocpp1.6", "Heartbeat", "req"));
  });

  test("a schema is the published one but for its $id", () => {
    const file = new URL("../../node_modules/ocpp-rpc/lib/schemas/ocpp1_6.json", import.meta.url);
    const published = JSON.parse(readFileSync(file, "utf8")) as { $id: string }[];
    const original = published.find((s) => s.$id === "urn:StartTransaction.req");
    const { $id: _, ...rest } = { ...original };
    expect(schema("ocpp1.6", "StartTransaction", "req")).toMatchObject(rest);
  });
});

describe("violations", () => {
  const start = { connectorId: 1, idTag: "TAG", meterStart: 0, timestamp: "2026-01-01T00:00:00Z" };

  test("a good payload has none", () => {
    expect(check("ocpp1.6", "StartTransaction", start)).toBeNull();
  });

  test.each([
    ["required", "/idTag", { connectorId: 1, meterStart: 0, timestamp: start.timestamp }],
    ["additionalProperties", "/extra", { ...start, extra: 1 }],
    ["type", "/meterStart", { ...start, meterStart: "0" }],
    ["type", "/meterStart", { ...start, meterStart: 1.5 }],
    ["maxLength", "/idTag", { ...start, idTag: "x".repeat(21) }],
    ["format", "/timestamp", { ...start, timestamp: "2026-01-01T00:00:00" }],
    ["type", "", []],
    ["type", "", null],
    ["type", "", "text"],
  ])("%s at %j", (keyword, path, payload) => {
    expect(check("ocpp1.6", "StartTransaction", payload)).toMatchObject({ keyword, path });
  });

  test("an enum violation says what is allowed", () => {
    const violation = check("ocpp1.6", "StatusNotification", {
      connectorId: 1,
      errorCode: "Error",
      status: "Available",
    });
    expect(violation).toMatchObject({ keyword: "enum", path: "/errorCode" });
    expect(violation?.message).toContain("NoError");
  });

  test("a surplus field's name is escaped and cut, as the station chose it", () => {
    const violation = check("ocpp1.6", "Heartbeat", { [`a/b~c${"x".repeat(500)}`]: 1 });
    expect(violation?.path).toMatch(/^\/a~1b~0cx+$/);
    expect(violation?.path.length).toBeLessThan(80);
    expect(JSON.stringify(violation)).not.toContain("x".repeat(100));
  });

  test("an own __proto__ field is surplus, not swallowed", () => {
    const payload: unknown = JSON.parse('{"__proto__": {"currentTime": 1}}');
    expect(check("ocpp1.6", "Heartbeat", payload)).toMatchObject({ keyword: "additionalProperties" });
  });

  test("a path leads into nested arrays", () => {
    const payload = { connectorId: 1, meterValue: [{ timestamp: start.timestamp, sampledValue: [{ value: 5 }] }] };
    expect(check("ocpp1.6", "MeterValues", payload)).toMatchObject({ path: "/meterValue/0/sampledValue/0/value" });
  });

  test("a limit of 0.3 is a multiple of 0.1 although binary floating point says no; 0.35 is none", () => {
    const profile = (limit: number): unknown => ({
      connectorId: 1,
      csChargingProfiles: {
        chargingProfileId: 1,
        stackLevel: 0,
        chargingProfilePurpose: "TxProfile",
        chargingProfileKind: "Absolute",
        chargingSchedule: { chargingRateUnit: "A", chargingSchedulePeriod: [{ startPeriod: 0, limit }] },
      },
    });
    expect(check("ocpp1.6", "SetChargingProfile", profile(0.3))).toBeNull();
    expect(check("ocpp1.6", "SetChargingProfile", profile(0.35))).toMatchObject({ keyword: "multipleOf" });
  });

  test("a payload is never changed by its validation", () => {
    const payload = Object.freeze({ ...start, extra: Object.freeze({ a: 1 }) });
    check("ocpp1.6", "StartTransaction", payload);
    expect(payload).toEqual({ ...start, extra: { a: 1 } });
  });
});

describe("CALLERROR codes", () => {
  test.each([
    ["additionalProperties", "FormationViolation", "FormatViolation"],
    ["required", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"],
    ["minItems", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"],
    ["maxItems", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"],
    ["type", "TypeConstraintViolation", "TypeConstraintViolation"],
    ["format", "TypeConstraintViolation", "TypeConstraintViolation"],
    ["maxLength", "PropertyConstraintViolation", "PropertyConstraintViolation"],
    ["enum", "PropertyConstraintViolation", "PropertyConstraintViolation"],
    ["minimum", "PropertyConstraintViolation", "PropertyConstraintViolation"],
    ["multipleOf", "PropertyConstraintViolation", "PropertyConstraintViolation"],
  ])("%s is %s in 1.6 and %s in 2.x", (keyword, in16, in2x) => {
    expect(errorCodeFor("ocpp1.6", keyword)).toBe(in16);
    expect(errorCodeFor("ocpp2.0.1", keyword)).toBe(in2x);
    expect(errorCodeFor("ocpp2.1", keyword)).toBe(in2x);
  });
});

describe("beside the second opinion of typed-ocpp", () => {
  const SECOND = { "ocpp1.6": OCPP16, "ocpp2.0.1": OCPP20, "ocpp2.1": OCPP21 } as const;

  // typed-ocpp deletes what it does not know from the payload that it is given, hence the clone.
  const secondOpinion = (version: OcppVersion, action: string, payload: unknown): boolean =>
    SECOND[version].validateCall([2, "id", action, structuredClone(payload)]);

  const start = { connectorId: 1, idTag: "TAG", meterStart: 0, timestamp: "2026-01-01T00:00:00Z" };
  const station = { model: "M", vendorName: "V" };

  test.each<[OcppVersion, string, unknown, boolean]>([
    ["ocpp1.6", "BootNotification", { chargePointModel: "M", chargePointVendor: "V" }, true],
    ["ocpp1.6", "BootNotification", { chargePointModel: "x".repeat(22), chargePointVendor: "V" }, false],
    ["ocpp1.6", "BootNotification", {}, false],
    ["ocpp1.6", "StartTransaction", start, true],
    ["ocpp1.6", "StartTransaction", { ...start, timestamp: "2026-01-01T00:00:00+03" }, true],
    ["ocpp1.6", "StartTransaction", { ...start, timestamp: "2026-01-01T00:00:00" }, false],
    ["ocpp1.6", "StartTransaction", { ...start, meterStart: 0.5 }, false],
    ["ocpp1.6", "StatusNotification", { connectorId: 1, errorCode: "Error", status: "Available" }, false],
    ["ocpp2.0.1", "BootNotification", { reason: "PowerUp", chargingStation: station }, true],
    ["ocpp2.0.1", "BootNotification", { reason: "Hunger", chargingStation: station }, false],
    ["ocpp2.0.1", "Heartbeat", { customData: { vendorId: "V", anything: 1 } }, true],
    ["ocpp2.1", "Heartbeat", {}, true],
    [
      "ocpp2.1",
      "BootNotification",
      { reason: "PowerUp", chargingStation: { ...station, serialNumber: "1".repeat(26) } },
      false,
    ],
  ])("both agree: %s %s %j is good: %j", (version, action, payload, good) => {
    expect(check(version, action, payload) === null).toBe(good);
    expect(secondOpinion(version, action, payload)).toBe(good);
  });

  test("a surplus field is a violation here; typed-ocpp drops it and finds nothing", () => {
    expect(check("ocpp2.0.1", "Heartbeat", { foo: 1 })).toMatchObject({
      keyword: "additionalProperties",
      path: "/foo",
    });
    expect(secondOpinion("ocpp2.0.1", "Heartbeat", { foo: 1 })).toBe(true);
  });

  test("31 February passes the fast date check here and not typed-ocpp's full one", () => {
    const payload = { ...start, timestamp: "2026-02-31T00:00:00Z" };
    expect(check("ocpp1.6", "StartTransaction", payload)).toBeNull();
    expect(secondOpinion("ocpp1.6", "StartTransaction", payload)).toBe(false);
  });
});
