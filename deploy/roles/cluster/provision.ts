// `wattlog topics` and `wattlog migrate`: what a release does once before its processes start. Both idempotent.
import type { Settings } from "../../../core/config/settings.ts";
import { checkTopics, provisionTopics } from "../../../core/log/kafka-topics.ts";
import { openTopicAdmin } from "../../../core/log/kafkajs-admin.ts";
import { connectUnmigratedStore, kafkaConnection, requireCluster, topicsOf } from "./connect.ts";

/** @returns what was done, a line each; empty: everything was as it must be. */
export async function provisionLog(settings: Settings): Promise<readonly string[]> {
  requireCluster(settings, ["kafkaBrokers"]);
  const admin = await openTopicAdmin(kafkaConnection(settings, "wattlog-topics"));
  try {
    const topics = topicsOf(settings);
    const done = await provisionTopics(admin, topics, { replicas: settings.allowWeakLog ? 1 : 3 });
    await checkTopics(admin, topics, settings.allowWeakLog);
    return done;
  } finally {
    await admin.close();
  }
}

export async function migrateStore(settings: Settings): Promise<void> {
  requireCluster(settings, ["databaseUrl"]);
  const store = connectUnmigratedStore(settings);
  try {
    await store.migrate();
  } finally {
    await store.close();
  }
}
