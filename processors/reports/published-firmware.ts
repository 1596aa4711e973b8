// A local controller that offers firmware to the stations behind it (2.0.1 L03, L04).
import type { FoldContext } from "../engine/station-fold.ts";
import { listOf, textOf } from "../payload.ts";
import { field, tell, type Done, type Report } from "./field.ts";
import { advanceJob, beginJob, shownLocation, type Job, type JobKind } from "./job.ts";

const kind: JobKind = {
  collection: "publishedFirmware",
  phases: {
    DownloadScheduled: "downloading",
    Downloading: "downloading",
    DownloadPaused: "downloading",
    Downloaded: "downloaded",
    ChecksumVerified: "downloaded",
    Published: "published",
    DownloadFailed: "failed",
    InvalidChecksum: "failed",
    PublishFailed: "failed",
  },
  ends: ["published", "failed"],
};

export const publishedFirmware = field<readonly Job[]>({
  name: "publishedFirmware",
  initial: [],
  reports: { PublishFirmwareStatusNotification: advanced },
  results: { PublishFirmware: begun, UnpublishFirmware: unpublished },
});

function begun(jobs: readonly Job[], done: Done, context: FoldContext): readonly Job[] {
  if (done.outcome !== "accepted") return jobs;
  const requestId = textOf(done.request["requestId"]);
  const details = {
    commandId: done.commandId,
    location: shownLocation(done.request["location"]),
    checksum: textOf(done.request["checksum"]),
  };
  return beginJob(jobs, kind, { key: requestId ?? done.commandId, requestId, details }, "Accepted", context);
}

function advanced(jobs: readonly Job[], { request }: Report, context: FoldContext): readonly Job[] {
  const status = textOf(request["status"]);
  if (status === null) return jobs;
  const requestId = textOf(request["requestId"]);
  const known = jobs.find((job) => job.requestId === requestId);
  const locations = listOf(request["location"])
    .map(shownLocation)
    .filter((text) => text !== null);
  const withPlace =
    known && locations.length > 0
      ? { ...known, details: { ...known.details, publishedAt: locations.join(" ") } }
      : known;
  const before = withPlace ? jobs.map((job) => (job === known ? withPlace : job)) : jobs;
  return advanceJob(before, kind, status, requestId, context);
}

function unpublished(jobs: readonly Job[], { request, outcome }: Done, context: FoldContext): readonly Job[] {
  const checksum = textOf(request["checksum"]);
  const job = jobs.find((one) => one.details["checksum"] === checksum);
  if (outcome !== "accepted" || !job) return jobs;
  tell(context, kind.collection, job.key, null);
  return jobs.filter((one) => one !== job);
}
