// What a role does with each server before it works: reach it, waiting where it is not there yet; make sure that it is
// fit and belongs to this cluster; compare clocks. Each step undoes itself.
import { sql } from "kysely";

import { limits } from "../../../core/config/limits.ts";
import { openRedisBus, type RedisBus } from "../../../core/bus/bus-redis.ts";
import { unreachableKafka } from "../../../core/log/kafka-errors.ts";
import type { Anomaly } from "../../../core/log/kafka-sender.ts";
import type { KafkaConnection } from "../../../core/log/kafka-wire.ts";
import type { EventLog } from "../../../core/log/log.ts";
import { RegistryView } from "../../../core/registry/view.ts";
import { isWattlogError, messageOf } from "../../../core/runtime/errors.ts";
import type { Store } from "../../../core/store/store.ts";
import { claimLog, claimLogForDatabase, claimStore } from "./belonging.ts";
import {
  connectStore,
  examineLog,
  idsOf,
  kafkaConnection,
  openLog,
  partyOf,
  redisSecrets,
  type ExaminedLog,
} from "./connect.ts";
import { FencedLog } from "./fenced-log.ts";
import { GenerationWatch, openGenerationOf, storedGeneration } from "./generation-watch.ts";
import { LogWatch } from "./log-watch.ts";
import type { RoleContext } from "./run-role.ts";
import { TimedLog } from "./timed-log.ts";

export interface JoinedLog {
  readonly log: EventLog;
  /** Follows the log; where it cannot any more, the process ends. */
  readonly registry: RegistryView;
  /** What no other log has. */
  readonly identity: string;
}

/**
 * @param needed a role that is of no use without it is not ready while no broker answers; the others say so in a note
 * @param follows `log`: the generation that takes records, for who writes; `tables`: the one that they are folded from, which
 * is folded to its end before the next one. Where that changes, the role begins again (rule B4).
 * @throws WattlogError with one sentence; StartCancelled
 */
export async function joinLog(
  context: RoleContext,
  clientId: string,
  needed: "needed" | "goes on without",
  follows: "log" | "tables" = "log",
): Promise<JoinedLog> {
  const { settings, metrics, logger, clock, waiting, undo, fatal, moved } = context;
  const connection = kafkaConnection(settings, clientId);
  const which = follows === "log" ? "open" : await waiting.for(() => storedGeneration(settings));
  const examined = await waiting.for((attempt) => examineLog(settings, connection, attempt, which));
  const { identity, topics } = examined;
  const generations = new GenerationWatch({
    clock,
    logger,
    mine: topics.frames.generation,
    everyMs: follows === "log" ? limits.logLookMs : limits.storeLookMs,
    ask: () => (follows === "log" ? openGenerationOf(settings, connection) : storedGeneration(settings)),
    moved,
  });
  generations.start();
  undo.add("watch on generations", () => generations.stop());
  const onAnomaly = (anomaly: Anomaly) => {
    // A fence is no fault of the log; who was refused is told.
    if (anomaly.kind === "refused" && anomaly.detail.includes("MESSAGE_TOO_LARGE")) return generations.hurry();
    metrics.logAnomalies.inc({ kind: anomaly.kind });
    logger.error({ anomaly }, "the log's client was caught in an anomaly; its frames count as unacknowledged");
  };
  const log = new FencedLog(new TimedLog(openLog(settings, connection, examined, onAnomaly), clock), generations);
  undo.add("log", () => log.close());
  watchLog(context, examined, connection, needed);
  const registry = new RegistryView(log, clock);
  registry.onFailure = (error) => fatal(`the registry cannot be followed: ${messageOf(error)}`);
  undo.add("registry", () => registry.stop());
  await registry.start();
  await claimLog(settings.clusterId, { log, registry, clock, party: partyOf(settings) });
  return { log, registry, identity };
}

function watchLog(
  { clock, undo, problems, fatal }: RoleContext,
  { ids, topics, earlier }: ExaminedLog,
  connection: KafkaConnection,
  needed: "needed" | "goes on without",
): void {
  const ask = (attempt: number) =>
    idsOf(connection, [...earlier.slice(0, 1), topics], attempt).catch((error: unknown) => {
      throw unreachableKafka(error, connection);
    });
  const watch = new LogWatch({ ids, ask, clock, fatal });
  watch.start();
  undo.add("watch on the log", () => watch.stop());
  problems.push(() =>
    needed === "needed"
      ? { name: "log", problem: watch.problem ?? watch.silence }
      : { name: "log", problem: watch.problem, note: watch.silence },
  );
}

/** @throws WattlogError with one sentence; StartCancelled */
export async function joinStore(context: RoleContext, { log, registry, identity }: JoinedLog): Promise<Store> {
  const { settings, waiting, undo, clock, clockWatch, fatal } = context;
  const { store, databaseId } = await waiting.for(async () => {
    const opened = await connectStore(settings);
    try {
      const to = { cluster: settings.clusterId, log: identity };
      return { store: opened, databaseId: await claimStore(opened, to, log.topics.frames.generation) };
    } catch (error) {
      await opened.close();
      throw error;
    }
  });
  undo.add("store", () => store.close());
  const by = { log, registry, clock, party: partyOf(settings) };
  undo.add("claim on the log", await claimLogForDatabase(databaseId, by, fatal));
  await clockWatch.with(async () => {
    const { rows } = await sql<{ now: string }>`
      select (extract(epoch from clock_timestamp()) * 1000)::bigint::text as now`.execute(store.reader);
    return Number(rows[0]?.now);
  });
  return store;
}

/**
 * Without Redis chargers go on and commands fail fast, so nobody waits for it; but one that says no ends the start.
 * @param needed a role that is of no use without it is not ready; the others say so in a note
 * @throws WattlogError `bus/refused`
 */
export async function joinBus(
  context: RoleContext,
  { identity }: JoinedLog,
  needed: "needed" | "goes on without",
): Promise<RedisBus> {
  const { settings, logger, clock, problems, undo } = context;
  const bus = openRedisBus({
    url: settings.redisUrl,
    secrets: redisSecrets(settings),
    clusterId: `${settings.clusterId} ${identity}`,
    clock,
    onLease: (held) => logger.info({ held }, held ? "commands can be taken" : "no lease: commands are not taken"),
    onAnomaly: (what) => logger.warn({ what }, "the command bus reports something odd"),
    onTime: (time, from, to) => clock.heard("redis", time, from, to),
  });
  undo.add("bus", () => bus.close());
  problems.push(() =>
    needed === "needed"
      ? { name: "bus", problem: bus.problem() }
      : { name: "bus", problem: undefined, note: bus.problem() },
  );
  try {
    await bus.check();
  } catch (error) {
    if (!isWattlogError(error, "bus/unavailable")) throw error;
    logger.warn({ problem: messageOf(error) }, "starts without the command bus");
  }
  return bus;
}
