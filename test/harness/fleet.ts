// The fleet simulator as a process of its own, so that its journal is written by nobody who is killed or measured.
import type { Summary } from "../../bench/fleet/report.ts";
import { commandFile } from "./paths.ts";
import { Child, cleanEnvironment } from "./process.ts";
import { within } from "./wait.ts";

/** Where the fleet connects to, and where it sends its commands. */
export interface FleetTarget {
  readonly ocppUrl: string;
  readonly httpUrl: string;
  readonly token: string;
}

export interface FleetRun {
  readonly child: Child;
  /** Resolves when the fleet has ended; `ok` is false where something was left without an answer. */
  summary(timeoutMs: number): Promise<Summary>;
}

/**
 * @param options words of `wattlog simulate` without their dashes.
 * @param env for a fleet whose clock is not ours.
 */
export function startFleet(
  running: FleetTarget,
  options: Readonly<Record<string, string | number>>,
  env: Readonly<Record<string, string>> = {},
): FleetRun {
  const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const withCommands = options["commands"] === undefined ? [] : ["--api", running.httpUrl, `--token=${running.token}`];
  const child = new Child(
    process.execPath,
    [commandFile, "simulate", "--url", running.ocppUrl, "--quiet", "--json", ...withCommands, ...words],
    { env: cleanEnvironment(env) },
  );
  return {
    child,
    async summary(timeoutMs) {
      if ((await within(timeoutMs, child.exited)) === "nothing") {
        child.signal("SIGKILL");
        throw new Error(`the fleet did not end within ${timeoutMs} ms\n${child.words()}`);
      }
      try {
        return JSON.parse(child.stdout) as Summary;
      } catch (cause) {
        throw new Error(`the fleet ended without a summary\n${child.words()}`, { cause });
      }
    },
  };
}
