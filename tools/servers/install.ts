// Getting a server's files once, into the cache folder. Only the keeper installs, so nothing here locks.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { cacheFolder } from "./protocol.ts";

/** Not to be had on this machine as it is; the message says how it could. */
export class ServerMissing extends Error {
  override readonly name = "ServerMissing";
}

export type Tell = (progress: string) => void;

/**
 * The folder of an installed thing, made by `make` if it is not there. A half-made one is never taken for whole: it
 * comes into being by rename.
 * @param version changes whenever what `make` does changes
 */
export function installed(name: string, version: string, make: (folder: string) => Promise<void>): Promise<string> {
  const known = installing.get(name);
  if (known) return known;
  const work = installOnce(name, version, make);
  installing.set(name, work);
  // The next one who asks tries again, or finds it done.
  void Promise.allSettled([work]).then(() => installing.delete(name));
  return work;
}

const installing = new Map<string, Promise<string>>();

async function installOnce(name: string, version: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder, `${name}-${version}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  await make(making);
  renameSync(making, folder);
  return folder;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs a command to its end; a command that does not exist has code 127. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { timeoutMs = 300_000, ...rest } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...rest, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    let output = "";
    const keep = (text: string): void => {
      output = (output + text).slice(-20_000);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    child.on("error", (error) => resolve({ code: 127, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** @param how to get what is missing, a sentence */
export async function runOrMissing(
  command: string,
  args: readonly string[],
  how: string,
  options?: RunOptions,
): Promise<string> {
  const { code, output } = await run(command, args, options);
  if (code !== 0) throw new ServerMissing(`${how} (${command} ended with ${code}: ${lastLine(output)})`);
  return output;
}

export async function runOrThrow(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
  const { code, output } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${output.slice(-2000)}`);
  return output;
}

function lastLine(output: string): string {
  // Maven colours its words even into a pipe.
  const lines = stripVTControlCharacters(output).split("\n");
  return lines.findLast((line) => line.trim() !== "")?.slice(0, 300) ?? "";
}
