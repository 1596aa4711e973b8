// One process of a server: its words in a file, ready when it says or shows so, ended by its id.
import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { runFolder } from "./protocol.ts";

export interface ServerProcessOptions {
  readonly name: string;
  /** Its own: the log lies there, and the path stands in its arguments, by which a left-over is told from a stranger. */
  readonly folder: string;
  readonly port: number;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
  /** Ready when its log has this; without it and `isServing`, when its port takes a connection. */
  readonly readyText?: string;
  /** Ready when this resolves with true: for a server that takes connections before it serves. */
  readonly isServing?: () => Promise<boolean>;
  /** Data is thrown away, so a kill is clean, except where shared memory would stay behind. */
  readonly stopSignal?: NodeJS.Signals;
  readonly readyWithinMs?: number;
}

export const pidFile = join(runFolder, "pids");

export class ServerProcess {
  readonly options: ServerProcessOptions;
  private child: ChildProcess | undefined;
  private gone: Promise<void> = Promise.resolve();

  constructor(options: ServerProcessOptions) {
    this.options = options;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get address(): string {
    return `127.0.0.1:${this.options.port}`;
  }

  /** Starts it, again after it has ended; resolves when it serves. */
  async start(): Promise<void> {
    await this.gone;
    const { name, command, args, env, uid, gid, folder } = this.options;
    const logFile = join(folder, `${name}.log`);
    rmSync(logFile, { force: true });
    const log = openSync(logFile, "a");
    const child = spawn(command, args, {
      cwd: folder,
      env: env ?? process.env,
      stdio: ["ignore", log, log],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    closeSync(log);
    const ended = Promise.withResolvers<void>();
    let failure: Error | undefined;
    let over = false;
    const end = (error?: Error): void => {
      failure = error;
      over = true;
      ended.resolve();
    };
    child.on("error", end);
    child.on("exit", () => end());
    this.child = child;
    this.gone = ended.promise;
    if (child.pid !== undefined) appendFileSync(pidFile, `${child.pid} ${folder}\n`);
    await this.ready(logFile, () => over && (failure?.message ?? "it has ended"));
  }

  async stop(): Promise<void> {
    const child = this.child;
    if (!child) return;
    const signal = this.options.stopSignal ?? "SIGKILL";
    if (signal !== "SIGKILL") {
      // A frozen process would not hear any other signal.
      child.kill("SIGCONT");
      child.kill(signal);
      await Promise.race([this.gone, sleep(10_000, undefined, { ref: false })]);
    }
    child.kill("SIGKILL");
    await this.gone;
  }

  private async ready(logFile: string, over: () => string | false): Promise<void> {
    const { readyText, readyWithinMs = 120_000, port, name, isServing = () => takesConnections(port) } = this.options;
    const until = performance.now() + readyWithinMs;
    const words = (): string => readFileSync(logFile, "utf8");
    for (;;) {
      if (readyText === undefined ? await isServing() : words().includes(readyText)) return;
      const why = over() || (performance.now() > until && `not ready within ${readyWithinMs / 1000} s`);
      if (why) {
        await this.stop();
        throw new Error(`${name} did not start: ${why}\n${words().slice(-3000)}`);
      }
      await sleep(40);
    }
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

const firstPort = 20_000;
/** What begins at 28000 is for the processes that tests start (test/harness/ports.ts). */
const ports = 8_000;
let nextPort = Math.floor(Math.random() * ports);

/**
 * A port that nobody listens on, below the range from which the kernel takes ports of outgoing connections: a server
 * that is killed and started again finds its port free.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < ports; tries++) {
    const port = firstPort + (nextPort++ % ports);
    if (await canListen(port)) return port;
  }
  throw new Error(`no port from ${firstPort} to ${firstPort + ports - 1} is free`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Ends what a keeper that was killed left running: only processes whose arguments name the folder noted beside them. */
export function endLeftOvers(): void {
  let notes: string;
  try {
    notes = readFileSync(pidFile, "utf8");
  } catch {
    return;
  }
  for (const line of notes.split("\n")) {
    const [pid, folder] = splitAt(line);
    if (!(pid > 1) || folder === "") continue;
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder)) process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

function splitAt(line: string): [number, string] {
  const space = line.indexOf(" ");
  return [Number(line.slice(0, space)), line.slice(space + 1)];
}
