// What a rebuild in progress is: a row of the database, so that a run that is killed at any moment leaves its successor
// nothing to guess.
import { highestTableSet } from "../../core/store/table-sets.ts";
import type { Store } from "../../core/store/store.ts";
import type { TableComparison } from "./compare-tables.ts";
import type { RestoredEnd } from "./restored-ends.ts";

export interface RebuildPlan {
  /** The set that takes over; partitions whose live row names it are done. */
  readonly set: number;
  /** `remove`: nothing is folded any more, unused sets go. */
  readonly stage: "fold" | "remove";
  /** What was found at equal positions, once it was. */
  readonly tables: readonly TableComparison[] | null;
  /** Of tables that hold more than the log (rule B5): nothing is compared. */
  readonly restored?: RestoredPlan;
}

export interface RestoredPlan {
  /** When it was begun, epoch ms: the name of its list. */
  readonly at: number;
  readonly ends: readonly RestoredEnd[];
  /** What was lost is kept. */
  readonly isListed: boolean;
}

const factName = "rebuild";

/** @returns the plan of an earlier run that did not come to its end. */
export async function readPlan(db: Store["reader"]): Promise<RebuildPlan | undefined> {
  const row = await db.selectFrom("fact").select("value").where("name", "=", factName).executeTakeFirst();
  return row && (JSON.parse(row.value) as RebuildPlan);
}

/** The plan of an earlier run, or a new one. */
export function openPlan(store: Store, restored?: RestoredPlan): Promise<RebuildPlan> {
  return store.transaction(async (tx) => {
    const found = await readPlan(tx.db);
    if (found) return found;
    const set = (await highestTableSet(tx.db)) + 1;
    const plan: RebuildPlan = { set, stage: "fold", ...(restored ? { tables: [], restored } : { tables: null }) };
    await tx.upsert("fact", [{ name: factName, value: JSON.stringify(plan) }]);
    return plan;
  });
}

/** @returns `to`. @throws Error where another run has ended this rebuild meanwhile. */
export function changePlan(store: Store, from: RebuildPlan, to: RebuildPlan): Promise<RebuildPlan> {
  return store.transaction(async (tx) => {
    const now = await readPlan(tx.db);
    if (now?.set !== from.set) throw new Error("Another `wattlog rebuild` has ended this one.");
    await tx.upsert("fact", [{ name: factName, value: JSON.stringify(to) }]);
    return to;
  });
}

export async function endPlan(store: Store, plan: RebuildPlan): Promise<void> {
  await store.transaction(async (tx) => {
    const now = await readPlan(tx.db);
    if (now?.set === plan.set) await tx.remove("fact", [{ name: factName }]);
  });
}
