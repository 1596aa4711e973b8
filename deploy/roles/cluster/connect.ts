// The servers of a cluster, chosen here: how to reach Kafka and Postgres, and whether they are as they must be.
import { hostname } from "node:os";

import { parseRedisUrl, type RedisSecrets } from "../../../core/bus/redis-url.ts";
import { readKafkaSettings } from "../../../core/config/kafka-connection.ts";
import type { Settings } from "../../../core/config/settings.ts";
import { parsePartyId, type PartyId } from "../../../core/ids/ids.ts";
import type { Anomaly } from "../../../core/log/kafka-sender.ts";
import { unreachableKafka } from "../../../core/log/kafka-errors.ts";
import { checkTopics, provisionTopics, type TopicAdmin } from "../../../core/log/kafka-topics.ts";
import type { KafkaConnection } from "../../../core/log/kafka-wire.ts";
import { openTopicAdmin } from "../../../core/log/kafkajs-admin.ts";
import { openKafkaJsLog } from "../../../core/log/log-kafka.ts";
import { openPlatformaticLog } from "../../../core/log/log-platformatic.ts";
import { makeTopics, type EventLog, type Topics, type TrimmableLog } from "../../../core/log/log.ts";
import { topicIds } from "../../../core/log/topic-ids.ts";
import { WattlogError } from "../../../core/runtime/errors.ts";
import { requireSchema } from "../../../core/store/migrations.ts";
import { parseDatabaseUrl } from "../../../core/store/postgres-connection.ts";
import { openPostgresStore } from "../../../core/store/store-postgres.ts";
import type { Store } from "../../../core/store/store.ts";
import { throughArchive } from "../archive.ts";

/** Raised by `wattlog topics --new-generation`, a later capability; every process must name the same. */
export const generation = 1;

export type ClusterRoleName = "gateway" | "processor" | "projector" | "api" | "archiver";

/** @throws WattlogError `config/invalid` naming what is missing, or is no address. */
export function requireCluster(
  settings: Settings,
  needs: readonly ("kafkaBrokers" | "redisUrl" | "databaseUrl")[],
): void {
  const names = { kafkaBrokers: "KAFKA_BROKERS", redisUrl: "REDIS_URL", databaseUrl: "DATABASE_URL" } as const;
  const missing = needs.filter((need) => settings[need] === "").map((need) => names[need]);
  if (missing.length > 0) {
    throw new WattlogError(
      "config/invalid",
      `A process of one role needs ${missing.join(" and ")}; set ${missing.length > 1 ? "them" : "it"}, or run \`wattlog all\`, which needs no server.`,
    );
  }
  // All of them before anything is waited for.
  if (needs.includes("kafkaBrokers")) kafkaConnection(settings, "wattlog");
  if (needs.includes("redisUrl")) parseRedisUrl(settings.redisUrl, redisSecrets(settings));
  if (needs.includes("databaseUrl")) parseDatabaseUrl(settings.databaseUrl);
}

export function redisSecrets({ redisPassword, redisSentinelPassword }: Settings): RedisSecrets {
  return { password: redisPassword, sentinelPassword: redisSentinelPassword };
}

export function partyOf(settings: Settings): PartyId {
  const party = parsePartyId(settings.party);
  if (party) return party;
  throw new WattlogError(
    "config/invalid",
    `WATTLOG_PARTY=${settings.party} must be a country code and three characters, like DEABC.`,
  );
}

export function nodeNameOf(settings: Settings, role: ClusterRoleName): string {
  return settings.nodeName || `${hostname()}/${role}`;
}

