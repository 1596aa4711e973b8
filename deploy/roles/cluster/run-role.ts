// What the processes of all roles have in common: an admin port, a start that ends with one sentence, a drain on
// SIGTERM, and an end when something dies that the role cannot do without.
import type { Settings } from "../../../core/config/settings.ts";
import { messageOf } from "../../../core/runtime/errors.ts";
import { createLogger, type Logger } from "../../../core/runtime/logger.ts";
import { createMetrics, mergeMetrics, snapshotMetrics, type Metrics } from "../../../core/runtime/metrics.ts";
import type { Readiness } from "../../../core/runtime/service.ts";
import { AdminServer } from "../admin-server.ts";
import { Undo } from "../undo.ts";
import type { ClusterRoleName } from "./connect.ts";

export interface RoleContext {
  readonly settings: Settings;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Steps are undone in reverse; the first to go is what takes new work. */
  readonly undo: Undo;
  /** Ends the process with code 1: an orchestrator starts it anew. */
  readonly fatal: (why: string) => void;
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
  stop(): Promise<void>;
}

/** @throws WattlogError with one sentence; nothing is left running. */
export async function startRole(name: ClusterRoleName, settings: Settings, start: StartRole): Promise<RunningRole> {
  const logger = createLogger(name, settings.logLevel);
  const metrics = createMetrics();
  const undo = new Undo();
  const undoAll = () => undo.all((what, error) => logger.warn({ what, err: error }, "not stopped cleanly"));
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  let role: StartedRole | undefined;
  let stopping: Promise<void> | undefined;
  const admin = new AdminServer({
    metrics: async () => mergeMetrics([await snapshotMetrics(metrics)]),
    readiness: async () => role?.readiness() ?? [{ name, problem: "Starting." }],
  });
  try {
    // Before anything else: liveness must answer while the role still waits for its servers.
    const port = await admin.listen(settings.bind, settings.adminPort);
    undo.add("admin port", () => admin.close());
    role = await start({
      settings,
      metrics,
      logger,
      undo,
      fatal: (why) => {
        if (!stopping) reject(new Error(why));
      },
    });
    return {
      adminUrl: `http://${settings.bind}:${port}`,
      says: role.says,
      failed,
      stop: () => (stopping ??= undoAll()),
    };
  } catch (error) {
    await undoAll();
    throw error;
  }
}

/** Runs until SIGTERM or SIGINT. Resolves with the exit code. */
export async function runRole(name: ClusterRoleName, settings: Settings, start: StartRole): Promise<number> {
  const running = await startRole(name, settings, start);
  process.stdout.write(`wattlog ${name}: ${running.says} · admin ${running.adminUrl}\n`);
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  process.once("SIGTERM", ask);
  process.once("SIGINT", ask);
  try {
    await Promise.race([asked, running.failed]);
    await running.stop();
    return 0;
  } catch (error) {
    process.stderr.write(`wattlog ${name} ends: ${messageOf(error)}\n`);
    await running.stop();
    return 1;
  }
}
