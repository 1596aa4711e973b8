// Worker thread: the processor. A store's sync or a long fold never delays an answer to a charger.
import { attachBus } from "../../core/bus/bus-embedded.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { createMetrics, snapshotMetrics } from "../../core/runtime/metrics.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { createProcessor } from "../../processors/processor.ts";
import { serveThread } from "./thread.ts";

serveThread((input, fatal) => {
  const metrics = createMetrics();
  const log = EmbeddedLog.attach({ port: input.logPort, folder: input.folder, topics: input.topics });
  const bus = attachBus(input.busPort);
  const store = openSqliteStore(input.folder);
  const registry = new RegistryView(log);
  registry.onFailure = (error) => fatal(`the registry cannot be followed: ${messageOf(error)}`);
  const processor = createProcessor({
    log,
    store,
    bus,
    registry,
    clock: systemClock,
    nodeId: input.nodeId,
    isNodeLost: (nodeId) => nodeId !== input.gatewayNodeId,
    metrics,
    logger: createLogger("processor", input.settings.logLevel),
  });
  return {
    async start() {
      await registry.start();
      await processor.start();
      return {};
    },
    metrics: () => snapshotMetrics(metrics),
    readiness: async () => processor.readiness(),
    async drain() {
      await processor.drain();
      return null;
    },
    async stop() {
      await processor.stop();
      await registry.stop();
      await bus.close();
      await log.close();
      await store.close();
      return null;
    },
  };
});
