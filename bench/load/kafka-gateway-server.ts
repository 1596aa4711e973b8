// Process: the gateway on Kafka, as `wattlog gateway` puts it together, without bus, fold and read side.
import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { newNodeId, trusted } from "../../core/ids/ids.ts";
import { provisionTopics } from "../../core/log/kafka-topics.ts";
import { openTopicAdmin } from "../../core/log/kafkajs-admin.ts";
import { openKafkaJsLog } from "../../core/log/log-kafka.ts";
import { openPlatformaticLog } from "../../core/log/log-platformatic.ts";
import { makeTopics, type EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { seedSettings } from "../../deploy/roles/first-settings.ts";
import { createGateway, type Gateway } from "../../gateway/gateway.ts";
import { serve } from "./process.ts";
import { liftStationRate, loadSettings } from "./settings.ts";
import type { Target, TargetAddress, TargetOptions } from "./targets.ts";
import { cpuUsage, memoryUsage } from "./usage.ts";

const host = "127.0.0.1";
let running: { readonly gateway: Gateway; readonly registry: RegistryView; readonly log: EventLog } | undefined;

async function start({ folder, kafka }: TargetOptions): Promise<TargetAddress> {
  if (!kafka) throw new Error("Kafka is not named.");
  liftStationRate();
  const settings = loadSettings(folder);
  const party = trusted.party(settings.party);
  const connection = { brokers: kafka.brokers, clientId: `bench-${kafka.driver}` };
  // A generation of its own: gateways that are compared do not share topics.
  const topics = makeTopics(kafka.generation, kafka.partitions);
  const admin = await openTopicAdmin(connection);
  await provisionTopics(admin, topics, { replicas: 1 });
  await admin.close();
  const open = kafka.driver === "kafkajs" ? openKafkaJsLog : openPlatformaticLog;
  const log = open({ connection, topics, onAnomaly: ({ detail }) => console.error(detail) });
  const registry = new RegistryView(log);
  await registry.start();
  await seedSettings(settings, party, { log, registry, clock: systemClock });
  const gateway = createGateway({
    options: { host, port: 0, party, appendHoldMs: settings.appendHoldMs, noSubprotocol: "reject" },
    log,
    bus: new EmbeddedBusHub().client(),
    registry,
    clock: systemClock,
    nodeId: newNodeId(),
    metrics: createMetrics(),
    logger: createLogger("gateway", settings.logLevel),
  });
  await gateway.start();
  running = { gateway, registry, log };
  return { host, port: gateway.port() };
}

serve<Target>({ start, cpu: () => cpuUsage(), memory: memoryUsage, log: async () => undefined }, async () => {
  await running?.gateway.stop();
  await running?.registry.stop();
  await running?.log.close();
});
