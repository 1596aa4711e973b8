// Display messages and customer information (2.0.1 O01-O06, N09).
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, indexOf, listOf, numberOf, textOf, type Fields } from "../payload.ts";
import { field, tell, tellAll, type Done, type Report } from "./field.ts";
import { addPart, reportOf, type Assembly } from "./report-parts.ts";

interface Messages {
  readonly displayed: readonly Assembly[];
  readonly customers: readonly Assembly[];
}

export const messages = field<Messages>({
  name: "messages",
  initial: { displayed: [], customers: [] },
  reports: { NotifyDisplayMessages: reported, NotifyCustomerInformation: customer },
  results: { SetDisplayMessage: set, ClearDisplayMessage: cleared },
});

/** O03, O04. */
function reported(state: Messages, { request }: Report, context: FoldContext): Messages {
  const infos = listOf(request["messageInfo"]).map(fieldsOf);
  tellAll(context, "displayMessages", infos.map(documentOf));
  const { assemblies, assembly } = addPart(state.displayed, request, infos.length);
  tellAll(context, "reports", [reportOf("displayMessages", assembly, context)]);
  return { ...state, displayed: assemblies };
}

/** O01, O02, O06. */
function set(state: Messages, { request, outcome }: Done, context: FoldContext): Messages {
  if (outcome === "accepted") tellAll(context, "displayMessages", [documentOf(fieldsOf(request["message"]))]);
  return state;
}

/** O05. Unknown says as much: it is not there. */
function cleared(state: Messages, { request, response }: Done, context: FoldContext): Messages {
  const isGone = ["Accepted", "Unknown"].includes(textOf(response["status"]) ?? "");
  if (isGone) tell(context, "displayMessages", textOf(request["id"]) ?? "", null);
  return state;
}

function documentOf(info: Fields): [string, object] {
  const id = textOf(info["id"]) ?? "";
  return [
    id,
    {
      messageId: numberOf(info["id"]),
      priority: textOf(info["priority"]),
      state: textOf(info["state"]),
      startAt: textOf(info["startDateTime"]),
      endAt: textOf(info["endDateTime"]),
      transactionId: textOf(info["transactionId"]),
      message: fieldsOf(info["message"]),
    },
  ];
}

/** N09: text in parts; each is kept under its number, so that they read in order. */
function customer(state: Messages, { request }: Report, context: FoldContext): Messages {
  const requestId = textOf(request["requestId"]) ?? "";
  const seqNo = indexOf(request["seqNo"]);
  tell(context, "customerInformation", `${requestId}/${String(seqNo).padStart(6, "0")}`, {
    requestId,
    seqNo,
    data: textOf(request["data"]) ?? "",
  });
  const { assemblies, assembly } = addPart(state.customers, request, 1);
  tellAll(context, "reports", [reportOf("customerInformation", assembly, context)]);
  return { ...state, customers: assemblies };
}
