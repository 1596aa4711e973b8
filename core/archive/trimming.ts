// What the log may give up (rule B2).
import type { ArchiverOptions } from "./archiver.ts";
import type { Place } from "./copying.ts";
import type { Holds } from "./holds.ts";

type Options = Pick<ArchiverOptions, "log" | "archive" | "clock" | "keepMs">;

export interface Kept {
  /** First record that the log still holds. */
  readonly start: number;
  /** For how long, ms, it has kept an archived range that it could have given up; 0: it has none. */
  readonly overdueMs: number;
}

/**
 * Asks the log to give up whole ranges of one topic: those that the manifest names, that are old enough, that nobody
 * needs, and whose segment is whole in the archive.
 * @returns what the log keeps now, by partition
 * @throws WattlogError `log/unavailable`
 */
export async function giveUp(
  places: readonly Place[],
  holds: Holds,
  options: Options,
  isStopping: () => boolean,
): Promise<ReadonlyMap<number, Kept>> {
  const { log } = options;
  const kept = new Map<number, Kept>();
  const before = new Map<number, number>();
  for (const place of places) {
    const start = await log.startOffset(place.topic, place.partition);
    const { upTo, overdueMs } = await verifiedUpTo(place, start, holds, options, isStopping);
    kept.set(place.partition, { start, overdueMs });
    if (upTo > start) before.set(place.partition, upTo);
  }
  const [first] = places;
  if (!first || before.size === 0 || isStopping()) return kept;
  await log.trim(first.topic, before);
  for (const partition of before.keys()) {
    kept.set(partition, { ...kept.get(partition)!, start: await log.startOffset(first.topic, partition) });
  }
  return kept;
}

async function verifiedUpTo(
  place: Place,
  start: number,
  holds: Holds,
  { archive, clock, keepMs }: Options,
  isStopping: () => boolean,
): Promise<{ readonly upTo: number; readonly overdueMs: number }> {
  const { topic, partition } = place;
  const { offset, logTime } = holds.of(topic, partition);
  const mayGoBefore = clock.now() - keepMs;
  let upTo = start;
  let overdueMs = 0;
  while (!isStopping()) {
    const entry = await archive.entryWith(topic, partition, upTo);
    if (!entry) break;
    if (entry.to > offset || entry.lastLogTime >= Math.min(mayGoBefore, logTime)) {
      overdueMs = Math.max(0, mayGoBefore - entry.lastLogTime);
      break;
    }
    if (entry.to > place.verified) {
      await archive.verify(entry);
      place.verified = entry.to;
    }
    upTo = entry.to;
  }
  return { upTo, overdueMs };
}
