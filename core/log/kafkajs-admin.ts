// Topic administration through kafkajs.
import { clientOf, topicConfigSource, topicResource, type KafkaJsAdminClient } from "./kafkajs-client.ts";
import type { TopicAdmin, TopicSettings } from "./kafka-topics.ts";
import type { KafkaConnection } from "./kafka-wire.ts";

const adminPatienceMs = 15_000;
/** What is no Kafka, or is frozen, may say nothing at all: a start must be able to tell within ten seconds. */
const adminRequestMs = 5_000;

/**
 * @param attempt how many were in vain before; which broker is asked first follows from it
 * @throws where no broker can be reached or the credentials are refused
 */
export async function openTopicAdmin(connection: KafkaConnection, attempt = 0): Promise<TopicAdmin> {
  const retry = { retries: 3, initialRetryTime: 100, maxRetryTime: 500 };
  const admin = clientOf(connection, attempt, { retry, requestTimeout: adminRequestMs }).admin();
  try {
    await admin.connect();
  } catch (error) {
    admin.disconnect().catch(() => undefined);
    throw error;
  }
  return new KafkaJsTopicAdmin(admin);
}

class KafkaJsTopicAdmin implements TopicAdmin {
  private readonly admin: KafkaJsAdminClient;

  constructor(admin: KafkaJsAdminClient) {
    this.admin = admin;
  }

  async create(name: string, { partitions, replicas, config }: TopicSettings): Promise<void> {
    const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }));
    const topic = { topic: name, numPartitions: partitions, replicationFactor: replicas, configEntries };
    // Its own wait for leaders gives up at the first broker that has not heard of the topic yet.
    await this.admin.createTopics({ topics: [topic], waitForLeaders: false });
    await until(`${name} has leaders`, async () => {
      const { topics } = await this.admin.fetchTopicMetadata({ topics: [name] });
      const found = topics[0]?.partitions ?? [];
      return found.length === partitions && found.every(({ leader }) => leader >= 0);
    });
  }

  async configure(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    // This request replaces every setting of the topic, so those that were set before are sent along.
    const own = await this.ownConfig(name);
    const all = Object.entries({ ...own, ...config }).map(([key, value]) => ({ name: key, value }));
    await this.admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: topicResource, name, configEntries: all }],
    });
    // Accepted by the controller, in force when the brokers have heard of it.
    await until(`${name} is set`, async () => {
      const now = await this.ownConfig(name);
      return Object.entries(config).every(([key, value]) => now[key] === value);
    });
  }

  async describe(name: string, config: readonly string[]): Promise<TopicSettings | undefined> {
    if (!(await this.topicNames()).includes(name)) return undefined;
    const { topics } = await this.admin.fetchTopicMetadata({ topics: [name] });
    const partitions = topics[0]?.partitions ?? [];
    const entries = (await this.configOf(name)).filter(({ configName }) => config.includes(configName));
    return {
      partitions: partitions.length,
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      config: Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue])),
    };
  }

  async trim(name: string, before: ReadonlyMap<number, number>): Promise<void> {
    const partitions = [...before].map(([partition, offset]) => ({ partition, offset: String(offset) }));
    // Loads the metadata that the next call takes for granted.
    await this.admin.fetchTopicOffsets(name);
    await this.admin.deleteTopicRecords({ topic: name, partitions });
  }

  async remove(name: string): Promise<void> {
    if ((await this.topicNames()).includes(name)) await this.admin.deleteTopics({ topics: [name] });
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
  }

  private async topicNames(): Promise<readonly string[]> {
    try {
      return await this.admin.listTopics();
    } catch (error) {
      // Where no broker has answered kafkajs takes nothing apart as if it were an answer.
      if (error instanceof TypeError) throw new Error("The request for topics timed out.", { cause: error });
      throw error;
    }
  }

  private async ownConfig(name: string): Promise<Record<string, string>> {
    const own = (await this.configOf(name)).filter(({ configSource }) => configSource === topicConfigSource);
    return Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue]));
  }

  private async configOf(name: string) {
    const resources = [{ type: topicResource, name }];
    const { resources: found } = await this.admin.describeConfigs({ resources, includeSynonyms: false });
    return found[0]?.configEntries ?? [];
  }
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + adminPatienceMs;
  for (;;) {
    if (await done().catch(() => false)) return;
    if (performance.now() > limit) throw new Error(`waited ${adminPatienceMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
