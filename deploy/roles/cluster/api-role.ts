// `wattlog api`: needs the log (append), the store and the bus; goes on without gateways.
import { newNodeId } from "../../../core/ids/ids.ts";
import { WattlogError } from "../../../core/runtime/errors.ts";
import { createExplainer } from "../../../processors/explain/explain.ts";
import { createRunningPrices } from "../../../processors/running-prices.ts";
import { createApi } from "../../../projections/rest/api.ts";
import { authorityOf, checkAuthority } from "../../authority/authority.ts";
import { seedSettings } from "../first-settings.ts";
import { ocpiOf } from "../ocpi.ts";
import { httpsOf } from "../https.ts";
import { sealingOf } from "../sealing.ts";
import { uploadsOf } from "../uploads.ts";
import { version } from "../version.ts";
import { partyOf, requireCluster } from "./connect.ts";
import { joinBus, joinLog, joinStore } from "./join.ts";
import type { StartRole } from "./run-role.ts";
import { StoreWatch } from "./store-watch.ts";

export const startApiRole: StartRole = async (context) => {
  const { settings, metrics, logger, clock, undo } = context;
  requireCluster(settings, ["kafkaBrokers", "redisUrl", "databaseUrl"]);
  if (settings.adminToken.length < 16) {
    throw new WattlogError(
      "config/invalid",
      "WATTLOG_ADMIN_TOKEN must be set, to 16 characters or more: a cluster has no data folder to keep a made one in.",
    );
  }
  await checkAuthority(settings);
  httpsOf(settings);
  const party = partyOf(settings);
  const nodeId = newNodeId();
  // What was folded is read without it.
  const joined = await joinLog(context, `wattlog-api-${nodeId}`, "goes on without");
  const { log, registry } = joined;
  const store = await joinStore(context, joined);
  const storeWatch = new StoreWatch(store, clock);
  storeWatch.start();
  undo.add("watch on the store", () => storeWatch.stop());
  await seedSettings(settings, party, { log, registry, clock });
  const bus = await joinBus(context, joined, "needed");
  const seal = sealingOf(settings, registry);
  undo.add("keys", () => seal.close());
  seal.purge(logger);
  const shown = seal.toShow(store);
  const api = createApi({
    options: { host: settings.bind, port: settings.httpPort, party, version },
    log: seal.toRead(log),
    store: shown,
    sealing: seal.sealing,
    bus,
    registry,
    clock,
    nodeId,
    metrics,
    logger,
    adminToken: settings.adminToken,
    https: httpsOf(settings),
    uploads: uploadsOf(settings),
    explainer: createExplainer({ log, store: shown, registry }),
    runningPrices: createRunningPrices({ store, registry }),
    ocpi: ocpiOf(settings),
    certificateAuthority: authorityOf(settings, () => clock.now()),
  });
  await api.start();
  undo.add("api", async () => {
    await api.drain();
    await api.stop();
  });
  const readiness = () => [api.readiness(), { name: "store", problem: storeWatch.problem }];
  return { readiness, says: `HTTP http://${settings.bind}:${api.port()}` };
};
