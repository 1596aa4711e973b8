// A role of a cluster whose settings or servers are wrong: one sentence that names what to change. What waiting does not
// heal ends the start with 2; a server that may come up is waited for, readiness says so, and the start goes on by itself.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { certificate } from "../../tools/servers/tls.ts";
import { redisCommand } from "../harness/redis.ts";
import { eventually } from "../harness/wait.ts";
import { clusterServers, Door, RoleProcess, secrets, sentencesOf, type ClusterServers } from "./cluster-servers.ts";
import { byTls, changed, endRows, rows, type Row } from "./cluster-start-rows.ts";

const found = await clusterServers();
const slowestSeconds = 10;
/** Nothing is waited for longer, however slow the machine is. */
const hungMs = 90_000;
/** Each takes about a second of a core to load. */
const atOnce = 3;

interface Outcome {
  readonly process: RoleProcess;
  /** Until it had ended, or said what it waits for. */
  readonly seconds: number;
  readonly problem: string;
  readonly notes: string;
}

const outcomes = new Map<Row, Outcome>();

async function outcomeOf({ role, env, ends }: Row, servers: ClusterServers): Promise<Outcome> {
  const process = await RoleProcess.start(role, { ...servers.environment, ...(await env(servers)) });
  try {
    const state = await eventually(
      "it to end or to say what it waits for",
      async () => {
        if (process.child.exit) return { problem: "", notes: "" };
        const parts = (await process.state())?.parts ?? [];
        const problem = parts.flatMap((part) => part.problem ?? []).join(" | ");
        const notes = parts.flatMap((part) => part.note ?? []).join(" | ");
        if (ends === "goes on without" && notes === "") return undefined;
        return problem !== "" && problem !== "Starting."
          ? { problem, notes }
          : notes === ""
            ? undefined
            : { problem, notes };
      },
      { timeoutMs: hungMs, everyMs: 50 },
    ).catch(() => ({ problem: `nothing within ${hungMs} ms`, notes: "" }));
    const seconds = (performance.now() - process.child.startedAt) / 1000;
    return { process, seconds, ...state };
  } finally {
    await process.stop();
  }
}

beforeAll(async () => {
  if ("missing" in found) return;
  await found.provision();
  const { redis } = found;
  await redisCommand(redis.node("master").address, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  const queue = [...inTurns()];
  const work = async (): Promise<void> => {
    for (let row = queue.shift(); row; row = queue.shift()) outcomes.set(row, await outcomeOf(row, found));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}, 900_000);

/** Those that ask nobody evenly among the others, for a machine's load changes. */
function* inTurns(): Generator<Row> {
  const loads = rows.filter(({ asksNobody }) => asksNobody);
  const others = rows.filter(({ asksNobody }) => !asksNobody);
  const share = Math.ceil(others.length / loads.length);
  for (const [at, load] of loads.entries()) {
    yield load;
    yield* others.slice(at * share, (at + 1) * share);
  }
}

afterAll(async () => {
  endRows();
  if (!("missing" in found)) await found[Symbol.asyncDispose]();
}, 60_000);

beforeEach((context) => {
  if ("missing" in found) context.skip(found.missing);
});

/** About one on a quiet machine. */
function loadingSeconds(): number {
  const loads = [...outcomes].filter(([{ asksNobody }]) => asksNobody);
  return Math.max(...loads.map(([, { seconds }]) => seconds));
}

const promises = {
  2: "ends with 2 and one sentence",
  waits: "waits, not ready, with one sentence",
  "goes on without": "goes on, and says so",
} as const;

for (const row of rows) {
  const { what, role, ends, names } = row;
  test(`${what}: a ${role} ${promises[ends]}, within ${slowestSeconds} s of loading`, () => {
    const { process, seconds, problem, notes } = outcomes.get(row)!;
    const { child } = process;
    // One that waits was asked to stop, and did so in good order although it had not started.
    const code = ends === 2 ? 2 : 0;
    expect(child.exit, `it said ${child.words()}`).toEqual({ code, signal: null });
    expect(sentencesOf(process), "sentences beside the log").toHaveLength(code === 2 ? 1 : 0);
    const said = { 2: child.stderr, waits: problem, "goes on without": notes }[ends];
    for (const name of names) expect(said, `it said ${child.words()}`).toContain(name);
    for (const secret of secrets) expect(child.stdout + child.stderr + problem + notes).not.toContain(secret);
    expect(seconds).toBeLessThan((slowestSeconds + 1) * Math.max(1, loadingSeconds()));
  });
}

test("servers that come up later are found: a start goes on by itself, and so do the commands", async () => {
  const servers = found as ClusterServers;
  const portOf = (address: string): number => Number(new URL(`tcp://${address}`).port);
  await using kafka = await Door.to(portOf(servers.kafka.server.brokers[0]!));
  await using redis = await Door.to(portOf(new URL(servers.redis.server.url).host));
  await using postgres = await Door.to(portOf(new URL(servers.databaseUrl).host));
  await using api = await RoleProcess.start("api", {
    ...servers.environment,
    KAFKA_BROKERS: kafka.address,
    REDIS_URL: `redis://${redis.address}`,
    DATABASE_URL: changed(servers.databaseUrl, (url) => (url.host = postgres.address)),
  });
  const says = (name: string) =>
    eventually(`readiness to name ${name}`, async () => (await api.problem()).includes(name), { timeoutMs: 60_000 });
  await says(kafka.address);
  await kafka.open();
  await says(postgres.address);
  await postgres.open();
  await says(redis.address);
  await redis.open();
  const state = await api.ready();
  expect(state.parts.map(({ name }) => name)).toEqual(expect.arrayContaining(["api", "log", "bus"]));
});

test("a Postgres by TLS whose authority is named is used", async () => {
  const servers = found as ClusterServers;
  const url = await byTls(servers.databaseUrl, (await certificate()).certFile);
  await using projector = await RoleProcess.start("projector", { ...servers.environment, DATABASE_URL: url });
  expect((await projector.ready()).ready).toBe(true);
});
