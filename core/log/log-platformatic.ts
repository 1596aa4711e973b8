// EventLog on @platformatic/kafka 2.12.1.
import { KafkaEventLog, type KafkaDriver, type KafkaLogOptions } from "./kafka-event-log.ts";
import type { KafkaConnection } from "./kafka-wire.ts";
import { PlatformaticProducer } from "./platformatic-producer.ts";
import { PlatformaticWire } from "./platformatic-wire.ts";

export function openPlatformaticLog(options: KafkaLogOptions): KafkaEventLog {
  return new KafkaEventLog(platformaticDriver(options.connection), options);
}

export function platformaticDriver(connection: KafkaConnection): KafkaDriver {
  return {
    makeProducer: (wish) => PlatformaticProducer.connect(connection, wish),
    makeWire: (topics) => new PlatformaticWire(connection, topics),
  };
}
