// Faults of system calls in a running process: kill -9 proves no sync, for the page cache outlives a process.
import { spawnSync } from "node:child_process";

import { Child } from "./process.ts";
import { eventually } from "./wait.ts";

/** Why it cannot be used here, in the words of a skip; undefined: it can. */
export function straceMissing(): string | undefined {
  if (process.platform !== "linux") return "needs strace, and that Linux";
  return spawnSync("strace", ["-V"]).status === 0 ? undefined : "needs strace: apt-get install strace";
}

export interface Injection extends AsyncDisposable {
  /** The process goes on unharmed from here. */
  end(): Promise<void>;
}

/**
 * Every sync of the process is delayed or fails until `end`.
 * @param what in strace's words, e.g. `delay_enter=50000` (microseconds) or `error=EIO`.
 */
export async function injectIntoSyncs(pid: number, what: string): Promise<Injection> {
  const calls = "fsync,fdatasync";
  const tracer = new Child("strace", [
    "-f",
    "-o",
    "/dev/null",
    "-e",
    `trace=${calls}`,
    "-e",
    `inject=${calls}:${what}`,
    "-p",
    String(pid),
  ]);
  await eventually("strace to attach", () => {
    if (tracer.exit) throw new Error(`strace ended: ${tracer.stderr}`);
    return /attached/.test(tracer.stderr);
  });
  const end = async (): Promise<void> => {
    tracer.signal("SIGINT");
    await tracer.exited;
  };
  return { end, [Symbol.asyncDispose]: end };
}
