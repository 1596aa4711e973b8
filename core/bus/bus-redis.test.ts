import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { serversForTests, type ServersOrReason } from "../../tools/servers/ensure.ts";
import { newCommandId, newConnectionId, newNodeId, trusted, type NodeId } from "../ids/ids.ts";
import { systemClock } from "../runtime/clock.ts";
import { isWattlogError, messageOf } from "../runtime/errors.ts";
import { openRedisBus, type RedisBus, type RedisBusOptions } from "./bus-redis.ts";
import type { BusMessage, Claim } from "./bus.ts";
import { commandBusContract, type BusHarness } from "./bus.contract.ts";
import { RedisKeys } from "./redis-keys.ts";
import { parseRedisUrl } from "./redis-url.ts";

let found: ServersOrReason;

beforeAll(async () => {
  found = await serversForTests(["redis"]);
}, 120_000);

beforeEach((context) => {
  if (found.missing) context.skip(found.missing);
});

/** What deploy/helm/wattlog/README.md tells an operator to grant. */
const aclRights = ["+@connection", "+@read", "+@write", "+@pubsub", "+@scripting", "-@dangerous", "+info", "+time"];

/** Test files share a server: one cluster, and stations of their own. */
const clusterId = "tests";
const keys = new RedisKeys(clusterId);

function harness(url: () => string): () => Promise<BusHarness> {
  return async () => {
    const made: RedisBus[] = [];
    return {
      async client() {
        const bus = openRedisBus({ url: url(), clusterId });
        made.push(bus);
        await bus.check();
        return bus;
      },
      async end() {
        await Promise.all(made.map((bus) => bus.close()));
      },
    };
  };
}

const redis = () => found.servers.redis!;

commandBusContract(
  "Redis",
  harness(() => redis().url),
);
commandBusContract(
  "Redis by TLS",
  harness(() => `${redis().tlsUrl}?caFile=${encodeURIComponent(redis().caFile)}`),
);
commandBusContract(
  "Redis Sentinel",
  harness(() => redis().sentinelUrl),
);
commandBusContract(
  "Redis Cluster",
  harness(() => redis().clusterUrl),
);

const party = trusted.party("DEABC");

function claimOf(nodeId: NodeId, offset: number, station = `s-${randomUUID().slice(0, 8)}`): Claim {
  const epoch = { generation: 1, offset };
  return {
    party,
    station: trusted.station(station),
    connectionId: newConnectionId(),
    nodeId,
    epoch,
    protocol: "ocpp1.6",
  };
}

function commandOf(claim: Claim): BusMessage {
  const { station, connectionId } = claim;
  const bytes = Uint8Array.of(123, 125);
  const command = { commandId: newCommandId(), action: "Reset", payload: bytes, deadline: Date.now(), replyTo: null };
  return { type: "command", party, station, connectionId, ...command };
}

