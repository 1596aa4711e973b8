// A log that never holds more than half of what was appended: after each append everything is archived, and the log gives
// up the first half. What a test reads through it comes from both.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { LogHarness } from "../log/log.contract.ts";
import { ForwardingLog } from "../log/forwarding-log.ts";
import type { Entry, EventLog, Receipt, Topic, TrimmableLog } from "../log/log.ts";
import { LogArchive } from "./archive.ts";
import { ArchivedLog } from "./archived-log.ts";
import { FolderBlobs } from "./blobs-folder.ts";
import { SegmentBuilder } from "./segment.ts";

/** So many records, and the archive is made of many segments. */
const segmentRecords = 16;

/** Everything of [from, to) as segments of a few records. */
export async function archiveRange(
  log: EventLog,
  archive: LogArchive,
  topic: Topic,
  partition: number,
  from: number,
  to: number,
): Promise<void> {
  let segment = new SegmentBuilder(topic, partition, from);
  for await (const { records } of log.read(topic, partition, from, to)) {
    for (const record of records) {
      segment.add(record);
      if (segment.count < segmentRecords) continue;
      await archive.append(topic, partition, segment);
      segment = new SegmentBuilder(topic, partition, segment.to);
    }
  }
  if (segment.count > 0) await archive.append(topic, partition, segment);
}

export interface Halved {
  /** How often something was given up: a contract that never saw the archive has shown nothing of it. */
  trims: number;
}

/** Before the log with its archive. */
class HalvingLog extends ForwardingLog<ArchivedLog> {
  private readonly log: TrimmableLog;
  private readonly archive: LogArchive;
  private readonly halved: Halved;
  private halving: Promise<void> = Promise.resolve();

  constructor(log: TrimmableLog, folder: string, halved: Halved) {
    const archive = new LogArchive(new FolderBlobs(folder));
    super(new ArchivedLog(log, archive));
    this.log = log;
    this.archive = archive;
    this.halved = halved;
  }

  override async append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    const receipt = await super.append(topic, partition, entries);
    this.halving = this.halving.then(() => this.halve(topic, partition)).catch(() => undefined);
    await this.halving;
    return receipt;
  }

  private async halve(topic: Topic, partition: number): Promise<void> {
    const end = await this.log.endOffset(topic, partition);
    const archived = await this.archive.end(topic, partition);
    const start = await this.log.startOffset(topic, partition);
    const half = Math.floor(end / 2);
    // Not for each of hundreds of appends on their way at once.
    if (half < start + Math.max(1, (end - start) / 4)) return;
    await archiveRange(this.log, this.archive, topic, partition, archived, end);
    await this.log.trim(topic, new Map([[partition, half]]));
    if ((await this.log.startOffset(topic, partition)) > start) this.halved.trims++;
  }
}

/** The harness of an adapter, with an archive behind each of its handles. */
export async function halvedHarness(
  make: (wrap: (log: TrimmableLog) => EventLog) => Promise<LogHarness>,
  halved: Halved,
): Promise<LogHarness> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-archive-"));
  const harness = await make((log) => new HalvingLog(log, folder, halved));
  return {
    ...harness,
    async end() {
      await harness.end();
      rmSync(folder, { recursive: true });
    },
  };
}
