// Worker thread: processor and projector. A store's sync or a long fold never delays an answer to a charger, and what
// both of them write at one moment is one commit: they are the only writers of the state database, and share a store.
import { attachBus } from "../../core/bus/bus-embedded-port.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { createMetrics, snapshotMetrics, watchRuntime } from "../../core/runtime/metrics.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { createProcessor } from "../../processors/processor.ts";
import { createRunningPrices } from "../../processors/running-prices.ts";
import { serveChanges } from "../../projections/models/changes.ts";
import { createProjector } from "../../projections/models/projector.ts";
import { Pushes } from "../../projections/ocpi/pushes/pushes.ts";
import { throughArchive } from "./archive.ts";
import { ocpiOf } from "./ocpi.ts";
import { SnapshotKeeper, snapshotsIn } from "./registry-snapshot.ts";
import { sealingOf } from "./sealing.ts";
import { goBehindOthers } from "./thread-priority.ts";
import { serveThread } from "./thread.ts";

/**
 * A turn costs some 2 ms of CPU whatever stands in it, and its events a commit of the log; nobody waits for these rows
 * but who reads them, and a command of a caller's key while others write (rule C1).
 */
const writeEveryMs = 20;

serveThread((input, fatal) => {
  const metrics = createMetrics();
  watchRuntime(metrics, "folds", "thread alone");
  const logger = createLogger("processor", input.settings.logLevel);
  const log = throughArchive(
    EmbeddedLog.attach({ port: input.logPort, folder: input.folder, topics: input.topics }),
    input.settings,
  );
  const bus = attachBus(input.busPort);
  const store = openSqliteStore(input.folder, { turnMs: writeEveryMs });
  const registry = new RegistryView(log, undefined, snapshotsIn(input.folder, logger));
  registry.onFailure = (error) => fatal(`the registry cannot be followed: ${messageOf(error)}`);
  const seal = sealingOf(input.settings, registry);
  const processor = createProcessor({
    log: seal.toWrite(log),
    store,
    bus,
    registry,
    clock: systemClock,
    nodeId: input.nodeId,
    isNodeLost: (nodeId) => nodeId !== input.gatewayNodeId,
    metrics,
    logger,
  });
  const projector = createProjector({
    log,
    store,
    registry,
    clock: systemClock,
    metrics,
    logger: createLogger("projector", input.settings.logLevel),
  });
  const pushes = new Pushes({
    log: seal.toRead(log),
    store: seal.toShowAndWrite(store),
    registry,
    clock: systemClock,
    metrics,
    logger: createLogger("ocpi", input.settings.logLevel),
    ocpi: () => ocpiOf(input.settings),
    runningPrices: createRunningPrices({ store, registry }),
  });
  const keeper = new SnapshotKeeper(registry, systemClock, logger);
  const endChanges = serveChanges(projector, input.changesPort, systemClock);
  return {
    async start() {
      goBehindOthers();
      await registry.start();
      await processor.start();
      await projector.start();
      for (let partition = 0; partition < log.topics.events.partitions; partition++) pushes.take(partition);
      pushes.start();
      keeper.start();
      return {};
    },
    metrics: () => snapshotMetrics(metrics),
    readiness: async () => [...processor.readiness(), projector.readiness(), pushes.readiness()],
    async drain() {
      await pushes.stop();
      await processor.drain();
      await projector.drain();
      return null;
    },
    async stop() {
      await pushes.stop();
      await processor.stop();
      await projector.stop();
      endChanges();
      await keeper.stop();
      await registry.stop();
      await bus.close();
      await log.close();
      await store.close();
      await seal.close();
      return null;
    },
  };
});
