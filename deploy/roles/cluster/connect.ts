// The clients of a cluster's roles, chosen here: Kafka, Redis, Postgres. Each role takes only those that it needs.
import { hostname } from "node:os";

import { openRedisBus, type RedisBus } from "../../../core/bus/bus-redis.ts";
import { readKafkaSettings } from "../../../core/config/kafka-connection.ts";
import type { Settings } from "../../../core/config/settings.ts";
import { parsePartyId, type PartyId } from "../../../core/ids/ids.ts";
import type { Anomaly } from "../../../core/log/kafka-sender.ts";
import { checkTopics } from "../../../core/log/kafka-topics.ts";
import type { KafkaConnection } from "../../../core/log/kafka-wire.ts";
import { openTopicAdmin } from "../../../core/log/kafkajs-admin.ts";
import { openKafkaJsLog } from "../../../core/log/log-kafka.ts";
import { openPlatformaticLog } from "../../../core/log/log-platformatic.ts";
import { makeTopics, type EventLog, type Topics } from "../../../core/log/log.ts";
import { RegistryView } from "../../../core/registry/view.ts";
import { messageOf, WattlogError } from "../../../core/runtime/errors.ts";
import type { Logger } from "../../../core/runtime/logger.ts";
import type { Metrics } from "../../../core/runtime/metrics.ts";
import { requireSchema } from "../../../core/store/migrations.ts";
import { openPostgresStore } from "../../../core/store/store-postgres.ts";
import type { Store } from "../../../core/store/store.ts";

/** Raised by `wattlog topics --new-generation`, a later capability; every process must name the same. */
export const generation = 1;

export type ClusterRoleName = "gateway" | "processor" | "projector" | "api";

/** @throws WattlogError `config/invalid` naming what is missing. */
export function requireCluster(
  settings: Settings,
  needs: readonly ("kafkaBrokers" | "redisUrl" | "databaseUrl")[],
): void {
  const names = { kafkaBrokers: "KAFKA_BROKERS", redisUrl: "REDIS_URL", databaseUrl: "DATABASE_URL" } as const;
  const missing = needs.filter((need) => settings[need] === "").map((need) => names[need]);
  if (missing.length === 0) return;
  throw new WattlogError(
    "config/invalid",
    `A process of one role needs ${missing.join(" and ")}; set ${missing.length > 1 ? "them" : "it"}, or run \`wattlog all\`, which needs no server.`,
  );
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
  });
  if (!kafka) throw new WattlogError("config/invalid", "KAFKA_BROKERS is not set; it names the log's brokers.");
  return { clientId, ...kafka };
}

export function topicsOf(settings: Settings): Topics {
  return makeTopics(generation, settings.partitions);
}

/** Topics are as they must be, or the start ends with one sentence. */
export async function connectLog(
  settings: Settings,
  clientId: string,
  deps: { readonly metrics: Metrics; readonly logger: Logger },
): Promise<EventLog> {
  const connection = kafkaConnection(settings, clientId);
  const topics = topicsOf(settings);
  const admin = await openTopicAdmin(connection);
  try {
    await checkTopics(admin, topics, settings.allowWeakLog);
  } finally {
    await admin.close();
  }
  const onAnomaly = (anomaly: Anomaly) => {
    deps.metrics.logAnomalies.inc({ kind: anomaly.kind });
    deps.logger.error({ anomaly }, "the log's client was caught in an anomaly; its frames count as unacknowledged");
  };
  const open = settings.kafkaDriver === "kafkajs" ? openKafkaJsLog : openPlatformaticLog;
  return open({ connection, topics, onAnomaly });
}

/** For the command line, which writes nothing and needs no check of what a writer relies on. */
export async function openLogForReading(settings: Settings): Promise<EventLog> {
  const open = settings.kafkaDriver === "kafkajs" ? openKafkaJsLog : openPlatformaticLog;
  return open({ connection: kafkaConnection(settings, "wattlog-cli"), topics: topicsOf(settings) });
}

/** Without Redis chargers go on and commands fail fast, so a role starts without it, and says so in its readiness. */
export function connectBus(settings: Settings, logger: Logger): RedisBus {
  return openRedisBus({
    url: settings.redisUrl,
    clusterId: settings.clusterId,
    onLease: (held) => logger.info({ held }, held ? "commands can be taken" : "no lease: commands are not taken"),
    onAnomaly: (what) => logger.warn({ what }, "the command bus reports something odd"),
  });
}

/** @throws WattlogError `store/schema` | `store/unavailable`, one sentence: a role never works on tables of another version. */
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

export async function followRegistry(log: EventLog, onFailure: (why: string) => void): Promise<RegistryView> {
  const registry = new RegistryView(log);
  registry.onFailure = (error) => onFailure(`the registry cannot be followed: ${messageOf(error)}`);
  await registry.start();
  return registry;
}
