// A fleet comes back at once: what a station costs until it is booted, and how long the last one waits. Each is registered
// with a password of its own; upgrade, check, `connected` record, claim and boot count.
import { join } from "node:path";

import { Child } from "./load/process.ts";
import { median } from "./load/samples.ts";
import type { Generator, Target, TargetAddress } from "./load/targets.ts";
import { usedBetween, type CpuUsage } from "./load/usage.ts";
import { atLeast, figure, InvalidRun, type Outcome } from "./report.ts";

const goal = 10_000;
const stations = 5_000;
const rounds = 5;
/** Compiled code, and the fleet's own first connect. */
const warmUpRounds = 3;
/** An address has some 28 000 ephemeral ports, some of them resting after the round before. */
const addresses = 16;
const password = "a-key-of-sixteen";
const prefix = "storm-";
/** Connects, and then boots, under way at a time. */
const atOnce = 2_000;

interface Round {
  readonly cpu: CpuUsage;
  readonly seconds: number;
}

const microsAStation = ({ cpu }: Round): number => (cpu.main + cpu.logWriter) / stations;

async function storm(target: Child<Target>, address: TargetAddress): Promise<Round> {
  const generator = new Child<Generator>("./generator.ts");
  try {
    const before = await target.ask("cpu");
    const started = performance.now();
    await generator.ask("connect", { ...address, stations, prefix, ocpp: true, addresses, password, atOnce });
    await generator.ask("boot", { transactions: false });
    const seconds = (performance.now() - started) / 1000;
    const cpu = usedBetween(before, await target.ask("cpu"));
    const { lost } = await generator.ask("status");
    if (lost.length > 0) throw new InvalidRun(`${lost.length} stations were lost, first ${lost[0]}.`);
    return { cpu, seconds };
  } finally {
    await generator.stop();
  }
}

export async function stormOfStations(folder: string): Promise<Outcome> {
  const target = new Child<Target>("./gateway-server.ts");
  try {
    const registered = { prefix, stations, password };
    const address = await target.ask("start", { folder: join(folder, "gateway"), registered });
    for (let n = 0; n < warmUpRounds; n++) await storm(target, address);
    const taken: Round[] = [];
    for (let n = 0; n < rounds; n++) taken.push(await storm(target, address));
    return outcomeOf(taken);
  } finally {
    await target.stop();
  }
}

function outcomeOf(taken: readonly Round[]): Outcome {
  const middle = (pick: (round: Round) => number): number => median(taken.map(pick));
  const runs = taken.map((round) => ({ microsAStation: microsAStation(round), seconds: round.seconds }));
  return {
    goals: [atLeast("stations back per core-second", goal, 1e6 / middle(microsAStation), "1/s", runs)],
    figures: [
      figure(
        "gateway, main thread",
        middle(({ cpu }) => cpu.main / stations),
        "µs/station",
      ),
      figure(
        "log writer",
        middle(({ cpu }) => cpu.logWriter / stations),
        "µs/station",
      ),
      figure(
        "whole process, V8's helpers included",
        middle(({ cpu }) => cpu.process / stations),
        "µs/station",
      ),
      figure(
        `${stations} stations back and booted`,
        middle(({ seconds }) => seconds),
        "s",
      ),
    ],
  };
}
