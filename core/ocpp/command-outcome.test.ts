import { describe, expect, it } from "vitest";

import type { Protocol } from "../records/frame-record.ts";
import { commandActions, isCommandAction, outcomeOf } from "./command-outcome.ts";
import { actionsOf, schema, type JsonSchema } from "./validators.ts";

const protocols: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

/** Words that say yes, whatever the action; every other word of every schema says no. */
const yes = new Set(["Accepted", "AcceptedCanceled", "Scheduled", "RebootRequired", "Unlocked", "Unpublished"]);

// ocpp.md, "Actions by direction": what only the station sends.
const stationOnly: Readonly<Record<Protocol, ReadonlySet<string>>> = {
  "ocpp1.6": words(`Authorize BootNotification DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
    MeterValues StartTransaction StatusNotification StopTransaction LogStatusNotification SecurityEventNotification
    SignCertificate SignedFirmwareStatusNotification`),
  "ocpp2.0.1": station2(),
  "ocpp2.1": new Set([
    ...station2(),
    ...words(`BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
      NotifyPeriodicEventStream NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream
      PullDynamicScheduleUpdate ReportDERControl VatNumberValidation`),
  ]),
};

function station2(): ReadonlySet<string> {
  return words(`Authorize BootNotification ClearedChargingLimit FirmwareStatusNotification Get15118EVCertificate
    GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit NotifyCustomerInformation
    NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent NotifyMonitoringReport
    NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles ReservationStatusUpdate
    SecurityEventNotification SignCertificate StatusNotification TransactionEvent`);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/).filter(Boolean));
}

interface StatusField {
  readonly list: string | null;
  readonly field: string;
  readonly values: readonly string[];
}

/** Every enum of a response that is called a status, at the top or one list below. */
function statusFields(root: JsonSchema): StatusField[] {
  const resolve = (node: unknown): JsonSchema => {
    const { $ref } = node as { $ref?: string };
    const definitions = root["definitions"] as Record<string, JsonSchema>;
    return $ref ? resolve(definitions[$ref.split("/").at(-1)!]) : (node as JsonSchema);
  };
  const properties = (node: JsonSchema) => Object.entries((node["properties"] ?? {}) as Record<string, unknown>);
  const found: StatusField[] = [];
  for (const [name, child] of properties(root)) {
    const node = resolve(child);
    if (/status$/i.test(name) && node["enum"])
      found.push({ list: null, field: name, values: node["enum"] as string[] });
    if (node["items"] === undefined) continue;
    for (const [inner, grandchild] of properties(resolve(node["items"]))) {
      const leaf = resolve(grandchild);
      if (/status$/i.test(inner) && leaf["enum"])
        found.push({ list: name, field: inner, values: leaf["enum"] as string[] });
    }
  }
  return found;
}

describe.each(protocols)("command outcomes of %s", (protocol) => {
  it("has a row for every action that the CSMS may send, and for no other", () => {
    const expected = actionsOf(protocol).filter((action) => !stationOnly[protocol].has(action));
    expect(commandActions(protocol)).toEqual([...expected].sort());
    expect(isCommandAction(protocol, "Heartbeat")).toBe(false);
    expect(isCommandAction(protocol, "constructor")).toBe(false);
  });

  it("maps every status of every response schema to an outcome by what the word means", () => {
    let checked = 0;
    for (const action of commandActions(protocol)) {
      for (const { list, field, values } of statusFields(schema(protocol, action, "conf")!)) {
        for (const value of values) {
          const payload = list === null ? { [field]: value } : { [list]: [{ [field]: value }] };
          const expected = yes.has(value) ? "accepted" : "rejected";
          expect([action, value, outcomeOf(protocol, action, payload)]).toEqual([action, value, expected]);
          checked++;
        }
      }
    }
    expect(checked).toBeGreaterThan(40);
  });

  it("never takes an unknown or missing status for a yes", () => {
    expect(outcomeOf(protocol, "Reset", { status: "Maybe" })).toBe("rejected");
    expect(outcomeOf(protocol, "Reset", {})).toBe("rejected");
    expect(outcomeOf(protocol, "Reset", null)).toBe("rejected");
    expect(outcomeOf(protocol, "Reset", [])).toBe("rejected");
  });
});

describe("command outcomes without one status", () => {
  it("accepts a write only when every item was accepted", () => {
    const result = (...statuses: string[]) => ({
      setVariableResult: statuses.map((attributeStatus) => ({ attributeStatus })),
    });
    expect(outcomeOf("ocpp2.0.1", "SetVariables", result("Accepted", "RebootRequired"))).toBe("accepted");
    expect(outcomeOf("ocpp2.0.1", "SetVariables", result("Accepted", "Rejected"))).toBe("rejected");
    expect(outcomeOf("ocpp2.0.1", "SetVariables", result())).toBe("rejected");
  });

  it("accepts a read when anything could be read", () => {
    const result = (...statuses: string[]) => ({
      getVariableResult: statuses.map((attributeStatus) => ({ attributeStatus })),
    });
    expect(outcomeOf("ocpp2.1", "GetVariables", result("UnknownVariable", "Accepted"))).toBe("accepted");
    expect(outcomeOf("ocpp2.1", "GetVariables", result("UnknownVariable"))).toBe("rejected");
    expect(
      outcomeOf("ocpp1.6", "GetConfiguration", { configurationKey: [{ key: "a", readonly: true }], unknownKey: ["b"] }),
    ).toBe("accepted");
    expect(outcomeOf("ocpp1.6", "GetConfiguration", { unknownKey: ["b"] })).toBe("rejected");
    expect(outcomeOf("ocpp1.6", "GetConfiguration", {})).toBe("accepted");
  });

  it("reads what 1.6 says without a status", () => {
    expect(outcomeOf("ocpp1.6", "UpdateFirmware", {})).toBe("accepted");
    expect(outcomeOf("ocpp1.6", "GetDiagnostics", {})).toBe("rejected");
    expect(outcomeOf("ocpp1.6", "GetDiagnostics", { fileName: "d.zip" })).toBe("accepted");
    expect(outcomeOf("ocpp1.6", "GetLocalListVersion", { listVersion: -1 })).toBe("rejected");
    expect(outcomeOf("ocpp1.6", "GetLocalListVersion", { listVersion: 0 })).toBe("accepted");
  });

  it("takes a status in another letter case for the same word (quirk 21)", () => {
    expect(outcomeOf("ocpp1.6", "Reset", { status: "accepted " })).toBe("accepted");
  });
});
