import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { systemClock } from "./clock.ts";
import { Fleet, makeRunId } from "./fleet.ts";
import type { FleetDeps, Snapshot } from "./fleet.ts";
import { parseSimulateArgs } from "./options.ts";
import type { SimulateOptions } from "./options.ts";
import { mergeSnapshots, progressLine, summarize, table } from "./report.ts";
import type { Summary } from "./report.ts";

export { parseSimulateArgs };

const self = fileURLToPath(import.meta.url);

/** Runs a fleet to its end. Rejects when the journal cannot be written; unanswered messages are in the summary. */
export async function simulate(options: SimulateOptions, deps: FleetDeps = {}): Promise<Summary> {
  const startedAt = systemClock.now();
  const runId = options.runId ?? makeRunId(startedAt);
  const named = { ...options, runId };
  const run = options.processes > 1 ? forkFleet(named, deps.signal) : ownFleet(named, deps);
  const progress = options.quiet ? undefined : startProgress(options, () => run.snapshot());
  try {
    const last = await run.done;
    return summarize(options, last, (systemClock.now() - startedAt) / 1000);
  } finally {
    clearInterval(progress);
  }
}

/** The whole of `wattlog simulate`: parses, runs, prints, and returns the exit code. */
export async function runSimulate(argv: readonly string[]): Promise<number> {
  const parsed = parseSimulateArgs(argv);
  if (parsed.kind === "help") {
    process.stdout.write(parsed.text);
    return 0;
  }
  if (parsed.kind === "wrong") {
    process.stderr.write(`${parsed.message}\n`);
    return 2;
  }
  const { options } = parsed;
  if (!options.quiet) process.stderr.write(`seed ${options.seed}\n`);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    const summary = await simulate(options, { signal: abort.signal });
    process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : table(summary));
    return summary.ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    process.removeListener("SIGINT", stop);
    process.removeListener("SIGTERM", stop);
  }
}

interface Run {
  readonly done: Promise<Snapshot>;
  snapshot(): Snapshot;
}

function ownFleet(options: SimulateOptions, deps: FleetDeps): Run {
  const fleet = new Fleet(options, deps);
  return { done: fleet.run(), snapshot: () => fleet.snapshot() };
}

function startProgress(options: SimulateOptions, snapshot: () => Snapshot): NodeJS.Timeout {
  let before: Snapshot | undefined;
  let second = 0;
  return setInterval(() => {
    const now = snapshot();
    process.stderr.write(`${progressLine(options, now, before, ++second)}\n`);
    before = now;
  }, 1000);
}

type ChildMessage =
  | { readonly kind: "progress" | "done"; readonly snapshot: Snapshot }
  | { readonly kind: "failed"; readonly message: string };

/** Child n of `--processes`: its share of the stations, sessions, rate and commands, and a journal file of its own. */
function shares(options: SimulateOptions): SimulateOptions[] {
  // Never more processes than sessions: a share of 0 would mean "no limit".
  const processes = options.sessions > 0 ? Math.min(options.processes, options.sessions) : options.processes;
  let first = options.first;
  return Array.from({ length: processes }, (_, i) => {
    const part = (total: number): number =>
      Math.floor((total * (i + 1)) / processes) - Math.floor((total * i) / processes);
    const stations = part(options.stations);
    const share = {
      ...options,
      stations,
      first,
      sessions: part(options.sessions),
      rate: options.rate / processes,
      commands: options.commands / processes,
      connectRate: options.connectRate / processes,
      processes: 1,
    };
    first += stations;
    return share;
  });
}

function forkFleet(options: SimulateOptions, signal: AbortSignal | undefined): Run {
  const all = shares(options);
  const latest = new Map<number, Snapshot>();
  const children = all.map((share) => {
    const child = fork(self, ["--child"], { serialization: "advanced" });
    child.send(share);
    return child;
  });
  const stop = (): void => children.forEach((child) => child.connected && child.send("stop"));
  signal?.addEventListener("abort", stop, { once: true });
  const done = Promise.all(children.map((child, i) => childDone(child, (snapshot) => latest.set(i, snapshot))));
  return {
    done: done.then(mergeSnapshots).finally(() => signal?.removeEventListener("abort", stop)),
    snapshot: () => mergeSnapshots([...latest.values()]),
  };
}

function childDone(child: ChildProcess, progress: (snapshot: Snapshot) => void): Promise<Snapshot> {
  return new Promise((resolve, reject) => {
    let result: Snapshot | undefined;
    child.on("message", (message) => {
      const said = message as ChildMessage;
      if (said.kind === "failed") return reject(new Error(said.message));
      progress(said.snapshot);
      if (said.kind === "done") result = said.snapshot;
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (result !== undefined) resolve(result);
      else reject(new Error(`a simulator process ended early (${signal ?? code})`));
    });
  });
}

/** A forked part: takes its options from the first message, tells its state every second, and ends by itself. */
async function childMain(): Promise<void> {
  const abort = new AbortController();
  const options = await new Promise<SimulateOptions>((resolve) => {
    process.on("message", (message) => (message === "stop" ? abort.abort() : resolve(message as SimulateOptions)));
  });
  // Ctrl-C reaches the whole group; the parent decides, so that every part ends its sessions.
  process.on("SIGINT", () => undefined);
  const tell = (message: ChildMessage): void => void process.send?.(message);
  const fleet = new Fleet(options, { signal: abort.signal });
  const timer = setInterval(() => tell({ kind: "progress", snapshot: fleet.snapshot() }), 1000);
  try {
    tell({ kind: "done", snapshot: await fleet.run() });
  } catch (error) {
    tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  } finally {
    clearInterval(timer);
    process.disconnect?.();
  }
}

if (process.argv[1] === self) {
  if (process.argv[2] === "--child") await childMain();
  else process.exitCode = await runSimulate(process.argv.slice(2));
}
