// The only file that names prom-client. Every metric with its help, once; nobody creates another elsewhere.
// No station, token or message id is ever a label (operations.md): cardinality is bounded.
import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "prom-client";

import { PlainHistogram } from "./plain-histogram.ts";

const answerBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  readonly registry: Registry;
  readonly connections: Gauge<"version" | "profile">;
  readonly upgrades: Counter<"result">;
  readonly closes: Counter<"code" | "reason">;
  readonly takeovers: Counter;
  readonly framesReceived: Counter<"action" | "version">;
  readonly answerSeconds: PlainHistogram;
  readonly unanswered: Gauge;
  readonly oldestUnanswered: Gauge;
  readonly logQueueBytes: Gauge;
  readonly logAnomalies: Counter<"kind">;
  readonly annotations: Counter<"annotation">;
  readonly sessionAnnotations: Counter<"annotation">;
  readonly authFailures: Counter<"reason">;
  readonly oldKeys: Counter;
  readonly commands: Counter<"action" | "outcome">;
  readonly commandSeconds: Histogram;
  readonly certificateSignings: Counter<"result">;
  readonly localListSyncs: Counter<"result">;
  readonly consumerLag: Gauge<"role" | "partition">;
  readonly foldLag: Gauge<"partition">;
  readonly projectionLag: Gauge<"partition">;
  readonly partitionsOwned: Gauge<"role">;
  readonly partitionsWithoutOwner: Gauge<"role">;
  readonly partitionMoves: Counter<"role" | "move">;
  readonly registryLag: Gauge;
  readonly archivedOffset: Gauge<"topic" | "partition">;
  readonly archiveLag: Gauge<"topic" | "partition">;
  readonly archiveOldest: Gauge<"topic" | "partition">;
  readonly logTrimmedOffset: Gauge<"topic" | "partition">;
  readonly archivedBytes: Counter;
  readonly archiveFailures: Counter;
  readonly clockSkew: Gauge<"against">;
  readonly quarantine: Counter<"stage">;
  readonly stationsOnline: Gauge;
  readonly stationsRegistered: Gauge;
  readonly sessionsActive: Gauge;
  readonly sessionsStarted: Counter;
  readonly sessionsEnded: Counter;
  readonly sessionEnergy: Counter;
  readonly cdrsIssued: Counter;
  readonly cdrEnergy: Counter;
  readonly cdrsUnpriced: Counter<"reason">;
}

