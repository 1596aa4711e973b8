// Joins an assignment to the services of its partitions.
import type { Store } from "../../../core/store/store.ts";
import { Assignment } from "./assignment.ts";
import { nodeNameOf } from "./connect.ts";
import { NameHold } from "./name-hold.ts";
import { Partitioned, type PartitionService } from "./partitioned.ts";
import type { RoleContext, StartedRole } from "./run-role.ts";

/** A rolling restart of one process takes less; a dead one's partitions stand still for so long. */
const memberLeaseMs = 10_000;
const beatMs = 1_000;

export async function assign(
  { settings, metrics, logger, clock, waiting, undo, fatal }: RoleContext,
  of: { readonly role: "processor" | "projector"; readonly store: Store; readonly partitions: number },
  make: (partition: number, owns: () => Promise<boolean>) => PartitionService,
): Promise<StartedRole> {
  const partitioned = new Partitioned((partition) => make(partition, () => assignment.owns(partition)));
  const name = nodeNameOf(settings, of.role);
  const hold = new NameHold({ store: of.store, role: of.role, name, clock, onLost: fatal });
  await waiting.for(() => hold.take());
  undo.add("name", () => hold.give());
  const assignment = new Assignment({
    ...of,
    name,
    clock,
    metrics,
    logger,
    leaseMs: memberLeaseMs,
    beatMs,
    take: (partition) => partitioned.take(partition),
    give: (partition) => partitioned.give(partition),
  });
  await assignment.start();
  undo.add("partitions", () => assignment.stop());
  return {
    says: `${name}, ${of.partitions} partitions shared by name`,
    readiness: () => [{ name: `${of.role} partitions`, problem: assignment.problem }, ...partitioned.readiness()],
  };
}
