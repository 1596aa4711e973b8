// Composition root of `wattlog all`: every role in one process on the embedded adapters. The gateway has the main
// thread to itself; log writer, folds (processor and projector) and read side (api) are worker threads, so that a sync
// never delays an answer.
import { MessageChannel, type MessagePort } from "node:worker_threads";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import type { Settings } from "../../core/config/settings.ts";
import { newNodeId, parsePartyId } from "../../core/ids/ids.ts";
import { lockFolder } from "../../core/log/folder-lock.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { messageOf, WattlogError } from "../../core/runtime/errors.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import {
  createMetrics,
  mergeMetrics,
  snapshotMetrics,
  tellReadiness,
  watchRuntime,
} from "../../core/runtime/metrics.ts";
import type { Readiness } from "../../core/runtime/service.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import { createGateway } from "../../gateway/gateway.ts";
import { createAuthoriser } from "../../projections/ocpi/realtime/authoriser.ts";
import { httpsOf } from "./https.ts";
import { ocppPortOf, ocppUrls } from "./ocpp-port.ts";
import { checkAuthority } from "../authority/authority.ts";
import { AdminServer } from "./admin-server.ts";
import { banner } from "./banner.ts";
import { CertificatesWatch, watchedFiles } from "./certificates-watch.ts";
import { adminToken, adminTokenFile, removeRunFile, writeRunFile } from "./data-folder.ts";
import { seedSettings } from "./first-settings.ts";
import { ocpiOf } from "./ocpi.ts";
import { snapshotsIn } from "./registry-snapshot.ts";
import type { ThreadQuestion } from "./thread-protocol.ts";
import { RoleThread } from "./thread.ts";
import { Undo } from "./undo.ts";
import { version } from "./version.ts";

const generation = 1;

export interface RunningWattlog {
  readonly httpUrl: string;
  readonly ocppUrl: string;
  readonly adminUrl: string;
  readonly token: string;
  /** What the console's owner is told at the start. */
  readonly banner: string;
  /** Drains, stops, gives the folder back. A second call waits for the first. */
  stop(): Promise<void>;
  /** Rejects when a part that nothing works without has died. */
  readonly failed: Promise<never>;
}

/**
 * Starts everything and resolves once chargers are served.
 * @throws WattlogError `config/invalid` | `start/*`: one sentence that says what to do; nothing is left running.
 */
export async function startAll(settings: Settings): Promise<RunningWattlog> {
  const logger = createLogger("all", settings.logLevel);
  const undo = new Undo();
  const undoAll = () => undo.all((what, error) => logger.warn({ what, err: error }, "not stopped cleanly"));
  try {
    return await start(settings, undo, undoAll);
  } catch (error) {
    await undoAll();
    throw error;
  }
}

