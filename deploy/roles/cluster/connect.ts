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
import { GenerationLog, GenerationsLog } from "../../../core/log/generation-log.ts";
import { topicsOfGeneration } from "../../../core/log/generations.ts";
import { findGenerations, openGeneration, type FoundGeneration } from "../../../core/log/kafka-generations.ts";
import type { EventLog, Topics, TrimmableLog } from "../../../core/log/log.ts";
import { logIdentityOf, topicIds } from "../../../core/log/topic-ids.ts";
import { WattlogError } from "../../../core/runtime/errors.ts";
import { requireSchema } from "../../../core/store/migrations.ts";
import { parseDatabaseUrl } from "../../../core/store/postgres-connection.ts";
import { openPostgresStore } from "../../../core/store/store-postgres.ts";
import type { Store } from "../../../core/store/store.ts";
import { throughArchive } from "../archive.ts";

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

/** Which generation of the log a process works on, and those before it, which it reads. */
export interface LogShape {
  readonly topics: Topics;
  /** The oldest first. */
  readonly earlier: readonly Topics[];
}

/** The generation that takes records, or the one that the tables are folded from. */
export type WhichGeneration = "open" | number;

export interface ExaminedLog extends LogShape {
  /** Of the topics of the first generation and of the one that is worked on. */
  readonly ids: ReadonlyMap<string, string>;
  /** What no other log has; the same over all generations of it. */
  readonly identity: string;
}

/**
 * That the log is there, as it must be, and which one it is.
 * @param attempt how many were in vain before
 * @throws WattlogError `log/unavailable` | `log/refused` | `config/invalid`, one sentence with what to do
 */
export async function examineLog(
  settings: Settings,
  connection: KafkaConnection,
  attempt: number,
  which: WhichGeneration,
): Promise<ExaminedLog> {
  try {
    const first = topicsOfGeneration(1, settings.partitions);
    // Says more about a way that is closed than the other client does, and sooner.
    const firstIds = await topicIds(connection, first, attempt);
    const shape = await withAdmin(connection, attempt, async (admin) => {
      const found = shapeOf(await findGenerations(admin, settings.partitions), settings, which);
      await checkTopics(admin, found.topics, settings.allowWeakLog, which !== "open");
      return found;
    });
    const ids = new Map([...firstIds, ...(await topicIds(connection, shape.topics, attempt))]);
    return { ...shape, ids, identity: logIdentityOf(firstIds) };
  } catch (error) {
    throw unreachableKafka(error, connection);
  }
}

/** The ids of all of these, by name; a topic that there is not is left out. @throws where no broker answers */
export async function idsOf(
  connection: KafkaConnection,
  generations: readonly Topics[],
  attempt: number,
): Promise<ReadonlyMap<string, string>> {
  const all = await Promise.all(generations.map((topics) => topicIds(connection, topics, attempt)));
  return new Map(all.flatMap((some) => [...some]));
}

/** @throws WattlogError `log/unavailable` while none takes records; `config/invalid` where there is no such generation */
function shapeOf(found: readonly FoundGeneration[], settings: Settings, which: WhichGeneration): LogShape {
  const newest = found.at(-1);
  // Whoever checks its topics says that there are none.
  if (!newest) return { topics: topicsOfGeneration(1, settings.partitions), earlier: [] };
  const at = which === "open" ? found.findLastIndex(({ state }) => state === "open") : which - 1;
  const wanted = found[at];
  if (wanted) return { topics: wanted.topics, earlier: found.slice(0, at).map(({ topics }) => topics) };
  if (which === "open") {
    throw new WattlogError(
      "log/unavailable",
      `${newest.topics.frames.name} is not open yet, and the generation before it has ended: let \`wattlog topics --new-generation\` come to its end.`,
    );
  }
  throw new WattlogError(
    "config/invalid",
    `The database in DATABASE_URL was folded from generation ${which} of the log, and Kafka has ${found.length}: KAFKA_BROKERS leads elsewhere, or topics were removed.`,
  );
}

export async function withAdmin<T>(
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

/** Made and set, then checked. @returns a line for each change, and the log. @throws as `examineLog` does */
export async function provisionLogTopics(
  settings: Settings,
  connection: KafkaConnection,
): Promise<{ readonly done: readonly string[]; readonly shape: LogShape }> {
  try {
    await topicIds(connection, topicsOfGeneration(1, settings.partitions));
    return await withAdmin(connection, 0, async (admin) => {
      const shape = shapeOf(await findGenerations(admin, settings.partitions), settings, "open");
      const done = await provisionTopics(admin, shape.topics, { replicas: settings.allowWeakLog ? 1 : 3 });
      await checkTopics(admin, shape.topics, settings.allowWeakLog);
      return { done, shape };
    });
  } catch (error) {
    throw unreachableKafka(error, connection);
  }
}

/** With its archive behind it, where there is one, and the generations before it. */
export function openLog(
  settings: Settings,
  connection: KafkaConnection,
  { topics, earlier }: LogShape,
  onAnomaly: (anomaly: Anomaly) => void = () => {},
): EventLog {
  const open = (of: Topics) => throughArchive(openLogItself(settings, connection, of, onAnomaly), settings);
  return earlier.length === 0 ? open(topics) : new GenerationsLog(open(topics), earlier.map(open));
}

/** What Kafka holds of one generation, and nothing else. */
export function openLogItself(
  settings: Settings,
  connection: KafkaConnection,
  topics: Topics,
  onAnomaly: (anomaly: Anomaly) => void = () => {},
): TrimmableLog {
  const open = settings.kafkaDriver === "kafkajs" ? openKafkaJsLog : openPlatformaticLog;
  const log = open({ connection, topics, onAnomaly });
  return topics.frames.firstOffset === undefined ? log : new GenerationLog(log);
}

/** For the command line, which writes nothing and needs no check of what a writer relies on. */
export async function openLogForReading(settings: Settings): Promise<EventLog> {
  const connection = kafkaConnection(settings, "wattlog-cli");
  try {
    const found = await withAdmin(connection, 0, (admin) => findGenerations(admin, settings.partitions));
    // In the moment between two of them the one that has just ended is the newest that holds anything.
    const which = openGeneration(found) ? "open" : Math.max(1, found.length - 1);
    return openLog(settings, connection, shapeOf(found, settings, which));
  } catch (error) {
    throw unreachableKafka(error, connection);
  }
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
