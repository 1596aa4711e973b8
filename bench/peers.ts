// The gateway against a library that does the same work and keeps nothing: ocpp-rpc's server in strict mode. The two take
// turns. What whole systems cost (CitrineOS, SteVe, MaEVe) is in docs/performance.md: they are not to be had from a registry.
import { join } from "node:path";

import { Pair, measureMs, type Measured } from "./ingest.ts";
import { median } from "./load/samples.ts";
import { atLeast, figure, type Outcome } from "./report.ts";

const goal = 1.6;
const stations = 50;
const turnsTaken = 5;

interface Turn {
  readonly peer: Measured;
  readonly gateway: Measured;
}

const ratio = ({ peer, gateway }: Turn): number => peer.microsPerFrame / gateway.microsPerFrame;

export async function peers(folder: string): Promise<Outcome> {
  const peer = new Pair("ocpp-rpc", "./ocpp-rpc-server.ts");
  const gateway = new Pair("The gateway", "./gateway-server.ts");
  try {
    await peer.start(join(folder, "peer"), stations, true);
    await gateway.start(join(folder, "gateway"), stations, true);
    await peer.warmUp();
    await gateway.warmUp();
    const turns: Turn[] = [];
    for (let n = 0; n < turnsTaken; n++) {
      turns.push({ peer: await peer.measure(measureMs), gateway: await gateway.measure(measureMs) });
    }
    return outcomeOf(turns);
  } finally {
    await Promise.all([peer.stop(), gateway.stop()]);
  }
}

function outcomeOf(turns: readonly Turn[]): Outcome {
  const middle = (pick: (turn: Turn) => number): number => median(turns.map(pick));
  const whole = ({ cpu, exchanged }: Measured): number => cpu.process / exchanged.frames;
  const runs = turns.map((turn) => ({
    ratio: ratio(turn),
    ocppRpcMicros: turn.peer.microsPerFrame,
    gatewayMicros: turn.gateway.microsPerFrame,
  }));
  const of = (name: string, pick: (turn: Turn) => Measured) => [
    figure(
      `${name}: main thread and log writer`,
      middle((turn) => pick(turn).microsPerFrame),
      "µs/frame",
    ),
    figure(
      `${name}: whole process, V8's helpers included`,
      middle((turn) => whole(pick(turn))),
      "µs/frame",
    ),
    figure(
      `${name}: answer p50`,
      middle((turn) => pick(turn).exchanged.latency.p50),
      "ms",
    ),
    figure(
      `${name}: answer p99`,
      middle((turn) => pick(turn).exchanged.latency.p99),
      "ms",
    ),
  ];
  return {
    goals: [atLeast("frames per core-second, of ocpp-rpc in strict mode", goal, middle(ratio), "ratio", runs)],
    figures: [
      ...of("ocpp-rpc, keeps nothing", ({ peer }) => peer),
      ...of("gateway, durable", ({ gateway }) => gateway),
    ],
  };
}
