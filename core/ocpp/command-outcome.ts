// One table that maps every response of every action that the CSMS sends to the outcome a caller sees (interface.md).
// "accepted" means: the station does what was asked, now, later (Scheduled) or after its restart (RebootRequired).
// Everything else is "rejected"; the response itself is kept verbatim beside it, so no detail is lost.
import type { Protocol } from "../records/frame-record.ts";

export type ResponseOutcome = "accepted" | "rejected";

type Fields = Readonly<Record<string, unknown>>;

type Rule =
  /** One `status`; accepted where it is one of these. */
  | { readonly by: "status"; readonly good: readonly string[] }
  /** The answer has no status: that it came is the acceptance. */
  | { readonly by: "answer" }
  /** A list of results. A write is accepted when every item is, a read when any item could be read. */
  | {
      readonly by: "items";
      readonly list: string;
      readonly status: string;
      readonly good: readonly string[];
      readonly need: "every" | "some";
    }
  | { readonly by: "fields"; readonly accepted: (payload: Fields) => boolean };

const accepted: Rule = { by: "status", good: ["Accepted"] };
const orLater: Rule = { by: "status", good: ["Accepted", "Scheduled"] };
// AcceptedCanceled: this request is carried out, an earlier one was cancelled for it.
const orInstead: Rule = { by: "status", good: ["Accepted", "AcceptedCanceled"] };
const unlocked: Rule = { by: "status", good: ["Unlocked"] };
const answered: Rule = { by: "answer" };

const common = {
  CancelReservation: accepted,
  CertificateSigned: accepted,
  ChangeAvailability: orLater,
  ClearCache: accepted,
  // Unknown: there was no such profile, so nothing was cleared.
  ClearChargingProfile: accepted,
  DataTransfer: accepted,
  DeleteCertificate: accepted,
  GetCompositeSchedule: accepted,
  // NotFound: there is no certificate of that type to list.
  GetInstalledCertificateIds: accepted,
  GetLog: orInstead,
  InstallCertificate: accepted,
  ReserveNow: accepted,
  Reset: orLater,
  SendLocalList: accepted,
  SetChargingProfile: accepted,
  TriggerMessage: accepted,
  UnlockConnector: unlocked,
} as const satisfies Readonly<Record<string, Rule>>;

const rules16 = {
  ...common,
  ChangeConfiguration: { by: "status", good: ["Accepted", "RebootRequired"] },
  ExtendedTriggerMessage: accepted,
  GetConfiguration: {
    by: "fields",
    accepted: (p) => itemsOf(p, "configurationKey").length > 0 || itemsOf(p, "unknownKey").length === 0,
  },
  // 1.6 §6.26: no file name means that there is no diagnostics information to upload.
  GetDiagnostics: { by: "fields", accepted: (p) => typeof p["fileName"] === "string" && p["fileName"] !== "" },
  // 1.6 §5.10: -1 says that the station has no local list at all.
  GetLocalListVersion: { by: "fields", accepted: (p) => p["listVersion"] !== -1 },
  RemoteStartTransaction: accepted,
  RemoteStopTransaction: accepted,
  SignedUpdateFirmware: orInstead,
  UpdateFirmware: answered,
} as const satisfies Readonly<Record<string, Rule>>;

const rules201 = {
  ...common,
  ClearDisplayMessage: accepted,
  ClearVariableMonitoring: {
    by: "items",
    list: "clearMonitoringResult",
    status: "status",
    good: ["Accepted"],
    need: "every",
  },
  CostUpdated: answered,
  CustomerInformation: accepted,
  // EmptyResultSet and NoProfiles: no report follows.
  GetBaseReport: accepted,
  GetChargingProfiles: accepted,
  GetDisplayMessages: accepted,
  GetLocalListVersion: answered,
  GetMonitoringReport: accepted,
  GetReport: accepted,
  GetTransactionStatus: answered,
  GetVariables: { by: "items", list: "getVariableResult", status: "attributeStatus", good: ["Accepted"], need: "some" },
  PublishFirmware: accepted,
  RequestStartTransaction: accepted,
  RequestStopTransaction: accepted,
  SetDisplayMessage: accepted,
  SetMonitoringBase: accepted,
  SetMonitoringLevel: accepted,
  SetNetworkProfile: accepted,
  SetVariableMonitoring: {
    by: "items",
    list: "setMonitoringResult",
    status: "status",
    good: ["Accepted"],
    need: "every",
  },
  SetVariables: {
    by: "items",
    list: "setVariableResult",
    status: "attributeStatus",
    good: ["Accepted", "RebootRequired"],
    need: "every",
  },
  // DownloadOngoing and NoFirmware: nothing was unpublished.
  UnpublishFirmware: { by: "status", good: ["Unpublished"] },
  UpdateFirmware: orInstead,
} as const satisfies Readonly<Record<string, Rule>>;

const rules21 = {
  ...rules201,
  AFRRSignal: accepted,
  AdjustPeriodicEventStream: accepted,
  ChangeTransactionTariff: accepted,
  ClearDERControl: accepted,
  ClearTariffs: { by: "items", list: "clearTariffsResult", status: "status", good: ["Accepted"], need: "every" },
  GetDERControl: accepted,
  GetPeriodicEventStream: answered,
  GetTariffs: accepted,
  NotifyAllowedEnergyTransfer: accepted,
  NotifyWebPaymentStarted: answered,
  RequestBatterySwap: accepted,
  SetDERControl: accepted,
  SetDefaultTariff: accepted,
  UpdateDynamicSchedule: accepted,
  UsePriorityCharging: accepted,
} as const satisfies Readonly<Record<string, Rule>>;

const tables: Readonly<Record<Protocol, Readonly<Record<string, Rule>>>> = {
  "ocpp1.6": rules16,
  "ocpp2.0.1": rules201,
  "ocpp2.1": rules21,
};

/** The actions that a CSMS may send in this version, in alphabetical order. */
export function commandActions(protocol: Protocol): readonly string[] {
  return Object.keys(tables[protocol]).sort();
}

export function isCommandAction(protocol: Protocol, action: string): boolean {
  return Object.hasOwn(tables[protocol], action);
}

/**
 * @param responsePayload of the CALLRESULT; a CALLERROR is the outcome `error` and never comes here.
 * A status that no version knows is "rejected": nobody may be told that an unknown word means yes.
 */
export function outcomeOf(protocol: Protocol, action: string, responsePayload: unknown): ResponseOutcome {
  const payload: Fields = isFields(responsePayload) ? responsePayload : {};
  const rule = Object.hasOwn(tables[protocol], action) ? tables[protocol][action]! : accepted;
  return holds(rule, payload) ? "accepted" : "rejected";
}

function holds(rule: Rule, payload: Fields): boolean {
  switch (rule.by) {
    case "status":
      return isGood(payload["status"], rule.good);
    case "answer":
      return true;
    case "items": {
      const verdicts = itemsOf(payload, rule.list).map(
        (item) => isFields(item) && isGood(item[rule.status], rule.good),
      );
      if (verdicts.length === 0) return false;
      return rule.need === "every" ? verdicts.every(Boolean) : verdicts.some(Boolean);
    }
    case "fields":
      return rule.accepted(payload);
  }
}

// Stations spell enum values in other letter cases; the word is the same.
function isGood(status: unknown, good: readonly string[]): boolean {
  return typeof status === "string" && good.some((word) => word.toLowerCase() === status.trim().toLowerCase());
}

function itemsOf(payload: Fields, name: string): readonly unknown[] {
  const list = payload[name];
  return Array.isArray(list) ? list : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
