// `wattlog processor`: needs the log and the store. Each partition is a processor of its own under a node id of its
// own, so that its sequence numbers are its own too (rule I2).
import { limits } from "../../../core/config/limits.ts";
import { newNodeId } from "../../../core/ids/ids.ts";
import { createProcessor } from "../../../processors/processor.ts";
import { sealingOf } from "../sealing.ts";
import { goBehindOthers } from "../thread-priority.ts";
import { assign } from "./assign.ts";
import { requireCluster } from "./connect.ts";
import { joinBus, joinLog, joinStore } from "./join.ts";
import { LeaseWatch } from "./lease-watch.ts";
import { passOn } from "./passing-on.ts";
import type { StartRole } from "./run-role.ts";

export const startProcessorRole: StartRole = async (context) => {
  goBehindOthers();
  const { settings, metrics, logger, clock, undo } = context;
  requireCluster(settings, ["kafkaBrokers", "redisUrl", "databaseUrl"]);
  const joined = await joinLog(context, `wattlog-processor-${newNodeId()}`, "needed", "tables");
  const { log, registry } = joined;
  const store = await joinStore(context, joined);
  passOn(context, log, store);
  const bus = await joinBus(context, joined, "goes on without");
  const seal = sealingOf(settings, registry);
  undo.add("keys", () => seal.close());
  const sealed = seal.toWrite(log);
  const leases = new LeaseWatch(bus, clock, limits.busLeaseMs);
  leases.start();
  undo.add("leases", () => leases.stop());
  return assign(context, { role: "processor", store, partitions: log.topics.frames.partitions }, (partition, owns) => {
    const processor = createProcessor({
      log: sealed,
      store,
      bus,
      registry,
      clock,
      nodeId: newNodeId(),
      isNodeLost: (nodeId) => leases.isLost(nodeId),
      lostLookMs: limits.busLeaseMs,
      metrics,
      logger,
      partitions: [partition],
      owns,
    });
    return Object.assign(processor, { problems: () => processor.readiness() });
  });
};
