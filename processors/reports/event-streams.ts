// Periodic event streams (2.1 N11-N15): a monitor whose values come as SEND messages, which nobody answers.
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, listOf, numberOf, textOf, type Fields } from "../payload.ts";
import { field, tell, tellAll, tellPatches, type Done, type Report } from "./field.ts";
import { timeOf } from "./report-time.ts";

export const eventStreams = field<null>({
  name: "eventStreams",
  initial: null,
  reports: { OpenPeriodicEventStream: opened, ClosePeriodicEventStream: closed, NotifyPeriodicEventStream: values },
  results: { GetPeriodicEventStream: listed, AdjustPeriodicEventStream: adjusted },
});

function paramsOf(value: unknown): { readonly intervalSeconds: number | null; readonly valuesAtOnce: number | null } {
  const params = fieldsOf(value);
  return { intervalSeconds: numberOf(params["interval"]), valuesAtOnce: numberOf(params["values"]) };
}

function streamOf(stream: Fields): [string, object] {
  const streamId = textOf(stream["id"]) ?? "";
  return [streamId, { streamId, monitorId: textOf(stream["variableMonitoringId"]), ...paramsOf(stream["params"]) }];
}

function opened(_: null, { request, answer }: Report, context: FoldContext): null {
  if (answer["status"] === "Accepted") {
    tellAll(context, "eventStreams", [streamOf(fieldsOf(request["constantStreamData"]))]);
  }
  return null;
}

function closed(_: null, { request }: Report, context: FoldContext): null {
  tell(context, "eventStreams", textOf(request["id"]) ?? "", null);
  return null;
}

/** Each message's values stand until the next one's; all of them are in the log. */
function values(_: null, { request }: Report, context: FoldContext): null {
  const streamId = textOf(request["id"]) ?? "";
  const baseTime = timeOf(request["basetime"], context);
  const latest = listOf(request["data"]).map((item) => {
    const { t, v } = fieldsOf(item);
    return { secondsAfter: numberOf(t), value: textOf(v) };
  });
  const pending = numberOf(request["pending"]);
  tellPatches(context, "eventStreams", [[streamId, { streamId, baseTime, pending, latest }]]);
  return null;
}

function listed(_: null, { response }: Done, context: FoldContext): null {
  tellPatches(context, "eventStreams", listOf(response["constantStreamData"]).map(fieldsOf).map(streamOf));
  return null;
}

function adjusted(_: null, { request, outcome }: Done, context: FoldContext): null {
  const streamId = textOf(request["id"]) ?? "";
  if (outcome === "accepted") {
    tellPatches(context, "eventStreams", [[streamId, { streamId, ...paramsOf(request["params"]) }]]);
  }
  return null;
}
