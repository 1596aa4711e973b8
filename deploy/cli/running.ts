// Whether a wattlog runs on a data folder, and where it is reached: run.json in the folder, which may be left over from
// a process that was killed.
import { readFileSync } from "node:fs";

import { runFile, type RunFile } from "../roles/data-folder.ts";

const answersWithinMs = 3_000;

/**
 * @returns undefined where nothing answers. A process that holds the folder and does not answer is found by the lock
 * of whoever opens it.
 */
export async function runningOn(folder: string): Promise<RunFile | undefined> {
  const run = readRunFile(folder);
  if (!run || !isAlive(run.pid)) return undefined;
  try {
    const response = await fetch(`${run.adminUrl}/health/live`, { signal: AbortSignal.timeout(answersWithinMs) });
    return response.ok ? run : undefined;
  } catch {
    return undefined;
  }
}

function readRunFile(folder: string): RunFile | undefined {
  try {
    return JSON.parse(readFileSync(runFile(folder), "utf8")) as RunFile;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's process is alive all the same.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
