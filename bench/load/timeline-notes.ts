// What one thread notes of commands on their way, and the files in which it leaves that for the benchmark.
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { threadId, threadName } from "node:worker_threads";

/** Its value is the folder that the notes go to. */
export const timelineFolder = "BENCH_TIMELINE_FOLDER";

/** Times are ms of the machine's monotonic clock. */
export type Note =
  | { readonly note: "hop"; readonly id: string; readonly hop: string; readonly at: number }
  | ({ readonly note: "receipt" } & AppendNote)
  | ({ readonly note: "batch" } & BatchNote)
  | { readonly note: "pause"; readonly what: string; readonly thread: string; readonly at: number; readonly ms: number }
  | {
      readonly note: "thread";
      readonly thread: string;
      readonly at: number;
      /** Since the thread's start: on a core, and ready to run without one. */
      readonly ranMs: number;
      readonly waitedMs: number;
    };

/** A record of a command, from the call of `append` to its receipt. */
export interface AppendNote {
  readonly id: string;
  readonly step: string;
  readonly from: number;
  readonly to: number;
  readonly partition: number;
  readonly offset: number;
}

/** The same append on the other side: in the log's writer, or on its way to Kafka. */
export interface BatchNote {
  readonly partition: number;
  readonly base: number;
  readonly count: number;
  readonly arrived: number;
  readonly begun: number;
  readonly committed: number;
  readonly posted: number;
}

const lookEveryMs = 500;
const notes: Note[] = [];
const thread = `${process.env["WATTLOG_NODE_NAME"] ?? nameOf(process.argv[1])} ${threadId === 0 ? "main" : threadName}`;
let lastCount = 0;

export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

export function noteHop(id: string, hop: string, at = now()): void {
  notes.push({ note: "hop", id, hop, at });
}

export function noteReceipt(append: AppendNote): void {
  notes.push({ note: "receipt", ...append });
}

export function noteBatch(batch: BatchNote): void {
  notes.push({ note: "batch", ...batch });
}

export function notePause(what: string, at: number, ms: number): void {
  notes.push({ note: "pause", what, thread, at, ms });
}

function noteThread(): void {
  const [ran = 0, waited = 0] = readFileSync("/proc/thread-self/schedstat", "utf8").split(" ").map(Number);
  notes.push({ note: "thread", thread, at: now(), ranMs: ran / 1e6, waitedMs: waited / 1e6 });
}

function nameOf(script: string | undefined): string {
  return /([^/]+?)\.[a-z]+$/.exec(script ?? "")?.[1] ?? "node";
}

/** Written only where nothing was noted for a while: while commands are under way the disk is the log's. */
function look(): void {
  const quiet = notes.length === lastCount;
  noteThread();
  if (quiet && notes.length > 0) {
    const lines = notes.splice(0).map((note) => `${JSON.stringify(note)}\n`);
    appendFileSync(join(process.env[timelineFolder] ?? ".", `${process.pid}-${threadId}.ndjson`), lines.join(""));
  }
  lastCount = notes.length;
}

/** Of the thread that calls it. */
export function leaveNotes(): void {
  setInterval(look, lookEveryMs).unref();
}
