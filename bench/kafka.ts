// Frames per core-second of the gateway on Kafka, with each of the two drivers, against a raw uWebSockets.js echo in the
// same run. The three take turns on one broker that nobody else uses.
import { join } from "node:path";

import { ownServer } from "../tools/servers/ensure.ts";
import { ServerMissing } from "../tools/servers/install.ts";
import { Pair, type Measured } from "./ingest.ts";
import { cpuMicrosOf } from "./load/process-tree.ts";
import { median } from "./load/samples.ts";
import type { KafkaTarget } from "./load/targets.ts";
import { atLeast, figure, InvalidRun, type Figure, type Goal, type Outcome } from "./report.ts";

const goalNow = 0.35;
const goalFinal = 0.45;
const measureMs = 1_500;
const drivers = ["platformatic", "kafkajs"] as const;

type Driver = (typeof drivers)[number];
type Turn = Readonly<Record<"echo" | Driver, Measured & { readonly brokerMicros: number }>>;

interface Broker {
  readonly brokers: readonly string[];
  readonly pid: number;
}

let generation = 0;

async function turns(
  folder: string,
  broker: Broker,
  of: { stations: number; partitions: number; count: number },
): Promise<Turn[]> {
  const { stations, partitions, count } = of;
  const echo = new Pair("The echo server", "./echo-server.ts");
  const onKafka = drivers.map((driver) => ({
    driver,
    pair: new Pair(`The gateway on ${driver}`, "./kafka-gateway-server.ts"),
  }));
  try {
    await echo.start(join(folder, "echo"), stations, false);
    for (const { driver, pair } of onKafka) {
      const where: KafkaTarget = { brokers: broker.brokers, driver, partitions, generation: ++generation };
      await pair.start(join(folder, `${driver}-${generation}`), stations, true, where);
    }
    await echo.warmUp();
    for (const { pair } of onKafka) await pair.warmUp();
    const taken: Turn[] = [];
    for (let n = 0; n < count; n++) {
      const measured = { echo: await measure(echo, broker) } as { -readonly [Name in keyof Turn]: Turn[Name] };
      // In another order each time, so that none always follows the same neighbour.
      for (const { driver, pair } of n % 2 === 0 ? onKafka : onKafka.toReversed()) {
        measured[driver] = await measure(pair, broker);
      }
      taken.push(measured);
    }
    return taken;
  } finally {
    await Promise.all([echo.stop(), ...onKafka.map(({ pair }) => pair.stop())]);
  }
}

async function measure(pair: Pair, { pid }: Broker): Promise<Turn["echo"]> {
  const before = cpuMicrosOf(pid);
  const measured = await pair.measure(measureMs);
  return { ...measured, brokerMicros: cpuMicrosOf(pid) - before };
}

const ratio = (driver: Driver) => (turn: Turn) => turn.echo.microsPerFrame / turn[driver].microsPerFrame;

function goalsOf(label: string, taken: readonly Turn[]): Goal[] {
  const driver = drivers[0];
  const runs = taken.map((turn) => ({
    ratio: ratio(driver)(turn),
    echoMicros: turn.echo.microsPerFrame,
    gatewayMicros: turn[driver].microsPerFrame,
    gatewayFramesPerSecond: turn[driver].exchanged.frames / turn[driver].exchanged.seconds,
  }));
  const measured = median(taken.map(ratio(driver)));
  const name = `${label}: frames per core-second, of a raw echo`;
  return [
    atLeast(`${name} (first goal)`, goalNow, measured, "ratio", runs),
    atLeast(`${name} (final goal)`, goalFinal, measured, "ratio", runs),
  ];
}

function figuresOf(label: string, taken: readonly Turn[]): Figure[] {
  const middle = (pick: (turn: Turn) => number): number => median(taken.map(pick));
  const ofEach = drivers.flatMap((driver) => {
    const name = `${label}, ${driver}`;
    const perFrame = (pick: (measured: Turn[Driver]) => number) => (turn: Turn) =>
      pick(turn[driver]) / turn[driver].exchanged.frames;
    return [
      figure(`${name}: of a raw echo`, middle(ratio(driver)), "ratio"),
      figure(`${name}: gateway, main thread`, middle(perFrame(({ cpu }) => cpu.main)), "µs/frame"),
      figure(`${name}: V8's and libuv's helpers`, middle(perFrame(({ cpu }) => cpu.process - cpu.main)), "µs/frame"),
      figure(`${name}: broker`, middle(perFrame(({ brokerMicros }) => brokerMicros)), "µs/frame"),
      figure(
        `${name}: frames`,
        middle((turn) => turn[driver].exchanged.frames / turn[driver].exchanged.seconds),
        "1/s",
      ),
      figure(
        `${name}: answer p50`,
        middle((turn) => turn[driver].exchanged.latency.p50),
        "ms",
      ),
      figure(
        `${name}: answer p99`,
        middle((turn) => turn[driver].exchanged.latency.p99),
        "ms",
      ),
    ];
  });
  return [
    figure(
      `${label}: echo, main thread`,
      middle((turn) => turn.echo.microsPerFrame),
      "µs/frame",
    ),
    ...ofEach,
  ];
}

export async function kafka(folder: string): Promise<Outcome> {
  const own = await ownServer("kafka").catch((error: unknown) => {
    throw error instanceof ServerMissing ? new InvalidRun(error.message) : error;
  });
  try {
    const broker = { brokers: own.server.brokers, pid: own.node("broker-1").pid };
    const fifty = await turns(folder, broker, { stations: 50, partitions: 12, count: 5 });
    const fiveHundred = await turns(folder, broker, { stations: 500, partitions: 12, count: 3 });
    const spread = await turns(folder, broker, { stations: 500, partitions: 48, count: 3 });
    return {
      goals: [...goalsOf("12 partitions, 50 stations", fifty), ...goalsOf("12 partitions, 500 stations", fiveHundred)],
      figures: [
        ...figuresOf("12 partitions, 50 stations", fifty),
        ...figuresOf("12 partitions, 500 stations", fiveHundred),
        ...figuresOf("48 partitions, 500 stations", spread),
      ],
    };
  } finally {
    await own.end();
  }
}