describe("the bus on Redis", () => {
  const made: RedisBus[] = [];
  const open = (options: Partial<RedisBusOptions> = {}): RedisBus => {
    const bus = openRedisBus({ url: redis().url, clusterId, ...options });
    made.push(bus);
    return bus;
  };

  afterEach(async () => {
    await Promise.all(made.splice(0).map((bus) => bus.close()));
  });

  test("a process whose lease ran out while it was frozen takes no command until it has renewed", async () => {
    let ahead = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
    const told: boolean[] = [];
    const anomalies: string[] = [];
    const frozen = open({
      clock,
      times: { renewMs: 60_000 },
      onLease: (held) => told.push(held),
      onAnomaly: (what) => anomalies.push(what),
    });
    const node = newNodeId();
    const heard: BusMessage[] = [];
    await frozen.listen(node, (message) => heard.push(message));
    const claim = claimOf(node, 1);
    await frozen.claim(claim);
    const api = open();
    await api.check();
    expect(await api.send(node, commandOf(claim))).toBe(true);
    await expect.poll(() => heard.length).toBe(1);
    expect([frozen.leaseHeld(), told]).toEqual([true, [true]]);
    ahead = 60_000;
    expect(frozen.leaseHeld()).toBe(false);
    await api.send(node, commandOf(claim));
    await api.send(node, { type: "superseded", connectionId: claim.connectionId });
    await expect.poll(() => heard.length).toBe(2);
    // The command that lay in the socket is gone; what closes a socket is not.
    expect(heard.map(({ type }) => type)).toEqual(["command", "superseded"]);
    expect(anomalies).toEqual(["a command came without a lease"]);
    await frozen.check();
    expect(frozen.leaseHeld()).toBe(true);
    await api.send(node, commandOf(claim));
    await expect.poll(() => heard.length).toBe(3);
  });

  test("a node that does not renew is no node any more", async () => {
    const node = newNodeId();
    const api = open();
    const dying = open({ times: { leaseMs: 300, renewMs: 60_000 } });
    await dying.listen(node, () => {});
    expect(await api.check().then(() => api.nodes())).toContain(node);
    await expect.poll(() => api.nodes(), { timeout: 3_000 }).not.toContain(node);
  });

  test("a claim whose loss of the station was never told learns it by itself", async () => {
    const [a, b] = [newNodeId(), newNodeId()];
    const heard: BusMessage[] = [];
    const one = open({ times: { renewMs: 50 } });
    await one.listen(a, (message) => heard.push(message));
    const old = claimOf(a, 5);
    await one.claim(old);
    // As a process does that dies between its claim and the word to the other.
    const raw = new Redis(redis().url);
    const key = keys.owner(old);
    const fresh = claimOf(b, 6, old.station);
    await raw.hset(key, { offset: 6, connection: fresh.connectionId, node: b });
    await expect
      .poll(() => heard, { timeout: 5_000 })
      .toEqual([{ type: "superseded", connectionId: old.connectionId }]);
    expect((await one.owner(party, old.station))?.connectionId).toBe(fresh.connectionId);
    await raw.del(key);
    raw.disconnect();
  });

  test("everything flushed: claims and leases are registered again without a reconnect, within a renewal", async () => {
    const own = { ...parseRedisUrl(redis().url), db: 7 };
    const url = `redis://${own.place}/7`;
    const [one, two] = [open({ url, times: { renewMs: 100 } }), open({ url, times: { renewMs: 100 } })];
    const [a, b] = [newNodeId(), newNodeId()];
    await one.listen(a, () => {});
    await two.listen(b, () => {});
    const claims = Array.from({ length: 1_200 }, (_, i) => claimOf(i % 2 ? a : b, i + 1));
    await Promise.all(claims.map((claim) => (claim.nodeId === a ? one : two).claim(claim)));
    const raw = new Redis(url);
    await raw.flushdb();
    expect(await one.owner(party, claims[0]!.station)).toBeUndefined();
    await expect.poll(() => raw.dbsize(), { timeout: 5_000 }).toBe(claims.length + 1);
    for (const claim of claims.slice(0, 50)) expect(await two.owner(party, claim.station)).toEqual(claim);
    expect(await one.nodes()).toEqual(expect.arrayContaining([a, b]));
    await raw.flushdb();
    raw.disconnect();
  });

  test("a claim that was lost alone is noticed too", async () => {
    const bus = open({ times: { renewMs: 50 } });
    const node = newNodeId();
    await bus.listen(node, () => {});
    const claim = claimOf(node, 1);
    await bus.claim(claim);
    const raw = new Redis(redis().url);
    await raw.del(keys.owner(claim));
    raw.disconnect();
    await expect.poll(() => bus.owner(party, claim.station), { timeout: 5_000 }).toEqual(claim);
  });

  test("two clusters on one Redis: the same station, and neither takes it from the other nor hears its commands", async () => {
    const [one, other] = [open(), open({ clusterId: "another" })];
    const heard: BusMessage[] = [];
    const claim = claimOf(newNodeId(), 7);
    await one.listen(claim.nodeId, (message) => heard.push(message));
    expect(await one.claim(claim)).toBe("current");
    // As after a log that was made anew: its offsets are lower, and nobody is locked out.
    const theirs = claimOf(newNodeId(), 3, claim.station);
    expect(await other.owner(party, claim.station)).toBeUndefined();
    expect(await other.claim(theirs)).toBe("current");
    expect(await other.send(claim.nodeId, commandOf(claim))).toBe(false);
    expect(await other.nodes()).not.toContain(claim.nodeId);
    expect(await one.owner(party, claim.station)).toEqual(claim);
    expect(heard).toEqual([]);
  });

  test("the server's time is told at each renewal, between the times that were read around it", async () => {
    const told: { off: number; took: number }[] = [];
    const bus = open({
      onTime: (time, from, to) =>
        told.push({ off: time - (Date.now() - performance.now()) - (from + to) / 2, took: to - from }),
    });
    await bus.check();
    expect(told.length).toBeGreaterThan(0);
    for (const { off, took } of told) expect(Math.abs(off)).toBeLessThan(took / 2 + 50);
  });

  test("a message that nobody can read is told and hurts nobody", async () => {
    const anomalies: string[] = [];
    const heard: BusMessage[] = [];
    const bus = open({ onAnomaly: (what) => anomalies.push(what) });
    const node = newNodeId();
    await bus.listen(node, (message) => heard.push(message));
    const raw = new Redis(redis().url);
    await raw.publish(keys.channel(node), Buffer.from([0xc1, 0xff]));
    await expect.poll(() => anomalies.length).toBe(1);
    expect(await bus.send(node, { type: "superseded", connectionId: newConnectionId() })).toBe(true);
    await expect.poll(() => heard.length).toBe(1);
    raw.disconnect();
  });

  test("a user of an ACL, its password beside the address, does all that the bus needs with these rights", async () => {
    const raw = new Redis(redis().url);
    const user = `u${randomUUID().slice(0, 8)}`;
    const password = "p@ss/%20?";
    await raw.call("ACL", "SETUSER", user, "on", `>${password}`, "~*", "&*", ...aclRights);
    const { place } = parseRedisUrl(redis().url);
    const bus = open({ url: `redis://${user}@${place}`, secrets: { password } });
    await bus.check();
    const heard: BusMessage[] = [];
    const node = newNodeId();
    await bus.listen(node, (message) => heard.push(message));
    await expect.poll(() => bus.nodes()).toContain(node);
    expect(await bus.send(node, { type: "superseded", connectionId: newConnectionId() })).toBe(true);
    await expect.poll(() => heard.length).toBe(1);
    const wrong = open({
      url: `redis://${user}@${place}`,
      secrets: { password: "wrong" },
      times: { connectMs: 1_000 },
    });
    await expect(wrong.check()).rejects.toThrow(/does not accept the user or password/);
    await raw.call("ACL", "DELUSER", user);
    raw.disconnect();
  });

  test("a wrong password, a user without rights, nobody there, the wrong kind of server: one sentence each, and soon", async () => {
    const raw = new Redis(redis().url);
    const user = `u${randomUUID().slice(0, 8)}`;
    await raw.call("ACL", "SETUSER", user, "on", ">secret", "+@connection", "+info");
    const { place } = parseRedisUrl(redis().url);
    const cases: [string, RegExp][] = [
      [`redis://${user}:wrong@${place}`, /does not accept the user or password in REDIS_URL: correct it/],
      [`redis://${user}:secret@${place}`, /may not do this on Redis .*NOPERM.*: extend its ACL/],
      ["redis://127.0.0.1:1", /cannot be used now: .*ECONNREFUSED/],
      ["redis://nowhere.invalid:6379", /nowhere\.invalid:6379 cannot be used now: .*nowhere\.invalid/],
      [redis().sentinelUrl.replace(/\/wattlog$/, "/other"), /Sentinels at .* name no master other/],
      [
        "redis+sentinel://127.0.0.1:1/wattlog",
        /Sentinels at 127\.0\.0\.1:1.* name no master wattlog that can be reached/,
      ],
      [
        `redis+cluster://${user}:wrong@${parseRedisUrl(redis().clusterUrl).place}`,
        /does not accept the user or password/,
      ],
      ["redis+cluster://127.0.0.1:1", /Redis at 127\.0\.0\.1:1 cannot be used now/],
    ];
    for (const [url, wanted] of cases) {
      const started = performance.now();
      const bus = open({ url, times: { connectMs: 1_000, commandMs: 600 } });
      const sentence = await bus.check().then(String, messageOf);
      expect(sentence).toMatch(wanted);
      expect(sentence).not.toMatch(/secret|wrong|\n/);
      expect(performance.now() - started).toBeLessThan(20_000);
      // Nothing waits for a server that is not there.
      const asked = performance.now();
      await expect(bus.nodes()).rejects.toSatisfy((error) => isWattlogError(error) && error.code.startsWith("bus/"));
      expect(performance.now() - asked).toBeLessThan(2_000);
    }
    await raw.call("ACL", "DELUSER", user);
    raw.disconnect();
  });
});
