// Rule B1 over several generations (B4): each that has ended is folded to its end beside the live tables, and its stations
// move on in the rebuild's table set as they did in the live one.
import type { EventLog } from "../../core/log/log.ts";
import { firstOffsetOf } from "../../core/log/generations.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { hasRebuiltBegun, moveRebuiltToGeneration } from "../../core/store/next-generation.ts";
import type { FoldPlace, FoldRole } from "../../core/store/table-sets.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { verifyPosition } from "../../processors/engine/position.ts";
import { foldedGenerations, livePositions } from "./folded-generations.ts";
import { livePosition, openRebuilt, type RebuildTools, type RebuiltPartition } from "./rebuild-partition.ts";
import type { RebuildPlan } from "./rebuild-plan.ts";
import type { ProgressOfRebuild } from "./rebuild-progress.ts";

/**
 * The generations that are folded again, once it is sure that the tables hold what they hold. Tables that hold more than the
 * log, or other records, cannot be compared with it, and what they told must not be told otherwise: B5 is another matter.
 * @returns the oldest first, the one that is folded now last; never empty
 * @throws WattlogError `fold/fingerprint`; `fold/behind` while the folds are on their way from one to the next
 */
export async function requireFoldedLog({ log, store }: RebuildTools): Promise<readonly EventLog[]> {
  const rows = await store.reader.selectFrom("position").selectAll().execute();
  const generations = foldedGenerations(log, rows);
  const last = generations.at(-1);
  if (last && last.topics !== log.topics) {
    throw new WattlogError(
      "fold/behind",
      `The folds have not come to ${log.topics.frames.name} yet: nothing was changed. Run this again once they have, or let \`wattlog topics --new-generation\` come to its end.`,
    );
  }
  for (const one of generations) {
    for (const live of await livePositions(store.reader, one)) {
      await verifyPosition(one, live.role === "processor" ? one.topics.frames : one.topics.events, live);
    }
  }
  return last ? generations : [log];
}

/** To where the live folds left them; what an earlier run has done is not done again. */
export async function foldEndedGenerations(
  tools: RebuildTools,
  generations: readonly EventLog[],
  plan: RebuildPlan,
  progress: ProgressOfRebuild,
): Promise<void> {
  const { store } = tools;
  const rows = await store.reader.selectFrom("position").selectAll().execute();
  const reached = Math.max(
    0,
    generations.findLastIndex(({ topics }) => hasRebuiltBegun(rows, topics, plan.set)),
  );
  for (const log of generations.slice(reached)) {
    for (const live of await livePositions(store.reader, log)) {
      const { frames } = log.topics;
      progress.expect(placeOf(live), firstOffsetOf(frames), live.next);
    }
  }
  for (const [at, log] of generations.slice(0, -1).entries()) {
    if (at < reached) continue;
    const next = generations[at + 1]!;
    for (const part of await openRebuiltPartitions({ ...tools, log }, plan, progress)) {
      const live = await livePosition(store, part.place);
      await progress.measure(part.place, (onStep) => part.foldTo(live, onStep));
      if (part.next !== live.next) throw shortLog(part, live);
    }
    await moveRebuiltToGeneration(store, { from: log.topics, to: next.topics, tableSet: plan.set });
    progress.say(`generation ${log.topics.frames.generation} is folded again`);
  }
}

/** Those of the log's newest generation that are not of the rebuild's set yet. */
export async function openRebuiltPartitions(
  tools: RebuildTools,
  plan: RebuildPlan,
  progress: ProgressOfRebuild,
): Promise<readonly RebuiltPartition[]> {
  const parts: RebuiltPartition[] = [];
  for (const live of await livePositions(tools.store.reader, tools.log)) {
    const place = placeOf(live);
    const part = await openRebuilt(tools, place, plan.set);
    if (!part) continue;
    progress.expect(place, part.next, live.next);
    parts.push(part);
  }
  return parts;
}

export function shortLog({ place, next }: RebuiltPartition, live: PositionRow): Error {
  return new Error(
    `${place.topic}/${place.partition}: the rebuild stands at ${next} and the live tables at ${live.next}, but the log has ` +
      "nothing between them: it is not the log that was folded. Nothing was changed.",
  );
}

function placeOf({ role, topic, partition }: PositionRow): FoldPlace {
  return { role: role as FoldRole, topic, partition };
}
