// Where one generation of the log ends and the next begins (rules I3, B4). Offsets of a generation begin at a number of its
// own, above every offset of those before: so "later in the log" is one comparison wherever an offset is kept (readings,
// holds, the index of frames, versions of the registry), whichever generation each was written in.
import type { EventLog, LogBatch, Topic, Topics } from "./log.ts";
import { makeTopics } from "./log.ts";
import { partitionOf } from "./partition.ts";

/** A partition with a thousand records a second takes thirty years; a decimal number, for people read offsets. */
export const offsetsPerGeneration = 1_000_000_000_000;

/** The topics of a generation of a cluster's log. The first one begins at 0. */
export function topicsOfGeneration(generation: number, framePartitions: number): Topics {
  const { frames, events, registry } = makeTopics(generation, framePartitions);
  if (generation === 1) return { frames, events, registry };
  const firstOffset = (generation - 1) * offsetsPerGeneration;
  return {
    frames: { ...frames, firstOffset },
    events: { ...events, firstOffset },
    registry: { ...registry, firstOffset },
  };
}

export function firstOffsetOf({ firstOffset = 0 }: Topic): number {
  return firstOffset;
}

/** How many records of its generation lie before it. */
export function offsetWithin(offset: number): number {
  return offset % offsetsPerGeneration;
}

/** Whether a record there may follow any record of an earlier generation. */
export function beginsGeneration(offset: number): boolean {
  return offset > 0 && offsetWithin(offset) === 0;
}

type Generations = Pick<EventLog, "topics" | "earlier">;

/** The oldest first, the one that is written last. */
export function allGenerations({ topics, earlier = [] }: Generations): readonly Topics[] {
  return [...earlier, topics];
}

/** The topics that the record with this offset stands in. */
export function generationAt(log: Generations, offset: number): Topics {
  return allGenerations(log).findLast(({ frames }) => offset >= firstOffsetOf(frames)) ?? log.topics;
}

/** Where the records of a key are: each generation has its own number of partitions. The oldest first. */
export function placesOf(log: Generations, key: string): { readonly topic: Topic; readonly partition: number }[] {
  return allGenerations(log).map(({ frames }) => ({
    topic: frames,
    partition: partitionOf(key, frames.partitions),
  }));
}

/** Where the records of a key with offsets of [from, to) are: one span for each generation that has any. */
export function spansOf(log: Generations, key: string, from: number, to: number) {
  return placesOf(log, key).flatMap(({ topic, partition }) => {
    const first = Math.max(from, firstOffsetOf(topic));
    const end = Math.min(to, firstOffsetOf(topic) + offsetsPerGeneration);
    return first < end ? [{ topic, partition, first, end }] : [];
  });
}

/** Changes of the registry from the first generation on, those before `upTo`. */
export async function* readRegistry(
  log: Pick<EventLog, "topics" | "earlier" | "read">,
  from: number,
  upTo: number,
): AsyncGenerator<LogBatch> {
  for (const { registry } of allGenerations(log)) {
    const first = firstOffsetOf(registry);
    if (upTo <= first) return;
    const next = first + offsetsPerGeneration;
    if (from >= next) continue;
    yield* log.read(registry, 0, Math.max(from, first), Math.min(upTo, next));
  }
}
