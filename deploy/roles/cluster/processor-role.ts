// `wattlog processor`: needs the log and the store. Each partition is a processor of its own under a node id of its
// own, so that its sequence numbers are its own too (rule I2).
import { limits } from "../../../core/config/limits.ts";
import { newNodeId } from "../../../core/ids/ids.ts";
import { systemClock } from "../../../core/runtime/clock.ts";
import { createProcessor } from "../../../processors/processor.ts";
import { assign } from "./assign.ts";
import { connectBus, connectLog, connectStore, followRegistry, requireCluster } from "./connect.ts";
import { LeaseWatch } from "./lease-watch.ts";
import type { StartRole } from "./run-role.ts";

export const startProcessorRole: StartRole = async (context) => {
  const { settings, metrics, logger, undo, fatal } = context;
  requireCluster(settings, ["kafkaBrokers", "redisUrl", "databaseUrl"]);
  const processId = newNodeId();
  const store = await connectStore(settings);
  undo.add("store", () => store.close());
  const log = await connectLog(settings, `wattlog-processor-${processId}`, { metrics, logger });
  undo.add("log", () => log.close());
  const registry = await followRegistry(log, fatal);
  undo.add("registry", () => registry.stop());
  const bus = connectBus(settings, logger);
  undo.add("bus", () => bus.close());
  const leases = new LeaseWatch(bus, systemClock, limits.busLeaseMs);
  leases.start();
  undo.add("leases", () => leases.stop());
  return assign(context, { role: "processor", store, partitions: log.topics.frames.partitions }, (partition) => {
    const processor = createProcessor({
      log,
      store,
      bus,
      registry,
      clock: systemClock,
      nodeId: newNodeId(),
      isNodeLost: (nodeId) => leases.isLost(nodeId),
      lostLookMs: limits.busLeaseMs,
      metrics,
      logger,
      partitions: [partition],
    });
    return Object.assign(processor, { problems: () => processor.readiness() });
  });
};
