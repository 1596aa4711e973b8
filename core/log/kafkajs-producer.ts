// kafkajs' public producer as a BatchProducer. kafka-sender.ts guards it.
import { messageOf } from "../runtime/errors.ts";
import { clientOf, finalError, metadataMs, noRetries, type KafkaJsProducerClient } from "./kafkajs-client.ts";
import type { BatchProducer, KafkaConnection, OutBatch, ProducerWish, SendResult } from "./kafka-wire.ts";

interface Message {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly partition: number;
  /** Set when it was given its partition, which happens once an attempt. */
  tried?: true;
}

export class KafkaJsProducer implements BatchProducer {
  private readonly producer: KafkaJsProducerClient;
  private readonly requestMs: number;
  /** Why the first attempt failed, which the refusal of a second one would hide. */
  private readonly words: { last: string };

  static async connect(connection: KafkaConnection, wish: ProducerWish): Promise<KafkaJsProducer> {
    const words = { last: "" };
    const kafka = clientOf(connection, wish.attempt, { requestTimeout: wish.requestMs }, (said) => {
      words.last = said;
    });
    const producer = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMs,
      createPartitioner:
        () =>
        ({ message }) =>
          partitionOf(message as Message, wish.patient),
      // An idempotent producer must allow one; the partitioner ends an impatient one before it.
      retry: wish.patient ? { retries: 50, initialRetryTime: 100, maxRetryTime: 500 } : { ...noRetries, retries: 1 },
    });
    const made = new KafkaJsProducer(producer, wish.requestMs, words);
    try {
      await producer.connect();
      return made;
    } catch (error) {
      made.end();
      throw error;
    }
  }

  private constructor(producer: KafkaJsProducerClient, requestMs: number, words: { last: string }) {
    this.producer = producer;
    this.requestMs = requestMs;
    this.words = words;
  }

  async send(batches: readonly OutBatch[]): Promise<SendResult> {
    const topicMessages = batches.map(({ topic, partition, entries }) => ({
      topic,
      messages: entries.map(({ key, value }): Message => ({ key, value, partition })),
    }));
    try {
      const answer = await this.producer.sendBatch({
        acks: -1,
        timeout: Math.ceil(this.requestMs * 0.8),
        topicMessages,
      });
      const acks = answer.map(({ topicName, partition, baseOffset, logAppendTime }) => ({
        topic: topicName,
        partition,
        baseOffset: Number(baseOffset ?? -1),
        logTime: Number(logAppendTime ?? -1),
      }));
      return { acks, refused: [] };
    } catch (error) {
      throw new Error(`${messageOf(error)} (${this.words.last})`, { cause: error });
    }
  }

  end(): void {
    this.producer.disconnect().catch(() => undefined);
  }
}

/**
 * The partition is the caller's. Being asked a second time for a message means a second attempt, which on a producer of
 * many partitions must not be: it may skip partitions whose leader has moved, and it holds up the healthy ones.
 */
function partitionOf(message: Message, patient: boolean): number {
  if (message.tried && !patient) throw finalError("not sent a second time");
  message.tried = true;
  return message.partition;
}
