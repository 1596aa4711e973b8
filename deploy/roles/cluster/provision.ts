// `wattlog topics` and `wattlog migrate`: what a release does once before its processes start. Both idempotent.
import type { Settings } from "../../../core/config/settings.ts";
import { RegistryView } from "../../../core/registry/view.ts";
import { systemClock } from "../../../core/runtime/clock.ts";
import { claimLog, forgetDatabase, forgetLog } from "./belonging.ts";
import {
  connectUnmigratedStore,
  kafkaConnection,
  openLog,
  partyOf,
  provisionLogTopics,
  requireCluster,
} from "./connect.ts";

/**
 * @param newDatabase the log goes on with another database, in place of one that is lost
 * @returns what was done, a line each; empty: everything was as it must be.
 */
export async function provisionLog(settings: Settings, newDatabase: boolean): Promise<readonly string[]> {
  requireCluster(settings, ["kafkaBrokers"]);
  const party = partyOf(settings);
  const connection = kafkaConnection(settings, "wattlog-topics");
  const { done, shape } = await provisionLogTopics(settings, connection);
  const log = openLog(settings, connection, shape);
  const registry = new RegistryView(log);
  try {
    await registry.start();
    const clock = systemClock;
    await claimLog(settings.clusterId, { log, registry, clock, party });
    if (!newDatabase) return done;
    await forgetDatabase({ log, registry, clock });
    return [...done, "The log goes on with the next database that comes to it."];
  } finally {
    await registry.stop();
    await log.close();
  }
}

/** @param newLog the database goes on with another log, a true copy of the one that it was folded from */
export async function migrateStore(settings: Settings, newLog: boolean): Promise<void> {
  requireCluster(settings, ["databaseUrl"]);
  const store = connectUnmigratedStore(settings);
  try {
    await store.migrate();
    if (newLog) await forgetLog(store);
  } finally {
    await store.close();
  }
}
