// A command across processes: POST at the api, the station on a gateway, three appends to Kafka in a row and Redis in
// between, while all the gateway's stations send meter values.
import { ClusterWorld, cpuBetween, type CpuByProcess } from "./cluster-world.ts";
import { refuse } from "./ingest.ts";
import type { ApiLoaded } from "./load/api-load.ts";
import { Child } from "./load/process.ts";
import { median } from "./load/samples.ts";
import type { ApiGenerator, Exchanged, Generator } from "./load/targets.ts";
import { atMost, figure, InvalidRun, type Figure, type Outcome } from "./report.ts";
import type { Timeline } from "./timeline.ts";

const goalP50Ms = 3;
const goalP99Ms = 10;
const partitions = 12;
const roles = ["gateway", "processor", "projector", "api"];
const stations = 2_000;
/** Of each station; a meter value each minute is usual, so this is the traffic of 12 000 stations. */
const meterValuesEveryMs = 10_000;
const perSecond = 200;
const seconds = 6;
const warmUpSeconds = 10;
const runsEach = 3;
/** Meter values begin before the first command and end after the last. */
const marginMs = 500;
/** The projection shows a booted station after so long at the latest. */
const settleMs = 3_000;
const mostLatePercent = 5;

interface Measured {
  readonly command: ApiLoaded;
  readonly exchanged: Exchanged;
  readonly cpu: CpuByProcess;
}

class Bench {
  private readonly world: ClusterWorld;
  private readonly generator = new Child<Generator>("./generator.ts");
  private readonly api = new Child<ApiGenerator>("./api-generator.ts");

  constructor(world: ClusterWorld) {
    this.world = world;
  }

  async start(): Promise<void> {
    const { hostname: host, port } = new URL(this.world.cluster.of("gateway-1").url ?? "");
    const where = { host, port: Number(port), stations, prefix: "command-", ocpp: true, addresses: 1 };
    await this.generator.ask("connect", where);
    await this.generator.ask("boot", { transactions: true });
    await new Promise((resolve) => setTimeout(resolve, settleMs));
  }

  async measure(duration: number): Promise<Measured> {
    const before = this.world.cpu();
    const ms = duration * 1_000 + 2 * marginMs;
    const pacing = this.generator.ask("pace", { ms, everyMs: meterValuesEveryMs });
    await new Promise((resolve) => setTimeout(resolve, marginMs));
    const ids = Array.from({ length: stations }, (_, n) => `command-${n}`);
    const { consoleUrl: url, token } = this.world.cluster;
    const loading = this.api.ask("load", { url, token, stations: ids, perSecond, seconds: duration });
    const [exchanged, command] = await Promise.all([pacing, loading]);
    const cpu = cpuBetween(before, this.world.cpu());
    refuse("The cluster", exchanged);
    const [failure] = command.failures;
    if (failure) throw new InvalidRun(`${command.failures.length} commands were not accepted, first ${failure}.`);
    if (command.latency.count !== perSecond * duration) throw new InvalidRun("Not every command was measured.");
    if (exchanged.frames < ((ms - meterValuesEveryMs / stations) * stations) / meterValuesEveryMs - 1) {
      throw new InvalidRun(`Only ${exchanged.frames} meter values were sent in ${ms / 1_000} s: is the machine busy?`);
    }
    return { command, exchanged, cpu };
  }

  async stop(): Promise<void> {
    await Promise.all([this.api.stop(), this.generator.stop()]);
  }
}

function figuresOf(taken: readonly Measured[]): Figure[] {
  const middle = (pick: (measured: Measured) => number): number => median(taken.map(pick));
  const processes = [...(taken[0]?.cpu.keys() ?? [])];
  return [
    figure(
      "meter values meanwhile",
      middle(({ exchanged }) => exchanged.frames / exchanged.seconds),
      "1/s",
    ),
    figure(
      "meter values: answer p50",
      middle(({ exchanged }) => exchanged.latency.p50),
      "ms",
    ),
    figure(
      "meter values: answer p99",
      middle(({ exchanged }) => exchanged.latency.p99),
      "ms",
    ),
    figure(
      "requests that left > 20 ms late",
      middle(({ command }) => command.latePercent),
      "%",
    ),
    ...processes.map((name) =>
      figure(
        name,
        middle(({ cpu, exchanged }) => (cpu.get(name) ?? Number.NaN) / (exchanged.seconds * 1e4)),
        "% of a core",
      ),
    ),
  ];
}

/** @param timeline as in commands.ts */
export async function commandsOnCluster(_folder: string, timeline?: Timeline): Promise<Outcome> {
  const world = await ClusterWorld.start({ roles, partitions });
  const bench = new Bench(world);
  try {
    await bench.start();
    await bench.measure(warmUpSeconds);
    const taken: Measured[] = [];
    for (let n = 0; n < runsEach; n++) {
      timeline?.begin();
      taken.push(await bench.measure(seconds));
    }
    if (timeline) process.stderr.write(await timeline.end("The way of a command across processes"));
    const late = median(taken.map(({ command }) => command.latePercent));
    if (late > mostLatePercent) throw new InvalidRun(`${late} % of the requests left late: is the machine busy?`);
    const runs = taken.map(({ command, exchanged }) => ({ command: command.latency, meterValues: exchanged.latency }));
    const [p50, p99] = (["p50", "p99"] as const).map((q) => median(taken.map(({ command }) => command.latency[q])));
    const name = `at ${perSecond}/s across processes, ${stations} stations with a meter value each ${meterValuesEveryMs / 1_000} s`;
    return {
      goals: [
        atMost(`command p50 ${name}`, goalP50Ms, p50 ?? Number.NaN, "ms", runs),
        atMost(`command p99 ${name}`, goalP99Ms, p99 ?? Number.NaN, "ms", runs),
      ],
      figures: figuresOf(taken),
    };
  } finally {
    await bench.stop();
    await world.stop();
  }
}
