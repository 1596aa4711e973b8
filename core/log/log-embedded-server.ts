// Starts the writer's thread of the embedded log and gives out connections to it. One in a process; folder-lock.ts
// keeps other processes out.
import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";

import { WattlogError, type ErrorCode } from "../runtime/errors.ts";
import { topicList } from "./log-embedded-files.ts";
import {
  defaultLimits,
  SharedEnds,
  SharedStats,
  type EmbeddedLogLimits,
  type FromWorker,
  type Hello,
  type LogStats,
  type ToWorker,
  type WorkerInput,
} from "./log-embedded-shared.ts";
import type { Topics } from "./log.ts";
import { makeFolder } from "./make-folder.ts";

export interface EmbeddedLogHooks {
  /** A sentence while the log takes nothing (disk full, failed sync); undefined when it does again. For readiness. */
  readonly onProblem?: (problem: string | undefined) => void;
  /** The writer's thread died of a bug: nothing can be appended any more, the process should end. */
  readonly onDeath?: (cause: Error) => void;
}

export interface EmbeddedLogOptions {
  readonly folder: string;
  readonly topics: Topics;
  readonly limits?: Partial<EmbeddedLogLimits>;
  readonly hooks?: EmbeddedLogHooks;
}

export class EmbeddedLogServer {
  private readonly worker: Worker;
  private readonly input: WorkerInput;
  private readonly limits: EmbeddedLogLimits;
  private readonly counters: SharedStats;
  private readonly exited: Promise<void>;
  private closing = false;
  private currentProblem: string | undefined;

  /** @throws WattlogError `start/data-folder` | `config/invalid` when the folder or the log in it cannot be used. */
  static async start(options: EmbeddedLogOptions): Promise<EmbeddedLogServer> {
    makeLogFolder(options.folder);
    const server = new EmbeddedLogServer(options);
    await server.ready(options.hooks ?? {});
    return server;
  }

  private constructor(options: EmbeddedLogOptions) {
    const { folder, topics } = options;
    this.limits = { ...defaultLimits, ...options.limits };
    this.counters = new SharedStats();
    this.input = {
      folder,
      topics,
      ends: new SharedEnds(topics).memory,
      stats: this.counters.memory,
      clockShift: new SharedArrayBuffer(8),
    };
    this.worker = new Worker(new URL("./log-embedded-worker.ts", import.meta.url), {
      name: "log-writer",
      workerData: this.input,
    });
    this.exited = new Promise((resolve) => this.worker.once("exit", () => resolve()));
  }

  /** A port for `EmbeddedLog.attach`, in this thread or, transferred, in another. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const armed = new SharedArrayBuffer(4 * topicList(this.input.topics).length);
    const hello: Hello = { ends: this.input.ends, armed, limits: this.limits };
    port1.postMessage(hello);
    const message: ToWorker = { type: "connect", port: port1, armed };
    this.worker.postMessage(message, [port1]);
    return port2;
  }

  /** Why nothing can be appended now; undefined: all is well. */
  get problem(): string | undefined {
    return this.currentProblem;
  }

  stats(): LogStats {
    return this.counters.read();
  }

  resetStats(): void {
    this.counters.reset();
  }

  /** Microseconds of CPU that the writer's thread has used. */
  cpuUsage(): Promise<{ readonly user: number; readonly system: number }> {
    return this.worker.cpuUsage();
  }

  /** Moves the writer's clock, for tests and fault runs: log time is the wall clock plus this. */
  shiftClock(ms: number): void {
    new Float64Array(this.input.clockShift)[0] = ms;
  }

  /** Writes what was handed over, then ends the thread; clients' later appends reject. */
  async close(): Promise<void> {
    if (!this.closing) this.worker.postMessage({ type: "close" } satisfies ToWorker);
    this.closing = true;
    await this.exited;
  }

  private async ready(hooks: EmbeddedLogHooks): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.worker.on("message", (message: FromWorker) => {
        if (message.type === "ready") resolve();
        else if (message.type === "refused") reject(new WattlogError(message.code as ErrorCode, message.message));
        else this.noteProblem(message.problem, hooks);
      });
      this.worker.on("error", (cause) => {
        const error = cause instanceof Error ? cause : new Error(String(cause));
        reject(error);
        this.noteProblem(`The log's writer died: ${error.message}. Restart wattlog.`, hooks);
        hooks.onDeath?.(error);
      });
    });
  }

  private noteProblem(problem: string | undefined, hooks: EmbeddedLogHooks): void {
    if (problem === this.currentProblem) return;
    this.currentProblem = problem;
    hooks.onProblem?.(problem);
  }
}

function makeLogFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (cause) {
    const sentence = `The data folder ${folder} cannot be made; make it, or set WATTLOG_DATA_DIR to one that can be written.`;
    throw new WattlogError("start/data-folder", sentence, { cause });
  }
}
