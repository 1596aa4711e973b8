// Topics that are not as they must be, and a log that is another than it was: no role begins on them, nothing is skipped.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { makeTopics } from "../../core/log/log.ts";
import { openTopicAdmin } from "../../core/log/kafkajs-admin.ts";
import type { TopicAdmin } from "../../core/log/kafka-topics.ts";
import { connectionTo } from "../harness/kafka.ts";
import { TestStation } from "../harness/station.ts";
import { eventually, within } from "../harness/wait.ts";
import { clusterServers, RoleProcess, sentencesOf, type ClusterServers, type Environment } from "./cluster-servers.ts";

const found = await clusterServers();
const topics = makeTopics(1, 4);
let servers: ClusterServers;
let admin: TopicAdmin;

beforeAll(async () => {
  if ("missing" in found) return;
  servers = found;
  admin = await openTopicAdmin(connectionTo(servers.kafka.server));
}, 60_000);

afterAll(async () => {
  await admin?.close();
  if (!("missing" in found)) await found[Symbol.asyncDispose]();
}, 60_000);

beforeEach((context) => {
  if ("missing" in found) context.skip(found.missing);
});

/** The one sentence of a start that ends with 2. */
async function refusal(role: string, env: Environment = {}): Promise<string> {
  const process = await RoleProcess.start(role, { ...servers.environment, ...env });
  const exit = await within(90_000, process.child.exited);
  await process.stop();
  expect(exit, `it said ${process.child.words()}`).toEqual({ code: 2, signal: null });
  expect(sentencesOf(process)).toHaveLength(1);
  return process.child.stderr;
}

test("a role before `wattlog topics` names it", async () => {
  expect(await refusal("gateway")).toContain("Kafka has no topic ocpp.frames.g1; `wattlog topics` makes it");
  await servers.provision();
});

test("another number of partitions than the topics have names both, also at `wattlog topics`", async () => {
  expect(await refusal("processor", { WATTLOG_PARTITIONS: "7" })).toMatch(
    /4 partitions and WATTLOG_PARTITIONS asks for 7/,
  );
  const { code, stderr } = await servers.run(["topics"], { WATTLOG_PARTITIONS: "7" });
  expect(stderr).toContain("WATTLOG_PARTITIONS");
  expect(code).toBe(2);
});

describe.each([
  ["gateway", "retention.ms", "604800000", "retention.ms=604800000"],
  ["projector", "cleanup.policy", "compact", "cleanup.policy=compact"],
  ["processor", "message.timestamp.type", "CreateTime", "LogAppendTime"],
  ["api", "max.message.bytes", "1048588", "max.message.bytes"],
])("a %s on topics with %s=%s", (role, name, value, says) => {
  test("is refused, in development too, until `wattlog topics` has set it", async () => {
    await admin.configure(topics.events.name, { [name]: value });
    expect(await refusal(role)).toContain(says);
    const { code, stderr } = await servers.run(["topics"]);
    expect(stderr).toContain(`set ${name}=`);
    expect(code).toBe(0);
  });
});

test("a log that may lose what it acknowledged is refused, but for WATTLOG_ALLOW_WEAK_LOG", async () => {
  const strict = { WATTLOG_ALLOW_WEAK_LOG: "false" };
  const { name } = topics.frames;
  expect(await refusal("gateway", strict)).toMatch(/single broker.*min\.insync\.replicas.*WATTLOG_ALLOW_WEAK_LOG/);
  await admin.configure(name, { "unclean.leader.election.enable": "true" });
  expect(await refusal("gateway", strict)).toMatch(/unclean\.leader\.election\.enable/);
  await admin.configure(name, { "unclean.leader.election.enable": "false", "min.insync.replicas": "2" });
  expect(await refusal("gateway", strict)).toMatch(/kept on 1 brokers and must be on 3/);
  await servers.run(["topics"]);
  await using gateway = await RoleProcess.start("gateway", servers.environment);
  expect((await gateway.ready()).ready).toBe(true);
});

test("a database that was folded from a newer generation of topics is left alone", async () => {
  const url = await servers.database();
  await servers.run(["migrate"], { DATABASE_URL: url });
  const values = "'processor', 'ocpp.frames.g2', 0, 2, 5, 'f', 1, 5, 0, 0, 0, 0";
  await servers.sql(`insert into position values (${values})`, url);
  const said = await refusal("processor", { DATABASE_URL: url });
  expect(said).toMatch(/folded from generation 2 of the log, and Kafka has 1/);
});

/** As soon as the api's first settings have come to the gateway. */
function letIn({ ocppUrl }: RoleProcess): Promise<TestStation> {
  return eventually("a station to be let in", () => TestStation.connect({ url: ocppUrl, id: "CP-OLD" }));
}

test("topics that are deleted and made anew under the same names: whoever ran ends, the database refuses the new log", async () => {
  const roles = await Promise.all(
    ["gateway", "processor", "projector", "api"].map((role) => RoleProcess.start(role, servers.environment)),
  );
  const [gateway] = roles as [RoleProcess];
  try {
    await Promise.all(roles.map((role) => role.ready()));
    const station = await letIn(gateway);
    for (let i = 0; i < 5; i++) await station.call("Heartbeat", {});
    station.vanish();
    const folded = () => servers.sql("select sum(next)::int as next from position where role = 'projector'");
    await eventually("the records to be projected", async () => Number((await folded())[0]?.["next"]) > 0, {
      timeoutMs: 60_000,
    });
    const { frames, events, registry } = topics;
    for (const { name } of [frames, events, registry]) await admin.remove(name);
    await eventually("the topics to be made anew", async () => (await servers.run(["topics"])).code === 0, {
      timeoutMs: 60_000,
    });
    // Whoever reads meets the end of the log that it is in; whoever only looks sees another topic.
    for (const { child } of roles) {
      const exit = await within(60_000, child.exited);
      expect(exit, `it said ${child.words()}`).toEqual({ code: 1, signal: null });
      expect(child.stderr).toMatch(
        /ends: .*(?:was deleted and made anew while this process ran|belongs to another log)/,
      );
    }
  } finally {
    await Promise.all(roles.map((role) => role.stop()));
  }
  expect(await refusal("projector")).toMatch(/folded from another log.*wattlog migrate --new-log/);
  expect(await refusal("api")).toMatch(/folded from another log/);
  // Said to be a copy, it is still compared record by record: what is none of it is never folded.
  expect((await servers.run(["migrate", "--new-log"])).code).toBe(0);
  await using next = await RoleProcess.start("processor", servers.environment);
  await eventually("it to tell of the records", async () =>
    (await next.problem()).includes("not the one that was folded"),
  );
}, 300_000);

test("a station is let in by a log that was made anew, whatever offset it had reached in the one before", async () => {
  await using gateway = await RoleProcess.start("gateway", servers.environment);
  await using api = await RoleProcess.start("api", servers.environment);
  await Promise.all([gateway.ready(), api.ready()]);
  const station = await letIn(gateway);
  await station.call("Heartbeat", {});
  expect(await within(1_500, station.closed)).toBe("nothing");
  station.vanish();
});
