// What a process has used of CPU and memory, thread by thread.
import { readdirSync, readFileSync } from "node:fs";

/** Microseconds of CPU (user and system) since the process began. */
export interface CpuUsage {
  readonly main: number;
  /** 0 where the process has no log. */
  readonly logWriter: number;
  readonly process: number;
  /** By thread name, V8's helpers among them; {} where the system does not tell. */
  readonly threads: Readonly<Record<string, number>>;
}

export async function cpuUsage(
  logWriter?: () => Promise<{ readonly user: number; readonly system: number }>,
): Promise<CpuUsage> {
  const writer = logWriter ? sum(await logWriter()) : 0;
  return {
    main: sum(process.threadCpuUsage()),
    logWriter: writer,
    process: sum(process.cpuUsage()),
    threads: threads(),
  };
}

export function usedBetween(before: CpuUsage, after: CpuUsage): CpuUsage {
  const names = Object.keys(after.threads);
  return {
    main: after.main - before.main,
    logWriter: after.logWriter - before.logWriter,
    process: after.process - before.process,
    threads: Object.fromEntries(names.map((name) => [name, after.threads[name]! - (before.threads[name] ?? 0)])),
  };
}

function sum(usage: { readonly user: number; readonly system: number }): number {
  return usage.user + usage.system;
}

const tasks = "/proc/self/task";

/** Linux names the threads of a process, workers by the name they were given (15 characters). */
function threads(): Readonly<Record<string, number>> {
  const used: Record<string, number> = {};
  try {
    for (const task of readdirSync(tasks)) {
      const name = readFileSync(`${tasks}/${task}/comm`, "utf8").trim();
      const nanoseconds = Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ", 1)[0]);
      used[name] = (used[name] ?? 0) + nanoseconds / 1000;
    }
  } catch {
    // Another system, or a thread that ended in between: the sums above do without.
  }
  return used;
}

export interface MemoryUsage {
  readonly rss: number;
  /** Of the main thread's isolate, after a collection. */
  readonly heapUsed: number;
  readonly external: number;
}

/** Collects first, several times: finalisers free memory outside the heap. Needs --expose-gc. */
export async function memoryUsage(): Promise<MemoryUsage> {
  if (!globalThis.gc) throw new Error("This process was started without --expose-gc.");
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heapUsed, external };
}
