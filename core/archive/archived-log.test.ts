import { expect, test } from "vitest";

import { embeddedHarness } from "../../test/harness/embedded-log.ts";
import { connectionTo, kafkaHarness } from "../../test/harness/kafka.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { eventLogContract } from "../log/log.contract.ts";
import { platformaticDriver } from "../log/log-platformatic.ts";
import { halvedHarness, type Halved } from "./halving.test-helper.ts";

const { servers, missing } = await serversForTests(["kafka"]);
const embedded: Halved = { trims: 0 };
const kafka: Halved = { trims: 0 };

eventLogContract("the embedded log, half archived", () => halvedHarness(embeddedHarness, embedded));

eventLogContract(
  "@platformatic/kafka, half archived",
  () => halvedHarness((wrap) => kafkaHarness(platformaticDriver, connectionTo(servers.kafka!), {}, wrap), kafka),
  async () => missing,
);

test("what these contracts read came from the archive too: the logs gave up their first halves all the time", () => {
  expect(embedded.trims).toBeGreaterThan(10);
  expect(kafka.trims).toBeGreaterThan(missing ? -1 : 10);
});
