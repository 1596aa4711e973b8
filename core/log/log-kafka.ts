// EventLog on kafkajs 2.2.4. Writing goes through its public producer, guarded; reading through its brokers.
import { KafkaEventLog, type KafkaDriver, type KafkaLogOptions } from "./kafka-event-log.ts";
import type { KafkaConnection } from "./kafka-wire.ts";
import { KafkaJsProducer } from "./kafkajs-producer.ts";
import { KafkaJsWire } from "./kafkajs-wire.ts";

export function openKafkaJsLog(options: KafkaLogOptions): KafkaEventLog {
  return new KafkaEventLog(kafkaJsDriver(options.connection), options);
}

export function kafkaJsDriver(connection: KafkaConnection): KafkaDriver {
  return {
    makeProducer: (wish) => KafkaJsProducer.connect(connection, wish),
    makeWire: (topics) => new KafkaJsWire(connection, topics),
  };
}
