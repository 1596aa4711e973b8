// What a person at the brokers can see and do, for tests: who leads a partition, on which brokers it lies.
import { Kafka, logLevel } from "kafkajs";

import { eventually } from "../harness/wait.ts";

export interface Placed {
  readonly leader: string;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

export class BrokerAdmin {
  private readonly kafka: Kafka;
  private readonly topic: string;

  constructor(brokers: readonly string[], topic: string) {
    this.kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    this.topic = topic;
  }

  async placed(partition: number): Promise<Placed> {
    return this.with(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [this.topic] });
      const found = topics[0]!.partitions.find(({ partitionId }) => partitionId === partition)!;
      return { leader: `broker-${found.leader}`, replicas: found.replicas, inSync: found.isr };
    });
  }

  /** Moves a partition to these brokers, the first of them its leader; resolves once all of them have it. */
  async keepOn(partition: number, replicas: readonly number[]): Promise<void> {
    await this.with((admin) =>
      admin.alterPartitionReassignments({
        topics: [{ topic: this.topic, partitionAssignment: [{ partition, replicas: [...replicas] }] }],
      }),
    );
    await eventually(
      `${this.topic}/${partition} to be on ${replicas.join()}`,
      async () => {
        const now = await this.placed(partition);
        return now.replicas.join() === replicas.join() && now.inSync.length === replicas.length;
      },
      { timeoutMs: 60_000 },
    );
  }

  private async with<T>(work: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
