// `wattlog rebuild` (rule B1): every derived table again from offset zero in a table set of its own, beside live folds or
// without them; compared with the live ones at equal positions; then it takes over, partition by partition.
//
// Nothing is kept but in the database: a run that was killed at any moment is gone on with by the next one.
import type { EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { partitionChecksums } from "../../core/store/checksum.ts";
import { removeUnusedSets, rebuildRole, type FoldRole } from "../../core/store/table-sets.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { compareSums, registryChecksum, type TableComparison } from "./compare-tables.ts";
import { livePositions, partitionGroups } from "./folded-generations.ts";
import { foldEndedGenerations, openRebuiltPartitions, requireFoldedLog, shortLog } from "./rebuild-generations.ts";
import { batchRecordsOf, livePosition, type RebuildTools, type RebuiltPartition } from "./rebuild-partition.ts";
import { changePlan, endPlan, openPlan, readPlan, type RebuildPlan } from "./rebuild-plan.ts";
import { ProgressOfRebuild, type RebuildProgress } from "./rebuild-progress.ts";
import { healRegistry, registryEnd, registrySum } from "./rebuild-registry.ts";
import type { Source } from "./source.ts";

export interface Rebuilt {
  /** The set that is live now. */
  readonly tableSet: number;
  /** Whether an earlier run had begun it. */
  readonly resumed: boolean;
  /** At equal positions, before anything took over. What differs is what the rebuild has healed. */
  readonly tables: readonly TableComparison[];
  /** By this run and those before it. */
  readonly partitions: number;
  /** Rows of the former sets that were removed by this run. */
  readonly removed: number;
}

export interface RebuildOptions extends RebuildTools {
  readonly onProgress?: (progress: RebuildProgress) => void;
}

/** @throws WattlogError `log/unavailable` | `store/…` where there is nothing to rebuild, or it cannot be reached. */
export async function rebuildSource(source: Source, onProgress: (progress: RebuildProgress) => void): Promise<Rebuilt> {
  return withRebuildTools(source, asItIs, (tools) => rebuild({ ...tools, onProgress }));
}

/** Gives up what an unfinished rebuild has folded. @returns rows removed; undefined: there was none. */
export function abandonSource(source: Source): Promise<number | undefined> {
  return withRebuildTools(source, asItIs, abandon);
}

const asItIs = (log: EventLog): RegistryView => new RegistryView(log);

export async function withRebuildTools<T>(
  source: Source,
  viewOf: (log: EventLog) => RegistryView,
  work: (tools: RebuildTools) => Promise<T>,
): Promise<T> {
  const log = await source.openLog();
  try {
    const store = await source.openStoreToWrite();
    try {
      const registry = viewOf(log);
      await registry.start();
      try {
        return await work({ log, store, registry });
      } finally {
        await registry.stop();
      }
    } finally {
      await store.close();
    }
  } finally {
    await log.close();
  }
}

export async function rebuild(options: RebuildOptions): Promise<Rebuilt> {
  const { store } = options;
  const progress = new ProgressOfRebuild(options.onProgress ?? (() => undefined));
  const generations = await requireFoldedLog(options);
  const earlier = await readPlan(store.reader);
  if (earlier?.restored && earlier.tables !== null) {
    throw new WattlogError(
      "config/invalid",
      "`wattlog rebuild --restored` is not finished: let it come to its end first.",
    );
  }
  // One that was given up, and not to its end.
  if (earlier?.stage === "remove" && earlier.tables === null) await finishRebuild(options, earlier, progress);
  let plan = await openPlan(store);
  const resumed = plan.stage === "remove" || earlier?.set === plan.set;
  let { tables } = plan;
  if (plan.stage === "fold") {
    await foldEndedGenerations(options, generations, plan, progress);
    const parts = await openRebuiltPartitions(options, plan, progress);
    for (const part of parts) await foldNear(options, part, progress);
    if (tables === null) {
      tables = await compareAt(options, plan, parts, progress);
      plan = await changePlan(store, plan, { ...plan, tables });
    }
    if (tables.some(({ table, equal }) => table === "registry_version" && !equal)) await healRegistry(options);
    for (const group of partitionGroups(generations)) await takeOver(options, parts, group, progress);
    plan = await changePlan(store, plan, { ...plan, stage: "remove" });
  }
  const removed = await finishRebuild(options, plan, progress);
  const partitions = (await livePositions(store.reader, options.log)).length;
  return { tableSet: plan.set, resumed, tables: tables ?? [], partitions, removed };
}

export async function abandon(options: RebuildOptions): Promise<number | undefined> {
  const { store } = options;
  const plan = await readPlan(store.reader);
  if (!plan) return undefined;
  const given: RebuildPlan = { ...plan, stage: "remove", tables: null };
  await store.transaction(async (tx) => {
    await tx.db
      .deleteFrom("position")
      .where("role", "in", [rebuildRole("processor"), rebuildRole("projector")])
      .execute();
  });
  await changePlan(store, plan, given);
  return finishRebuild(options, given, new ProgressOfRebuild(options.onProgress ?? (() => undefined)));
}

/** Removes what nobody reads any more, and the plan. */
export async function finishRebuild(
  { store }: RebuildOptions,
  plan: RebuildPlan,
  progress: ProgressOfRebuild,
): Promise<number> {
  const removed = await removeUnusedSets(store, plan.set, (table, rows) =>
    progress.say(`removing what nobody reads any more: ${rows} rows, ${table}`),
  );
  await endPlan(store, plan);
  return removed;
}

/** Live goes on meanwhile: so near that what is left is one short transaction. */
async function foldNear(options: RebuildOptions, part: RebuiltPartition, progress: ProgressOfRebuild): Promise<void> {
  const near = batchRecordsOf(options) / 4;
  for (;;) {
    const live = await livePosition(options.store, part.place);
    if (live.next - part.next <= near) return;
    const before = part.next;
    await progress.measure(part.place, (onStep) => part.foldTo(live, onStep));
    if (part.next === before) throw shortLog(part, live);
  }
}

/** Of one role at a time: their tables have nothing in common. Readers find the rows of a station in one set at any moment. */
async function takeOver(
  options: RebuildOptions,
  parts: readonly RebuiltPartition[],
  group: readonly number[],
  progress: ProgressOfRebuild,
): Promise<void> {
  for (const role of ["processor", "projector"] as const) {
    const together = parts.filter(({ place }) => place.role === role && group.includes(place.partition));
    if (together.length === 0) continue;
    for (const part of together) await foldNear(options, part, progress);
    await options.store.transaction(async (tx) => {
      for (const part of together) await part.takeOver(tx);
    });
    for (const { place } of together) progress.say(`${place.topic} partition ${place.partition} is rebuilt`);
  }
}

/** Live as it is at one moment, the rebuild folded to exactly there. */
async function compareAt(
  options: RebuildOptions,
  plan: RebuildPlan,
  parts: readonly RebuiltPartition[],
  progress: ProgressOfRebuild,
): Promise<readonly TableComparison[]> {
  const { store } = options;
  progress.say("checksums of the live tables");
  const { positions, registryNext, sums } = await store.snapshot(async (db) => {
    const all = await livePositions(db, options.log);
    const of = all.filter((row) => row.table_set !== plan.set);
    const live = await partitionChecksums(db, {
      processor: setsOf(of, "processor"),
      projector: setsOf(of, "projector"),
    });
    live.set("registry_version", await registryChecksum(db));
    return { positions: of, registryNext: await registryEnd(db, options.log), sums: live };
  });
  for (const part of parts) {
    const live = positions.find((row) => row.role === part.place.role && row.partition === part.place.partition);
    if (!live) continue;
    await progress.measure(part.place, (onStep) => part.foldTo(live, onStep));
    if (part.next !== live.next) throw shortLog(part, live);
  }
  progress.say("checksums of the rebuilt tables");
  const rebuilt = await partitionChecksums(store.reader, {
    processor: setsOf(positions, "processor", plan.set),
    projector: setsOf(positions, "projector", plan.set),
  });
  rebuilt.set("registry_version", await registrySum(options.log, registryNext));
  return compareSums(sums, rebuilt);
}

function setsOf(rows: readonly PositionRow[], role: FoldRole, set?: number): ReadonlyMap<number, number> {
  return new Map(rows.filter((row) => row.role === role).map((row) => [row.partition, set ?? row.table_set]));
}
