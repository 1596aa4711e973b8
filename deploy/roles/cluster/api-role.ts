// `wattlog api`: needs the log (append), the store and the bus; goes on without gateways.
import { newNodeId } from "../../../core/ids/ids.ts";
import { systemClock } from "../../../core/runtime/clock.ts";
import { WattlogError } from "../../../core/runtime/errors.ts";
import { createApi } from "../../../projections/rest/api.ts";
import { seedSettings } from "../first-settings.ts";
import { version } from "../version.ts";
import { connectBus, connectLog, connectStore, followRegistry, partyOf, requireCluster } from "./connect.ts";
import type { StartRole } from "./run-role.ts";

export const startApiRole: StartRole = async ({ settings, metrics, logger, undo, fatal }) => {
  requireCluster(settings, ["kafkaBrokers", "redisUrl", "databaseUrl"]);
  if (settings.adminToken.length < 16) {
    throw new WattlogError(
      "config/invalid",
      "WATTLOG_ADMIN_TOKEN must be set, to 16 characters or more: a cluster has no data folder to keep a made one in.",
    );
  }
  const party = partyOf(settings);
  const nodeId = newNodeId();
  const store = await connectStore(settings);
  undo.add("store", () => store.close());
  const log = await connectLog(settings, `wattlog-api-${nodeId}`, { metrics, logger });
  undo.add("log", () => log.close());
  const registry = await followRegistry(log, fatal);
  undo.add("registry", () => registry.stop());
  await seedSettings(settings, party, { log, registry, clock: systemClock });
  const bus = connectBus(settings, logger);
  undo.add("bus", () => bus.close());
  const api = createApi({
    options: { host: settings.bind, port: settings.httpPort, party, version },
    log,
    store,
    bus,
    registry,
    clock: systemClock,
    nodeId,
    metrics,
    logger,
    adminToken: settings.adminToken,
  });
  await api.start();
  undo.add("api", async () => {
    await api.drain();
    await api.stop();
  });
  return { readiness: () => [api.readiness()], says: `HTTP http://${settings.bind}:${api.port()}` };
};
