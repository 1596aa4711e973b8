// `--timeline`: where the time of a command goes, hop by hop. Notes of every thread on the way (load/timeline-probe.ts)
// are put together by command id, and of an append by the offset that it got.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { now, timelineFolder, type AppendNote, type BatchNote, type Note } from "./load/timeline-notes.ts";
import { InvalidRun } from "./report.ts";

const probe = new URL("./load/timeline-probe.ts", import.meta.url).href;
/** Threads leave their notes when they had none to make for a moment. */
const settleMs = 2_500;
/** Of the slowest, to see what makes a p99. */
const slowShare = 0.01;
const leastComplete = 0.95;

/** What happens to an append between its call and its receipt, where it is known. */
const appendHops = ["called", "taken", "begun", "committed", "posted", "receipt"] as const;
const steps = ["requested", "sent", "result"] as const;
/** The embedded log tells who waits for a record before the one who appended it: that receipt is no part of the way. */
const untilTold = appendHops.slice(0, appendHops.indexOf("posted"));

/** @param handedOver the node that holds the station appends the request, together with `sent` */
function wayOf(told: readonly string[], handedOver: boolean): string[] {
  return [
    "caller asks",
    "api receives",
    "requested made",
    ...(handedOver ? [] : hopsOf("requested", told)),
    "owner woken",
    ...hopsOf("sent", appendHops),
    "socket written",
    "station has it",
    "station's answer in",
    ...hopsOf("result", told),
    "api told",
    "api answers",
    "caller has answer",
  ];
}

function hopsOf(step: string, hops: readonly string[]): string[] {
  return hops.map((hop) => `${step} ${hop}`);
}

export class Timeline {
  private readonly folder: string;
  private readonly way: readonly string[];
  private began = 0;

  /** Before any process of the run is started: they are told by the environment. */
  constructor(folder: string, onCluster: boolean) {
    this.way = onCluster ? wayOf(appendHops, true) : wayOf(untilTold, false);
    this.folder = join(folder, "timeline");
    mkdirSync(this.folder, { recursive: true });
    process.env[timelineFolder] = this.folder;
    process.env["NODE_OPTIONS"] = `${process.env["NODE_OPTIONS"] ?? ""} --import ${probe}`.trim();
  }

  begin(): void {
    this.began = now();
  }

  /** Lines for people, of the commands since `begin`. @throws InvalidRun where hops were not noted. */
  async end(title: string): Promise<string> {
    const until = now();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const notes = this.read().filter((note) => timeOf(note) >= this.began && timeOf(note) <= until);
    const commands = commandsOf(notes);
    const { way } = this;
    const complete = commands.filter((command) => way.every((hop) => command.has(hop)));
    if (complete.length === 0 || complete.length < commands.length * leastComplete) {
      const missing = way.filter((hop) => !commands.some((command) => command.has(hop)));
      const which = missing.length > 0 ? `; never noted: ${missing.join(", ")}` : "";
      throw new InvalidRun(`The way of only ${complete.length} of ${commands.length} commands is whole${which}.`);
    }
    return [title, ...hopTable(way, complete), ...threadTable(notes, complete.length), ...pauseTable(notes), ""].join(
      "\n",
    );
  }

  private read(): Note[] {
    return readdirSync(this.folder).flatMap((file) =>
      readFileSync(join(this.folder, file), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Note),
    );
  }
}

function timeOf(note: Note): number {
  if (note.note === "receipt") return note.from;
  return note.note === "batch" ? note.begun : note.at;
}

type Command = Map<string, number>;

function commandsOf(notes: readonly Note[]): Command[] {
  const commands = new Map<string, Command>();
  const of = (id: string): Command => {
    const known = commands.get(id) ?? new Map<string, number>();
    commands.set(id, known);
    return known;
  };
  const batches = new Map<string, BatchNote>();
  const appends: AppendNote[] = [];
  for (const note of notes) {
    if (note.note === "hop") of(note.id).set(note.hop, note.at);
    else if (note.note === "receipt") appends.push(note);
    else if (note.note === "batch") {
      for (let n = 0; n < note.count; n++) batches.set(`${note.partition}/${note.base + n}`, note);
    }
  }
  for (const { id, step, from, to, partition, offset } of appends) {
    const batch = batches.get(`${partition}/${offset}`);
    if (!batch) continue;
    const times = [from, batch.arrived, batch.begun, batch.committed, batch.posted, to];
    for (const [at, hop] of appendHops.entries()) of(id).set(`${step} ${hop}`, times[at]!);
  }
  return [...commands.values()];
}

/** Each hop is the time since the one before it. */
function hopTable(way: readonly string[], commands: readonly Command[]): string[] {
  const total = (command: Command): number => command.get(way.at(-1)!)! - command.get(way[0]!)!;
  const slow = commands.toSorted((a, b) => total(b) - total(a)).slice(0, Math.ceil(commands.length * slowShare));
  const row = (name: string, pick: (command: Command) => number): string => {
    const all = commands.map(pick).toSorted((a, b) => a - b);
    const quantile = (share: number): number => all[Math.min(all.length - 1, Math.floor(all.length * share))]!;
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    return rowOf(name, [quantile(0.5), mean(all), quantile(0.9), quantile(0.99), mean(slow.map(pick))]);
  };
  const between = (first: string, last: string) => (command: Command) => command.get(last)! - command.get(first)!;
  return [
    rowOf(`${commands.length} commands, ms`, ["p50", "mean", "p90", "p99", `mean of the slowest ${slow.length}`]),
    ...way.slice(1).map((hop, before) => row(hop, between(way[before]!, hop))),
    ...steps
      .filter((step) => way.includes(`${step} called`))
      .map((step) => row(`append of ${step}`, between(`${step} called`, `${step} receipt`))),
    row("whole way", total),
  ];
}

/** How long each thread ran, and was ready to run without a core: the kernel's own figures. */
function threadTable(notes: readonly Note[], commands: number): string[] {
  const threads = new Map<string, Extract<Note, { note: "thread" }>[]>();
  for (const note of notes) {
    if (note.note !== "thread") continue;
    threads.set(note.thread, [...(threads.get(note.thread) ?? []), note]);
  }
  const rows = [...threads].flatMap(([thread, seen]) => {
    const [first, last] = [seen[0]!, seen.at(-1)!];
    const [ran, waited] = [last.ranMs - first.ranMs, last.waitedMs - first.waitedMs];
    return seen.length < 2 ? [] : [rowOf(thread, [(ran * 1e3) / commands, (waited * 1e3) / commands])];
  });
  return ["", rowOf("threads, µs a command", ["on a core", "waits for one"]), ...rows];
}

function pauseTable(notes: readonly Note[]): string[] {
  const pauses = new Map<string, number[]>();
  for (const note of notes) {
    if (note.note !== "pause") continue;
    const name = `${note.what}: ${note.thread}`;
    pauses.set(name, [...(pauses.get(name) ?? []), note.ms]);
  }
  const rows = [...pauses].map(([name, all]) =>
    rowOf(name, [all.length, all.reduce((sum, ms) => sum + ms, 0), Math.max(...all)]),
  );
  return ["", rowOf("pauses, ms", ["count", "sum", "longest"]), ...rows];
}

function rowOf(name: string, values: readonly (number | string)[]): string {
  const cells = values.map((value) => (typeof value === "number" ? value.toFixed(3) : value).padStart(10));
  return `  ${name.padEnd(34)} ${cells.join(" ")}`;
}
