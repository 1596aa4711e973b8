// What a MeterValues frame costs the whole cluster, from the socket to the row that REST reads: user and system CPU of
// every role and every server, none left out but the load generator and this program.
import { ClusterWorld, cpuBetween, type CpuByProcess } from "./cluster-world.ts";
import { Child } from "./load/process.ts";
import { RestReader } from "./load/rest-reader.ts";
import { median } from "./load/samples.ts";
import type { Exchanged, Generator, SentByStation } from "./load/targets.ts";
import { refuse } from "./ingest.ts";
import { atMost, figure, InvalidRun, type Figure, type Goal, type Outcome } from "./report.ts";

const goalNow = 120;
const goalFinal = 70;
const partitions = 12;
const roles = ["gateway", "processor", "projector", "api"];
const warmUpMs = 8_000;
const measureMs = 3_000;
const runsEach = 3;
const idleMs = 2_000;
const drainMs = 60_000;
const lookEveryMs = 100;
const readingsPerFrame = 2;
const meterStartWh = 0;
/** Sessions whose readings are counted at a time. */
const readersAtOnce = 4;

interface Measured {
  readonly exchanged: Exchanged;
  /** From the last answer until REST showed every station's last frame. */
  readonly drainSeconds: number;
  readonly cpu: CpuByProcess;
}

/** Stations on the gateway of a world, and what REST must show of them. */
class Fleet {
  private readonly world: ClusterWorld;
  private readonly prefix: string;
  private readonly rest: RestReader;
  private readonly generator = new Child<Generator>("./generator.ts");

  constructor(world: ClusterWorld, stations: number) {
    this.world = world;
    this.prefix = `whole-${stations}-`;
    this.rest = new RestReader({ url: world.cluster.consoleUrl, token: world.cluster.token });
  }

  async start(stations: number): Promise<void> {
    const { hostname: host, port } = new URL(this.world.cluster.of("gateway-1").url ?? "");
    const where = { host, port: Number(port), stations, prefix: this.prefix, ocpp: true, addresses: 1 };
    await this.generator.ask("connect", where);
    await this.generator.ask("boot", { transactions: true });
  }

  async measure(ms: number): Promise<Measured> {
    const before = this.world.cpu();
    const exchanged = await this.generator.ask("exchange", { ms });
    refuse("The cluster", exchanged);
    const answered = performance.now();
    await this.shown(await this.generator.ask("sent"));
    const drainSeconds = (performance.now() - answered) / 1_000;
    return { exchanged, drainSeconds, cpu: cpuBetween(before, this.world.cpu()) };
  }

  /** Each station's last frame: what came before it is folded too, for a station's frames are folded in order. */
  private async shown(sent: readonly SentByStation[]): Promise<void> {
    const until = performance.now() + drainMs;
    const missing = new Map(sent.map((one) => [one.station, one.energyWh - meterStartWh]));
    for (;;) {
      // One station while it lags; the list only when that one is through.
      const [first] = missing;
      if (!first) return;
      const [seen] = await this.rest.sessionsOf(first[0]);
      if (seen?.energyWh === first[1]) {
        for (const { stationId, energyWh } of await this.rest.sessions()) {
          if (missing.get(stationId) === energyWh) missing.delete(stationId);
        }
      }
      if (missing.size === 0) return;
      if (performance.now() > until) {
        const what = `${missing.size} of ${sent.length} stations' last frames, first ${first[0]}`;
        throw new InvalidRun(`REST did not show ${what}, within ${drainMs / 1_000} s.`);
      }
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  /** Every frame that was answered, by its readings. @returns how many readings REST gave. */
  async count(): Promise<number> {
    const sent = new Map((await this.generator.ask("sent")).map((one) => [one.station, one.frames]));
    const sessions = (await this.rest.sessions()).filter(({ stationId }) => sent.has(stationId));
    if (sessions.length !== sent.size) throw new InvalidRun(`REST has ${sessions.length} of ${sent.size} sessions.`);
    const rest = sessions.values();
    let counted = 0;
    const read = async (): Promise<void> => {
      for (const { id, stationId } of rest) {
        const readings = await this.rest.readings(id);
        const due = readingsPerFrame * sent.get(stationId)!;
        if (readings !== due) throw new InvalidRun(`REST has ${readings} of the ${due} readings of ${stationId}.`);
        counted += readings;
      }
    };
    await Promise.all(Array.from({ length: readersAtOnce }, read));
    if (counted === 0) throw new InvalidRun("REST has no readings.");
    return counted;
  }

  async stop(): Promise<void> {
    await this.generator.stop();
  }
}

interface Taken {
  readonly runs: readonly Measured[];
  readonly readings: number;
}

async function take(world: ClusterWorld, stations: number): Promise<Taken> {
  const fleet = new Fleet(world, stations);
  try {
    await fleet.start(stations);
    await fleet.measure(warmUpMs);
    const runs: Measured[] = [];
    for (let n = 0; n < runsEach; n++) runs.push(await fleet.measure(measureMs));
    return { runs, readings: await fleet.count() };
  } finally {
    await fleet.stop();
  }
}

const microsOf = (name: string) => (run: Measured) => (run.cpu.get(name) ?? Number.NaN) / run.exchanged.frames;

function goalsOf(label: string, { runs }: Taken): Goal[] {
  const measured = median(runs.map(microsOf("all")));
  const seen = runs.map((run) => ({
    micros: microsOf("all")(run),
    frames: run.exchanged.frames,
    framesPerSecond: run.exchanged.frames / run.exchanged.seconds,
    drainSeconds: run.drainSeconds,
    byProcess: Object.fromEntries([...run.cpu.keys()].map((name) => [name, microsOf(name)(run)])),
  }));
  const name = `${label}: CPU of all processes a frame`;
  return [
    atMost(`${name} (first goal)`, goalNow, measured, "µs/frame", seen),
    atMost(`${name} (final goal)`, goalFinal, measured, "µs/frame", seen),
  ];
}

function figuresOf(label: string, { runs, readings }: Taken): Figure[] {
  const middle = (pick: (run: Measured) => number): number => median(runs.map(pick));
  const processes = [...(runs[0]?.cpu.keys() ?? [])].filter((name) => name !== "all");
  return [
    ...processes.map((name) => figure(`${label}: ${name}`, middle(microsOf(name)), "µs/frame")),
    figure(
      `${label}: frames answered`,
      middle(({ exchanged }) => exchanged.frames / exchanged.seconds),
      "1/s",
    ),
    figure(
      `${label}: frames from the first sent to the last readable`,
      middle(({ exchanged, drainSeconds }) => exchanged.frames / (exchanged.seconds + drainSeconds)),
      "1/s",
    ),
    figure(
      `${label}: answer p50`,
      middle(({ exchanged }) => exchanged.latency.p50),
      "ms",
    ),
    figure(`${label}: readings counted through REST, all as sent`, readings, "readings"),
  ];
}

export async function whole(): Promise<Outcome> {
  const world = await ClusterWorld.start({ roles, partitions });
  try {
    const fifty = await take(world, 50);
    const thousand = await take(world, 1_000);
    const before = world.cpu();
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    const idle = cpuBetween(before, world.cpu()).get("all") ?? Number.NaN;
    return {
      goals: [...goalsOf("50 stations", fifty), ...goalsOf("1 000 stations", thousand)],
      figures: [
        ...figuresOf("50 stations", fifty),
        ...figuresOf("1 000 stations", thousand),
        figure("all processes while nothing is sent", idle / (idleMs * 10), "% of a core"),
      ],
    };
  } finally {
    await world.stop();
  }
}
