// An idempotent producer on the protocol itself.
import { Brokers, errorName, newSequences, type ProducerIdentity } from "./platformatic-client.ts";
import {
  rotated,
  type Ack,
  type BatchProducer,
  type KafkaConnection,
  type OutBatch,
  type ProducerWish,
  type Refusal,
  type SendResult,
} from "./kafka-wire.ts";

/** Refusals that another try may overcome: leaders move, replicas catch up. */
const passing = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "REQUEST_TIMED_OUT",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "KAFKA_STORAGE_ERROR",
  "FENCED_LEADER_EPOCH",
]);
const patienceMs = 100;

export class PlatformaticProducer implements BatchProducer {
  private readonly brokers: Brokers;
  private readonly wish: ProducerWish;
  private readonly producerId: bigint;
  private readonly producerEpoch: number;
  private readonly sequences = newSequences();
  private ended = false;

  static async connect(connection: KafkaConnection, wish: ProducerWish): Promise<PlatformaticProducer> {
    const brokers = new Brokers(connection, wish.requestMs, wish.attempt);
    try {
      const { nodes } = await brokers.learn([]);
      // Any broker gives a producer id.
      const [node] = rotated([...nodes.keys()], wish.attempt);
      if (node === undefined) throw new Error("the cluster names no broker");
      return new PlatformaticProducer(brokers, wish, await brokers.producerId(node));
    } catch (error) {
      brokers.close();
      throw error;
    }
  }

  private constructor(brokers: Brokers, wish: ProducerWish, { producerId, producerEpoch }: ProducerIdentity) {
    this.brokers = brokers;
    this.wish = wish;
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  /** A patient one repeats a refused or unanswered batch as it was: same id, same sequence, so it is stored once. */
  async send(batches: readonly OutBatch[]): Promise<SendResult> {
    for (;;) {
      let result: SendResult | undefined;
      let failure: unknown;
      try {
        result = await this.sendOnce(batches);
      } catch (error) {
        failure = error;
      }
      const again = result
        ? result.refused.length > 0 && result.refused.every(({ error }) => passing.has(error))
        : true;
      if (!this.wish.patient || !again || this.ended) {
        if (result) return this.counted(result, batches);
        throw failure;
      }
      await new Promise((resolve) => setTimeout(resolve, patienceMs));
      await this.brokers.learn(topicsOf(batches)).catch(() => undefined);
    }
  }

  end(): void {
    this.ended = true;
    this.brokers.close();
  }

  private counted(result: SendResult, batches: readonly OutBatch[]): SendResult {
    for (const { topic, partition, entries } of batches) {
      this.sequences.postIncrement(`${topic}:${partition}`, entries.length, 0);
    }
    return result;
  }

  private async sendOnce(batches: readonly OutBatch[]): Promise<SendResult> {
    const { leaders } = await this.brokers.known(topicsOf(batches));
    const byLeader = new Map<number, OutBatch[]>();
    const refused: Refusal[] = [];
    for (const batch of batches) {
      const leader = leaders.get(batch.topic)?.[batch.partition] ?? -1;
      const { topic, partition } = batch;
      if (leader < 0) refused.push({ topic, partition, error: "LEADER_NOT_AVAILABLE" });
      else byLeader.set(leader, [...(byLeader.get(leader) ?? []), batch]);
    }
    const results = await Promise.all([...byLeader].map(([leader, some]) => this.sendTo(leader, some)));
    return {
      acks: results.flatMap(({ acks }) => acks),
      refused: [...refused, ...results.flatMap((result) => result.refused)],
    };
  }

  private async sendTo(leader: number, batches: readonly OutBatch[]): Promise<SendResult> {
    const { producerId, producerEpoch, sequences } = this;
    const answer = await this.brokers.produce(leader, batches, { producerId, producerEpoch, sequences });
    const [acks, refused]: [Ack[], Refusal[]] = [[], []];
    for (const { name, partitionResponses } of answer.responses) {
      for (const { index, errorCode, baseOffset, logAppendTimeMs } of partitionResponses) {
        const error = errorName(errorCode);
        const id = { topic: name, partition: index };
        if (error !== undefined) refused.push({ ...id, error });
        else acks.push({ ...id, baseOffset: Number(baseOffset), logTime: Number(logAppendTimeMs) });
      }
    }
    return { acks, refused };
  }
}

function topicsOf(batches: readonly OutBatch[]): string[] {
  return [...new Set(batches.map(({ topic }) => topic))];
}
