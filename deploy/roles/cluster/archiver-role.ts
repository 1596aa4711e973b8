// `wattlog archiver`: needs the log and the store, for what nobody needs any more stands there. One process a log: a second
// one waits to be refused by name, and each entry of the manifest can be taken once.
import { holdsOf } from "../../../core/archive/holds.ts";
import { TrimmableGenerationsLog } from "../../../core/log/generation-log.ts";
import type { Topics } from "../../../core/log/log.ts";
import { WattlogError } from "../../../core/runtime/errors.ts";
import { archiveOf, archiverOf } from "../archive.ts";
import { kafkaConnection, openLogItself, requireCluster } from "./connect.ts";
import { joinLog, joinStore } from "./join.ts";
import { NameHold } from "./name-hold.ts";
import type { StartRole } from "./run-role.ts";

const clientId = "wattlog-archiver";

export const startArchiverRole: StartRole = async (context) => {
  const { settings, metrics, logger, clock, waiting, undo, fatal } = context;
  requireCluster(settings, ["kafkaBrokers", "databaseUrl"]);
  const archive = archiveOf(settings);
  if (!archive) {
    const sentence = "WATTLOG_ARCHIVE must name a folder or s3://bucket/prefix: an archiver has nowhere to copy to.";
    throw new WattlogError("config/invalid", sentence);
  }
  undo.add("archive", () => archive.close());
  const joined = await joinLog(context, clientId, "needed", "tables");
  const store = await joinStore(context, joined);
  // Not by its process's own name: there is one of them, wherever it runs.
  const hold = new NameHold({ store, role: "archiver", name: "archiver", clock, onLost: fatal });
  await waiting.for(() => hold.take());
  undo.add("name", () => hold.give());
  // Beside the one that follows the registry: this one does not read on in the archive where the log begins.
  const { topics, earlier = [] } = joined.log;
  const open = (of: Topics) => openLogItself(settings, kafkaConnection(settings, clientId), of);
  const log = new TrimmableGenerationsLog(open(topics), earlier.map(open));
  undo.add("log itself", () => log.close());
  const archiver = archiverOf(settings, {
    log,
    archive,
    holds: () => holdsOf(store, log),
    clock,
    metrics,
    logger,
  });
  await archiver.start();
  undo.add("archiver", () => archiver.drain());
  return { says: `to ${archive.place}`, readiness: () => archiver.readiness() };
};
