// One partition of one fold, rebuilt: two kinds with one face.
import type { EventLog } from "../../core/log/log.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { limits } from "../../core/config/limits.ts";
import { openPosition, readPosition } from "../../core/store/position.ts";
import type { Store, StoreTransaction } from "../../core/store/store.ts";
import { holdPosition, rebuildRole, type FoldPlace } from "../../core/store/table-sets.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { storeWithin } from "../../core/store/write-within.ts";
import { PartitionRefold, type RefoldInto } from "../../processors/refold.ts";
import { holdsOf, takeOverFold } from "../../processors/take-over.ts";
import { PartitionReprojection } from "../../projections/models/reproject.ts";
import { takeOverProjection } from "../../projections/models/take-over.ts";

export interface RebuildTools {
  readonly log: EventLog;
  readonly store: Store;
  /** Started. */
  readonly registry: RegistryView;
  /** The seam for tests that need a fold of another version. */
  readonly fold?: NonNullable<RefoldInto["fold"]>;
  /** In one transaction; default: limits.rebuildBatchRecords. */
  readonly batchRecords?: number;
}

export function batchRecordsOf({ batchRecords }: RebuildTools): number {
  return batchRecords ?? limits.rebuildBatchRecords;
}

export interface RebuiltPartition {
  readonly place: FoldPlace;
  /** Where the rebuild stands. */
  readonly next: number;
  /** Up to where live stands, or stood a moment ago, and never beyond. */
  foldTo(live: PositionRow, onStep: (next: number) => void): Promise<void>;
  /** Nothing happens where somebody else has made it live. */
  takeOver(tx: StoreTransaction): Promise<void>;
}

/** @returns undefined where the partition was never folded, or is of the set already. */
export async function openRebuilt(
  tools: RebuildTools,
  place: FoldPlace,
  tableSet: number,
): Promise<RebuiltPartition | undefined> {
  if (!(await begin(tools, place, tableSet))) return undefined;
  const { store, log, registry, fold } = tools;
  const { partition } = place;
  const common = { log, role: rebuildRole(place.role), tableSet, maxRecords: batchRecordsOf(tools) };
  if (place.role === "projector") {
    const one = await PartitionReprojection.open({ ...common, into: store }, partition);
    return {
      place,
      get next() {
        return one.position.next;
      },
      foldTo: (live, onStep) => one.projectTo(live.next, () => onStep(one.position.next)),
      takeOver: async (tx) => void (await takeOverProjection(tx, common, partition)),
    };
  }
  const options = { ...common, registry, ...(fold && { fold }) };
  const one = await PartitionRefold.open({ ...options, into: store }, partition);
  return {
    place,
    get next() {
      return one.position.next;
    },
    async foldTo(live, onStep) {
      one.hold(await holdsOf(store.reader, live));
      await one.foldTo(live.next, () => onStep(one.position.next));
    },
    takeOver: async (tx) => void (await takeOverFold(tx, options, partition)),
  };
}

/** The rebuild's position row comes to be only while the live one is of another set: what is live is never folded into. */
function begin({ store, log }: RebuildTools, place: FoldPlace, tableSet: number): Promise<boolean> {
  const { role, partition } = place;
  const topic = role === "processor" ? log.topics.frames : log.topics.events;
  return store.transaction(async (tx) => {
    const live = await holdPosition(tx, place);
    if (!live || live.table_set === tableSet) return false;
    await openPosition(storeWithin(tx), rebuildRole(role), topic, partition, tableSet);
    return true;
  });
}

export async function livePosition(store: Store, { role, topic, partition }: FoldPlace): Promise<PositionRow> {
  const row = await readPosition(store.reader, role, topic, partition);
  if (!row) throw new Error(`${role} of ${topic}/${partition} has no position any more.`);
  return row;
}
