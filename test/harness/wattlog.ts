// A whole wattlog in a process of its own, on free ports and a folder of its own: what `npm start` starts.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFailed } from "vitest";

import { commandFile } from "./paths.ts";
import { freePorts } from "./ports.ts";
import { Child, cleanEnvironment, type Exit } from "./process.ts";
import { Rest } from "./rest.ts";
import { eventually, within } from "./wait.ts";

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Kept by the caller; else a new one that goes with `stop`, `kill9` excepted. */
  readonly folder?: string;
  /** A wrapper in front of node, such as strace with its options. */
  readonly under?: readonly string[];
  readonly startTimeoutMs?: number;
}

interface RunFile {
  readonly pid: number;
  readonly httpUrl: string;
  readonly ocppUrl: string;
  readonly adminUrl: string;
  readonly token: string;
}

/** What tests want that differs from a user's start: any port, CDRs after two seconds, few words. */
const testEnvironment = {
  WATTLOG_SETTLE_AFTER_SECONDS: "2",
  WATTLOG_LOG_LEVEL: "warn",
} as const;

async function environment(extra: Readonly<Record<string, string>>): Promise<NodeJS.ProcessEnv> {
  const [ocpp = "", http = "", admin = ""] = await freePorts(3);
  const ports = { WATTLOG_OCPP_PORT: ocpp, WATTLOG_HTTP_PORT: http, WATTLOG_ADMIN_PORT: admin };
  return cleanEnvironment({ ...ports, ...testEnvironment, ...extra });
}

const stopTimeoutMs = 40_000;

export class Running implements AsyncDisposable {
  readonly folder: string;
  readonly child: Child;
  readonly httpUrl: string;
  readonly ocppUrl: string;
  readonly adminUrl: string;
  readonly token: string;
  readonly rest: Rest;
  /** The process that serves; under a wrapper it is not the child. */
  readonly pid: number;
  private readonly ownsFolder: boolean;

  constructor(child: Child, run: RunFile, folder: string, ownsFolder: boolean) {
    this.child = child;
    this.folder = folder;
    this.ownsFolder = ownsFolder;
    this.pid = run.pid;
    this.httpUrl = run.httpUrl;
    this.ocppUrl = run.ocppUrl;
    this.adminUrl = run.adminUrl;
    this.token = run.token;
    this.rest = new Rest(run.httpUrl, run.token);
  }

  /** Ports and token of this run, for a next one that chargers and scripts find at the same place. */
  get sameAddress(): Readonly<Record<string, string>> {
    return {
      WATTLOG_OCPP_PORT: new URL(this.ocppUrl).port,
      WATTLOG_HTTP_PORT: new URL(this.httpUrl).port,
      WATTLOG_ADMIN_PORT: new URL(this.adminUrl).port,
      WATTLOG_ADMIN_TOKEN: this.token,
    };
  }

  async metrics(): Promise<Metrics> {
    const response = await fetch(`${this.adminUrl}/metrics`, { signal: AbortSignal.timeout(40_000) });
    return parseMetrics(await response.text());
  }

  /** Dies at once, wherever it is; the folder stays. */
  async kill9(): Promise<void> {
    kill(this.pid, "SIGKILL");
    this.child.signal("SIGKILL");
    await this.child.exited;
  }

  /** SIGTERM, as a service manager would; resolves with how it ended. The folder stays. */
  async terminate(timeoutMs = stopTimeoutMs): Promise<Exit> {
    kill(this.pid, "SIGTERM");
    const exit = await within(timeoutMs, this.child.exited);
    if (exit !== "nothing") return exit;
    await this.kill9();
    throw new Error(`it did not end within ${timeoutMs} ms of SIGTERM\n${this.child.words()}`);
  }

  /** Ends it if it still runs, and takes the folder away if it was made for this run. */
  async stop(): Promise<void> {
    try {
      if (this.child.exit === undefined) await this.terminate();
    } finally {
      if (this.ownsFolder) rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts it and resolves once it serves. @throws with everything it said where it ends or hangs instead. */
export async function startWattlog(options: StartOptions = {}): Promise<Running> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "wattlog-run-"));
  const command = [...(options.under ?? []), process.execPath, commandFile, "all"];
  const env = await environment({ WATTLOG_DATA_DIR: folder, ...options.env });
  const child = new Child(command[0]!, command.slice(1), { env });
  showWordsOnFailure(child);
  // A killed run leaves its run.json behind: only one that this child wrote counts, and the child may be a wrapper.
  const before = readRunFile(folder)?.pid;
  try {
    const run = await eventually(
      "wattlog to serve",
      () => {
        if (child.exit) return "ended" as const;
        const found = readRunFile(folder);
        return found && found.pid !== before ? found : undefined;
      },
      { timeoutMs: options.startTimeoutMs ?? 90_000, everyMs: 20 },
    );
    if (run === "ended") throw new Error(`wattlog ended with ${String(child.exit?.code ?? child.exit?.signal)}`);
    return new Running(child, run, folder, options.folder === undefined);
  } catch (error) {
    child.signal("SIGKILL");
    throw new Error(`wattlog did not start\n${child.words()}`, { cause: error });
  }
}

/** A start that must fail: exit code, words and seconds. */
export async function failToStart(
  env: Readonly<Record<string, string>>,
): Promise<{ child: Child; exit: Exit; seconds: number }> {
  const child = new Child(process.execPath, [commandFile, "all"], { env: await environment(env) });
  showWordsOnFailure(child);
  const exit = await within(60_000, child.exited);
  if (exit === "nothing") {
    child.signal("SIGKILL");
    throw new Error(`it started, or hung, where it should have refused\n${child.words()}`);
  }
  return { child, exit, seconds: (performance.now() - child.startedAt) / 1000 };
}

function showWordsOnFailure(child: Child): void {
  try {
    onTestFailed(() => console.error(`wattlog said:\n${child.words()}`));
  } catch {
    // Not inside a test: a runner on the command line, which prints what it needs.
  }
}

function readRunFile(folder: string): RunFile | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as RunFile;
  } catch {
    return undefined;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** Sums of `/metrics` by name, and single series by `name{labels}`. */
export type Metrics = ReadonlyMap<string, number>;

export function parseMetrics(text: string): Metrics {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(\{[^}]*\})? (\S+)$/.exec(line);
    if (!match) continue;
    const [, name = "", labels, value] = match;
    values.set(name, (values.get(name) ?? 0) + Number(value));
    if (labels) values.set(name + labels, Number(value));
  }
  return values;
}
