// The only file that names prom-client. Every metric with its help, once; nobody creates another elsewhere.
// No station, token or message id is ever a label (operations.md): cardinality is bounded.
import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { PlainHistogram } from "./plain-histogram.ts";

/** What `ocpp_log_anomalies_total` tells apart: the log's clients, the appender, the folds, the projection. */
export const anomalyKinds = [
  "rejected",
  "stalled",
  "refused",
  "missing",
  "offset",
  "log-time",
  "watchdog",
  "connect",
  "unknownRecord",
  "storeRewound",
  "chainBroken",
  "orphanEvent",
] as const;

export const quarantineStages = ["gateway", "decode", "fold"] as const;
/** Of ended sessions without a CDR: its time has not come, somebody holds it back and says why, it should be there. */
export const withoutCdrReasons = ["settling", "held", "overdue"] as const;

/** Of a station as alerts see it: `faulted` is online with a connector that is out of order. */
export const groupStates = ["online", "offline", "faulted"] as const;
export type GroupState = (typeof groupStates)[number];

const answerBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  readonly registry: Registry;
  readonly connections: Gauge<"version" | "profile">;
  readonly upgrades: Counter<"result">;
  readonly closes: Counter<"code" | "reason">;
  readonly takeovers: Counter;
  readonly flaps: Counter;
  readonly drainingSeconds: Gauge;
  readonly drainGraceSeconds: Gauge;
  readonly framesReceived: Counter<"action" | "version">;
  readonly answerSeconds: PlainHistogram;
  readonly unanswered: Gauge;
  readonly oldestUnanswered: Gauge;
  readonly logQueueBytes: Gauge;
  readonly partitionsRefusing: Gauge;
  readonly logAnomalies: Counter<"kind">;
  readonly annotations: Counter<"annotation">;
  readonly sessionAnnotations: Counter<"annotation">;
  readonly authFailures: Counter<"reason">;
  readonly oldKeys: Counter;
  readonly unbelievedCertificates: Counter;
  readonly commands: Counter<"action" | "outcome">;
  readonly commandSeconds: Histogram;
  readonly certificateSignings: Counter<"result">;
  readonly certificateExpiry: Gauge<"use">;
  readonly certificateOutdated: Gauge<"use">;
  readonly certificateRenewals: Counter<"use" | "result">;
  readonly localListSyncs: Counter<"result">;
  readonly consumerLag: Gauge<"role" | "partition">;
  readonly foldLag: Gauge<"partition">;
  readonly projectionLag: Gauge<"partition">;
  readonly partitionsOwned: Gauge<"role">;
  readonly partitionsWithoutOwner: Gauge<"role">;
  readonly partitionMoves: Counter<"role" | "move">;
  readonly archivedOffset: Gauge<"topic" | "partition">;
  readonly archiveLag: Gauge<"topic" | "partition">;
  readonly archiveOldest: Gauge<"topic" | "partition">;
  readonly logTrimmedOffset: Gauge<"topic" | "partition">;
  readonly retentionOverdue: Gauge<"topic" | "partition">;
  readonly archivedBytes: Counter;
  readonly archiveFailures: Counter;
  readonly clockSkew: Gauge<"against">;
  readonly quarantine: Counter<"stage">;
  readonly quarantineHeld: Gauge<"stage">;
  readonly stationsOnline: Gauge;
  readonly stationsRegistered: Gauge;
  readonly groupStations: Gauge<"kind" | "name" | "state">;
  readonly sessionsActive: Gauge;
  readonly sessionsStarted: Counter;
  readonly sessionsEnded: Counter;
  readonly sessionEnergy: Counter;
  readonly sessionsWithoutCdr: Gauge<"reason">;
  readonly reconciledWithoutCdr: Gauge<"day">;
  readonly reconciledUnexplained: Gauge<"day">;
  readonly reconciledDifference: Gauge<"day" | "against" | "cause">;
  readonly cdrsIssued: Counter;
  readonly cdrEnergy: Counter;
  readonly cdrEnergyMismatches: Counter;
  readonly cdrsUnpriced: Counter<"reason">;
  readonly ocpiRequests: Counter<"party" | "module" | "status">;
  readonly ocpiTokensPulled: Counter<"party" | "result">;
  readonly ocpiAuthorisations: Counter<"party" | "result">;
  readonly ocpiAuthorisationSeconds: Histogram;
  readonly ocpiPushes: Counter<"party" | "module" | "result">;
  readonly ocpiPushOldest: Gauge<"party">;
  readonly ready: Gauge<"role">;
  readonly partReady: Gauge<"part">;
  readonly buildInfo: Gauge<"version">;
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
  return beginAtZero({
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
    flaps: counter(
      "ocpp_gateway_flaps_total",
      "Takeovers of a connection that was not a minute old: two callers under one identity, or a link that comes and goes",
    ),
    drainingSeconds: gauge("ocpp_gateway_draining_seconds", "Since this gateway began to drain; 0: it does not"),
    drainGraceSeconds: gauge("ocpp_gateway_drain_grace_seconds", "What a drain of this gateway may take"),
    framesReceived: counter(
      "ocpp_frames_received_total",
      "Frames received by action (known ones, else other) and version",
      ["action", "version"],
    ),
    answerSeconds,
    unanswered: gauge("ocpp_unanswered_frames", "CALLs received and not yet answered"),
    oldestUnanswered: gauge("ocpp_oldest_unanswered_seconds", "Age of the oldest CALL not yet answered"),
    logQueueBytes: gauge("ocpp_log_queue_bytes", "Bytes waiting for the log"),
    partitionsRefusing: gauge(
      "ocpp_log_partitions_refusing",
      "Partitions of the log that take no records of this gateway",
    ),
    logAnomalies: counter(
      "ocpp_log_anomalies_total",
      "What must not happen in the log: appends that failed or came back wrong, records that cannot be folded, by kind",
      ["kind"],
    ),
    annotations: counter("ocpp_frame_annotations_total", "Tolerated deviations by word", ["annotation"]),
    sessionAnnotations: counter("ocpp_session_annotations_total", "Oddities that the fold met, by word", [
      "annotation",
    ]),
    authFailures: counter("auth_failures_total", "Refused credentials by reason", ["reason"]),
    oldKeys: counter("auth_old_keys_total", "Sign-ins with a key that was replaced more than a day ago"),
    unbelievedCertificates: counter(
      "auth_unbelieved_certificates_total",
      "Requests that hand on a station's certificate and come from no listed proxy",
    ),
    commands: counter("ocpp_commands_total", "Ended commands by action and outcome", ["action", "outcome"]),
    certificateSignings: counter("wattlog_certificate_signings_total", "Answers of the certificate authority", [
      "result",
    ]),
    // Of several threads the first that ends counts.
    certificateExpiry: new Gauge({
      name: "wattlog_certificate_expiry_timestamp_seconds",
      help: "When the certificates of a use end, since 1970: of those that are shown the first, of trusted authorities the last",
      labelNames: ["use"],
      aggregator: "min",
      registers,
    }),
    certificateOutdated: gauge(
      "wattlog_certificate_outdated",
      "1 where the files of a use hold other certificates than those in use: a renewal was refused, or waits for a restart",
      ["use"],
    ),
    certificateRenewals: counter(
      "wattlog_certificate_renewals_total",
      "Certificates that changed while the process ran, by use and result: taken, refused",
      ["use", "result"],
    ),
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
    retentionOverdue: gauge(
      "wattlog_log_retention_overdue_seconds",
      "For how long the log has kept an archived range that only somebody's need holds; 0: none",
      ["topic", "partition"],
    ),
    archivedBytes: counter("wattlog_archived_bytes_total", "Bytes of segments written to the archive"),
    archiveFailures: counter("wattlog_archive_failures_total", "Attempts to archive or trim that failed"),
    clockSkew: gauge("wattlog_clock_skew_seconds", "How far this machine's clock is ahead of a server's", ["against"]),
    quarantine: counter("wattlog_quarantine_total", "Records put into quarantine by stage", ["stage"]),
    quarantineHeld: gauge("wattlog_quarantine_held", "Records in quarantine that wait for somebody, by stage", [
      "stage",
    ]),
    stationsOnline: gauge("ocpp_stations_online", "Stations with a claimed connection"),
    stationsRegistered: gauge("ocpp_stations_registered", "Stations in the registry"),
    groupStations: gauge(
      "ocpp_group_stations",
      "Stations by vendor, carrier and siteGroup (kind), the 30 largest names of each, and by state: online, offline, faulted",
      ["kind", "name", "state"],
    ),
    sessionsActive: gauge("ocpp_sessions_active", "Sessions that have not ended"),
    sessionsStarted: counter("ocpp_sessions_started_total", "Sessions started"),
    sessionsEnded: counter("ocpp_sessions_ended_total", "Sessions ended"),
    sessionEnergy: counter("ocpp_session_energy_watthours_total", "Energy of ended sessions"),
    sessionsWithoutCdr: gauge(
      "ocpp_sessions_without_cdr",
      "Ended sessions that have no CDR: settling, held, or overdue (nothing says why)",
      ["reason"],
    ),
    reconciledWithoutCdr: gauge(
      "wattlog_reconciliation_sessions_without_cdr",
      "Sessions that ended on a day (last: the last whole one, UTC; today: so far) and have no CDR and no recorded reason",
      ["day"],
    ),
    reconciledUnexplained: gauge(
      "wattlog_reconciliation_unexplained_sessions",
      "Sessions that ended on a day and differ from their CDR or meter, and nothing says why; those without CDR and reason among them",
      ["day"],
    ),
    reconciledDifference: gauge(
      "wattlog_reconciliation_energy_difference_watthours",
      "Energy of the sessions that ended on a day, less that of their CDRs or meters (against), by cause",
      ["day", "against", "cause"],
    ),
    cdrsIssued: counter("ocpi_cdrs_issued_total", "CDRs issued"),
    cdrEnergy: counter("ocpi_cdr_energy_watthours_total", "Energy of issued CDRs"),
    cdrEnergyMismatches: counter(
      "ocpi_cdr_energy_mismatches_total",
      "CDRs issued with another energy than their session had",
    ),
    cdrsUnpriced: counter("ocpi_cdrs_unpriced_total", "CDRs without a price: noTariff, or tariffInvalid", ["reason"]),
    ocpiRequests: counter("ocpi_requests_total", "Requests of roaming partners by party, module and HTTP status", [
      "party",
      "module",
      "status",
    ]),
    ocpiTokensPulled: counter(
      "ocpi_tokens_pulled_total",
      "Tokens in the lists of roaming partners by result: stored, unchanged, refused",
      ["party", "result"],
    ),
    ocpiAuthorisations: counter(
      "ocpi_authorisations_total",
      "Tokens that a roaming partner was to be asked about in real time, by its answer, or timeout, failed, refused, unasked",
      ["party", "result"],
    ),
    ocpiAuthorisationSeconds: new Histogram({
      name: "ocpi_authorisation_duration_seconds",
      help: "From a question to a roaming partner about a token to its answer",
      buckets: answerBuckets,
      registers,
    }),
    ocpiPushes: counter(
      "ocpi_push_total",
      "Pushes to roaming partners by party, module and result: delivered, exists, failed (tried again), refused, withheld",
      ["party", "module", "result"],
    ),
    ocpiPushOldest: gauge("ocpi_push_oldest_seconds", "How long the push that waits longest has been due", ["party"]),
    ready: gauge("wattlog_ready", "1 where all parts of a process are ready, as /health/ready says", ["role"]),
    partReady: gauge("wattlog_part_ready", "1 where a part of this process is ready", ["part"]),
    buildInfo: gauge("wattlog_build_info", "1; its label is the version that runs", ["version"]),
  });
}

