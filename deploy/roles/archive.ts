// Where the archive lies, and what reads and fills it: chosen here for every role and for the command line.
import { LogArchive } from "../../core/archive/archive.ts";
import { ArchivedLog } from "../../core/archive/archived-log.ts";
import { createArchiver, type Archiver, type ArchiverOptions } from "../../core/archive/archiver.ts";
import { FolderBlobs } from "../../core/archive/blobs-folder.ts";
import { S3Blobs } from "../../core/archive/blobs-s3.ts";
import { limits } from "../../core/config/limits.ts";
import { parseS3Place, type Settings } from "../../core/config/settings.ts";
import type { EventLog, TrimmableLog } from "../../core/log/log.ts";

/** Undefined where WATTLOG_ARCHIVE names none. */
export function archiveOf(settings: Settings): LogArchive | undefined {
  if (settings.archive === "") return undefined;
  const at = parseS3Place(settings.archive);
  if (!at) return new LogArchive(new FolderBlobs(settings.archive));
  const { archiveS3Endpoint: endpoint, archiveS3Region: region } = settings;
  return new LogArchive(new S3Blobs({ ...at, endpoint, region }));
}

/** The log as everybody reads it: with its archive behind it, where there is one. */
export function throughArchive(log: TrimmableLog, settings: Settings): EventLog {
  const archive = archiveOf(settings);
  return archive ? new ArchivedLog(log, archive) : log;
}

export function archiverOf(
  settings: Settings,
  parts: Pick<ArchiverOptions, "log" | "archive" | "holds" | "clock" | "metrics" | "logger">,
): Archiver {
  const everyMs = settings.archiveEverySeconds * 1000;
  return createArchiver({
    ...parts,
    everyMs,
    keepMs: settings.logKeepHours * 3_600_000,
    segmentBytes: limits.archiveSegmentBytes,
    roundMs: Math.min(everyMs, limits.archiveRoundMs),
  });
}
