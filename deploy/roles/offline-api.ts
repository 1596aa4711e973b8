// REST without a port, on a folder where nothing runs: what the command line writes passes the same checks as what comes
// over HTTP, and becomes the same records.
import { randomBytes } from "node:crypto";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import type { Settings } from "../../core/config/settings.ts";
import { newNodeId, trusted } from "../../core/ids/ids.ts";
import { lockFolder } from "../../core/log/folder-lock.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { createExplainer } from "../../processors/explain/explain.ts";
import { createRunningPrices } from "../../processors/running-prices.ts";
import { createApi } from "../../projections/rest/api.ts";
import { ocpiOf } from "./ocpi.ts";
import { sealingOf } from "./sealing.ts";

const generation = 1;

export interface OfflineApi {
  request(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    body?: object,
  ): Promise<{ status: number; body: string }>;
  close(): Promise<void>;
}

/** @throws WattlogError `start/second-process` where a process holds the folder, `start/data-folder`, `config/invalid`. */
export async function openOfflineApi(settings: Settings): Promise<OfflineApi> {
  const folder = settings.dataDir;
  const closing: (() => unknown)[] = [];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const lock = lockFolder(folder);
    closing.push(() => lock.release());
    const topics = makeTopics(generation, settings.partitions);
    const server = await EmbeddedLogServer.start({ folder, topics });
    closing.push(() => server.close());
    const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
    closing.push(() => log.close());
    const store = openSqliteStore(folder);
    closing.push(() => store.close());
    await store.migrate();
    const registry = new RegistryView(log);
    await registry.start();
    closing.push(() => registry.stop());
    const seal = sealingOf(settings, registry);
    closing.push(() => seal.close());
    const shown = seal.toShow(store);
    const bus = new EmbeddedBusHub().client();
    closing.push(() => bus.close());
    // Good for this process alone.
    const adminToken = randomBytes(32).toString("base64url");
    const api = createApi({
      options: { host: "127.0.0.1", port: 0, party: trusted.party(settings.party) },
      log: seal.toRead(log),
      store: shown,
      sealing: seal.sealing,
      bus,
      registry,
      clock: systemClock,
      nodeId: newNodeId(),
      metrics: createMetrics(),
      logger: silentLogger(),
      adminToken,
      explainer: createExplainer({ log, store: shown, registry }),
      runningPrices: createRunningPrices({ store, registry }),
      ocpi: ocpiOf(settings),
    });
    closing.push(() => api.stop());
    await api.app.ready();
    return {
      async request(method, url, body) {
        const headers = { authorization: `Bearer ${adminToken}` };
        const answer = await api.app.inject({ method, url, headers, ...(body === undefined ? {} : { payload: body }) });
        return { status: answer.statusCode, body: answer.body };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
