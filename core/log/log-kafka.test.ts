import { kafkaHarness, connectionTo } from "../../test/harness/kafka.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { eventLogContract } from "./log.contract.ts";
import { kafkaJsDriver } from "./log-kafka.ts";

const { servers, missing } = await serversForTests(["kafka"]);

eventLogContract(
  "kafkajs",
  () => kafkaHarness(kafkaJsDriver, connectionTo(servers.kafka!)),
  async () => missing,
);
