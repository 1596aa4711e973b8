// Variable monitoring and what it reports (2.0.1 N01-N09).
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, indexOf, listOf, numberOf, textOf, type Fields } from "../payload.ts";
import { field, tellAll, tellNotices, type Done, type Report } from "./field.ts";
import { addPart, reportOf, type Assembly } from "./report-parts.ts";
import { timeOf } from "./report-time.ts";
import { placeOf } from "./variable-place.ts";

export const monitors = field<readonly Assembly[]>({
  name: "monitors",
  initial: [],
  reports: { NotifyMonitoringReport: report, NotifyEvent: notifyEvent },
  results: { SetVariableMonitoring: set, ClearVariableMonitoring: cleared },
});

/** N02: which monitors there are. */
function report(state: readonly Assembly[], { request }: Report, context: FoldContext): readonly Assembly[] {
  const items = listOf(request["monitor"]).map(fieldsOf);
  const documents = items.flatMap((item) => {
    const place = placeOf(item);
    return listOf(item["variableMonitoring"]).map((m) => monitorOf(place, fieldsOf(m)));
  });
  tellAll(context, "monitors", documents);
  const { assemblies, assembly } = addPart(state, request, documents.length);
  tellAll(context, "reports", [reportOf("monitors", assembly, context)]);
  return assemblies;
}

function monitorOf(place: object, monitor: Fields): [string, object] {
  const id = textOf(monitor["id"]) ?? "";
  return [
    id,
    {
      monitorId: id,
      ...place,
      type: textOf(monitor["type"]),
      value: numberOf(monitor["value"]),
      severity: numberOf(monitor["severity"]),
      transaction: monitor["transaction"] === true,
    },
  ];
}

/** N04: the station gives the numbers; its answer names the places again. */
function set(state: readonly Assembly[], { response, request }: Done, context: FoldContext): readonly Assembly[] {
  const asked = listOf(request["setMonitoringData"]).map(fieldsOf);
  const results = listOf(response["setMonitoringResult"]).map(fieldsOf);
  const documents = results.flatMap((result, index) => {
    if (textOf(result["status"]) !== "Accepted") return [];
    const same = (data: Fields) =>
      JSON.stringify(placeOf(data)) === JSON.stringify(placeOf(result)) && data["type"] === result["type"];
    const data = asked.find(same) ?? asked[index] ?? {};
    return [monitorOf(placeOf(result), { ...data, ...result })];
  });
  tellAll(context, "monitors", documents);
  return state;
}

/** N06. NotFound says as much: it is not there. */
function cleared(state: readonly Assembly[], { response }: Done, context: FoldContext): readonly Assembly[] {
  const gone = listOf(response["clearMonitoringResult"])
    .map(fieldsOf)
    .filter((result) => ["Accepted", "NotFound"].includes(textOf(result["status"]) ?? ""));
  tellAll(
    context,
    "monitors",
    gone.map((result) => [textOf(result["id"]) ?? "", null]),
  );
  return state;
}

/** N07: one message may hold many events. */
function notifyEvent(state: readonly Assembly[], { request }: Report, context: FoldContext): readonly Assembly[] {
  const events = listOf(request["eventData"]).map((item) => eventOf(fieldsOf(item), context));
  tellNotices(context, "events", events);
  return state;
}

function eventOf(event: Fields, context: FoldContext): object {
  return {
    eventId: indexOf(event["eventId"]),
    at: timeOf(event["timestamp"], context),
    ...placeOf(event),
    trigger: textOf(event["trigger"]),
    actualValue: textOf(event["actualValue"]),
    notificationType: textOf(event["eventNotificationType"]),
    monitorId: textOf(event["variableMonitoringId"]),
    cause: textOf(event["cause"]),
    cleared: event["cleared"] === true,
    techCode: textOf(event["techCode"]),
    techInfo: textOf(event["techInfo"]),
    transactionId: textOf(event["transactionId"]),
  };
}
