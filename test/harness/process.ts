// A child process whose words are kept, and which never outlives its test.
import { spawn, type ChildProcess } from "node:child_process";

import { projectRoot } from "./paths.ts";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const keptChars = 400_000;

/** Settings of the shell that runs the tests must not leak into what they start. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const foreign = (name: string): boolean =>
    name.startsWith("WATTLOG_") || name.startsWith("VITEST") || name === "NODE_OPTIONS";
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name))), ...extra };
}

export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<Exit>;
  readonly startedAt = performance.now();
  exit: Exit | undefined;
  stdout = "";
  stderr = "";

  constructor(
    command: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; cwd?: string; group?: boolean } = {},
  ) {
    this.process = spawn(command, args, {
      cwd: options.cwd ?? projectRoot,
      env: options.env ?? cleanEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
      detached: options.group === true,
    });
    this.process.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout = keep(this.stdout + text)));
    this.process.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr = keep(this.stderr + text)));
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.exited = promise;
    const ended = (exit: Exit): void => {
      this.exit ??= exit;
      resolve(this.exit);
    };
    this.process.on("error", (error) => {
      this.stderr += `${command}: ${error.message}\n`;
      ended({ code: 127, signal: null });
    });
    this.process.on("close", (code, signal) => ended({ code, signal }));
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error(`it never started: ${this.stderr}`);
    return this.process.pid;
  }

  /** @param signal goes to this process alone, by its id. */
  signal(signal: NodeJS.Signals): void {
    if (this.exit === undefined) this.process.kill(signal);
  }

  /** For a child started with `group`: whatever it started goes too. */
  killGroup(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // It has ended, and its group with it.
    }
  }

  /** What it said, for the message of a failed check. */
  words(): string {
    return `--- stdout\n${this.stdout.slice(-6000)}\n--- stderr\n${this.stderr.slice(-12_000)}`;
  }
}

function keep(text: string): string {
  return text.length > keptChars ? text.slice(-keptChars) : text;
}
