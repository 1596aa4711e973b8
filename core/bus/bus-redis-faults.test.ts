// Redis of this file's own, killed, frozen and failed over with lost writes. The bus is never opened anew by hand.
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { ownServer, serversForTests, type OwnServer } from "../../tools/servers/ensure.ts";
import type { RedisServer } from "../../tools/servers/protocol.ts";
import { newConnectionId, newNodeId, trusted, type NodeId } from "../ids/ids.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { openRedisBus, type RedisBus, type RedisBusOptions } from "./bus-redis.ts";
import type { BusMessage, Claim } from "./bus.ts";

let missing: string | undefined;
let own: OwnServer<RedisServer>;
const made: RedisBus[] = [];

beforeAll(async () => {
  ({ missing } = await serversForTests(["redis"]));
  if (missing === undefined) own = await ownServer("redis");
}, 120_000);

afterAll(async () => {
  if (missing === undefined) await own.end();
});

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

afterEach(async () => {
  await Promise.all(made.splice(0).map((bus) => bus.close()));
});

const times = { connectMs: 500, commandMs: 300, reconnectMaxMs: 200, leaseMs: 1_500, renewMs: 200 };

function open(url: string, options: Partial<RedisBusOptions> = {}): RedisBus {
  const bus = openRedisBus({ url, clusterId: "faults", times, ...options });
  made.push(bus);
  return bus;
}

const party = trusted.party("DEABC");

function claimOf(nodeId: NodeId, offset = 1): Claim {
  const station = trusted.station(`s-${randomUUID()}`);
  const epoch = { generation: 1, offset };
  return { party, station, connectionId: newConnectionId(), nodeId, epoch, protocol: "ocpp1.6" };
}

interface Gateway {
  readonly bus: RedisBus;
  readonly node: NodeId;
  readonly heard: BusMessage[];
  readonly claims: readonly Claim[];
}

async function gateway(url: string, claims: number, options: Partial<RedisBusOptions> = {}): Promise<Gateway> {
  const bus = open(url, options);
  const node = newNodeId();
  const heard: BusMessage[] = [];
  await bus.check();
  await bus.listen(node, (message) => heard.push(message));
  const all = Array.from({ length: claims }, (_, i) => claimOf(node, i + 1));
  for (let at = 0; at < claims; at += 500) {
    await Promise.all(all.slice(at, at + 500).map((claim) => bus.claim(claim)));
  }
  return { bus, node, heard, claims: all };
}

/** Every claim is found by another process, the node has its lease, and a message reaches it. */
async function expectWhole(api: RedisBus, { node, heard, claims }: Gateway): Promise<void> {
  const isWhole = async (): Promise<boolean> => {
    const before = heard.length;
    if (!(await api.nodes()).includes(node)) return false;
    for (const claim of claims) {
      if ((await api.owner(party, claim.station))?.connectionId !== claim.connectionId) return false;
    }
    if (!(await api.send(node, { type: "superseded", connectionId: newConnectionId() }))) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return heard.length > before;
  };
  await expect.poll(() => isWhole().catch(() => false), { timeout: 20_000, interval: 100 }).toBe(true);
}

/** Every call fails, with the bus's own error, within the time that a person does not notice. */
async function expectFailsFast(bus: RedisBus, claim: Claim): Promise<void> {
  const started = performance.now();
  const message: BusMessage = { type: "superseded", connectionId: claim.connectionId };
  const calls = [
    bus.owner(party, claim.station),
    bus.nodes(),
    bus.send(claim.nodeId, message),
    bus.claim(claim),
    bus.release(claimOf(claim.nodeId)),
  ];
  for (const call of await Promise.allSettled(calls)) {
    expect(call.status === "rejected" && isWattlogError(call.reason, "bus/unavailable")).toBe(true);
  }
  expect(performance.now() - started).toBeLessThan(times.commandMs + 500);
}

const signal = (node: string, name: NodeJS.Signals): void => void process.kill(own.node(node).pid, name);

test("Redis is killed and comes back empty: commands fail at once meanwhile, then routes and leases are whole again", async () => {
  const held: boolean[] = [];
  const one = await gateway(own.server.url, 1_000, { onLease: (now) => held.push(now) });
  const api = open(own.server.url);
  await expectWhole(api, one);
  signal("redis", "SIGKILL");
  await expect.poll(() => one.bus.problem()).toMatch(/cannot be used now/);
  await expectFailsFast(one.bus, one.claims[0]!);
  await expectFailsFast(api, one.claims[0]!);
  // Its sockets go on; what it must not take any more are commands.
  await expect.poll(() => one.bus.leaseHeld(), { timeout: 5_000 }).toBe(false);
  await own.restart("redis");
  await expectWhole(api, one);
  expect([one.bus.leaseHeld(), one.bus.problem()]).toEqual([true, undefined]);
  expect(held).toEqual([true, false, true]);
}, 60_000);

