// What the processes of all roles have in common: an admin port, a start that ends with one sentence, a drain on
// SIGTERM, and an end when something dies that the role cannot do without.
import type { Settings } from "../../../core/config/settings.ts";
import { messageOf } from "../../../core/runtime/errors.ts";
import { createLogger, type Logger } from "../../../core/runtime/logger.ts";
import {
  createMetrics,
  mergeMetrics,
  snapshotMetrics,
  tellReadiness,
  watchRuntime,
  type Metrics,
} from "../../../core/runtime/metrics.ts";
import type { Readiness } from "../../../core/runtime/service.ts";
import { SteeredClock } from "../../../core/runtime/steered-clock.ts";
import { AdminServer } from "../admin-server.ts";
import { CertificatesWatch, watchedFiles } from "../certificates-watch.ts";
import { Undo } from "../undo.ts";
import { version } from "../version.ts";
import { ClockWatch } from "./clock-watch.ts";
import type { ClusterRoleName } from "./connect.ts";
import { StartCancelled, Waiting } from "./waiting.ts";

export interface RoleContext {
  readonly settings: Settings;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** This machine's, put right by those of the servers. */
  readonly clock: SteeredClock;
  readonly clockWatch: ClockWatch;
  readonly waiting: Waiting;
  /** What every role's readiness asks beside its own. */
  readonly problems: (() => Readiness)[];
  /** Steps are undone in reverse; the first to go is what takes new work. */
  readonly undo: Undo;
  /** Ends the process with code 1: an orchestrator starts it anew. */
  readonly fatal: (why: string) => void;
  /** The log goes on in another generation: the role begins again there, in this process. */
  readonly moved: (why: string) => void;
}

export interface StartedRole {
  readiness(): readonly Readiness[];
  /** What to say at the start, besides the admin address. */
  readonly says: string;
}

export type StartRole = (context: RoleContext) => Promise<StartedRole>;

export interface RunningRole {
  readonly adminUrl: string;
  readonly says: string;
  readonly failed: Promise<never>;
  /** Resolves with why the role is to begin again. */
  readonly moved: Promise<string>;
  stop(): Promise<void>;
}

/**
 * @param asked to stop, before it has started or after
 * @throws WattlogError with one sentence, StartCancelled; nothing is left running.
 */
export async function startRole(
  name: ClusterRoleName,
  settings: Settings,
  start: StartRole,
  asked: Promise<void>,
): Promise<RunningRole> {
  const logger = createLogger(name, settings.logLevel);
  const metrics = createMetrics();
  watchRuntime(metrics, name, "with process");
  metrics.buildInfo.set({ version }, 1);
  const clock = new SteeredClock();
  const clockWatch = new ClockWatch({ clock, metrics, logger });
  const waiting = new Waiting(logger);
  const problems: (() => Readiness)[] = [];
  const undo = new Undo();
  const undoAll = () => undo.all((what, error) => logger.warn({ what, err: error }, "not stopped cleanly"));
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const { promise: moved, resolve: move } = Promise.withResolvers<string>();
  let role: StartedRole | undefined;
  let stopping: Promise<void> | undefined;
  const readiness = () =>
    role ? [...role.readiness(), ...problems.map((ask) => ask())] : [{ name, problem: waiting.problem ?? "Starting." }];
  const admin = new AdminServer({
    metrics: async () => {
      tellReadiness(metrics, name, readiness());
      return mergeMetrics([await snapshotMetrics(metrics)]);
    },
    readiness: async () => readiness(),
  });
  void asked.then(() => waiting.cancel());
  try {
    // Before anything else: liveness must answer while the role still waits for its servers.
    const port = await admin.listen(settings.bind, settings.adminPort);
    undo.add("admin port", () => admin.close());
    clockWatch.start();
    undo.add("watch on the clock", () => clockWatch.stop());
    const certificates = new CertificatesWatch(metrics, clock, watchedFiles(settings));
    certificates.start();
    undo.add("watch on certificates", () => certificates.stop());
    const fatal = (why: string) => {
      if (!stopping) reject(new Error(why));
    };
    const context = { settings, metrics, logger, clock, clockWatch, waiting, problems, undo, fatal, moved: move };
    role = await Promise.race([start(context), failed]);
    return {
      adminUrl: `http://${settings.bind}:${port}`,
      says: role.says,
      failed,
      moved,
      stop: () => (stopping ??= undoAll()),
    };
  } catch (error) {
    await undoAll();
    throw error;
  }
}

/** Runs until SIGTERM or SIGINT. Resolves with the exit code. */
export async function runRole(name: ClusterRoleName, settings: Settings, start: StartRole): Promise<number> {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  // Not with the signal's name, which would read as a reason to begin again.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ask());
  for (;;) {
    let running: RunningRole;
    try {
      running = await startRole(name, settings, start, asked);
    } catch (error) {
      if (error instanceof StartCancelled) return 0;
      throw error;
    }
    process.stdout.write(`wattlog ${name}: ${running.says} · admin ${running.adminUrl}\n`);
    const ended = await untilItEnds(name, running, asked);
    if (ended !== "moved") return ended;
  }
}

/** @returns the exit code, or that the role is to begin again. */
async function untilItEnds(
  name: ClusterRoleName,
  running: RunningRole,
  asked: Promise<void>,
): Promise<number | "moved"> {
  try {
    const why = await Promise.race([asked, running.failed, running.moved]);
    if (why !== undefined) process.stdout.write(`wattlog ${name} begins again: ${why}\n`);
    await running.stop();
    return why === undefined ? 0 : "moved";
  } catch (error) {
    process.stderr.write(`wattlog ${name} ends: ${messageOf(error)}\n`);
    await running.stop();
    return 1;
  }
}
