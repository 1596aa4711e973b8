// `npm run bench -- NAME [--cluster] [--timeline] [--json] [--folder FOLDER]`. Exit code 0: the run was valid, whether or not goals are met;
// 1: it was not; 2: wrong use.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { InvalidRun, machine, table, type Figure, type Goal, type Outcome, type Result } from "./report.ts";
import { Timeline } from "./timeline.ts";

type Run = (folder: string, timeline?: Timeline) => Promise<Outcome>;
/** Loaded when it is asked for: what another one needs costs seconds to load. */
type Benchmarks = Readonly<Record<string, () => Promise<Run>>>;

const benchmarks: Benchmarks = {
  ingest: async () => (await import("./ingest.ts")).ingest,
  idle: async () => (await import("./idle.ts")).idle,
  commands: async () => (await import("./commands.ts")).commands,
  replay: async () => (await import("./replay.ts")).replay,
  kafka: async () => (await import("./kafka.ts")).kafka,
  whole: async () => (await import("./whole.ts")).whole,
  price: async () => (await import("./price.ts")).price,
  storm: async () => (await import("./storm.ts")).stormOfStations,
  peers: async () => (await import("./peers.ts")).peers,
  explain: async () => (await import("./explain.ts")).explain,
  ocpi: async () => (await import("./ocpi.ts")).ocpi,
};
/** One after the other, a quarter of an hour; one that is no valid run makes the whole invalid. */
async function everyOne(folder: string): Promise<Outcome> {
  const goals: Goal[] = [];
  const figures: Figure[] = [];
  for (const [name, load] of Object.entries(benchmarks)) {
    process.stderr.write(`${name} …\n`);
    const scratch = join(folder, name);
    mkdirSync(scratch);
    const outcome = await (await load())(scratch);
    goals.push(...outcome.goals.map((goal) => ({ ...goal, name: `${name}: ${goal.name}` })));
    figures.push(...outcome.figures.map((row) => ({ ...row, name: `${name}: ${row.name}` })));
    rmSync(scratch, { recursive: true, force: true });
  }
  return { goals, figures };
}

/** With `--cluster`: the same on Kafka, Redis and Postgres, one role a process. */
const onCluster: Benchmarks = {
  commands: async () => (await import("./commands-cluster.ts")).commandsOnCluster,
  replay: async () => (await import("./replay-cluster.ts")).replayOnCluster,
};
/** With `--timeline`: where the time goes, on standard error. */
const withTimeline = ["commands"];

class WrongUse extends Error {}

interface Options {
  readonly name: string;
  readonly load: () => Promise<Run>;
  readonly cluster: boolean;
  readonly json: boolean;
  readonly timeline: boolean;
  readonly folder: string;
}

/** @throws WrongUse with one sentence. */
function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parse(argv);
  const [name, ...more] = positionals;
  const known = [...Object.keys(benchmarks), "all"].join(", ");
  if (name === undefined || more.length > 0) throw new WrongUse(`Name one benchmark: ${known}.`);
  if (name !== "all" && !Object.hasOwn(benchmarks, name))
    throw new WrongUse(`There is no benchmark ${name}; there are ${known}.`);
  const load = (values.cluster ? onCluster : { ...benchmarks, all: async () => everyOne })[name];
  if (!load) throw new WrongUse(`--cluster is for ${Object.keys(onCluster).join(", ")}; ${name} has no such form.`);
  const timeline = values.timeline ?? false;
  if (timeline && !withTimeline.includes(name)) throw new WrongUse(`--timeline is for ${withTimeline.join(", ")}.`);
  const cluster = values.cluster ?? false;
  return {
    name: cluster ? `${name}-cluster` : name,
    load,
    cluster,
    json: values.json ?? false,
    timeline,
    folder: values.folder ?? join(import.meta.dirname, "..", ".cache"),
  };
}

function parse(argv: readonly string[]) {
  try {
    const options = {
      json: { type: "boolean" },
      cluster: { type: "boolean" },
      timeline: { type: "boolean" },
      folder: { type: "string" },
    } as const;
    return parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

async function main({ name, load, cluster, json, timeline, folder }: Options): Promise<number> {
  // On the project's own disk: the system's temporary folder may be in memory, where a sync costs nothing.
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(resolve(folder), `bench-${name}-`));
  try {
    const run = await load();
    const outcome = await run(scratch, timeline ? new Timeline(scratch, cluster) : undefined);
    const result: Result = { name, machine: machine(), date: new Date().toISOString(), ...outcome };
    process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : table(result));
    return 0;
  } catch (error) {
    if (!(error instanceof InvalidRun)) throw error;
    process.stderr.write(`Not a valid run: ${error.message}\n`);
    return 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  const wrongUse = error instanceof WrongUse;
  process.stderr.write(
    wrongUse ? `${error.message}\n` : `${error instanceof Error ? (error.stack ?? "") : String(error)}\n`,
  );
  process.exitCode = wrongUse ? 2 : 1;
}
