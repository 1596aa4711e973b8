// Redis and Postgres die, forget, stand still, and run full.
import { freezeServer, killServer, runSql, thawServer } from "../harness/postgres.ts";
import { redisCommand } from "../harness/redis.ts";
import { mountMissing } from "../harness/small-disk.ts";
import { eventually, sleep } from "../harness/wait.ts";
import type { FaultWorld } from "./fault-world.ts";
import type { Injection, Row } from "./row.ts";

const failoverMs = 30_000;

/** Whichever of the two is the master now. */
async function masterOf(world: FaultWorld): Promise<{ readonly master: string; readonly replica: string }> {
  const { redis } = world.parts;
  const isMaster = async (name: string): Promise<boolean> => {
    const role = await redisCommand(redis.node(name).address, "ROLE").catch(() => "");
    return role.includes("master");
  };
  return eventually(
    "one master and its replica",
    async () => {
      const [first, second] = await Promise.all([isMaster("master"), isMaster("replica")]);
      if (first === second) return undefined;
      return first ? { master: "master", replica: "replica" } : { master: "replica", replica: "master" };
    },
    { timeoutMs: failoverMs, everyMs: 200 },
  );
}

async function replicaFollows(world: FaultWorld): Promise<void> {
  await eventually(
    "the replica to follow its master",
    async () => {
      const { replica } = await masterOf(world);
      const state = await redisCommand(world.parts.redis.node(replica).address, "INFO", "replication");
      return state.includes("master_link_status:up");
    },
    { timeoutMs: failoverMs, everyMs: 300 },
  );
}

async function commandsGoOn(world: FaultWorld): Promise<void> {
  const since = Date.now();
  await eventually("commands to be taken again", async () => (await world.commandsTakenSince(since)) > 0, {
    timeoutMs: failoverMs,
  });
}

export const redisFaults: Row = {
  name: "Redis killed, flushed, failed over with lost writes",
  async inject(injection) {
    const { world, injected, must } = injection;
    const closes = () => world.metric("gateway", "ocpp_gateway_closes_total", 'reason="logUnavailable"');
    const [closed, received] = [await closes(), await world.metric("gateway", "ocpp_frames_received_total")];
    await killed(injection, "killed, another takes over");
    const { master } = await masterOf(world);
    await redisCommand(world.parts.redis.node(master).address, "FLUSHALL");
    injected("FLUSHALL");
    await commandsGoOn(world);
    await lostWrites(injection);
    const more = (await world.metric("gateway", "ocpp_frames_received_total")) - received;
    must(`chargers sent only ${more} frames meanwhile`, more > 20);
    must("chargers were sent away", (await closes()) === closed);
  },
};

async function killed({ world, injected }: Injection, what: string): Promise<void> {
  const { redis } = world.parts;
  const { master, replica } = await masterOf(world);
  process.kill(redis.node(master).pid, "SIGKILL");
  injected(what);
  await eventually(
    "the replica to take over",
    async () => {
      const role = await redisCommand(redis.node(replica).address, "ROLE");
      return role.includes("master");
    },
    { timeoutMs: failoverMs },
  );
  await commandsGoOn(world);
  await redis.restart(master);
  await replicaFollows(world);
}

/** The replica hears nothing for a while in which stations move; then the master dies and it takes over, not knowing. */
async function lostWrites({ world, injected, heals }: Injection): Promise<void> {
  const { redis, front } = world.parts;
  const { master, replica } = await masterOf(world);
  process.kill(redis.node(replica).pid, "SIGSTOP");
  try {
    // Below the second after which a replica counts as dead.
    front.relay.cut();
    await sleep(700);
    process.kill(redis.node(master).pid, "SIGKILL");
  } finally {
    heals();
    process.kill(redis.node(replica).pid, "SIGCONT");
  }
  injected("failed over to a replica that missed the last writes");
  await eventually(
    "the replica to take over",
    async () => {
      const role = await redisCommand(redis.node(replica).address, "ROLE");
      return role.includes("master");
    },
    { timeoutMs: failoverMs },
  );
  await commandsGoOn(world);
  await redis.restart(master);
  await replicaFollows(world);
}

const pausedMs = { quick: 4_000, full: 60_000 };

export const postgresFaults: Row = {
  name: "Postgres killed, paused, disk full",
  missing: (world) => (world.parts.disk ? undefined : mountMissing),
  async inject(injection) {
    const { world, size, injected, must } = injection;
    const { postgres } = world.parts;
    const closes = () => world.metric("gateway", "ocpp_gateway_closes_total", 'reason="logUnavailable"');
    const [closed, received] = [await closes(), await world.metric("gateway", "ocpp_frames_received_total")];
    await killServer(postgres.node("postgres").pid);
    injected("killed");
    if (size === "full") await sleep(pausedMs.full);
    await postgres.restart("postgres");
    await commandsGoOn(world);

    const { pid } = postgres.node("postgres");
    freezeServer(pid);
    try {
      injected("paused");
      await sleep(pausedMs[size]);
    } finally {
      thawServer(pid);
    }
    await commandsGoOn(world);
    await diskFull(injection);
    const more = (await world.metric("gateway", "ocpp_frames_received_total")) - received;
    must(`chargers sent only ${more} frames meanwhile`, more > 20);
    must("chargers were sent away", (await closes()) === closed);
  },
};

async function diskFull({ world, size, injected, heals, must }: Injection): Promise<void> {
  const makeRoom = world.parts.disk!.fill();
  try {
    injected("its disk is full");
    const isFull = async (): Promise<boolean> => {
      // Something that needs room of its own: what is free inside the tables is used up first.
      const tried = world.query("create table ballast as select generate_series(1, 100000) as n");
      const code = await tried.then(
        () => "",
        (error: unknown) => (error as { readonly code?: string }).code,
      );
      return code === "53100";
    };
    must("the server still had room", await isFull());
    await eventually(
      "the folds to be refused",
      () => world.words.some((line) => /No space left|disk full/i.test(line)),
      {
        timeoutMs: size === "quick" ? 15_000 : 60_000,
      },
    );
  } finally {
    heals();
    makeRoom();
  }
  await world.query("drop table if exists ballast");
  await commandsGoOn(world);
}

/** Commits are told before they are on disk, and a server that dies has lost the last of them. */
export async function loseCommits({ world, injected }: Injection): Promise<void> {
  const { postgres } = world.parts;
  const set = async (sql: string): Promise<void> => {
    await runSql(postgres.server.url, sql);
  };
  await set("alter system set synchronous_commit = off");
  await set("alter system set wal_writer_delay = '10s'");
  await set("alter system set wal_writer_flush_after = '1GB'");
  await set("select pg_reload_conf()");
  await sleep(2_000);
  await killServer(postgres.node("postgres").pid);
  await postgres.restart("postgres");
  injected("offsets rewound: the store lost its last commits");
  await set("alter system reset synchronous_commit");
  await set("alter system reset wal_writer_delay");
  await set("alter system reset wal_writer_flush_after");
  await set("select pg_reload_conf()");
}
