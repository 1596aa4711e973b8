// Deciders of OCPP 1.6 (edition 2, §4) and its security whitepaper: one row an action that a station sends.
import { transactionIdOf } from "../../core/ocpp/transaction-id.ts";
import { bootAnswer, constant, dataTransfer, empty, heartbeat } from "./deciders-common.ts";
import { deciders2x } from "./deciders-2x.ts";
import { textField, wholeField, type Context, type Decider, type Fields, type Use } from "./decision.ts";
import { idTagInfo, ruled, ruleOnToken, shown, type TokenRuling } from "./tokens.ts";

/** A start or stop with an unreadable tag is answered all the same: as the tag of nobody. */
function ruleOnIdTag(fields: Fields, context: Context, use: Use | undefined): TokenRuling {
  return ruleOnToken(textField(fields, "idTag") ?? "", context, use);
}

const authorize: Decider = (fields, context) => {
  const idTag = textField(fields, "idTag");
  if (idTag === undefined) return { unreadable: "idTag" };
  const ruling = ruleOnToken(idTag, context, shown);
  return ruled({ idTagInfo: idTagInfo(ruling) }, ruling);
};

const startTransaction: Decider = (fields, context) => {
  const ruling = ruleOnIdTag(fields, context, { begins: true, evseId: wholeField(fields, "connectorId") });
  return ruled({ idTagInfo: idTagInfo(ruling), transactionId: transactionIdOf(fields) }, ruling);
};

const stopTransaction: Decider = (fields, context) => {
  // idTag is optional here, and so is the answer's idTagInfo (§4.10).
  if (textField(fields, "idTag") === undefined) return { payload: {} };
  const ruling = ruleOnIdTag(fields, context, undefined);
  return ruled({ idTagInfo: idTagInfo(ruling) }, ruling);
};

export const deciders16: ReadonlyMap<string, Decider> = new Map<string, Decider>([
  ["Authorize", authorize],
  ["BootNotification", bootAnswer],
  ["DataTransfer", dataTransfer(deciders2x["ocpp2.0.1"])],
  ["DiagnosticsStatusNotification", empty],
  ["FirmwareStatusNotification", empty],
  ["Heartbeat", heartbeat],
  ["LogStatusNotification", empty],
  ["MeterValues", empty],
  ["SecurityEventNotification", empty],
  ["SignCertificate", constant({ status: "Accepted" })],
  ["SignedFirmwareStatusNotification", empty],
  ["StartTransaction", startTransaction],
  ["StatusNotification", empty],
  ["StopTransaction", stopTransaction],
]);
