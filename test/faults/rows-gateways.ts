// Gateways that die, stand still, and are replaced in turn.
import { limits } from "../../core/config/limits.ts";
import { eventually, lastAnswer, sleep } from "../harness/wait.ts";
import { connected } from "./load.ts";
import { killBetweenReceiptAndAnswer } from "./owed-answers.ts";
import type { Injection, Row } from "./row.ts";

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
    await killBetweenReceiptAndAnswer(injection);
  },
};

/** A gateway's lease, and the time until the front of the gateways misses it. */
const pauses = { quick: [10_000], full: [5_000, 20_000, 60_000] };
const takenOverWithinMs = 20_000;

export const gatewayFrozen: Row = {
  name: "gateway SIGSTOP 5-60 s",
  fleet: { "message-timeout": 3 },
  async inject({ world, rng, size, load, injected, heals, must }) {
    for (const pauseMs of pauses[size]) {
      const frozen = rng.chance(0.5) ? "gateway-1" : "gateway-2";
      const other = frozen === "gateway-1" ? "gateway-2" : "gateway-1";
      process.kill(world.pid(frozen), "SIGSTOP");
      const since = Date.now();
      try {
        injected(`SIGSTOP of ${frozen} for ${pauseMs / 1_000} s`);
        // As balancers can, it ends what leads to a server that is gone; else two message time-outs and a new connection
        // take a station seven seconds.
        if (size === "quick") await world.parts.front.forsake(world.cluster.of(frozen));
        await sleep(Math.max(0, since + pauseMs - Date.now()));
        if (pauseMs >= 10_000) {
          const held = await lastAnswer(
            () => world.metric(other, "ocpp_gateway_connections{"),
            (count) => count >= load.stations * 0.8,
            { timeoutMs: takenOverWithinMs },
          );
          must(`${other} holds ${held} of ${load.stations} stations`, held >= load.stations * 0.8);
        }
      } finally {
        heals();
        process.kill(world.pid(frozen), "SIGCONT");
      }
      await eventually("commands to be taken", async () => (await world.commandsTakenSince(since)) > 0);
    }
  },
};

/**
 * Closes of one gateway that is replaced, within a second of its own clock (the log gets several at once): its rate, and what the
 * jitter of its pauses may add.
 */
const closesAtMost = limits.closesPerSecond * 1.25;
/** More than a gateway may close within a second: the second one that is replaced holds nearly all of them. */
export const rollingStations = 300;

export const rollingUpdate: Row = {
  name: "rolling update under load (SIGTERM loop)",
  stations: 500,
  // Charging slowly, so that they fit on a small machine.
  fleet: { speed: 40, repeat: 0.02, reconnect: 0, offline: 0, commands: 2 },
  async inject(injection) {
    const { world, size, load, heals, must, afterwards } = injection;
    const { stations, prefix } = load;
    must(`${stations} stations may be closed within a second`, stations >= rollingStations);
    const since = Date.now();
    const names = world.cluster.processes.map(({ name }) => name);
    if (size === "full") for (let round = 0; round < 2; round++) await replaceInTurn(injection, names);
    // As a cluster's own controllers do it: one of each role at a time, the roles beside each other.
    else await Promise.all([...Map.groupBy(names, roleOf).values()].map((ofRole) => replaceInTurn(injection, ofRole)));
    heals();
    const until = Date.now();
    afterwards(async () => {
      const closes = (await world.frames(prefix)).flatMap(({ record }) =>
        record.kind === "disconnected" && record.reason === "draining" ? [record.arrivedAt] : [],
      );
      const own = closes.filter((at) => at >= since && at <= until);
      const most = mostWithin(own, 1_000);
      must(`only ${own.length} stations were sent away`, own.length >= stations);
      must(`${most} stations were closed within a second`, most <= closesAtMost);
    });
  },
};

const roleOf = (name: string): string => name.slice(0, name.lastIndexOf("-"));

async function replaceInTurn({ world, load, injected, must }: Injection, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await connected(world, load.stations);
    const { child } = world.cluster.of(name);
    await world.cluster.restart(name, "SIGTERM");
    injected(`SIGTERM of ${name}`);
    must(`${name} ended with ${child.exitCode ?? child.signalCode}`, child.exitCode === 0);
  }
}

function mostWithin(times: readonly number[], ms: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  for (let from = 0, to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= ms) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
