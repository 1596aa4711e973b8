// What the log may give up (rule B2).
import type { ArchiverOptions } from "./archiver.ts";
import type { Place } from "./copying.ts";
import type { Holds } from "./holds.ts";

type Options = Pick<ArchiverOptions, "log" | "archive" | "clock" | "keepMs">;

/**
 * Asks the log to give up whole ranges of one topic: those that the manifest names, that are old enough, that nobody
 * needs, and whose segment is whole in the archive.
 * @returns where the log begins now, by partition
 * @throws WattlogError `log/unavailable`
 */
export async function giveUp(
  places: readonly Place[],
  holds: Holds,
  options: Options,
  isStopping: () => boolean,
): Promise<ReadonlyMap<number, number>> {
  const { log } = options;
  const starts = new Map<number, number>();
  const before = new Map<number, number>();
  for (const place of places) {
    const start = await log.startOffset(place.topic, place.partition);
    const upTo = await verifiedUpTo(place, start, holds, options, isStopping);
    starts.set(place.partition, start);
    if (upTo > start) before.set(place.partition, upTo);
  }
  const [first] = places;
  if (!first || before.size === 0 || isStopping()) return starts;
  await log.trim(first.topic, before);
  for (const partition of before.keys()) starts.set(partition, await log.startOffset(first.topic, partition));
  return starts;
}

async function verifiedUpTo(
  place: Place,
  start: number,
  holds: Holds,
  { archive, clock, keepMs }: Options,
  isStopping: () => boolean,
): Promise<number> {
  const { topic, partition } = place;
  const { offset, logTime } = holds.of(topic, partition);
  const youngest = Math.min(clock.now() - keepMs, logTime);
  let upTo = start;
  while (!isStopping()) {
    const entry = await archive.entryWith(topic, partition, upTo);
    if (!entry || entry.to > offset || entry.lastLogTime >= youngest) break;
    if (entry.to > place.verified) {
      await archive.verify(entry);
      place.verified = entry.to;
    }
    upTo = entry.to;
  }
  return upTo;
}
