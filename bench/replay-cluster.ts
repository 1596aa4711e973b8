// Frames that lie in Kafka become rows in Postgres: a processor and a projector, each a process, as after a long pause.
import { Client } from "pg";

import { openPlatformaticLog } from "../core/log/log-platformatic.ts";
import { makeTopics, type EventLog, type Topic } from "../core/log/log.ts";
import { ClusterWorld, cpuBetween, type CpuByProcess } from "./cluster-world.ts";
import { fill } from "./load/record-writer.ts";
import { median } from "./load/samples.ts";
import { atLeast, figure, InvalidRun, type Figure, type Goal, type Outcome } from "./report.ts";

const goalFolded = 15_000;
const partitions = 12;
const roles = ["processor", "projector"];
const warmUpFrames = 20_000;
const frames = 60_000;
const runsEach = 2;
const foldedMs = 90_000;
const lookEveryMs = 100;
const readingsPerFrame = 2;

interface Measured {
  readonly frames: number;
  readonly seconds: number;
  readonly cpu: CpuByProcess;
  /** What the log and the tables grew by, indexes included, events as well as frames. */
  readonly logBytes: number;
  readonly storeBytes: number;
}

class Bench {
  private readonly world: ClusterWorld;
  private readonly log: EventLog;
  private readonly database: Client;
  private runs = 0;

  static async start(): Promise<Bench> {
    const world = await ClusterWorld.start({ roles, partitions });
    const connection = { brokers: world.brokers, clientId: "bench-replay" };
    const log = openPlatformaticLog({ connection, topics: makeTopics(1, partitions) });
    const database = new Client({ connectionString: world.databaseUrl });
    const bench = new Bench(world, log, database);
    await database.connect();
    return bench;
  }

  private constructor(world: ClusterWorld, log: EventLog, database: Client) {
    this.world = world;
    this.log = log;
    this.database = database;
  }

  /** Folds what is written while the folds stand still, so that they find all of it. */
  async measure(count: number, stations: number): Promise<Measured> {
    const before = await this.readings();
    const [logBefore, storeBefore] = [this.world.logBytes(), await this.storeBytes()];
    this.toFolds("SIGSTOP");
    await fill(this.log, count, stations, { prefix: `replay-${stations}-${++this.runs}-` });
    const cpu = this.world.cpu();
    const started = performance.now();
    this.toFolds("SIGCONT");
    await this.folded();
    const seconds = (performance.now() - started) / 1_000;
    const used = cpuBetween(cpu, this.world.cpu());
    const written = Math.ceil(count / stations) * stations;
    const rows = (await this.readings()) - before;
    // Stations send full rounds, and several of them at a time where they are few.
    if (rows < written * readingsPerFrame) throw new InvalidRun(`Only ${rows} readings of ${written} frames are rows.`);
    const logBytes = this.world.logBytes() - logBefore;
    const storeBytes = (await this.storeBytes()) - storeBefore;
    return { frames: rows / readingsPerFrame, seconds, cpu: used, logBytes, storeBytes };
  }

  private async storeBytes(): Promise<number> {
    const { rows } = await this.database.query<{ bytes: string }>(
      "select pg_database_size(current_database()) as bytes",
    );
    return Number(rows[0]?.bytes);
  }

  private toFolds(signal: "SIGSTOP" | "SIGCONT"): void {
    for (const { child } of this.world.cluster.processes) child.kill(signal);
  }

  private async folded(): Promise<void> {
    const { frames: written, events } = this.log.topics;
    const until = performance.now() + foldedMs;
    while (!((await this.reached("processor", written)) && (await this.reached("projector", events)))) {
      if (performance.now() > until) throw new InvalidRun(`The fold has not ended within ${foldedMs / 1_000} s.`);
      this.world.cpu();
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  /** That the role stands at the topic's end, and that no event still waits to be sent. */
  private async reached(role: string, topic: Topic): Promise<boolean> {
    const text = "select partition, next from position where role = $1 and topic = $2";
    const { rows } = await this.database.query<{ partition: string; next: string }>(text, [role, topic.name]);
    const positions = new Map(rows.map(({ partition, next }) => [Number(partition), Number(next)]));
    for (let partition = 0; partition < topic.partitions; partition++) {
      if ((positions.get(partition) ?? 0) < (await this.log.endOffset(topic, partition))) return false;
    }
    const { rows: waiting } = await this.database.query("select 1 from outbox limit 1");
    return waiting.length === 0;
  }

  private async readings(): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      "select coalesce(sum(count), 0) as count from meter_value",
    );
    return Number(rows[0]?.count);
  }

  async stop(): Promise<void> {
    this.toFolds("SIGCONT");
    await this.database.end();
    await this.log.close();
    await this.world.stop();
  }
}

const microsOf = (name: string) => (run: Measured) => (run.cpu.get(name) ?? Number.NaN) / run.frames;

function resultOf(stations: number, taken: readonly Measured[]): { goal: Goal; figures: readonly Figure[] } {
  const label = `${stations} stations`;
  const middle = (pick: (run: Measured) => number): number => median(taken.map(pick));
  const processor = middle(microsOf("processor-1"));
  const runs = taken.map((run) => ({
    frames: run.frames,
    seconds: run.seconds,
    byProcess: Object.fromEntries([...run.cpu.keys()].map((name) => [name, microsOf(name)(run)])),
  }));
  const name = `${label}: frames folded from Kafka into Postgres per core-second of the processor`;
  return {
    goal: atLeast(name, goalFolded, 1e6 / processor, "1/s", runs),
    figures: [
      ...[...(taken[0]?.cpu.keys() ?? [])].map((of) => figure(`${label}: ${of}`, middle(microsOf(of)), "µs/frame")),
      figure(
        `${label}: frames from Kafka to the rows that REST reads`,
        middle((run) => run.frames / run.seconds),
        "1/s",
      ),
      figure(
        `${label}: frames and events in Kafka`,
        middle((run) => run.logBytes / run.frames),
        "bytes/frame",
      ),
      figure(
        `${label}: rows and indexes in Postgres`,
        middle((run) => run.storeBytes / run.frames),
        "bytes/frame",
      ),
    ],
  };
}

export async function replayOnCluster(): Promise<Outcome> {
  const bench = await Bench.start();
  try {
    await bench.measure(warmUpFrames, 500);
    const results = [];
    for (const stations of [50, 2_000]) {
      const taken: Measured[] = [];
      for (let n = 0; n < runsEach; n++) taken.push(await bench.measure(frames, stations));
      results.push(resultOf(stations, taken));
    }
    return { goals: results.map(({ goal }) => goal), figures: results.flatMap(({ figures }) => figures) };
  } finally {
    await bench.stop();
  }
}
