// Deciders of OCPP 2.0.1 and 2.1: one row an action that a station sends. Use cases in the comments are those of part 2.
import type { Protocol } from "../../core/records/frame-record.ts";
import { bootAnswer, constant, dataTransfer, empty, heartbeat } from "./deciders-common.ts";
import {
  objectField,
  textField,
  timeText,
  wholeField,
  type Context,
  type Decider,
  type Fields,
  type Use,
} from "./decision.ts";
import { idTokenInfo, ruled, ruleOnIdToken, shown } from "./tokens.ts";

/** Quirk 18: some send it as a text, or under the name that 1.6 has for it. */
function idTokenIn(fields: Fields): Fields | undefined {
  const text = textField(fields, "idToken") ?? textField(fields, "idTag");
  return objectField(fields, "idToken") ?? (text === undefined ? undefined : { idToken: text });
}

const authorize: Decider = (fields, context) => {
  const ruling = ruleOnIdToken(idTokenIn(fields) ?? {}, context, shown);
  if (ruling === undefined) return { unreadable: "idToken" };
  // C07: a contract certificate is asked about, and nothing here checks certificates: said so, not left open.
  const asksForCertificate =
    Object.hasOwn(fields, "iso15118CertificateHashData") || Object.hasOwn(fields, "certificate");
  const certificate = asksForCertificate ? { certificateStatus: "NoCertificateAvailable" } : {};
  return ruled({ idTokenInfo: idTokenInfo(ruling), ...certificate }, ruling);
};

/** E01-E06: idTokenInfo where the event names a token; a token that cannot be read is answered without it. */
const transactionEvent: Decider = (fields, context) => {
  const idToken = idTokenIn(fields);
  const ruling = idToken && ruleOnIdToken(idToken, context, useIn(fields));
  const cost = costOf(fields, context);
  const answered = ruling ? ruled({ ...cost, idTokenInfo: idTokenInfo(ruling) }, ruling) : { payload: cost };
  const info = objectField(fields, "transactionInfo");
  const isStart = textField(fields, "eventType") === "Started";
  return isStart && info && context.costs ? { ...answered, begun: textField(info, "transactionId") } : answered;
};

/**
 * I02, I03: what was told of the transaction last, so as of an earlier message of it. 2.0.1 has the field for the end alone
 * (TransactionEventResponse.totalCost), 2.1 for what happens in between as well.
 */
function costOf(fields: Fields, { protocol, lookups, costs }: Context): { readonly totalCost?: number } {
  const type = textField(fields, "eventType");
  const isAsked = type === "Ended" ? lookups.costAtEnd : type === "Updated" && protocol === "ocpp2.1";
  const info = isAsked && costs ? objectField(fields, "transactionInfo") : undefined;
  const totalCost = costs?.get((info && textField(info, "transactionId")) ?? "");
  return totalCost === undefined ? {} : { totalCost };
}

/** A token that begins a transaction (E01-E03). One that stops it, or did its work while the station was offline, asks for nothing. */
function useIn(fields: Fields): Use | undefined {
  if (fields["offline"] === true) return undefined;
  const isStart = textField(fields, "eventType") === "Started";
  const isAuthorised =
    textField(fields, "triggerReason") === "Authorized" && textField(fields, "eventType") !== "Ended";
  if (!isStart && !isAuthorised) return undefined;
  const evse = objectField(fields, "evse");
  return { begins: true, evseId: evse && wholeField(evse, "id") };
}

const mostCertificates = 4;

/** 2.1 only: every certificate asked about is answered `Failed`: its status could not be found out. */
const certificateChainStatus: Decider = (fields, { now }) => {
  const requests = Object.hasOwn(fields, "certificateStatusRequests") ? fields["certificateStatusRequests"] : undefined;
  if (!Array.isArray(requests) || requests.length === 0) return { unreadable: "certificateStatusRequests" };
  const answers: object[] = [];
  for (const request of (requests as readonly unknown[]).slice(0, mostCertificates)) {
    const answer = typeof request === "object" && request !== null ? failedStatus(request as Fields, now) : undefined;
    if (answer === undefined) return { unreadable: "certificateStatusRequests" };
    answers.push(answer);
  }
  return { payload: { certificateStatus: answers } };
};

