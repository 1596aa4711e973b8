// Two clusters that share a server by mistake, and two processes that share a name: neither takes what is the other's.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { ownServer, type OwnServer } from "../../tools/servers/ensure.ts";
import type { KafkaServer } from "../../tools/servers/protocol.ts";
import { Rest } from "../harness/rest.ts";
import { TestStation, type ReceivedCommand } from "../harness/station.ts";
import { eventually, within } from "../harness/wait.ts";
import { clusterServers, RoleProcess, sentencesOf, type ClusterServers, type Environment } from "./cluster-servers.ts";

const found = await clusterServers();
let servers: ClusterServers;
let otherKafka: OwnServer<KafkaServer>;
/** Another Kafka and database, and the same Redis. */
let other: Environment;

beforeAll(async () => {
  if ("missing" in found) return;
  servers = found;
  otherKafka = await ownServer("kafka");
  other = { KAFKA_BROKERS: otherKafka.server.brokers.join(","), DATABASE_URL: await servers.database() };
  await Promise.all([servers.provision(), servers.provision(other)]);
}, 120_000);

afterAll(async () => {
  await otherKafka?.end();
  if (!("missing" in found)) await found[Symbol.asyncDispose]();
}, 60_000);

beforeEach((context) => {
  if ("missing" in found) context.skip(found.missing);
});

/** Another of the same server: names in it hold cluster and log anyway. */
const otherRedis = (): string => `${servers.redis.server.url}/1`;

async function refusal(role: string, env: Environment): Promise<string> {
  const process = await RoleProcess.start(role, { ...servers.environment, ...env });
  const exit = await within(90_000, process.child.exited);
  await process.stop();
  expect(exit, `it said ${process.child.words()}`).toEqual({ code: 2, signal: null });
  expect(sentencesOf(process)).toHaveLength(1);
  return process.child.stderr;
}

/** As soon as the api's first settings have come to the gateway. */
function letIn({ ocppUrl }: RoleProcess, id: string, onCommand?: TestStation["onCommand"]): Promise<TestStation> {
  const options = { url: ocppUrl, id, ...(onCommand ? { onCommand } : {}) };
  return eventually("a station to be let in", () => TestStation.connect(options));
}

test("two clusters on one Redis, of the same name and with the same station: each commands its own", async () => {
  const start = (env: Environment) =>
    Promise.all(["gateway", "api"].map((role) => RoleProcess.start(role, { ...servers.environment, ...env })));
  const all = (await Promise.all([start({}), start(other)])) as [RoleProcess, RoleProcess][];
  try {
    await Promise.all(all.flat().map((role) => role.ready()));
    const heard: ReceivedCommand[][] = [[], []];
    const stations = await Promise.all(
      all.map(([gateway], i) =>
        letIn(gateway, "CP-1", (command) => {
          heard[i]!.push(command);
          return { status: "Accepted" };
        }),
      ),
    );
    const alone = await letIn(all[0]![0], "CP-ALONE");
    for (const station of [...stations, alone]) for (let i = 0; i < 3; i++) await station.call("Heartbeat", {});
    const [one, two] = all.map(([, api]) => new Rest(api.httpUrl, servers.environment["WATTLOG_ADMIN_TOKEN"]!));
    const reset = { action: "Reset", payload: { type: "Soft" } };
    const owned = (rest: Rest, id: string) =>
      eventually(`${id} to take a command`, async () => {
        const { status, body } = await rest.command(id, reset, 10);
        return status === 202 && body.outcome === "accepted" ? body : undefined;
      });
    await owned(one!, "CP-1");
    expect(heard.map(({ length }) => length)).toEqual([1, 0]);
    await owned(two!, "CP-1");
    expect(heard.map(({ length }) => length)).toEqual([1, 1]);
    // Neither socket was taken for an older one of the other's.
    expect(stations.map(({ isOpen }) => isOpen)).toEqual([true, true]);
    expect((await two!.command("CP-ALONE", reset, 1)).status, "nobody there knows it").toBe(404);
    expect(alone.commands).toEqual([]);
  } finally {
    await Promise.all(all.flat().map((role) => role.stop()));
  }
}, 180_000);

test("a cluster of another name on the same Kafka is refused, by `wattlog topics` and by every role", async () => {
  const env = { WATTLOG_CLUSTER_ID: "staging", DATABASE_URL: await servers.database() };
  // Its tables say which generation of the topics is asked for.
  expect((await servers.run(["migrate"], env)).code).toBe(0);
  const { code, stderr } = await servers.run(["topics"], env);
  expect(stderr).toMatch(/ocpp\.frames\.g1 is the log of the cluster wattlog, and WATTLOG_CLUSTER_ID says staging/);
  expect(code).toBe(2);
  const said = await Promise.all(["gateway", "projector"].map((role) => refusal(role, env)));
  for (const sentence of said) expect(sentence).toContain("is the log of the cluster wattlog");
});

test("a second cluster of the same name on the same Kafka, with a database of its own, is refused until the log is given to it", async () => {
  const first = await RoleProcess.start("projector", servers.environment);
  await first.ready();
  const env = { DATABASE_URL: await servers.database(), REDIS_URL: otherRedis() };
  await servers.provision(env);
  const roles = ["api", "processor"];
  for (const sentence of await Promise.all(roles.map((role) => refusal(role, env)))) {
    expect(sentence).toMatch(/folded into another database than that in DATABASE_URL.*WATTLOG_CLUSTER_ID of its own/);
  }
  expect((await first.state())?.ready, "the one whose it is").toBe(true);
  // The database is said to be lost: whoever has it ends as soon as another has come.
  expect((await servers.run(["topics", "--new-database"])).code).toBe(0);
  const next = await RoleProcess.start("projector", { ...servers.environment, ...env });
  await next.ready();
  expect(await within(60_000, first.child.exited)).toEqual({ code: 1, signal: null });
  expect(first.child.stderr).toMatch(/ends: .*folded into another database/);
  await next.stop();
  expect((await servers.run(["topics", "--new-database"])).code, "and back").toBe(0);
}, 180_000);

test("a cluster on another's database is refused, whether it has another name or the same", async () => {
  const theirs = { KAFKA_BROKERS: other["KAFKA_BROKERS"]! };
  await using processor = await RoleProcess.start("processor", servers.environment);
  await processor.ready();
  expect(await refusal("processor", theirs)).toMatch(/DATABASE_URL was folded from another log/);
  const third = await ownServer("kafka");
  try {
    const env = { KAFKA_BROKERS: third.server.brokers.join(","), WATTLOG_CLUSTER_ID: "staging" };
    expect((await servers.run(["topics"], env)).code).toBe(0);
    expect(await refusal("api", env)).toMatch(/DATABASE_URL belongs to the cluster wattlog/);
  } finally {
    await third.end();
  }
  expect((await processor.state())?.ready, "the one whose it is").toBe(true);
}, 180_000);

test("a second process under a name that lives is refused and the first goes on; one that was killed comes back", async () => {
  const env = { ...servers.environment, WATTLOG_NODE_NAME: "pod-0" };
  const first = await RoleProcess.start("processor", env);
  await first.ready();
  expect(await refusal("processor", env)).toMatch(/Another processor runs under the name pod-0.*WATTLOG_NODE_NAME/);
  expect((await first.state())?.ready).toBe(true);
  // Of another role it is another name.
  await using projector = await RoleProcess.start("projector", env);
  await projector.ready();
  first.child.signal("SIGKILL");
  await first.child.exited;
  await using again = await RoleProcess.start("processor", env);
  expect((await again.ready()).ready).toBe(true);
}, 180_000);
