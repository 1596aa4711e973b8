import { describe, expect, test } from "vitest";
import { actions, isFromStation, isSendAction, isToStation } from "./actions.ts";
import { errorCodes, formationViolation, normalisedErrorCode } from "./error-codes.ts";
import { actionsOf } from "./validators.ts";

const versions = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;

describe("the table of actions", () => {
  test.each(versions)("%s has exactly the actions of its schemas", (version) => {
    expect([...actions[version].keys()].sort()).toEqual(actionsOf(version));
  });

  test.each([
    ["ocpp1.6", 14, 26],
    ["ocpp2.0.1", 25, 40],
    ["ocpp2.1", 37, 55],
  ] as const)("%s: %i from the station, %i to it", (version, from, to) => {
    const names = [...actions[version].keys()];
    expect(names.filter((name) => isFromStation(version, name))).toHaveLength(from);
    expect(names.filter((name) => isToStation(version, name))).toHaveLength(to);
  });

  test("names of objects' own members are no actions", () => {
    expect(isFromStation("ocpp1.6", "constructor")).toBe(false);
    expect(isToStation("ocpp1.6", "__proto__")).toBe(false);
  });

  test("only 2.1 has a SEND", () => {
    expect(isSendAction("ocpp2.1", "NotifyPeriodicEventStream")).toBe(true);
    expect(isSendAction("ocpp2.0.1", "NotifyPeriodicEventStream")).toBe(false);
  });
});

describe("error codes", () => {
  test("each version spells them its own way", () => {
    expect(errorCodes["ocpp1.6"].has("OccurenceConstraintViolation")).toBe(true);
    expect(errorCodes["ocpp1.6"].has("OccurrenceConstraintViolation")).toBe(false);
    expect(errorCodes["ocpp2.1"].has("RpcFrameworkError")).toBe(true);
    expect(formationViolation("ocpp1.6")).toBe("FormationViolation");
    expect(formationViolation("ocpp2.0.1")).toBe("FormatViolation");
  });

  test("both spellings are understood inbound", () => {
    expect(normalisedErrorCode("OccurenceConstraintViolation")).toBe("OccurrenceConstraintViolation");
    expect(normalisedErrorCode("FormationViolation")).toBe("FormatViolation");
    expect(normalisedErrorCode("SomethingElse")).toBe("SomethingElse");
  });
});
