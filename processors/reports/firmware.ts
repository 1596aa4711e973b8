// Firmware updates (2.0.1 L01-L04; 1.6 §4.5 and, signed, the security whitepaper §5.3), and local controllers that publish.
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, textOf } from "../payload.ts";
import { field, type Done, type Report } from "./field.ts";
import { advanceJob, beginJob, noteJob, shownLocation, type Job, type JobKind } from "./job.ts";

const kind: JobKind = {
  collection: "firmwareUpdates",
  phases: {
    DownloadScheduled: "downloading",
    Downloading: "downloading",
    DownloadPaused: "downloading",
    Downloaded: "downloaded",
    SignatureVerified: "downloaded",
    InstallScheduled: "installing",
    Installing: "installing",
    InstallRebooting: "installing",
    Installed: "installed",
    DownloadFailed: "failed",
    InvalidSignature: "failed",
    InstallVerificationFailed: "failed",
    InstallationFailed: "failed",
  },
  ends: ["installed", "failed"],
};

export const firmware = field<readonly Job[]>({
  name: "firmware",
  initial: [],
  reports: {
    FirmwareStatusNotification: advanced,
    SignedFirmwareStatusNotification: advanced,
    BootNotification: booted,
  },
  results: { UpdateFirmware: begun, SignedUpdateFirmware: begun },
});

function begun(jobs: readonly Job[], done: Done, context: FoldContext): readonly Job[] {
  if (done.outcome !== "accepted") return jobs;
  const { request, response, commandId } = done;
  const file = fieldsOf(request["firmware"]);
  const requestId = textOf(request["requestId"]);
  const details = {
    commandId,
    location: shownLocation(file["location"] ?? request["location"]),
    retrieveAt: textOf(file["retrieveDateTime"] ?? request["retrieveDate"]),
    installAt: textOf(file["installDateTime"]),
  };
  const answer = textOf(response["status"]) ?? "Accepted";
  return beginJob(jobs, kind, { key: requestId ?? commandId, requestId, details }, answer, context);
}

function advanced(jobs: readonly Job[], { request }: Report, context: FoldContext): readonly Job[] {
  const status = textOf(request["status"]);
  return status === null ? jobs : advanceJob(jobs, kind, status, textOf(request["requestId"]), context);
}

const restarts: ReadonlySet<string> = new Set(["installing", "installed"]);

/** What the newest update led to: the version of the last boot since the station began to install it. */
function booted(jobs: readonly Job[], { request }: Report, context: FoldContext): readonly Job[] {
  const job = jobs.at(-1);
  const version = textOf(request["firmwareVersion"] ?? fieldsOf(request["chargingStation"])["firmwareVersion"]);
  if (!job || version === null || !restarts.has(job.phase) || job.details["versionAfter"] === version) return jobs;
  return noteJob(jobs, kind, job, { versionAfter: version }, context);
}
