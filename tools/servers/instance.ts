import type { AnyServer } from "./protocol.ts";
import type { ServerProcess } from "./server-process.ts";

/** A running server of one or more processes. */
export interface Instance {
  readonly processes: readonly ServerProcess[];
  /** As of now: a restarted process has another id. */
  describe(): AnyServer;
}

export function nodesOf(processes: readonly ServerProcess[]): { name: string; pid: number; address: string }[] {
  return processes.map((process) => ({ name: process.options.name, pid: process.pid, address: process.address }));
}

/** Starts all of them at once; if one does not come up, none stays. */
export async function startAll(processes: readonly ServerProcess[]): Promise<void> {
  const started = await Promise.allSettled(processes.map((process) => process.start()));
  const failed = started.find((outcome) => outcome.status === "rejected");
  if (!failed) return;
  await Promise.all(processes.map((process) => process.stop()));
  throw failed.reason;
}