async function start(settings: Settings, undo: Undo, undoAll: () => Promise<void>): Promise<RunningWattlog> {
  const party = parsePartyId(settings.party);
  if (!party)
    throw new WattlogError(
      "config/invalid",
      `WATTLOG_PARTY=${settings.party} must be a country code and three characters, like DEABC.`,
    );
  await checkAuthority(settings);
  // Wrong files are said before anything starts.
  httpsOf(settings);
  const ocppPort = ocppPortOf(settings);
  const folder = settings.dataDir;
  const lock = lockFolder(folder);
  undo.add("data folder", () => lock.release());
  const token = adminToken(settings);
  await migrate(folder);

  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  let stopping = false;
  const fatal = (why: string) => {
    if (!stopping) fail(new Error(why));
  };

  const topics = makeTopics(generation, settings.partitions);
  const logServer = await EmbeddedLogServer.start({
    folder,
    topics,
    hooks: { onDeath: (cause) => fatal(messageOf(cause)) },
  });
  undo.add("log writer", () => logServer.close());
  const log = EmbeddedLog.attach({ port: logServer.connect(), folder, topics });
  undo.add("log", () => log.close());
  const hub = new EmbeddedBusHub();
  const registry = new RegistryView(log, undefined, snapshotsIn(folder, createLogger("gateway", settings.logLevel)));
  registry.onFailure = (error) => fatal(`the registry cannot be followed: ${messageOf(error)}`);
  await registry.start();
  undo.add("registry", () => registry.stop());
  await seedSettings(settings, party, { log, registry, clock: systemClock });

  const gatewayNodeId = newNodeId();
  const thread = (name: string, file: string, changesPort: MessagePort) => {
    const started = new RoleThread(
      name,
      new URL(file, import.meta.url),
      {
        settings,
        folder,
        topics,
        nodeId: newNodeId(),
        gatewayNodeId,
        adminToken: token,
        logPort: logServer.connect(),
        busPort: hub.connect(),
        changesPort,
      },
      fatal,
    );
    undo.add(name, () => started.stop());
    return started;
  };
  const changes = new MessageChannel();
  const reader = thread("read side", "./read-thread.ts", changes.port1);
  const processor = thread("processor", "./fold-thread.ts", changes.port2);
  const others = [processor];
  if (settings.archive !== "") {
    const input = { settings, folder, topics, logPort: logServer.connect() };
    const archiver = new RoleThread("archiver", new URL("./archiver-thread.ts", import.meta.url), input, fatal);
    undo.add("archiver", () => archiver.stop());
    others.push(archiver);
  }
  const askAll = <Question extends ThreadQuestion>(question: Question) =>
    Promise.all([reader, ...others].map((each) => each.ask(question)));
  const [{ httpPort, signInCode } = {}] = await askAll("start");

  const metrics = createMetrics();
  watchRuntime(metrics, "gateway", "with process");
  metrics.buildInfo.set({ version }, 1);
  const ocppHost = settings.ocppBind || settings.bind;
  const authoriser = createAuthoriser({
    log,
    registry,
    clock: systemClock,
    metrics,
    logger: createLogger("ocpi", settings.logLevel),
    ocpi: () => ocpiOf(settings),
  });
  undo.add("authoriser", () => authoriser.stop());
  const gateway = createGateway({
    options: {
      host: ocppHost,
      port: settings.ocppPort,
      ...ocppPort,
      party,
      appendHoldMs: settings.appendHoldMs,
      authoriseDeadlineMs: settings.authoriseDeadlineMs,
      drainMs: settings.drainSeconds * 1000,
      noSubprotocol: settings.noSubprotocol === "ocpp1.6" ? "ocpp1.6" : "reject",
    },
    log,
    bus: hub.client(),
    registry,
    clock: systemClock,
    nodeId: gatewayNodeId,
    metrics,
    logger: createLogger("gateway", settings.logLevel),
    authoriser,
  });
  await gateway.start();
  undo.add("gateway", () => gateway.stop());
  const certificates = new CertificatesWatch(metrics, systemClock, watchedFiles(settings));
  certificates.start();
  undo.add("watch on certificates", () => certificates.stop());
  undo.add("draining", async () => {
    await gateway.drain();
    await askAll("drain");
  });

  const readiness = async () => {
    const parts = await askAll("readiness");
    const logPart: Readiness = { name: "log", problem: logServer.problem };
    return [logPart, ...gateway.readiness(), ...parts.flat()];
  };
  const admin = new AdminServer({
    metrics: async () => {
      tellReadiness(metrics, "all", await readiness());
      return mergeMetrics([await snapshotMetrics(metrics), ...(await askAll("metrics"))]);
    },
    readiness,
  });
  const adminPort = await admin.listen(settings.bind, settings.adminPort);
  undo.add("admin port", () => admin.close());

  const host = (address: string) => (address === "0.0.0.0" || address === "::" ? "127.0.0.1" : address);
  const urls = {
    httpUrl: `http://${host(settings.bind)}:${httpPort}`,
    ocppUrl: ocppUrls(host(ocppHost), gateway)[0]!,
    adminUrl: `http://${host(settings.bind)}:${adminPort}`,
  };
  writeRunFile(folder, { pid: process.pid, ...urls, token, startedAt: new Date(systemClock.now()).toISOString() });
  undo.add("run file", () => removeRunFile(folder));

  let stopped: Promise<void> | undefined;
  return {
    ...urls,
    token,
    failed,
    banner: banner({
      ocppHost,
      ocppUrls: (at) => ocppUrls(at, gateway),
      httpUrl: urls.httpUrl,
      adminUrl: urls.adminUrl,
      signInCode: signInCode ?? "",
      tokenFile: settings.adminToken ? undefined : adminTokenFile(folder),
      dataDir: folder,
    }),
    stop() {
      stopping = true;
      stopped ??= undoAll();
      return stopped;
    },
  };
}

async function migrate(folder: string): Promise<void> {
  const store = openSqliteStore(folder);
  try {
    await store.migrate();
  } finally {
    await store.close();
  }
}

/** `wattlog all`: says where it listens, runs until SIGTERM or SIGINT. Resolves with the exit code. */
export async function runAll(settings: Settings): Promise<number> {
  const running = await startAll(settings);
  process.stdout.write(running.banner);
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  process.once("SIGTERM", ask);
  process.once("SIGINT", ask);
  try {
    await Promise.race([asked, running.failed]);
    await running.stop();
    return 0;
  } catch (error) {
    process.stderr.write(`wattlog ends: ${messageOf(error)}\n`);
    await running.stop();
    return 1;
  }
}
