// Frames per core-second of the gateway (main thread and log writer) against a raw uWebSockets.js echo in the same run.
// The two take turns, so that a machine that slows down slows both.
import { join } from "node:path";

import { Child } from "./load/process.ts";
import { median } from "./load/samples.ts";
import type { Exchanged, Generator, KafkaTarget, LogFigures, Target } from "./load/targets.ts";
import { usedBetween, type CpuUsage } from "./load/usage.ts";
import { atLeast, figure, InvalidRun, type Figure, type Goal, type Outcome } from "./report.ts";

const goalNow = 0.45;
const goalFinal = 0.6;
export const measureMs = 2_000;
const warmUpRounds = 12;
/** CPU a frame may differ so much between two rounds of a warm program on a machine with neighbours. */
const settledWithin = 0.12;

export interface Measured {
  readonly exchanged: Exchanged;
  readonly cpu: CpuUsage;
  readonly log: LogFigures | undefined;
  /** Main thread and log writer, µs. */
  readonly microsPerFrame: number;
}

/** A server and the stations on it. */
export class Pair {
  readonly name: string;
  private readonly target: Child<Target>;
  private readonly generator = new Child<Generator>("./generator.ts");

  constructor(name: string, file: string) {
    this.name = name;
    this.target = new Child<Target>(file);
  }

  async start(folder: string, stations: number, ocpp: boolean, kafka?: KafkaTarget): Promise<void> {
    const { host, port } = await this.target.ask("start", { folder, ...(kafka ? { kafka } : {}) });
    await this.generator.ask("connect", { host, port, stations, prefix: "bench-", ocpp, addresses: 1 });
    if (ocpp) await this.generator.ask("boot", { transactions: true });
  }

  async measure(ms: number): Promise<Measured> {
    await this.target.ask("log");
    const before = await this.target.ask("cpu");
    const exchanged = await this.generator.ask("exchange", { ms });
    const cpu = usedBetween(before, await this.target.ask("cpu"));
    const log = await this.target.ask("log");
    refuse(this.name, exchanged);
    return { exchanged, cpu, log, microsPerFrame: (cpu.main + cpu.logWriter) / exchanged.frames };
  }

  /** Until two rounds in a row cost the same. */
  async warmUp(): Promise<void> {
    let last = Number.POSITIVE_INFINITY;
    for (let round = 0; round < warmUpRounds; round++) {
      const { microsPerFrame } = await this.measure(measureMs / 2);
      if (Math.abs(microsPerFrame / last - 1) <= settledWithin) return;
      last = microsPerFrame;
    }
    throw new InvalidRun(
      `The warm-up of ${this.name} did not settle within ${warmUpRounds} rounds: is the machine busy?`,
    );
  }

  async stop(): Promise<void> {
    await this.generator.stop();
    await this.target.stop();
  }
}

export function refuse(name: string, { frames, unanswered, wrong, lost }: Exchanged): void {
  if (lost.length > 0) throw new InvalidRun(`${name} lost ${lost.length} connections, first ${lost[0]}.`);
  if (unanswered > 0) throw new InvalidRun(`${name} left ${unanswered} frames unanswered.`);
  if (wrong > 0) throw new InvalidRun(`${name} gave ${wrong} answers that were not to the frame sent.`);
  if (frames === 0) throw new InvalidRun(`${name} answered no frame.`);
}

interface Turn {
  readonly echo: Measured;
  readonly gateway: Measured;
}

const ratio = ({ echo, gateway }: Turn): number => echo.microsPerFrame / gateway.microsPerFrame;

async function turns(folder: string, stations: number, count: number, file: string): Promise<Turn[]> {
  const echo = new Pair("The echo server", "./echo-server.ts");
  const gateway = new Pair("The gateway", file);
  try {
    await echo.start(join(folder, "echo"), stations, false);
    await gateway.start(join(folder, `${file.replaceAll(/[./]|ts$/g, "")}-${stations}`), stations, true);
    await echo.warmUp();
    await gateway.warmUp();
    const taken: Turn[] = [];
    for (let n = 0; n < count; n++) {
      taken.push({ echo: await echo.measure(measureMs), gateway: await gateway.measure(measureMs) });
    }
    return taken;
  } finally {
    await Promise.all([echo.stop(), gateway.stop()]);
  }
}

