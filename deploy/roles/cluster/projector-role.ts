// `wattlog projector`: needs the log and the store, and nothing else.
import { newNodeId } from "../../../core/ids/ids.ts";
import { createProjector } from "../../../projections/models/projector.ts";
import { goBehindOthers } from "../thread-priority.ts";
import { assign } from "./assign.ts";
import { requireCluster } from "./connect.ts";
import { joinLog, joinStore } from "./join.ts";
import type { StartRole } from "./run-role.ts";

export const startProjectorRole: StartRole = async (context) => {
  goBehindOthers();
  const { settings, metrics, logger, clock } = context;
  requireCluster(settings, ["kafkaBrokers", "databaseUrl"]);
  const joined = await joinLog(context, `wattlog-projector-${newNodeId()}`, "needed");
  const { log, registry } = joined;
  const store = await joinStore(context, joined);
  return assign(context, { role: "projector", store, partitions: log.topics.events.partitions }, (partition, owns) => {
    const projector = createProjector({
      log,
      store,
      registry,
      clock,
      metrics,
      logger,
      partitions: [partition],
      owns,
    });
    return Object.assign(projector, { problems: () => [projector.readiness()] });
  });
};
