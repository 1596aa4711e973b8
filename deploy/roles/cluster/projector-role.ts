// `wattlog projector`: needs the log and the store, and nothing else.
import { newNodeId } from "../../../core/ids/ids.ts";
import { systemClock } from "../../../core/runtime/clock.ts";
import { createProjector } from "../../../projections/models/projector.ts";
import { assign } from "./assign.ts";
import { connectLog, connectStore, followRegistry, requireCluster } from "./connect.ts";
import type { StartRole } from "./run-role.ts";

export const startProjectorRole: StartRole = async (context) => {
  const { settings, metrics, logger, undo, fatal } = context;
  requireCluster(settings, ["kafkaBrokers", "databaseUrl"]);
  const store = await connectStore(settings);
  undo.add("store", () => store.close());
  const log = await connectLog(settings, `wattlog-projector-${newNodeId()}`, { metrics, logger });
  undo.add("log", () => log.close());
  const registry = await followRegistry(log, fatal);
  undo.add("registry", () => registry.stop());
  return assign(context, { role: "projector", store, partitions: log.topics.events.partitions }, (partition) => {
    const projector = createProjector({
      log,
      store,
      registry,
      clock: systemClock,
      metrics,
      logger,
      partitions: [partition],
    });
    return Object.assign(projector, { problems: () => [projector.readiness()] });
  });
};
