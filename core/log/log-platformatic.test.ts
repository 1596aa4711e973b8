import { kafkaHarness, connectionTo } from "../../test/harness/kafka.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { eventLogContract } from "./log.contract.ts";
import { platformaticDriver } from "./log-platformatic.ts";

const { servers, missing } = await serversForTests(["kafka"]);

eventLogContract(
  "@platformatic/kafka",
  () => kafkaHarness(platformaticDriver, connectionTo(servers.kafka!)),
  async () => missing,
);
