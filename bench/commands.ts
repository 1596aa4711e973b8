// A command from REST to the station and back: three appends in a row, at a fixed rate, against what one append of the
// same process took in the same seconds.
import { join } from "node:path";

import type { ApiLoaded } from "./load/api-load.ts";
import { Child } from "./load/process.ts";
import { median } from "./load/samples.ts";
import type { ApiGenerator, Generator, LogFigures, Target, TargetAddress } from "./load/targets.ts";
import { atMost, figure, InvalidRun, type Figure, type Goal, type Outcome } from "./report.ts";
import type { Timeline } from "./timeline.ts";

const stations = 100;
const appends = 3;
const slackP50Ms = 0.5;
const slackP99Ms = 3;
const rates = [200, 1_000] as const;
const seconds = 4;
const runsEach = 3;
const warmUpSeconds = 3;
/** The projection shows a booted station after so long at the latest; commands to a station unknown are refused. */
const settleMs = 2_000;
const mostLatePercent = 5;

interface Measured {
  readonly command: ApiLoaded;
  readonly log: LogFigures;
}

class Bench {
  private readonly target = new Child<Target>("./all-server.ts");
  private readonly generator = new Child<Generator>("./generator.ts");
  private readonly api = new Child<ApiGenerator>("./api-generator.ts");
  private readonly ids = Array.from({ length: stations }, (_, n) => `command-${n}`);
  private address: Required<TargetAddress>["api"] = { url: "", token: "" };

  async start(folder: string): Promise<void> {
    const { host, port, api } = await this.target.ask("start", { folder, timeAppends: true });
    if (!api) throw new Error("The target has no REST.");
    this.address = api;
    await this.generator.ask("connect", { host, port, stations, prefix: "command-", ocpp: true, addresses: 1 });
    await this.generator.ask("boot", { transactions: false });
    await new Promise((resolve) => setTimeout(resolve, settleMs));
  }

  async measure(perSecond: number, duration: number): Promise<Measured> {
    await this.target.ask("log");
    const load = { ...this.address, stations: this.ids, perSecond, seconds: duration };
    const command = await this.api.ask("load", load);
    const log = await this.target.ask("log");
    const { lost } = await this.generator.ask("status");
    if (lost.length > 0) throw new InvalidRun(`${lost.length} stations were lost, first ${lost[0]}.`);
    const [failure] = command.failures;
    if (failure) throw new InvalidRun(`${command.failures.length} commands were not accepted, first ${failure}.`);
    if (!log || log.append.count === 0) throw new InvalidRun("No append was measured.");
    return { command, log };
  }

  async stop(): Promise<void> {
    await Promise.all([this.api.stop(), this.generator.stop()]);
    await this.target.stop();
  }
}

function goalsOf(rate: number, taken: readonly Measured[]): Goal[] {
  const middle = (pick: (measured: Measured) => number): number => median(taken.map(pick));
  const runs = taken.map(({ command, log }) => ({ command: command.latency, append: log.append }));
  const p50 = middle(({ command }) => command.latency.p50);
  const p99 = middle(({ command }) => command.latency.p99);
  const most50 = appends * middle(({ log }) => log.append.p50) + slackP50Ms;
  const most99 = appends * middle(({ log }) => log.append.p99) + slackP99Ms;
  return [
    atMost(`command p50 at ${rate}/s, ≤ 3 appends + 0.5 ms`, most50, p50, "ms", runs),
    atMost(`command p99 at ${rate}/s, ≤ 3 appends + 3 ms`, most99, p99, "ms", runs),
  ];
}

function figuresOf(rate: number, taken: readonly Measured[]): Figure[] {
  const middle = (pick: (measured: Measured) => number): number => median(taken.map(pick));
  return [
    figure(
      `${rate}/s: append p50`,
      middle(({ log }) => log.append.p50),
      "ms",
    ),
    figure(
      `${rate}/s: append p99`,
      middle(({ log }) => log.append.p99),
      "ms",
    ),
    figure(
      `${rate}/s: fsync p50`,
      middle(({ log }) => log.commitP50Ms),
      "ms",
    ),
    figure(
      `${rate}/s: fsync p99`,
      middle(({ log }) => log.commitP99Ms),
      "ms",
    ),
    figure(
      `${rate}/s: requests that left > 20 ms late`,
      middle(({ command }) => command.latePercent),
      "%",
    ),
  ];
}

/** @param timeline where the way of the last run's commands is to be shown, hop by hop; its notes cost some of the time. */
export async function commands(folder: string, timeline?: Timeline): Promise<Outcome> {
  const bench = new Bench();
  try {
    await bench.start(join(folder, "all"));
    // Thousands of commands, for V8 compiles in threads of its own, on the same cores, until it knows the way.
    await bench.measure(rates[1], warmUpSeconds);
    const goals: Goal[] = [];
    const figures: Figure[] = [];
    for (const rate of rates) {
      await bench.measure(rate, warmUpSeconds);
      const taken: Measured[] = [];
      for (let n = 0; n < runsEach; n++) {
        timeline?.begin();
        taken.push(await bench.measure(rate, seconds));
      }
      if (timeline) process.stderr.write(await timeline.end(`The way of a command at ${rate}/s`));
      const late = median(taken.map(({ command }) => command.latePercent));
      if (late > mostLatePercent)
        throw new InvalidRun(`At ${rate}/s ${late} % of the requests left late: is the machine busy?`);
      goals.push(...goalsOf(rate, taken));
      figures.push(...figuresOf(rate, taken));
    }
    return { goals, figures };
  } finally {
    await bench.stop();
  }
}
