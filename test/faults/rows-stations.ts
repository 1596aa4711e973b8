// Links and stations that misbehave: half-open, not reading, and all coming back at once.
import { connect } from "node:net";

import { encodeFrame, opcodes } from "../../bench/fleet/ws-frames.ts";
import { limits } from "../../core/config/limits.ts";
import type { StationView } from "../harness/rest.ts";
import { freePorts } from "../harness/ports.ts";
import { Relay } from "../harness/relay.ts";
import { bootedStation, TestStation } from "../harness/station.ts";
import { eventually, lastAnswer, sleep, within } from "../harness/wait.ts";
import type { FaultWorld, LoggedRecord } from "./fault-world.ts";
import { Probe } from "./probe.ts";
import type { Injection, Row } from "./row.ts";

export const halfOpen: Row = {
  name: "half-open charger link",
  fleet: { "message-timeout": 3 },
  async inject(injection) {
    const { world, size, load, prefix, heals, must, afterwards } = injection;
    const forgotten = size === "full" ? await forgottenStation(injection) : undefined;
    await silentStations(injection);
    if (size === "full") for (let round = 0; round < 3; round++) await silentFleet(injection);
    heals();
    await forgotten?.();
    afterwards(async () => {
      // In a load that goes on gateways are killed: what they held never says goodbye.
      const among =
        size === "full"
          ? [...(await world.frames(load.prefix)), ...(await world.frames(prefix))]
          : await world.frames(prefix);
      const several = stationsWithSeveral(among);
      must(`held twice: ${several.join()}`, among.length > 0 && several.length === 0);
    });
  },
};

const silentOnes = 6;

/** Stations that learn of it at once and come back while the gateway still holds their old sockets. */
async function silentStations({ world, prefix, injected, heals, must }: Injection): Promise<void> {
  const url = world.cluster.of("gateway-2").url!;
  const [port] = await freePorts(1);
  await using link = await Relay.listen(Number(port), () => Number(new URL(url).port));
  const ids = Array.from({ length: silentOnes }, (_, i) => `${prefix}HALF${i}`);
  const old = await Promise.all(ids.map((id) => bootedStation({ url: `ws://127.0.0.1:${port}`, id })));
  const takeovers = () => world.metric("gateway-2", "ocpp_gateway_takeovers_total");
  const before = await takeovers();
  const count = link.silence(() => true);
  injected(`${count} links fell silent`);
  const anew = await Promise.all(ids.map((id) => bootedStation({ url, id })));
  const taken = await lastAnswer(takeovers, (now) => now >= before + silentOnes);
  must(`${taken - before} of ${silentOnes} new sockets took over`, taken >= before + silentOnes);
  heals();
  link.release();
  for (const station of old)
    must(`${station.id}: its old socket stays`, (await within(endsWithinMs, station.closed)) !== "nothing");
  for (const station of anew) {
    must(
      `${station.id}: its new socket is closed`,
      station.isOpen && (await station.call("Heartbeat", {})) !== undefined,
    );
    await station.close();
  }
}

const endsWithinMs = 30_000;

/** Half of the fleet's, whose stations give them up after two time-outs; the gateway has heard nothing and still holds the sockets. */
async function silentFleet({ world, rng, load, injected, heals }: Injection): Promise<void> {
  const { relay } = world.parts.front;
  await load.connected();
  const takeovers = () => world.metric("gateway", "ocpp_gateway_takeovers_total");
  const before = await takeovers();
  const count = relay.silence(() => rng.chance(0.5));
  injected(`${count} links fell silent`);
  await eventually("new sockets to take over from silent ones", async () => (await takeovers()) > before, {
    timeoutMs: 40_000,
  });
  await sleep(2_000);
  heals();
  relay.release();
}

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

/** Of one command: below what the api takes, and each of them three bytes on the way to the station. */
const payloadChars = 60_000;
const payloadChar = "€";
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
    const asked = await commandUntilClosed(world, deaf, id);
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

/** @returns how many commands it took. */
async function commandUntilClosed(world: FaultWorld, deaf: DeafStation, id: string): Promise<number> {
  const payload = { vendorId: "flood", data: payloadChar.repeat(payloadChars) };
  let from = await world.ends();
  for (let asked = 1; asked <= mostCommands; asked++) {
    const next = await world.ends();
    const { body } = await world.rest.command(id, { action: "DataTransfer", payload, timeoutSeconds: 5 });
    const since = from;
    const came = await eventually("the command to end, or the station to be closed", async () => {
      const records = (await world.frames(id, since)).map(({ record }) => record);
      if (records.some(({ kind }) => kind === "disconnected")) return "closed";
      const own = records.flatMap((record) =>
        "commandId" in record && record.commandId === body.id ? [record.kind] : [],
      );
      if (own.includes("commandResult") || own.includes("commandEnded")) return "ended";
      // What it has not read it may still answer, once it was sent, which is a little after the log knows: then the next goes out.
      if (own.includes("commandSent")) deaf.say([3, body.id, { status: "Accepted" }]);
      return undefined;
    });
    if (came === "closed") return asked;
    from = next;
  }
  return mostCommands;
}

/** Writes what it is told to, reads the answer to its upgrade, and nothing after it. */
class DeafStation {
  private isClosed = false;
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
  async inject({ world, size, load, injected, heals, must }) {
    const { stations } = load;
    for (let round = 0; round < (size === "quick" ? 1 : 4); round++) {
      await load.connected();
      const upgrades = () => world.metric("gateway", "ocpp_gateway_upgrades_total", 'result="accepted"');
      const before = await upgrades();
      heals();
      const count = world.parts.front.relay.cut();
      injected(`${count} links were cut at once`);
      await sleep(300);
      await load.connected();
      await eventually("everyone to be let in again", async () => (await upgrades()) >= before + count * 0.9);
      must(`only ${count} of ${stations} stations were cut off`, count >= stations * 0.9);
    }
  },
};