/** The settings table holds the names and their sentences; what they may say is read in one place. */
export function kafkaConnection(settings: Settings, clientId: string): KafkaConnection {
  const kafka = readKafkaSettings({
    KAFKA_BROKERS: settings.kafkaBrokers,
    KAFKA_SSL: settings.kafkaSsl,
    KAFKA_SSL_CA_FILE: settings.kafkaSslCaFile,
    KAFKA_SSL_CERT_FILE: settings.kafkaSslCertFile,
    KAFKA_SSL_KEY_FILE: settings.kafkaSslKeyFile,
    KAFKA_SASL_MECHANISM: settings.kafkaSaslMechanism || undefined,
    KAFKA_SASL_USERNAME: settings.kafkaSaslUsername || undefined,
    KAFKA_SASL_PASSWORD: settings.kafkaSaslPassword || undefined,
    KAFKA_SASL_TOKEN_URL: settings.kafkaSaslTokenUrl,
    KAFKA_SASL_SCOPE: settings.kafkaSaslScope,
  });
  if (!kafka) throw new WattlogError("config/invalid", "KAFKA_BROKERS is not set; it names the log's brokers.");
  return { clientId, ...kafka };
}

export function topicsOf(settings: Settings): Topics {
  return makeTopics(generation, settings.partitions);
}

/**
 * That the log is there, as it must be, and which one it is.
 * @param attempt how many were in vain before
 * @returns the ids of its topics
 * @throws WattlogError `log/unavailable` | `log/refused` | `config/invalid`, one sentence with what to do
 */
export async function examineLog(
  settings: Settings,
  connection: KafkaConnection,
  attempt: number,
): Promise<ReadonlyMap<string, string>> {
  const topics = topicsOf(settings);
  try {
    // Says more about a way that is closed than the other client does, and sooner.
    const ids = await topicIds(connection, topics, attempt);
    await withAdmin(connection, attempt, (admin) => checkTopics(admin, topics, settings.allowWeakLog));
    return ids;
  } catch (error) {
    throw unreachableKafka(error, connection);
  }
}

async function withAdmin<T>(
  connection: KafkaConnection,
  attempt: number,
  work: (admin: TopicAdmin) => Promise<T>,
): Promise<T> {
  const admin = await openTopicAdmin(connection, attempt);
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

/** Made and set, then checked. @returns a line for each change. @throws as `examineLog` does */
export async function provisionLogTopics(settings: Settings, connection: KafkaConnection): Promise<readonly string[]> {
  const topics = topicsOf(settings);
  try {
    await topicIds(connection, topics);
    return await withAdmin(connection, 0, async (admin) => {
      const done = await provisionTopics(admin, topics, { replicas: settings.allowWeakLog ? 1 : 3 });
      await checkTopics(admin, topics, settings.allowWeakLog);
      return done;
    });
  } catch (error) {
    throw unreachableKafka(error, connection);
  }
}

/** With its archive behind it, where there is one. */
export function openLog(
  settings: Settings,
  connection: KafkaConnection,
  onAnomaly: (anomaly: Anomaly) => void = () => {},
): EventLog {
  return throughArchive(openLogItself(settings, connection, onAnomaly), settings);
}

/** What Kafka holds, and nothing else. */
export function openLogItself(
  settings: Settings,
  connection: KafkaConnection,
  onAnomaly: (anomaly: Anomaly) => void = () => {},
): TrimmableLog {
  const open = settings.kafkaDriver === "kafkajs" ? openKafkaJsLog : openPlatformaticLog;
  return open({ connection, topics: topicsOf(settings), onAnomaly });
}

/** For the command line, which writes nothing and needs no check of what a writer relies on. */
export async function openLogForReading(settings: Settings): Promise<EventLog> {
  return openLog(settings, kafkaConnection(settings, "wattlog-cli"));
}

/** @throws WattlogError `store/…`, one sentence: nobody works on tables of another version. */
export async function connectStore(settings: Settings): Promise<Store> {
  const store = openPostgresStore({ url: settings.databaseUrl });
  try {
    await requireSchema(store.reader, "postgres");
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** For `wattlog migrate`, which makes the schema that everyone else requires. */
export function connectUnmigratedStore(settings: Settings): Store {
  return openPostgresStore({ url: settings.databaseUrl });
}