function failedStatus(request: Fields, now: number): object | undefined {
  const source = textField(request, "source");
  const hash = objectField(request, "certificateHashData");
  const hashAlgorithm = hash && textField(hash, "hashAlgorithm");
  const issuerNameHash = hash && textField(hash, "issuerNameHash");
  const issuerKeyHash = hash && textField(hash, "issuerKeyHash");
  const serialNumber = hash && textField(hash, "serialNumber");
  if (source === undefined || hashAlgorithm === undefined) return undefined;
  if (issuerNameHash === undefined || issuerKeyHash === undefined || serialNumber === undefined) return undefined;
  const certificateHashData = { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber };
  return { certificateHashData, source, status: "Failed", nextUpdate: timeText(now) };
}

const longestVatNumber = 20;

/** No VAT register is asked here. */
const vatNumber: Decider = (fields) => {
  const text = textField(fields, "vatNumber");
  if (text === undefined || text.length > longestVatNumber) return { unreadable: "vatNumber" };
  return { payload: { vatNumber: text, status: "Rejected" } };
};

const rejected = constant({ status: "Rejected" });

const of201: readonly (readonly [string, Decider])[] = [
  ["Authorize", authorize],
  ["BootNotification", bootAnswer],
  ["ClearedChargingLimit", empty],
  ["DataTransfer", dataTransfer(new Map())],
  ["FirmwareStatusNotification", empty],
  // M01, M02: no contract certificate pool is connected.
  ["Get15118EVCertificate", constant({ status: "Failed", exiResponse: "" })],
  // M06: no OCSP responder is asked.
  ["GetCertificateStatus", constant({ status: "Failed" })],
  ["Heartbeat", heartbeat],
  ["LogStatusNotification", empty],
  ["MeterValues", empty],
  ["NotifyChargingLimit", empty],
  ["NotifyCustomerInformation", empty],
  ["NotifyDisplayMessages", empty],
  // K15: no charging profile will be sent for these needs.
  ["NotifyEVChargingNeeds", rejected],
  ["NotifyEVChargingSchedule", constant({ status: "Accepted" })],
  ["NotifyEvent", empty],
  ["NotifyMonitoringReport", empty],
  ["NotifyReport", empty],
  ["PublishFirmwareStatusNotification", empty],
  ["ReportChargingProfiles", empty],
  ["ReservationStatusUpdate", empty],
  ["SecurityEventNotification", empty],
  ["SignCertificate", constant({ status: "Accepted" })],
  ["StatusNotification", empty],
  ["TransactionEvent", transactionEvent],
];

const of21: readonly (readonly [string, Decider])[] = [
  ["BatterySwap", empty],
  ["ClosePeriodicEventStream", empty],
  ["GetCertificateChainStatus", certificateChainStatus],
  ["NotifyDERAlarm", empty],
  ["NotifyDERStartStop", empty],
  // A SEND: the payload is never used.
  ["NotifyPeriodicEventStream", empty],
  ["NotifyPriorityCharging", empty],
  ["NotifySettlement", empty],
  ["OpenPeriodicEventStream", constant({ status: "Accepted" })],
  ["PullDynamicScheduleUpdate", rejected],
  ["ReportDERControl", empty],
  ["VatNumberValidation", vatNumber],
];

export const deciders2x: Readonly<Record<Exclude<Protocol, "ocpp1.6">, ReadonlyMap<string, Decider>>> = {
  "ocpp2.0.1": new Map(of201),
  "ocpp2.1": new Map([...of201, ...of21]),
};
