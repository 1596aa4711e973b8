// One partition on its way into the archive.
import type { LogRecord, Topic, TrimmableLog } from "../log/log.ts";
import { WattlogError } from "../runtime/errors.ts";
import type { LogArchive } from "./archive.ts";
import type { ArchiverOptions } from "./archiver.ts";
import { SegmentBuilder, sha256Of } from "./segment.ts";

/** Where the archiver stands in a partition. */
export class Place {
  readonly topic: Topic;
  readonly partition: number;
  /** Of a generation that has ended: nothing is appended any more (rule B4). */
  readonly hasEnded: boolean;
  /** One past what the manifest holds; undefined: not looked yet, or not sure any more. */
  archived: number | undefined;
  /** One past what was read back from the archive and found whole; may be given up. */
  verified = 0;
  /** The log's end as of the last round. */
  end = 0;
  /** Log time of the first record that is not archived; undefined: all are. */
  oldest: number | undefined;
  /** Of a record, before compression; as the last segment had it. */
  recordBytes = 400;

  constructor(topic: Topic, partition: number, hasEnded: boolean) {
    this.topic = topic;
    this.partition = partition;
    this.hasEnded = hasEnded;
  }

  get name(): string {
    return `${this.topic.name}/${this.partition}`;
  }
}

type Options = Pick<ArchiverOptions, "log" | "archive" | "clock" | "metrics" | "everyMs" | "segmentBytes">;

/**
 * Copies what is worth a segment: as many as are full, and the rest where its first record is old enough, or the
 * generation has ended: its fence closes all of it.
 * @throws WattlogError `log/unavailable`; `log/out-of-range` where log and archive do not belong together
 */
export async function copyClosed(place: Place, options: Options, isStopping: () => boolean): Promise<void> {
  const { log, archive, segmentBytes } = options;
  const { topic, partition } = place;
  place.archived ??= await matchingEnd(log, archive, topic, partition);
  place.end = await log.endOffset(topic, partition);
  if (place.archived === place.end) {
    place.oldest = undefined;
    return;
  }
  place.oldest ??= (await first(log.read(topic, partition, place.archived, place.archived + 1))).logTime;
  const isClosed = place.hasEnded || options.clock.now() - place.oldest >= options.everyMs;
  if (!isClosed && (place.end - place.archived) * place.recordBytes < segmentBytes) return;
  let segment = new SegmentBuilder(topic, partition, place.archived);
  for await (const { records } of log.read(topic, partition, place.archived, place.end)) {
    for (const record of records) {
      segment.add(record);
      if (segment.bytes < segmentBytes) continue;
      await store(place, segment, options);
      segment = new SegmentBuilder(topic, partition, segment.to);
    }
    // What was begun is copied again by the next start.
    if (isStopping()) return;
  }
  if (isClosed && segment.count > 0) await store(place, segment, options);
}

async function store(place: Place, segment: SegmentBuilder, { archive, metrics }: Options): Promise<void> {
  const entry = await archive.append(place.topic, place.partition, segment);
  place.oldest = undefined;
  if (entry === "taken") {
    place.archived = undefined;
    throw new WattlogError(
      "log/unavailable",
      `Another archiver writes to ${archive.place}: run one. What it has archived is looked at again.`,
    );
  }
  metrics.archivedBytes.inc(entry.bytes);
  place.archived = entry.to;
  place.recordBytes = segment.bytes / segment.count;
}

/**
 * Where the archive ends, once it is sure that it is this log's.
 * @throws WattlogError `log/out-of-range`
 */
async function matchingEnd(log: TrimmableLog, archive: LogArchive, topic: Topic, partition: number): Promise<number> {
  const archived = await archive.end(topic, partition);
  const [start, end] = [await log.startOffset(topic, partition), await log.endOffset(topic, partition)];
  const says = `The archive ${archive.place} holds ${topic.name}/${partition} up to ${archived}`;
  const stays = "Nothing is copied or trimmed until WATTLOG_ARCHIVE names the archive of this log.";
  if (archived < start) {
    throw new WattlogError("log/out-of-range", `${says}, but the log begins only at ${start}. ${stays}`);
  }
  if (archived > end) {
    const why = "the archive is another log's, or the log was restored to an earlier state";
    throw new WattlogError("log/out-of-range", `${says}, but the log ends at ${end}: ${why}. ${stays}`);
  }
  if (archived > start) {
    const last = [archived - 1, archived] as const;
    const ours = await first(log.read(topic, partition, ...last));
    const theirs = await first(archive.read(topic, partition, ...last));
    if (ours.logTime !== theirs.logTime || sha256Of(ours.value) !== sha256Of(theirs.value)) {
      throw new WattlogError("log/out-of-range", `${says}, but its last record is not the log's. ${stays}`);
    }
  }
  return archived;
}

async function first(batches: AsyncIterable<{ readonly records: readonly LogRecord[] }>): Promise<LogRecord> {
  for await (const { records } of batches) return records[0]!;
  throw new WattlogError("log/unavailable", "A record that the log announced cannot be read.");
}
