// Rule B4: the folds of a generation that has ended go on with the next one, once every position stands at its end and no
// event waits. By the command that opened it, or by any processor, should that have been killed: whoever comes first.
import { firstOffsetOf } from "../../../core/log/generations.ts";
import { fence } from "../../../core/log/kafka-generations.ts";
import type { TopicAdmin } from "../../../core/log/kafka-topics.ts";
import type { EventLog, Topic, Topics } from "../../../core/log/log.ts";
import { isWattlogError, messageOf } from "../../../core/runtime/errors.ts";
import { moveToGeneration, whatIsBehind, type GenerationEnds } from "../../../core/store/next-generation.ts";
import type { Store } from "../../../core/store/store.ts";

export interface HandOver {
  readonly admin: TopicAdmin;
  /** Reads `from`. */
  readonly log: Pick<EventLog, "endOffset">;
  readonly store: Store;
  /** Its frames and its registry take no records any more. */
  readonly from: Topics;
  /** Takes records. */
  readonly to: Topics;
}

/** @returns what is not at its end yet, a sentence each; empty: the tables are those of the next generation. */
export async function handOver({ admin, log, store, from, to }: HandOver): Promise<readonly string[]> {
  const behind = await whatIsBehind(store.reader, { from, ends: await endsOf(log, from) });
  if (behind.length > 0) return behind;
  // Nobody has anything left to tell: from here on nobody can.
  await fence(admin, from.events);
  const ends = await endsOf(log, from);
  const still = await whatIsBehind(store.reader, { from, ends });
  if (still.length > 0) return still;
  try {
    await moveToGeneration(store, { from, ends, to });
  } catch (error) {
    if (!isWattlogError(error, "fold/behind")) throw error;
    return [messageOf(error)];
  }
  return [];
}

/** As they are now; for good where nothing is taken any more. */
export async function endsOf(log: HandOver["log"], { frames, events, registry }: Topics): Promise<GenerationEnds> {
  const ends = (topic: Topic) =>
    Promise.all(Array.from({ length: topic.partitions }, (_, partition) => log.endOffset(topic, partition)));
  return { frames: await ends(frames), events: await ends(events), registry: await ends(registry) };
}

/** How many records a generation holds. */
export function recordsIn(ends: readonly number[], topic: Topic): number {
  return ends.reduce((sum, end) => sum + end - firstOffsetOf(topic), 0);
}
