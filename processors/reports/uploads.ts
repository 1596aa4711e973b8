// Logs and diagnostics that a station uploads (2.0.1 N01; 1.6 §4.4 GetDiagnostics, security whitepaper §5.4 GetLog).
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, textOf } from "../payload.ts";
import { field, type Done, type Report } from "./field.ts";
import { advanceJob, beginJob, shownLocation, type Job, type JobKind } from "./job.ts";

const kind: JobKind = {
  collection: "uploads",
  phases: {
    Uploading: "uploading",
    Uploaded: "uploaded",
    UploadFailed: "failed",
    UploadFailure: "failed",
    BadMessage: "failed",
    NotSupportedOperation: "failed",
    PermissionDenied: "failed",
    AcceptedCanceled: "cancelled",
  },
  ends: ["uploaded", "failed"],
};

export const uploads = field<readonly Job[]>({
  name: "uploads",
  initial: [],
  reports: { LogStatusNotification: advanced, DiagnosticsStatusNotification: advanced },
  results: { GetLog: begun, GetDiagnostics: begun },
});

function begun(jobs: readonly Job[], done: Done, context: FoldContext): readonly Job[] {
  if (done.outcome !== "accepted") return jobs;
  const { request, response, commandId } = done;
  const requestId = textOf(request["requestId"]);
  const details = {
    commandId,
    logType: textOf(request["logType"]) ?? "DiagnosticsLog",
    location: shownLocation(fieldsOf(request["log"])["remoteLocation"] ?? request["location"]),
    fileName: textOf(response["filename"] ?? response["fileName"]),
  };
  const answer = textOf(response["status"]) ?? "Accepted";
  return beginJob(jobs, kind, { key: requestId ?? commandId, requestId, details }, answer, context);
}

function advanced(jobs: readonly Job[], { request }: Report, context: FoldContext): readonly Job[] {
  const status = textOf(request["status"]);
  return status === null ? jobs : advanceJob(jobs, kind, status, textOf(request["requestId"]), context);
}
