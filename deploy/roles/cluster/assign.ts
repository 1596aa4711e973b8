// Joins an assignment to the services of its partitions.
import { systemClock } from "../../../core/runtime/clock.ts";
import type { Store } from "../../../core/store/store.ts";
import { Assignment } from "./assignment.ts";
import { nodeNameOf } from "./connect.ts";
import { Partitioned, type PartitionService } from "./partitioned.ts";
import type { RoleContext, StartedRole } from "./run-role.ts";

/** A rolling restart of one process takes less; a dead one's partitions stand still for so long. */
const memberLeaseMs = 10_000;
const beatMs = 1_000;

export async function assign(
  { settings, logger, undo }: RoleContext,
  of: { readonly role: "processor" | "projector"; readonly store: Store; readonly partitions: number },
  make: (partition: number) => PartitionService,
): Promise<StartedRole> {
  const partitioned = new Partitioned(make);
  const name = nodeNameOf(settings, of.role);
  const assignment = new Assignment({
    ...of,
    name,
    clock: systemClock,
    logger,
    leaseMs: memberLeaseMs,
    beatMs,
    take: (partition) => partitioned.take(partition),
    give: (partition) => partitioned.give(partition),
    each: () => partitioned.renewSick(systemClock.monotonic()),
  });
  await assignment.start();
  undo.add("partitions", () => assignment.stop());
  return {
    says: `${name}, ${of.partitions} partitions shared by name`,
    readiness: () => [{ name: `${of.role} partitions`, problem: assignment.problem }, ...partitioned.readiness()],
  };
}
