// Topics of a test's own on a shared Kafka, and a harness for the log's contract on any driver.
import { KafkaEventLog, type KafkaDriver, type KafkaLogOptions } from "../../core/log/kafka-event-log.ts";
import { provisionTopics, type TopicAdmin } from "../../core/log/kafka-topics.ts";
import type { KafkaConnection } from "../../core/log/kafka-wire.ts";
import { openTopicAdmin } from "../../core/log/kafkajs-admin.ts";
import type { LogHarness } from "../../core/log/log.contract.ts";
import { makeTopics, type EventLog, type Topics, type TrimmableLog } from "../../core/log/log.ts";
import type { KafkaServer } from "../../tools/servers/protocol.ts";

export function connectionTo({ brokers }: Pick<KafkaServer, "brokers">): KafkaConnection {
  return { brokers, clientId: "wattlog-test" };
}

export interface OwnTopics {
  readonly topics: Topics;
  remove(): Promise<void>;
}

/** A generation that no other test has, so that its topics are nobody else's. */
export function unusedTopics(partitions: number): Topics {
  return makeTopics(1 + Math.floor(Math.random() * 2 ** 40), partitions);
}

export async function ownTopics(connection: KafkaConnection, replicas: number, partitions = 12): Promise<OwnTopics> {
  const admin = await openTopicAdmin(connection);
  const topics = unusedTopics(partitions);
  try {
    await provisionTopics(admin, topics, { replicas });
  } catch (error) {
    await admin.close();
    throw error;
  }
  return { topics, remove: () => removeAndClose(admin, topics) };
}

async function removeAndClose(admin: TopicAdmin, { frames, events, registry }: Topics): Promise<void> {
  for (const { name } of [frames, events, registry]) await admin.remove(name);
  await admin.close();
}

/**
 * @param more options beyond the defaults, for tests of faults
 * @param wrap what stands in front of each handle
 */
export async function kafkaHarness(
  driver: (connection: KafkaConnection) => KafkaDriver,
  connection: KafkaConnection,
  more: Partial<KafkaLogOptions> = {},
  wrap: (log: TrimmableLog) => EventLog = (log) => log,
): Promise<LogHarness> {
  const own = await ownTopics(connection, 1);
  let handles: EventLog[] = [];
  const open = (): EventLog => {
    const log = wrap(new KafkaEventLog(driver(connection), { connection, topics: own.topics, ...more }));
    handles.push(log);
    return log;
  };
  const closeAll = async (): Promise<void> => {
    await Promise.all(handles.map((log) => log.close()));
    handles = [];
  };
  return {
    log: open(),
    tells: false,
    another: async () => open(),
    async restart() {
      await closeAll();
      return open();
    },
    async end() {
      await closeAll();
      await own.remove();
    },
  };
}
