// `wattlog projector`: needs the log and the store, and nothing else. What partners are told goes out from here as well; one
// that cannot be reached is the partner's row in the store, and stops nothing.
import { newNodeId } from "../../../core/ids/ids.ts";
import { createRunningPrices } from "../../../processors/running-prices.ts";
import { createProjector } from "../../../projections/models/projector.ts";
import { Pushes } from "../../../projections/ocpi/pushes/pushes.ts";
import { ocpiOf } from "../ocpi.ts";
import { sealingOf } from "../sealing.ts";
import { goBehindOthers } from "../thread-priority.ts";
import { assign } from "./assign.ts";
import { requireCluster } from "./connect.ts";
import { joinLog, joinStore } from "./join.ts";
import type { StartRole } from "./run-role.ts";

export const startProjectorRole: StartRole = async (context) => {
  goBehindOthers();
  const { settings, metrics, logger, clock, undo } = context;
  requireCluster(settings, ["kafkaBrokers", "databaseUrl"]);
  const joined = await joinLog(context, `wattlog-projector-${newNodeId()}`, "needed", "tables");
  const { log, registry } = joined;
  const store = await joinStore(context, joined);
  const runningPrices = createRunningPrices({ store, registry });
  const ocpi = () => ocpiOf(settings);
  const seal = sealingOf(settings, registry);
  undo.add("keys", () => seal.close());
  const open = { log: seal.toRead(log), store: seal.toShowAndWrite(store) };
  const pushes = new Pushes({ ...open, registry, clock, metrics, logger, ocpi, runningPrices });
  pushes.start();
  undo.add("pushes to partners", () => pushes.stop());
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
    return {
      name: projector.name,
      async start() {
        await projector.start();
        pushes.take(partition, owns);
      },
      async drain() {
        await pushes.give(partition);
        await projector.drain();
      },
      stop: () => projector.stop(),
      problems: () => [projector.readiness(), ...pushes.readinessOf(partition)],
    };
  });
};
