// `wattlog rebuild --restored` (rule B5): the log was restored to an earlier hour, or is a copy that ended before, and the
// tables hold more. They are made again from what survived, and what they knew beyond it is listed and kept.
//
// As with every rebuild nothing is kept but in the database: a killed run is gone on with by the next one.
import { WattlogError } from "../../core/runtime/errors.ts";
import { allGenerations } from "../../core/log/generations.ts";
import type { EventLog } from "../../core/log/log.ts";
import { registryRole } from "../../projections/models/registry-table.ts";
import { keepLost, readLost, type LostItem, type LostList } from "./lost.ts";
import { withProofs } from "./lost-rows.ts";
import { changePlan, openPlan, readPlan, type RebuildPlan, type RestoredPlan } from "./rebuild-plan.ts";
import { ProgressOfRebuild, type RebuildProgress } from "./rebuild-progress.ts";
import { finishRebuild, withRebuildTools, type RebuildOptions } from "./rebuild.ts";
import { moveFollowers, restoredEnds, type RestoredEnd } from "./restored-ends.ts";
import { RestoredPartition } from "./restored-partition.ts";
import { lostChanges, RestoredRegistry, restoreRegistry } from "./restored-registry.ts";
import { withStore, type Source } from "./source.ts";

export interface Restored {
  /** Whether an earlier run had begun it. */
  readonly resumed: boolean;
  /** Where the tables stood and the log ends, of those that stood beyond it. */
  readonly ends: readonly RestoredEnd[];
  readonly lost: LostList;
  /** The set that is live now. */
  readonly tableSet: number;
  /** Rows of the former sets that were removed by this run. */
  readonly removed: number;
}

/** Roles whose tables are made again. */
const folds: readonly string[] = ["processor", "projector", registryRole];

/** @returns undefined: the log holds all that the tables stand on, and nothing was changed. @throws as `rebuildSource` */
export async function rebuildRestoredSource(
  source: Source,
  onProgress: (progress: RebuildProgress) => void,
): Promise<Restored | undefined> {
  const asItSurvived = (log: EventLog) => new RestoredRegistry(log);
  return withRebuildTools(source, asItSurvived, (tools) => rebuildRestored({ ...tools, onProgress }));
}

/** Every list that was made of this database, the oldest first. */
export function lostOfSource(source: Source): Promise<readonly LostList[]> {
  return withStore(source, (store) => readLost(store.reader));
}

/** @param now when it was asked for, epoch ms: the name of its list */
export async function rebuildRestored(options: RebuildOptions, now = Date.now()): Promise<Restored | undefined> {
  const { store, log } = options;
  const progress = new ProgressOfRebuild(options.onProgress ?? (() => undefined));
  await requireOneGeneration(options);
  const earlier = await readPlan(store.reader);
  // One that was given up, and not to its end.
  if (earlier?.stage === "remove" && earlier.tables === null) {
    await finishRebuild(options, earlier, progress);
    return rebuildRestored(options, now);
  }
  if (earlier && !earlier.restored) {
    throw new WattlogError(
      "config/invalid",
      "A rebuild of another kind is not finished: `wattlog rebuild --abandon` first; nothing was changed.",
    );
  }
  const ends = earlier?.restored?.ends ?? (await restoredEnds(store.reader, log));
  if (ends.length === 0) return undefined;
  const begun = await openPlan(store, { at: now, ends, isListed: false });
  const plan = begun.stage === "fold" ? await rebuildPartitions(options, begun, progress) : begun;
  const removed = await finishRebuild(options, plan, progress);
  const { at } = restoredOf(plan);
  const lost = (await readLost(store.reader)).find((list) => list.at === at) ?? { at, items: [] };
  return { resumed: earlier !== undefined, ends, lost, tableSet: plan.set, removed };
}

async function rebuildPartitions(
  options: RebuildOptions,
  begun: RebuildPlan,
  progress: ProgressOfRebuild,
): Promise<RebuildPlan> {
  const { store, log } = options;
  const parts: RestoredPartition[] = [];
  for (let partition = 0; partition < log.topics.frames.partitions; partition++) {
    const part = await RestoredPartition.open(options, partition, begun.set);
    if (!part) continue;
    await part.fold((role, next) => progress.say(`${role} of partition ${partition} stands at ${next}`));
    parts.push(part);
  }
  const plan = restoredOf(begun).isListed ? begun : await keepList(options, begun, parts, progress);
  for (const part of parts) {
    await part.takeOver();
    progress.say(`partition ${part.partition} is rebuilt`);
  }
  if (isRegistryBeyond(plan)) await restoreRegistry(store, log);
  await moveFollowers(store, log, folds);
  return changePlan(store, plan, { ...plan, stage: "remove" });
}

function isRegistryBeyond(plan: RebuildPlan): boolean {
  return restoredOf(plan).ends.some(({ role }) => role === registryRole);
}

/** Before the first take-over, so that all of the former tables are still there. A run killed in between writes it again. */
async function keepList(
  { store, log }: RebuildOptions,
  plan: RebuildPlan,
  parts: readonly RestoredPartition[],
  progress: ProgressOfRebuild,
): Promise<RebuildPlan> {
  progress.say("what was lost");
  const items: LostItem[] = [];
  for (const part of parts) items.push(...(await withProofs(store.reader, await part.lost())));
  if (isRegistryBeyond(plan)) items.push(...(await lostChanges(store, log)));
  const restored = { ...restoredOf(plan), isListed: true };
  await store.transaction((tx) => keepLost(tx, restored.at, items));
  return changePlan(store, plan, { ...plan, restored });
}

function restoredOf({ restored }: RebuildPlan): RestoredPlan {
  if (!restored) throw new Error("The plan is of another rebuild.");
  return restored;
}

/** @throws WattlogError `config/invalid` where there are several generations, before anything is changed */
async function requireOneGeneration({ log, store }: RebuildOptions): Promise<void> {
  const row = await store.reader
    .selectFrom("position")
    .select((eb) => eb.fn.max("generation").as("newest"))
    .executeTakeFirst();
  if (allGenerations(log).length === 1 && (row?.newest ?? 0) <= log.topics.frames.generation) return;
  throw new WattlogError(
    "config/invalid",
    "The log has several generations, or the tables were folded from a later one, and a rebuild that takes over goes over one: nothing was changed.",
  );
}
