// Worker thread: copies the log to the archive and lets the log give up what is there, where WATTLOG_ARCHIVE names one.
// It reads and compresses whole ranges, which nobody waits for.
import { holdsOf } from "../../core/archive/holds.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { createMetrics, snapshotMetrics, watchRuntime } from "../../core/runtime/metrics.ts";
import { openStoreReadOnly } from "../../core/store/store-sqlite.ts";
import { archiveOf, archiverOf } from "./archive.ts";
import type { LogThreadInput } from "./thread-protocol.ts";
import { goBehindOthers } from "./thread-priority.ts";
import { serveThread } from "./thread.ts";

serveThread(({ settings, folder, topics, logPort }: LogThreadInput) => {
  const archive = archiveOf(settings);
  if (!archive) throw new Error("This thread needs an archive.");
  const metrics = createMetrics();
  watchRuntime(metrics, "archiver", "thread alone");
  const log = EmbeddedLog.attach({ port: logPort, folder, topics });
  const store = openStoreReadOnly(folder);
  const archiver = archiverOf(settings, {
    log,
    archive,
    holds: () => holdsOf(store, log),
    clock: systemClock,
    metrics,
    logger: createLogger("archiver", settings.logLevel),
  });
  return {
    async start() {
      goBehindOthers();
      await archiver.start();
      return {};
    },
    metrics: () => snapshotMetrics(metrics),
    // What it cannot do harms nobody yet: the log keeps what is not archived.
    readiness: async () =>
      archiver.readiness().map(({ name, problem }) => ({ name, problem: undefined, note: problem })),
    async drain() {
      await archiver.drain();
      return null;
    },
    async stop() {
      await archiver.stop();
      await log.close();
      archive.close();
      await store.close();
      return null;
    },
  };
});
