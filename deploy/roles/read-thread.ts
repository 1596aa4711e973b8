// Worker thread: the read side. It only reads the state database, so that no write of anybody delays a request.
import { attachBus } from "../../core/bus/bus-embedded-port.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { trusted } from "../../core/ids/ids.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { createMetrics, snapshotMetrics, watchRuntime } from "../../core/runtime/metrics.ts";
import { openStoreReadOnly } from "../../core/store/store-sqlite.ts";
import { attachChanges } from "../../projections/models/changes.ts";
import { createExplainer } from "../../processors/explain/explain.ts";
import { createRunningPrices } from "../../processors/running-prices.ts";
import { createApi } from "../../projections/rest/api.ts";
import { authorityOf } from "../authority/authority.ts";
import { throughArchive } from "./archive.ts";
import { snapshotsIn } from "./registry-snapshot.ts";
import { ocppUrlOf } from "./banner.ts";
import { httpsOf } from "./https.ts";
import { ocpiOf } from "./ocpi.ts";
import { sealingOf } from "./sealing.ts";
import { uploadsOf } from "./uploads.ts";
import { serveThread } from "./thread.ts";
import { version } from "./version.ts";

serveThread((input, fatal) => {
  const { settings } = input;
  const metrics = createMetrics();
  watchRuntime(metrics, "api", "thread alone");
  const logger = createLogger("api", settings.logLevel);
  const log = throughArchive(
    EmbeddedLog.attach({ port: input.logPort, folder: input.folder, topics: input.topics }),
    input.settings,
  );
  const bus = attachBus(input.busPort);
  const store = openStoreReadOnly(input.folder);
  const registry = new RegistryView(log, undefined, snapshotsIn(input.folder, logger));
  registry.onFailure = (error) => fatal(`the registry cannot be followed: ${messageOf(error)}`);
  const seal = sealingOf(settings, registry);
  const shown = seal.toShow(store);
  const api = createApi({
    options: {
      host: settings.bind,
      port: settings.httpPort,
      party: trusted.party(settings.party),
      version,
      ...((settings.ocppPlain ? settings.ocppPort : settings.ocppTlsPort) === 0 ? {} : { wsUrl: ocppUrlOf(settings) }),
    },
    log: seal.toRead(log),
    store: shown,
    sealing: seal.sealing,
    bus,
    registry,
    projector: attachChanges(input.changesPort),
    clock: systemClock,
    nodeId: input.nodeId,
    metrics,
    logger,
    adminToken: input.adminToken,
    https: httpsOf(settings),
    uploads: uploadsOf(settings),
    explainer: createExplainer({ log, store: shown, registry }),
    runningPrices: createRunningPrices({ store, registry }),
    ocpi: ocpiOf(settings),
    certificateAuthority: authorityOf(settings, () => systemClock.now()),
  });
  return {
    async start() {
      await registry.start();
      seal.purge(logger);
      await api.start();
      return { httpPort: api.port(), signInCode: api.signInCode() };
    },
    metrics: () => snapshotMetrics(metrics),
    readiness: async () => [api.readiness()],
    async drain() {
      await api.drain();
      return null;
    },
    async stop() {
      await api.stop();
      input.changesPort.close();
      await registry.stop();
      await bus.close();
      await log.close();
      await store.close();
      await seal.close();
      return null;
    },
  };
});
