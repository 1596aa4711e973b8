// Links and stations that misbehave: half-open, not reading, and all coming back at once.
import { connect } from "node:net";

import { encodeFrame, opcodes } from "../../bench/fleet/ws-frames.ts";
import { limits } from "../../core/config/limits.ts";
import type { CommandView, StationView } from "../harness/rest.ts";
import { TestStation } from "../harness/station.ts";
import { eventually, lastAnswer, sleep, within } from "../harness/wait.ts";
import type { LoggedRecord } from "./fault-world.ts";
import { Probe } from "./probe.ts";
import { connected, type Injection, type Row } from "./row.ts";

export const halfOpen: Row = {
  name: "half-open charger link",
  fleet: { "message-timeout": 3 },
  async inject(injection) {
    const { world, rng, size, stations, prefix, injected, heals, must, afterwards } = injection;
    const { relay } = world.parts.front;
    const before = await world.metric("gateway", "ocpp_gateway_takeovers_total");
    const forgotten = size === "full" ? await forgottenStation(injection) : undefined;
    for (let round = 0; round < (size === "quick" ? 1 : 3); round++) {
      await connected(world, stations);
      const count = relay.silence(() => rng.chance(0.5));
      injected(`${count} links fell silent`);
      // Their stations give them up after two time-outs; the gateway has heard nothing and still holds the old sockets.
      await eventually(
        "new sockets to take over from silent ones",
        async () => (await world.metric("gateway", "ocpp_gateway_takeovers_total")) > before,
        { timeoutMs: 40_000 },
      );
      await sleep(2_000);
      heals();
      relay.release();
    }
    await forgotten?.();
    afterwards(async () => {
      const several = stationsWithSeveral(await world.frames(prefix));
      must(`held twice: ${several.join()}`, several.length === 0);
    });
  },
};

/** One that never comes back: @returns what waits until the gateway has noticed. */
async function forgottenStation({ world, prefix, injected, must }: Injection): Promise<() => Promise<void>> {
  const station = await TestStation.connect({ url: world.cluster.of("gateway-2").url!, id: `${prefix}FORGOTTEN` });
  await station.call("Heartbeat", {});
  station.freeze();
  const since = performance.now();
  injected("a station vanished for good");
  return async () => {
    const isGone = async (): Promise<boolean> =>
      (await world.frames(`${prefix}FORGOTTEN`)).some(({ record }) => record.kind === "disconnected");
    const timeoutMs = (limits.socketIdleSeconds + 15) * 1_000 - (performance.now() - since);
    const noticed = await lastAnswer(isGone, Boolean, { timeoutMs, everyMs: 1_000 });
    must("a link was silent for longer than the idle timeout and still open", noticed);
    station.vanish();
  };
}

/** Stations of which the log says that they are on more than one connection at its end. */
function stationsWithSeveral(frames: readonly LoggedRecord[]): string[] {
  const open = new Map<string, Set<string>>();
  for (const { record } of frames) {
    const own = open.get(record.station) ?? new Set();
    open.set(record.station, own);
    if (record.kind === "connected") own.add(record.source);
    if (record.kind === "disconnected") own.delete(record.source);
  }
  return [...open].flatMap(([station, sources]) => (sources.size > 1 ? [station] : []));
}

/** Of one command, below what the api takes. */
const payloadChars = 60_000;
const mostCommands = 200;

export const notReading: Row = {
  name: "station that does not read",
  async inject({ world, prefix, injected, heals, must }) {
    const url = world.cluster.of("gateway-1").url!;
    const id = `${prefix}DEAF`;
    const deaf = await DeafStation.at(url, id);
    await using neighbour = await Probe.at(url, `${prefix}NEXT`);
    await using elsewhere = await Probe.at(world.cluster.of("gateway-2").url!, `${prefix}ELSE`);
    // Life after its connection is in the log makes it the station's, and it cannot know when that is.
    await eventually(
      "the deaf station to be online",
      async () => {
        deaf.say([2, `${id}-1`, "Heartbeat", {}]);
        const { status, body } = await world.rest.send<StationView>("GET", `/stations/${id}`);
        return status === 200 && body.online;
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );
    const since = performance.now();
    injected("a station stopped reading");
    let asked = 0;
    while (!deaf.isClosed && asked < mostCommands) {
      const payload = { vendorId: "flood", data: "x".repeat(payloadChars) };
      const { body } = await world.rest.command(id, { action: "DataTransfer", payload, timeoutSeconds: 5 });
      asked++;
      // What it has not read it may still answer, once it was sent: the next one goes out at once.
      const sent = async () => (await world.rest.get<CommandView>(`/commands/${body.id}`)).status !== "requested";
      await eventually("the command to be sent", sent, { everyMs: 20 });
      deaf.say([3, body.id, { status: "Accepted" }]);
    }
    const reasons = (await world.frames(id)).flatMap(({ record }) =>
      record.kind === "disconnected" ? [record.reason] : [],
    );
    must(`after ${asked} commands it was closed as ${reasons.join()}`, reasons.includes("notReading"));
    must(`its neighbour was closed with ${neighbour.closedWith}`, neighbour.closedWith === undefined);
    must(`its neighbour got ${neighbour.answersSince(since)} answers`, neighbour.answersSince(since) > 2);
    // On a busy machine everybody waits: it may not wait for longer than who has nothing to do with it.
    const [slowest, usual] = [neighbour.slowestSince(since), elsewhere.slowestSince(since)];
    must(`its neighbour waited ${slowest} ms, others ${usual} ms`, slowest < 1_000 + 2 * usual);
    heals();
    deaf.end();
  },
};

/** Writes what it is told to, reads the answer to its upgrade, and nothing after it. */
class DeafStation {
  isClosed = false;
  private readonly socket: ReturnType<typeof connect>;

  static async at(url: string, id: string): Promise<DeafStation> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const upgraded = Promise.withResolvers<void>();
    socket.once("data", () => upgraded.resolve());
    const head = [
      `GET /${id} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: ocpp1.6",
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    if ((await within(10_000, upgraded.promise)) === "nothing") throw new Error(`${id} was not let in`);
    return new DeafStation(socket);
  }

  private constructor(socket: ReturnType<typeof connect>) {
    this.socket = socket;
    socket.pause();
    // Who does not read learns of the end when it writes.
    socket.on("error", () => (this.isClosed = true));
    socket.on("close", () => (this.isClosed = true));
  }

  say(message: readonly unknown[]): void {
    if (!this.isClosed) this.socket.write(encodeFrame(opcodes.text, Buffer.from(JSON.stringify(message)), 1));
  }

  end(): void {
    this.socket.destroy();
  }
}

export const reconnectStorm: Row = {
  name: "reconnect storm (all stations at once)",
  stations: 300,
  fleet: { speed: 60, reconnect: 0, offline: 0 },
  async inject({ world, size, stations, injected, heals, must }) {
    for (let round = 0; round < (size === "quick" ? 1 : 4); round++) {
      await connected(world, stations);
      const before = await world.metric("gateway", "ocpp_gateway_upgrades_total");
      heals();
      const count = world.parts.front.relay.cut();
      injected(`${count} links were cut at once`);
      await sleep(300);
      await connected(world, stations);
      await eventually("everyone to be let in again", async () => {
        const upgrades = await world.metric("gateway", "ocpp_gateway_upgrades_total", 'result="accepted"');
        return upgrades >= before + count * 0.9;
      });
      must(`only ${count} of ${stations} stations were cut off`, count >= stations * 0.9);
    }
  },
};