test("a socket that closed while Redis was away is released when it is back", async () => {
  const one = await gateway(own.server.url, 2);
  const api = open(own.server.url);
  signal("redis", "SIGSTOP");
  const [gone, stays] = one.claims;
  await expect(one.bus.release(gone!)).rejects.toSatisfy((error) => isWattlogError(error, "bus/unavailable"));
  signal("redis", "SIGCONT");
  await expect.poll(() => api.owner(party, gone!.station).catch(() => "away"), { timeout: 10_000 }).toBeUndefined();
  expect((await api.owner(party, stays!.station))?.connectionId).toBe(stays!.connectionId);
}, 60_000);

test("a claim made while Redis is away is registered when it is back, without being made again", async () => {
  const one = await gateway(own.server.url, 0);
  signal("redis", "SIGKILL");
  await expect.poll(() => one.bus.problem()).toBeDefined();
  const claim = claimOf(one.node);
  await expect(one.bus.claim(claim)).rejects.toThrow(/Chargers go on/);
  await own.restart("redis");
  await expectWhole(open(own.server.url), { ...one, claims: [claim] });
}, 60_000);

test("a gateway that starts while Redis is away listens, and is heard of when Redis comes", async () => {
  signal("redis", "SIGKILL");
  const bus = open(own.server.url);
  const node = newNodeId();
  const heard: BusMessage[] = [];
  await bus.listen(node, (message) => heard.push(message));
  const claim = claimOf(node);
  await bus.claim(claim).catch(() => undefined);
  await own.restart("redis");
  await expectWhole(open(own.server.url), { bus, node, heard, claims: [claim] });
}, 60_000);

test("Redis is frozen: every call is bounded, the lease ends by the process's own clock; then all is well", async () => {
  const one = await gateway(own.server.url, 100);
  const api = open(own.server.url);
  await expectWhole(api, one);
  signal("redis", "SIGSTOP");
  try {
    await expectFailsFast(one.bus, one.claims[0]!);
    await expectFailsFast(api, one.claims[0]!);
    await expect.poll(() => one.bus.leaseHeld(), { timeout: 5_000 }).toBe(false);
    await expectFailsFast(one.bus, one.claims[0]!);
    const closing = open(own.server.url);
    const started = performance.now();
    await closing.close();
    expect(performance.now() - started).toBeLessThan(2_000);
  } finally {
    signal("redis", "SIGCONT");
  }
  await expectWhole(api, one);
}, 60_000);

test("Sentinel fails over to a replica that missed the last writes: the routes are those of the live sockets", async () => {
  const url = own.server.sentinelUrl;
  const one = await gateway(url, 200);
  const api = open(url);
  // Sentinel must not take the replica for dead while it misses what comes now.
  const replica = new Redis(`redis://${own.node("replica").address}`);
  await replica.call("REPLICAOF", "NO", "ONE");
  const late = Array.from({ length: 50 }, (_, i) => claimOf(one.node, 1_000 + i));
  await Promise.all(late.map((claim) => one.bus.claim(claim)));
  signal("master", "SIGKILL");
  await replica.call("REPLICAOF", ...own.node("master").address.split(":"));
  replica.disconnect();
  await expectWhole(api, { ...one, claims: [...one.claims, ...late] });
  // The old master comes back as a replica and changes nothing.
  await own.restart("master");
  await expectWhole(api, one);
}, 90_000);

test("Sentinel fails over from a master that is frozen: nobody keeps talking to it", async () => {
  const url = own.server.sentinelUrl;
  const one = await gateway(url, 50);
  const api = open(url);
  const sentinel = new Redis(`redis://${own.node("sentinel-1").address}`);
  const masterPort = async (): Promise<string> =>
    ((await sentinel.call("SENTINEL", "get-master-addr-by-name", "wattlog")) as string[])[1]!;
  const port = await masterPort();
  const name = ["master", "replica"].find((node) => own.node(node).address.endsWith(`:${port}`))!;
  signal(name, "SIGSTOP");
  try {
    await expect.poll(masterPort, { timeout: 30_000, interval: 200 }).not.toBe(port);
    await expectWhole(api, one);
  } finally {
    signal(name, "SIGCONT");
    sentinel.disconnect();
  }
  await expectWhole(api, one);
}, 90_000);

test("a node of a Redis Cluster is killed and comes back empty: its stations' routes are registered again", async () => {
  const url = own.server.clusterUrl;
  const one = await gateway(url, 300);
  const api = open(url);
  await expectWhole(api, one);
  for (const node of ["cluster-1", "cluster-3"]) {
    signal(node, "SIGKILL");
    await own.restart(node);
    await expectWhole(api, one);
  }
}, 90_000);

test("20 000 claims are registered again after a loss, while the lease goes on", async () => {
  const one = await gateway(own.server.url, 20_000);
  const lost: boolean[] = [];
  const watch = setInterval(() => lost.push(!one.bus.leaseHeld()), 20);
  const raw = new Redis(own.server.url);
  const started = performance.now();
  await raw.flushall();
  await expect.poll(() => raw.dbsize(), { timeout: 20_000, interval: 20 }).toBeGreaterThanOrEqual(20_001);
  const took = performance.now() - started;
  clearInterval(watch);
  raw.disconnect();
  expect(lost).not.toContain(true);
  expect(took).toBeLessThan(8_000);
}, 60_000);
