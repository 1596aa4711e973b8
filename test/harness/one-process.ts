// The System of `npm start`: every role in one process, on a folder of its own.
import { rmSync } from "node:fs";
import { join } from "node:path";

import { tempFolder, type TempFolder } from "./paths.ts";
import type { Rest } from "./rest.ts";
import { injectIntoSyncs, straceMissing, type Injection } from "./strace.ts";
import type { Gateway, System } from "./system.ts";
import { startWattlog, type Metrics, type Running } from "./wattlog.ts";

const name = "wattlog";
/** Of each sync: longer than the shortest life of a command, shorter than an answer may take. */
const stallMs = 1_400;

export async function startOneProcess(): Promise<OneProcess> {
  const folder = tempFolder("system");
  return new OneProcess(folder, await startWattlog({ folder: folder.path }));
}

export class OneProcess implements System, AsyncDisposable {
  readonly place = "one process";
  readonly api = name;
  readonly processes = [name];
  private readonly folder: TempFolder;
  private running: Running;

  constructor(folder: TempFolder, running: Running) {
    this.folder = folder;
    this.running = running;
  }

  get gateways(): [Gateway] {
    return [{ process: name, url: this.running.ocppUrl }];
  }

  get httpUrl(): string {
    return this.running.httpUrl;
  }

  get adminUrls(): [string] {
    return [this.running.adminUrl];
  }

  get token(): string {
    return this.running.token;
  }

  get rest(): Rest {
    return this.running.rest;
  }

  get pids(): [number] {
    return [this.running.pid];
  }

  get environment(): Readonly<Record<string, string>> {
    return { WATTLOG_DATA_DIR: this.folder.path };
  }

  get faultsMissing(): string | undefined {
    return straceMissing();
  }

  metrics(): Promise<Metrics> {
    return this.running.metrics();
  }

  async restart(_process: string, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.stop(signal);
    await this.startAgain({});
  }

  stallLog(): Promise<Injection> {
    return injectIntoSyncs(this.running.pid, `delay_enter=${stallMs * 1000}`);
  }

  breakLog(): Promise<Injection> {
    return injectIntoSyncs(this.running.pid, "error=EIO");
  }

  /** The node takes a command from the log's writer thread, one sync behind the request. */
  holdCommands(): Promise<Injection> {
    return this.stallLog();
  }

  async loseStore(settings: Readonly<Record<string, string>>): Promise<void> {
    await this.stop("SIGTERM");
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(this.folder.path, `state.db${suffix}`), { force: true });
    await this.startAgain(settings);
  }

  async words(): Promise<string> {
    return this.running.child.words();
  }

  async end(): Promise<void> {
    await this.running.stop();
    this.folder[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  private async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    if (signal === "SIGKILL") return this.running.kill9();
    const { code } = await this.running.terminate();
    if (code !== 0) throw new Error(`it ended with ${code} on SIGTERM\n${this.running.child.words()}`);
  }

  private async startAgain(settings: Readonly<Record<string, string>>): Promise<void> {
    const env = { ...this.running.sameAddress, ...settings };
    this.running = await startWattlog({ folder: this.folder.path, env });
  }
}
