// Rule B1, the projection's half: the rebuilt tables of a partition become those that people read.
import type { StoreTransaction } from "../../core/store/store.ts";
import { holdPosition, raiseTableSet, rebuildRole, type FoldPlace } from "../../core/store/table-sets.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { storeWithin } from "../../core/store/write-within.ts";
import { projectorRole } from "./projector.ts";
import { PartitionReprojection, type ReprojectInto } from "./reproject.ts";

/**
 * Within a transaction: what was projected since, and the change of the live row. The rebuild should be near: the live
 * projection waits for it meanwhile.
 * @returns the live row as it stands now; undefined: the partition was never projected, or is of this set already
 */
export async function takeOverProjection(
  tx: StoreTransaction,
  options: Omit<ReprojectInto, "into"> & { readonly tableSet: number },
  partition: number,
): Promise<PositionRow | undefined> {
  const place: FoldPlace = { role: projectorRole, topic: options.log.topics.events.name, partition };
  const live = await holdPosition(tx, place);
  if (!live || live.table_set === options.tableSet) return undefined;
  const into = storeWithin(tx);
  const rebuilt = await PartitionReprojection.open({ ...options, into, role: rebuildRole(place.role) }, partition);
  await rebuilt.projectTo(live.next);
  await raiseTableSet(tx, live, rebuilt.position);
  return { ...rebuilt.position, role: place.role };
}