/** One per thread; the admin port adds them up with `mergeMetrics`. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers });
  const answerSeconds = new PlainHistogram({
    name: "ocpp_frame_answer_duration_seconds",
    help: "From a CALL's last byte to its answer, the log's receipt included",
    buckets: answerBuckets,
  });
  // The registry asks a metric for its name and for `get`; its types want one of the client's own classes.
  registry.registerMetric(answerSeconds as unknown as Histogram);
  return {
    registry,
    connections: gauge("ocpp_gateway_connections", "Open OCPP connections", ["version", "profile"]),
    upgrades: counter("ocpp_gateway_upgrades_total", "WebSocket upgrades by result", ["result"]),
    closes: counter("ocpp_gateway_closes_total", "Closed OCPP connections by close code and reason", [
      "code",
      "reason",
    ]),
    takeovers: counter(
      "ocpp_gateway_takeovers_total",
      "Connections closed because a newer one of the station was claimed",
    ),
    framesReceived: counter(
      "ocpp_frames_received_total",
      "Frames received by action (known ones, else other) and version",
      ["action", "version"],
    ),
    answerSeconds,
    unanswered: gauge("ocpp_unanswered_frames", "CALLs received and not yet answered"),
    oldestUnanswered: gauge("ocpp_oldest_unanswered_seconds", "Age of the oldest CALL not yet answered"),
    logQueueBytes: gauge("ocpp_log_queue_bytes", "Bytes waiting for the log"),
    logAnomalies: counter("ocpp_log_anomalies_total", "Appends that failed or came back wrong, by kind", ["kind"]),
    annotations: counter("ocpp_frame_annotations_total", "Tolerated deviations by word", ["annotation"]),
    sessionAnnotations: counter("ocpp_session_annotations_total", "Oddities that the fold met, by word", [
      "annotation",
    ]),
    authFailures: counter("auth_failures_total", "Refused credentials by reason", ["reason"]),
    oldKeys: counter("auth_old_keys_total", "Sign-ins with a key that was replaced more than a day ago"),
    commands: counter("ocpp_commands_total", "Ended commands by action and outcome", ["action", "outcome"]),
    certificateSignings: counter("wattlog_certificate_signings_total", "Answers of the certificate authority", [
      "result",
    ]),
    localListSyncs: counter(
      "wattlog_local_list_syncs_total",
      "Local authorisation lists kept in step, by what became of it",
      ["result"],
    ),
    commandSeconds: new Histogram({
      name: "ocpp_command_duration_seconds",
      help: "From `command requested` to its end, in log time",
      buckets: answerBuckets,
      registers,
    }),
    consumerLag: gauge("wattlog_consumer_lag_records", "Records between a role's position and the log's end", [
      "role",
      "partition",
    ]),
    foldLag: gauge("wattlog_fold_lag_seconds", "Age of the oldest frame not yet folded", ["partition"]),
    projectionLag: gauge("wattlog_projection_lag_seconds", "Age of the oldest event not yet projected", ["partition"]),
    partitionsOwned: gauge("wattlog_partitions_owned", "Partitions that this process folds or projects", ["role"]),
    partitionsWithoutOwner: gauge(
      "wattlog_partitions_without_owner",
      "Partitions of the role that no living process has, as this process sees it",
      ["role"],
    ),
    partitionMoves: counter(
      "wattlog_partition_moves_total",
      "Partitions taken, given to others, and lost to others while this process was away",
      ["role", "move"],
    ),
    registryLag: gauge("wattlog_registry_lag_records", "Registry records not yet applied in this process"),
    archivedOffset: gauge("wattlog_archived_offset", "One past the last record that the archive's manifest holds", [
      "topic",
      "partition",
    ]),
    archiveLag: gauge("wattlog_archive_lag_records", "Records of the log that are not in the archive", [
      "topic",
      "partition",
    ]),
    archiveOldest: gauge("wattlog_archive_oldest_seconds", "Age of the oldest record that is not in the archive", [
      "topic",
      "partition",
    ]),
    logTrimmedOffset: gauge("wattlog_log_trimmed_offset", "First record that the log itself still holds", [
      "topic",
      "partition",
    ]),
    archivedBytes: counter("wattlog_archived_bytes_total", "Bytes of segments written to the archive"),
    archiveFailures: counter("wattlog_archive_failures_total", "Attempts to archive or trim that failed"),
    clockSkew: gauge("wattlog_clock_skew_seconds", "How far this machine's clock is ahead of a server's", ["against"]),
    quarantine: counter("wattlog_quarantine_total", "Records put into quarantine by stage", ["stage"]),
    stationsOnline: gauge("ocpp_stations_online", "Stations with a claimed connection"),
    stationsRegistered: gauge("ocpp_stations_registered", "Stations in the registry"),
    sessionsActive: gauge("ocpp_sessions_active", "Sessions that have not ended"),
    sessionsStarted: counter("ocpp_sessions_started_total", "Sessions started"),
    sessionsEnded: counter("ocpp_sessions_ended_total", "Sessions ended"),
    sessionEnergy: counter("ocpp_session_energy_watthours_total", "Energy of ended sessions"),
    cdrsIssued: counter("ocpi_cdrs_issued_total", "CDRs issued"),
    cdrEnergy: counter("ocpi_cdr_energy_watthours_total", "Energy of issued CDRs"),
    cdrsUnpriced: counter("ocpi_cdrs_unpriced_total", "CDRs without a price: noTariff, or tariffInvalid", ["reason"]),
  };
}

/** Values of one thread, to be posted to another. */
export type MetricsSnapshot = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

export function snapshotMetrics(metrics: Metrics): Promise<MetricsSnapshot> {
  return metrics.registry.getMetricsAsJSON();
}

/** Prometheus text of several threads added up. */
export function mergeMetrics(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate([...snapshots]).metrics();
}
