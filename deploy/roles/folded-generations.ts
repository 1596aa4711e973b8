// The generations of a log that the tables have been folded from, and how far (rule B4).
import type { Kysely } from "kysely";

import { logAsOf } from "../../core/log/generation-log.ts";
import { allGenerations } from "../../core/log/generations.ts";
import type { EventLog } from "../../core/log/log.ts";
import type { FoldRole } from "../../core/store/table-sets.ts";
import type { PositionRow, Schema } from "../../core/store/tables.ts";

/** The log as it was in each of them, the oldest first; empty where nothing was ever folded. */
export function foldedGenerations(whole: EventLog, positions: readonly PositionRow[]): readonly EventLog[] {
  return allGenerations(whole)
    .map((topics) => logAsOf(whole, topics))
    .filter((log) => positionsOf(positions, "processor", log).length > 0);
}

/** Of the newest generation of this log. */
export function positionsOf(
  positions: readonly PositionRow[],
  role: FoldRole,
  { topics }: EventLog,
): readonly PositionRow[] {
  const topic = role === "processor" ? topics.frames : topics.events;
  return positions.filter((row) => row.role === role && row.topic === topic.name);
}

/** The rows of both folds in the newest generation of this log. */
export async function livePositions(db: Kysely<Schema>, log: EventLog): Promise<readonly PositionRow[]> {
  const rows = await db.selectFrom("position").selectAll().orderBy("role").orderBy("partition").execute();
  return [...positionsOf(rows, "processor", log), ...positionsOf(rows, "projector", log)];
}

/**
 * Partitions whose rows belong together: a station that stood in one of them in one generation may stand in another of them
 * in the next, where it goes on writing rows that stay in the first. A station is in partition hash mod n, so those are alike modulo what all the numbers of partitions have in
 * common; generations with as many partitions as the first leave each by itself.
 */
export function partitionGroups(generations: readonly EventLog[]): readonly (readonly number[])[] {
  const counts = generations.map(({ topics }) => topics.frames.partitions);
  const common = counts.reduce(greatestCommonDivisor, 0);
  const most = Math.max(...counts);
  const all = Array.from({ length: most }, (_, partition) => partition);
  return all.slice(0, common).map((first) => all.filter((partition) => partition % common === first));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
