// Gateways that die, stand still, and are replaced in turn.
import { limits } from "../../core/config/limits.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { detoured } from "./fault-world.ts";
import { connected, type Injection, type Row } from "./row.ts";

export const gatewayKilled: Row = {
  name: "gateway kill -9 at random points, also between log receipt and answer",
  async inject(injection) {
    const { world, rng, size, injected } = injection;
    for (let round = 0; round < (size === "quick" ? 1 : 6); round++) {
      const name = rng.chance(0.5) ? "gateway-1" : "gateway-2";
      await world.cluster.restart(name, "SIGKILL");
      injected(`kill -9 of ${name}`);
      await sleep(rng.int(100, 800));
    }
    await killBeforeAnswers(injection);
  },
};

/** The brokers have its records, what they say of it is held on its way: it dies with answers that it owes. */
async function killBeforeAnswers({ world, stations, injected, heals, must, afterwards }: Injection): Promise<void> {
  await connected(world, stations);
  const { detours } = world.parts;
  for (const relay of detours) relay.hold(["back"]);
  try {
    await eventually(
      "answers to wait for receipts",
      async () => (await world.metric(detoured, "ocpp_unanswered_frames")) > 0,
    );
    await world.cluster.end(detoured, "SIGKILL");
  } finally {
    for (const relay of detours) relay.release();
  }
  injected(`kill -9 of ${detoured} between receipts and answers`);
  heals();
  await world.cluster.start(detoured);
  afterwards(({ checks }) => {
    const counts = checks.find(({ id }) => id === "L1")?.counts;
    must("no CALL was in the log whose answer its station never got", (counts?.["recovered"] ?? 0) > 0);
  });
}

/** A gateway's lease, and the time until the front of the gateways misses it. */
const pauses = { quick: [10_000], full: [5_000, 20_000, 60_000] };

export const gatewayFrozen: Row = {
  name: "gateway SIGSTOP 5-60 s",
  fleet: { "message-timeout": 3 },
  async inject({ world, rng, size, stations, injected, heals, must }) {
    for (const pauseMs of pauses[size]) {
      const frozen = rng.chance(0.5) ? "gateway-1" : "gateway-2";
      const other = frozen === "gateway-1" ? "gateway-2" : "gateway-1";
      process.kill(world.pid(frozen), "SIGSTOP");
      const since = Date.now();
      try {
        injected(`SIGSTOP of ${frozen} for ${pauseMs / 1_000} s`);
        await sleep(pauseMs);
        // Two message time-outs and a new connection take a station seven seconds.
        const held = await world.metric(other, "ocpp_gateway_connections{");
        if (pauseMs >= 10_000) must(`${other} holds ${held} of ${stations} stations`, held >= stations * 0.8);
      } finally {
        heals();
        process.kill(world.pid(frozen), "SIGCONT");
      }
      await eventually("commands to be taken", async () => (await world.commandsTakenSince(since)) > 0);
    }
  },
};

/** Closes of one gateway that is replaced, within a second of the log's time: its own rate, and what a burst may add. */
const closesAtMost = limits.closesPerSecond * 1.25;

export const rollingUpdate: Row = {
  name: "rolling update under load (SIGTERM loop)",
  stations: 500,
  // More stations than a gateway may close within a second, charging slowly, so that they fit on a small machine.
  fleet: { speed: 40, repeat: 0.02, reconnect: 0, offline: 0, commands: 2 },
  async inject({ world, size, stations, prefix, injected, heals, must, afterwards }) {
    for (let round = 0; round < (size === "quick" ? 1 : 2); round++) {
      for (const { name } of world.cluster.processes) {
        await connected(world, stations);
        const { child } = world.cluster.of(name);
        heals();
        await world.cluster.restart(name, "SIGTERM");
        injected(`SIGTERM of ${name}`);
        must(`${name} ended with ${child.exitCode ?? child.signalCode}`, child.exitCode === 0);
      }
    }
    afterwards(async () => {
      const closes = (await world.frames(prefix)).flatMap(({ record, logTime }) =>
        record.kind === "disconnected" && record.reason === "draining" ? [logTime] : [],
      );
      const most = mostWithin(closes, 1_000);
      must(`only ${closes.length} stations were sent away`, closes.length >= stations);
      must(`${most} stations were closed within a second`, most <= closesAtMost);
    });
  },
};

function mostWithin(times: readonly number[], ms: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= ms) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
