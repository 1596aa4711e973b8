// `npm run bench:guards -- --before COMMIT`: whether what was added to the frame path since then costs the normal path. Two builds
// of the gateway, each from a working copy of its own, take turns of `bench -- ingest` (50 stations), so that a machine that slows
// down slows both; each pair of turns is a ratio, and their median has an interval that assumes nothing of how they are spread.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import type * as Ingest from "./ingest.ts";
import { median } from "./load/samples.ts";
import { intervalOfMedian } from "./interval.ts";
import { atMost, figure, InvalidRun, machine, table, type Result } from "./report.ts";

const usage = `npm run bench:guards -- --before COMMIT [--after COMMIT] [--without PATCH] [--pairs N] [--folder FOLDER] [--json]

  --before COMMIT  the build to compare with (HEAD)
  --after COMMIT   the build that is judged (HEAD)
  --without PATCH  taken out of the build before: a patch that removes what is to be measured
  --pairs N        pairs of turns of two seconds each, at least 10 (20)
  --folder FOLDER  scratch, on a disk whose syncs cost something (.cache)
  --json           one object on standard output
`;

const root = resolve(import.meta.dirname, "..");
const stations = 50;
const measureMs = 2_000;
const fewestPairs = 10;
/** What guards may cost: CPU a frame, of main thread and log writer. */
const atMostTimes = 1.05;
const confidence = 0.95;
/** Not tracked, and needed by every copy. */
const shared = ["node_modules", "build"];

interface Options {
  readonly before: string;
  readonly after: string;
  readonly without: string | undefined;
  readonly pairs: number;
  readonly folder: string;
  readonly json: boolean;
}

function parsed(): Options | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { before: text, after: text, without: text, pairs: text, folder: text, json: flag, help: flag };
  const { values } = parseArgs({ options });
  const { before = "HEAD", after = "HEAD", without, folder = join(root, ".cache"), json = false } = values;
  const pairs = Number(values.pairs ?? 20);
  const isAsked = values.before !== undefined || without !== undefined;
  if (values.help || !isAsked || !Number.isInteger(pairs) || pairs < fewestPairs) return undefined;
  return { before, after, without, pairs, folder, json };
}

function git(cwd: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("git", words, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${words.join(" ")}: ${stderr.trim()}`);
  return stdout.trim();
}

/** A working copy of a commit, with the packages and generated things of this one. */
class Copy implements Disposable {
  readonly path: string;

  constructor(path: string, commit: string, without?: string) {
    this.path = path;
    git(root, "worktree", "add", "--detach", path, commit);
    for (const name of shared) symlinkSync(join(root, name), join(path, name));
    if (without !== undefined) git(path, "apply", resolve(without));
  }

  async gateway(name: string): Promise<Ingest.Pair> {
    // Its own, so that the processes that it starts are those of the copy.
    const { Pair } = (await import(pathToFileURL(join(this.path, "bench", "ingest.ts")).href)) as typeof Ingest;
    return new Pair(name, "./gateway-server.ts");
  }

  [Symbol.dispose](): void {
    git(root, "worktree", "remove", "--force", this.path);
  }
}

interface Turn {
  readonly before: number;
  readonly after: number;
}

/** Whoever goes first takes turns too. */
async function turns(before: Ingest.Pair, after: Ingest.Pair, pairs: number): Promise<Turn[]> {
  const taken: Turn[] = [];
  const microsOf = async (pair: Ingest.Pair): Promise<number> => (await pair.measure(measureMs)).microsPerFrame;
  for (let n = 0; n < pairs; n++) {
    if (n % 2 === 0) taken.push({ before: await microsOf(before), after: await microsOf(after) });
    else {
      const first = await microsOf(after);
      taken.push({ before: await microsOf(before), after: first });
    }
  }
  return taken;
}

async function compare({ before, after, without, pairs }: Options, scratch: string): Promise<Result> {
  using old = new Copy(join(scratch, "copy-before"), before, without);
  using young = new Copy(join(scratch, "copy-after"), after);
  const pairOld = await old.gateway("The gateway before");
  const pairYoung = await young.gateway("The gateway after");
  try {
    await pairOld.start(join(scratch, "data-before"), stations, true);
    await pairYoung.start(join(scratch, "data-after"), stations, true);
    await pairOld.warmUp();
    await pairYoung.warmUp();
    const taken = await turns(pairOld, pairYoung, pairs);
    const ratios = taken.map((turn) => turn.after / turn.before);
    const { low, high, covered } = intervalOfMedian(ratios, confidence);
    const names = [git(root, "rev-parse", "--short", before), git(root, "rev-parse", "--short", after)];
    const said = `${names[1]} of ${names[0]}${without === undefined ? "" : ` without ${without}`}`;
    return {
      name: "guards",
      machine: machine(),
      date: new Date().toISOString(),
      goals: [atMost(`CPU a frame, ${said}`, atMostTimes, median(ratios), "times", taken)],
      figures: [
        figure(`${pairs} pairs, interval of ${(covered * 100).toFixed(1)} %, from`, low, "times"),
        figure(`${pairs} pairs, interval of ${(covered * 100).toFixed(1)} %, to`, high, "times"),
        figure("before, main thread and log writer", median(taken.map((turn) => turn.before)), "µs/frame"),
        figure("after, main thread and log writer", median(taken.map((turn) => turn.after)), "µs/frame"),
      ],
    };
  } finally {
    await Promise.all([pairOld.stop(), pairYoung.stop()]);
  }
}

async function main(): Promise<number> {
  const options = parsed();
  if (!options) {
    process.stderr.write(usage);
    return 2;
  }
  mkdirSync(options.folder, { recursive: true });
  const scratch = mkdtempSync(join(resolve(options.folder), "bench-guards-"));
  try {
    const result = await compare(options, scratch);
    process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : table(result));
    return 0;
  } catch (error) {
    if (!(error instanceof InvalidRun)) throw error;
    process.stderr.write(`Not a valid run: ${error.message}\n`);
    return 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = await main();
