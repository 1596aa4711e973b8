// Messages of 2.1 that say one thing each, of which nothing else follows: battery swaps (S), ad hoc payments (C), priority
// charging (K21, K22).
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, listOf, numberOf, textOf } from "../payload.ts";
import { field, tell, tellNotices, type Done, type Report } from "./field.ts";
import { timeOf } from "./report-time.ts";

export const smallReports = field<null>({
  name: "smallReports",
  initial: null,
  reports: { BatterySwap: batterySwap, NotifySettlement: settlement, NotifyPriorityCharging: priority },
  results: { UsePriorityCharging: priorityAsked },
});

function batterySwap(_: null, { request }: Report, context: FoldContext): null {
  const swap = {
    requestId: textOf(request["requestId"]),
    event: textOf(request["eventType"]),
    idToken: textOf(fieldsOf(request["idToken"])["idToken"]),
    at: timeOf(undefined, context),
    batteries: listOf(request["batteryData"]),
  };
  tellNotices(context, "batterySwaps", [swap]);
  return null;
}

/** What a payment terminal got for a transaction, or did not get. */
function settlement(_: null, { request }: Report, context: FoldContext): null {
  const settled = {
    transactionId: textOf(request["transactionId"]),
    reference: textOf(request["pspRef"]),
    status: textOf(request["status"]),
    statusInfo: textOf(request["statusInfo"]),
    amount: numberOf(request["settlementAmount"]),
    at: timeOf(request["settlementTime"], context),
    receiptId: textOf(request["receiptId"]),
    receiptUrl: textOf(request["receiptUrl"]),
    vatNumber: textOf(request["vatNumber"]),
    vatCompany: fieldsOf(request["vatCompany"]),
  };
  tellNotices(context, "settlements", [settled]);
  return null;
}

function priority(_: null, { request }: Report, context: FoldContext): null {
  tellPriority(request["transactionId"], request["activated"] === true, context);
  return null;
}

function priorityAsked(_: null, { request, outcome }: Done, context: FoldContext): null {
  if (outcome === "accepted") tellPriority(request["transactionId"], request["activate"] === true, context);
  return null;
}

function tellPriority(transaction: unknown, activated: boolean, context: FoldContext): void {
  const transactionId = textOf(transaction) ?? "";
  tell(context, "priorityCharging", transactionId, { transactionId, activated, at: timeOf(undefined, context) });
}
