// A copy of a log on another cluster, as a mirror makes it: record by record, with offsets and times, and never quite at the end.
import { Kafka, logLevel } from "kafkajs";

import { provisionTopics } from "../../core/log/kafka-topics.ts";
import { openTopicAdmin } from "../../core/log/kafkajs-admin.ts";
import type { EventLog, Topic } from "../../core/log/log.ts";
import { connectionTo } from "../harness/kafka.ts";

/** How much of each partition the mirror had copied when its source went, of one. */
export interface Copied {
  readonly frames: number;
  readonly events: number;
}

/** @returns by partition, where the copy of the frames ends */
export async function mirror(from: EventLog, brokers: readonly string[], copied: Copied): Promise<readonly number[]> {
  const { frames, events, registry } = from.topics;
  const admin = await openTopicAdmin(connectionTo({ brokers }));
  try {
    await provisionTopics(admin, from.topics, { replicas: 1 });
    // A mirror keeps the times of its source (rule T1).
    for (const { name } of [frames, events, registry]) {
      await admin.configure(name, { "message.timestamp.type": "CreateTime" });
    }
  } finally {
    await admin.close();
  }
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  try {
    const copy = async (topic: Topic, share: number): Promise<number[]> => {
      const ends: number[] = [];
      for (let partition = 0; partition < topic.partitions; partition++) {
        const end = Math.floor((await from.endOffset(topic, partition)) * share);
        for await (const { records } of from.read(topic, partition, 0, end)) {
          const messages = records.map(({ key, value, logTime }) => {
            return { partition, key, value: Buffer.from(value), timestamp: String(logTime) };
          });
          await producer.send({ topic: topic.name, acks: -1, messages });
        }
        ends.push(end);
      }
      return ends;
    };
    await copy(registry, 1);
    await copy(events, copied.events);
    return await copy(frames, copied.frames);
  } finally {
    await producer.disconnect();
  }
}