/** A counter that appears with its first count has never risen: alerts look at what rose, so that it begins at 0. */
function beginAtZero(metrics: Metrics): Metrics {
  for (const kind of anomalyKinds) metrics.logAnomalies.inc({ kind }, 0);
  for (const stage of quarantineStages) metrics.quarantine.inc({ stage }, 0);
  return metrics;
}

// Of the client's own; its counts of open files read a folder with an entry a connection, on the thread that answers chargers.
const ofThreads = [
  "nodejs_eventloop_lag_seconds",
  "nodejs_eventloop_lag_p50_seconds",
  "nodejs_eventloop_lag_p99_seconds",
  "nodejs_eventloop_lag_max_seconds",
  "nodejs_heap_size_used_bytes",
  "nodejs_heap_size_total_bytes",
  "nodejs_external_memory_bytes",
  "nodejs_gc_duration_seconds",
] as const;
const ofProcesses = [
  "nodejs_version_info",
  "process_cpu_user_seconds_total",
  "process_cpu_system_seconds_total",
  "process_cpu_seconds_total",
  "process_resident_memory_bytes",
  "process_start_time_seconds",
] as const;

/**
 * Event loop, heap and garbage collection of the thread that calls, under its name; of the process (CPU, memory) too where it
 * is the one that answers scrapes: threads share them, and what two of them tell is added up.
 */
export function watchRuntime({ registry }: Metrics, thread: string, ofProcess: "with process" | "thread alone"): void {
  const ours = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  collectDefaultMetrics({ register: registry, labels: { thread } });
  const kept: readonly string[] = ofProcess === "with process" ? [...ofThreads, ...ofProcesses] : ofThreads;
  for (const { name } of registry.getMetricsAsArray()) {
    if (!ours.has(name) && !kept.includes(name)) registry.removeSingleMetric(name);
  }
  // The client leaves it out of what it adds up, though one thread alone tells it.
  const started = registry.getSingleMetric("process_start_time_seconds");
  if (started) Object.assign(started, { aggregator: "max" });
}

/** What readiness answers, as metrics: parts that were and are no more are forgotten. */
export function tellReadiness(
  { ready, partReady }: Metrics,
  role: string,
  parts: readonly { readonly name: string; readonly problem: string | undefined }[],
): void {
  ready.set({ role }, parts.every(({ problem }) => problem === undefined) ? 1 : 0);
  partReady.reset();
  for (const { name, problem } of parts) partReady.set({ part: name }, problem === undefined ? 1 : 0);
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