function goalsOf(stations: number, taken: readonly Turn[]): Goal[] {
  const runs = taken.map((turn) => ({
    ratio: ratio(turn),
    echoMicros: turn.echo.microsPerFrame,
    gatewayMicros: turn.gateway.microsPerFrame,
    gatewayFramesPerSecond: turn.gateway.exchanged.frames / turn.gateway.exchanged.seconds,
  }));
  const measured = median(taken.map(ratio));
  const name = `frames per core-second, ${stations} stations, of a raw echo`;
  return [
    atLeast(`${name} (first goal)`, goalNow, measured, "ratio", runs),
    atLeast(`${name} (final goal)`, goalFinal, measured, "ratio", runs),
  ];
}

function figuresOf(label: string, taken: readonly Turn[]): Figure[] {
  const middle = (pick: (turn: Turn) => number): number => median(taken.map(pick));
  const perFrame = (pick: (cpu: CpuUsage) => number) => (turn: Turn) =>
    pick(turn.gateway.cpu) / turn.gateway.exchanged.frames;
  const busy = (of: "echo" | "gateway") => (turn: Turn) => turn[of].cpu.main / (turn[of].exchanged.seconds * 1e6);
  const load = (turn: Turn) => turn.gateway.exchanged.cpuMicros / (turn.gateway.exchanged.seconds * 1e6);
  const fold = (cpu: CpuUsage) => (cpu.threads["processor"] ?? 0) + (cpu.threads["read side"] ?? 0);
  const helpers = (cpu: CpuUsage) => cpu.process - cpu.main - cpu.logWriter - fold(cpu);
  return [
    figure(
      `${label}: echo, main thread`,
      middle((turn) => turn.echo.microsPerFrame),
      "µs/frame",
    ),
    figure(`${label}: gateway, main thread`, middle(perFrame((cpu) => cpu.main)), "µs/frame"),
    figure(`${label}: log writer`, middle(perFrame((cpu) => cpu.logWriter)), "µs/frame"),
    figure(`${label}: fold and read side`, middle(perFrame(fold)), "µs/frame"),
    figure(`${label}: V8's and libuv's helpers`, middle(perFrame(helpers)), "µs/frame"),
    figure(
      `${label}: frames`,
      middle(({ gateway: { exchanged } }) => exchanged.frames / exchanged.seconds),
      "1/s",
    ),
    figure(
      `${label}: answer p50`,
      middle(({ gateway }) => gateway.exchanged.latency.p50),
      "ms",
    ),
    figure(
      `${label}: answer p99`,
      middle(({ gateway }) => gateway.exchanged.latency.p99),
      "ms",
    ),
    figure(
      `${label}: fsync p50`,
      middle(({ gateway }) => gateway.log?.commitP50Ms ?? Number.NaN),
      "ms",
    ),
    figure(
      `${label}: frames a commit`,
      middle(({ gateway }) => gateway.log?.recordsPerCommit ?? Number.NaN),
      "frames",
    ),
    figure(`${label}: echo's core in use`, middle(busy("echo")), "of 1"),
    figure(`${label}: gateway's main core in use`, middle(busy("gateway")), "of 1"),
    figure(`${label}: load generator's core in use`, middle(load), "of 1"),
  ];
}

export async function ingest(folder: string): Promise<Outcome> {
  const fifty = await turns(folder, 50, 5, "./gateway-server.ts");
  const fiveHundred = await turns(folder, 500, 3, "./gateway-server.ts");
  const whole = await turns(folder, 50, 2, "./all-server.ts");
  return {
    goals: [...goalsOf(50, fifty), ...goalsOf(500, fiveHundred)],
    figures: [
      ...figuresOf("50 stations", fifty),
      ...figuresOf("500 stations", fiveHundred),
      figure("50 stations, every role in the process: of a raw echo", median(whole.map(ratio)), "ratio"),
      ...figuresOf("50 stations, every role", whole),
    ],
  };
}
