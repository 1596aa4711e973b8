// The eight dashboards. Titles are those that docs/runbooks.md names; what a metric means stands in docs/metrics.md.
import { graph, number, quantiles, type Dashboard } from "./panels.ts";

const rate = (metric: string, by: string, filter = ""): string =>
  `sum by (${by}) (rate(${metric}${filter}[$__rate_interval]))`;

const fleet: Dashboard = {
  id: "fleet",
  title: "Fleet",
  description: "Who is connected, who comes and goes, and why.",
  variables: [],
  panels: [
    number("Stations online", "short", "Stations with a claimed connection.", ["sum(ocpp_stations_online)", "online"]),
    number("Stations registered", "short", "Stations in the registry.", [
      "sum(ocpp_stations_registered)",
      "registered",
    ]),
    number("Share online", "percentunit", "Of those registered.", [
      "sum(ocpp_stations_online) / sum(ocpp_stations_registered)",
      "online",
    ]),
    number("Gateways ready", "short", "Processes that take connections.", [
      'sum(wattlog_ready{role=~"gateway|all"})',
      "ready",
    ]),
    graph("Stations online", "short", "A fall of a tenth within five minutes pages.", [
      "sum(ocpp_stations_online)",
      "online",
    ]),
    graph(
      "Offline by vendor, carrier and site group",
      "percentunit",
      "Of the group's own stations; far above the rest pages.",
      [
        'sum by (kind, name) (ocpp_group_stations{state="offline"}) / sum by (kind, name) (ocpp_group_stations)',
        "{{kind}} {{name}}",
      ],
    ),
    graph(
      "Out of order by vendor, carrier and site group",
      "percentunit",
      "Online, with a connector that is Faulted.",
      [
        'sum by (kind, name) (ocpp_group_stations{state="faulted"}) / sum by (kind, name) (ocpp_group_stations)',
        "{{kind}} {{name}}",
      ],
    ),
    graph("Connections by gateway", "short", "An uneven share evens out as stations come back.", [
      "sum by (instance) (ocpp_gateway_connections)",
      "{{instance}}",
    ]),
    graph("Connections by version", "short", "As negotiated.", [
      "sum by (version) (ocpp_gateway_connections)",
      "{{version}}",
    ]),
    graph("Upgrades by result", "reqps", "Everything but `accepted` was refused.", [
      rate("ocpp_gateway_upgrades_total", "result"),
      "{{result}}",
    ]),
    graph("Closes by reason", "cps", "`byStation`: the station or the network ended it; the others are ours.", [
      rate("ocpp_gateway_closes_total", "reason"),
      "{{reason}}",
    ]),
    graph(
      "Takeovers",
      "cps",
      "A newer connection of the station took over; flaps: of one that was not a minute old.",
      ["sum(rate(ocpp_gateway_takeovers_total[$__rate_interval]))", "takeovers"],
      ["sum(rate(ocpp_gateway_flaps_total[$__rate_interval]))", "flaps"],
    ),
    graph("Drains", "s", "For how long gateways have drained; 0: they do not.", [
      "max by (instance) (ocpp_gateway_draining_seconds)",
      "{{instance}}",
    ]),
  ],
};

const ingest: Dashboard = {
  id: "ingest",
  title: "Ingest",
  description: "Frames on their way into the log, and the answers that wait for it.",
  variables: [],
  panels: [
    number("Frames", "reqps", "Received from stations.", [
      "sum(rate(ocpp_frames_received_total[$__rate_interval]))",
      "frames",
    ]),
    number("Unanswered", "short", "CALLs that wait for the log.", ["sum(ocpp_unanswered_frames)", "unanswered"]),
    number("Oldest unanswered", "s", "Above 10 s it pages.", ["max(ocpp_oldest_unanswered_seconds)", "oldest"]),
    number("Partitions refused", "short", "Partitions of the log that take nothing.", [
      "sum(ocpp_log_partitions_refusing)",
      "refused",
    ]),
    graph("Frames by action", "reqps", "What is not OCPP's is `other`.", [
      rate("ocpp_frames_received_total", "action"),
      "{{action}}",
    ]),
    graph("Frames by version", "reqps", "", [rate("ocpp_frames_received_total", "version"), "{{version}}"]),
    graph(
      "Time to the answer",
      "s",
      "From a CALL's last byte to its answer, the log's receipt included.",
      ...quantiles("ocpp_frame_answer_duration_seconds"),
    ),
    graph("Oldest unanswered", "s", "By gateway.", [
      "max by (instance) (ocpp_oldest_unanswered_seconds)",
      "{{instance}}",
    ]),
    graph("Waiting for the log", "bytes", "Bounded; above the bound sockets are closed.", [
      "sum by (instance) (ocpp_log_queue_bytes)",
      "{{instance}}",
    ]),
    graph("Anomalies of the log", "short", "Each one pages.", [
      "sum by (kind) (increase(ocpp_log_anomalies_total[$__rate_interval]))",
      "{{kind}}",
    ]),
    graph("Tolerated deviations", "cps", "What stations do otherwise than OCPP says, by word.", [
      rate("ocpp_frame_annotations_total", "annotation"),
      "{{annotation}}",
    ]),
  ],
};

const commands: Dashboard = {
  id: "commands",
  title: "Commands",
  description: "What was asked of stations, and what became of it.",
  variables: [],
  panels: [
    number("Commands", "reqps", "That ended.", ["sum(rate(ocpp_commands_total[$__rate_interval]))", "commands"]),
    number("Without an answer", "percentunit", "Timed out or expired, of all that ended. Above a fifth a ticket.", [
      '(sum(rate(ocpp_commands_total{outcome=~"timeout|expired"}[$__rate_interval])) or vector(0)) / sum(rate(ocpp_commands_total[$__rate_interval]))',
      "share",
    ]),
    graph("By outcome", "cps", "", [rate("ocpp_commands_total", "outcome"), "{{outcome}}"]),
    graph("By action", "cps", "", [rate("ocpp_commands_total", "action"), "{{action}}"]),
    graph(
      "Duration",
      "s",
      "From `command requested` to its end, in log time.",
      ...quantiles("ocpp_command_duration_seconds"),
    ),
    graph("Local lists", "cps", "Local authorisation lists kept in step, by what became of it.", [
      rate("wattlog_local_list_syncs_total", "result"),
      "{{result}}",
    ]),
  ],
};

const sessions: Dashboard = {
  id: "sessions",
  title: "Sessions and money",
  description: "From a transaction to its CDR: one each, with the same energy.",
  variables: [],
  panels: [
    number("Active", "short", "Sessions that have not ended.", ["sum(ocpp_sessions_active)", "active"]),
    number("Without CDR, overdue", "short", "Above 0 for ten minutes pages.", [
      'sum(ocpp_sessions_without_cdr{reason="overdue"})',
      "overdue",
    ]),
    number("Held for review", "short", "Ended sessions whose CDR is held back, with a reason.", [
      'sum(ocpp_sessions_without_cdr{reason="held"})',
      "held",
    ]),
    number("CDRs with other energy", "short", "In three hours; any pages.", [
      "sum(increase(ocpi_cdr_energy_mismatches_total[3h]))",
      "CDRs",
    ]),
    graph(
      "Started and ended",
      "cps",
      "",
      ["sum(rate(ocpp_sessions_started_total[$__rate_interval]))", "started"],
      ["sum(rate(ocpp_sessions_ended_total[$__rate_interval]))", "ended"],
      ["sum(rate(ocpi_cdrs_issued_total[$__rate_interval]))", "CDRs issued"],
    ),
    graph("Ended without CDR", "short", "Settling: frames that a station may still have queued are waited for.", [
      "sum by (reason) (ocpp_sessions_without_cdr)",
      "{{reason}}",
    ]),
    graph(
      "Energy",
      "watth",
      "In an hour at the present rate; both go together, CDRs later.",
      ["3600 * sum(rate(ocpp_session_energy_watthours_total[$__rate_interval]))", "sessions"],
      ["3600 * sum(rate(ocpi_cdr_energy_watthours_total[$__rate_interval]))", "CDRs"],
    ),
    graph(
      "Reconciliation: sessions that nothing explains",
      "short",
      "Of the last whole day (UTC) and of today so far. The last day above 0 for 15 minutes is a ticket.",
      ["max by (day) (wattlog_reconciliation_unexplained_sessions)", "{{day}}: of any kind"],
      ["max by (day) (wattlog_reconciliation_sessions_without_cdr)", "{{day}}: without CDR"],
    ),
    graph("Reconciliation: energy that differs", "watth", "Sessions against their CDRs and meters, by cause.", [
      "max by (day, against, cause) (abs(wattlog_reconciliation_energy_difference_watthours))",
      "{{day}} {{against}}: {{cause}}",
    ]),
    graph("CDRs without a price", "cps", "No tariff held, or one that cannot be read.", [
      rate("ocpi_cdrs_unpriced_total", "reason"),
      "{{reason}}",
    ]),
    graph("Oddities", "cps", "What the fold met in stations' messages, by word.", [
      rate("ocpp_session_annotations_total", "annotation"),
      "{{annotation}}",
    ]),
  ],
};

const projections: Dashboard = {
  id: "projections",
  title: "Projections",
  description: "How far folds, projections and the archive are behind the log.",
  variables: [],
  panels: [
    number("Fold behind", "s", "The slowest partition. Above 120 s it pages.", [
      "max(wattlog_fold_lag_seconds)",
      "fold",
    ]),
    number("Projection behind", "s", "The slowest partition. Above 120 s it pages.", [
      "max(wattlog_projection_lag_seconds)",
      "projection",
    ]),
    number("In quarantine", "short", "Records that wait for somebody.", ["sum(wattlog_quarantine_held)", "held"]),
    number("Parts not ready", "short", "Of all processes.", ["count(wattlog_part_ready == 0) or vector(0)", "parts"]),
    graph("Records behind, by role", "short", "", ["sum by (role) (wattlog_consumer_lag_records)", "{{role}}"]),
    graph("Fold behind, by partition", "s", "Age of the oldest frame not yet folded.", [
      "max by (partition) (wattlog_fold_lag_seconds)",
      "{{partition}}",
    ]),
    graph("Projection behind, by partition", "s", "Age of the oldest event not yet projected.", [
      "max by (partition) (wattlog_projection_lag_seconds)",
      "{{partition}}",
    ]),
    graph("Put into quarantine", "short", "By stage.", [
      "sum by (stage) (increase(wattlog_quarantine_total[$__rate_interval]))",
      "{{stage}}",
    ]),
    graph("Partitions by process", "short", "In a cluster.", [
      "sum by (role, instance) (wattlog_partitions_owned)",
      "{{role}} {{instance}}",
    ]),
    graph("Partitions without owner", "short", "Above 0 for two minutes pages.", [
      "max by (role) (wattlog_partitions_without_owner)",
      "{{role}}",
    ]),
    graph("Partitions that moved", "short", "Taken, given, lost.", [
      "sum by (role, move) (increase(wattlog_partition_moves_total[$__rate_interval]))",
      "{{role}} {{move}}",
    ]),
    graph("Not in the archive", "s", "Age of the oldest record that is in the log alone.", [
      "max by (topic) (wattlog_archive_oldest_seconds)",
      "{{topic}}",
    ]),
    graph("Archived", "Bps", "", ["sum(rate(wattlog_archived_bytes_total[$__rate_interval]))", "segments"]),
    graph("Archive fails", "short", "", [
      "sum(increase(wattlog_archive_failures_total[$__rate_interval]))",
      "failures",
    ]),
    graph("Kept too long", "s", "Archived ranges that the log cannot give up because somebody needs them.", [
      "max by (topic) (wattlog_log_retention_overdue_seconds)",
      "{{topic}}",
    ]),
  ],
};

const ocpi: Dashboard = {
  id: "ocpi",
  title: "OCPI per party",
  description: "Roaming partners: what they ask, what they are told, what waits for them.",
  variables: [{ name: "party", query: "label_values(ocpi_requests_total, party)" }],
  panels: [
    graph("Requests by party", "reqps", "", [rate("ocpi_requests_total", "party", '{party=~"$party"}'), "{{party}}"]),
    graph("Requests by module", "reqps", "", [
      rate("ocpi_requests_total", "party, module", '{party=~"$party"}'),
      "{{party}} {{module}}",
    ]),
    graph("Answers that were no success", "reqps", "By HTTP status.", [
      rate("ocpi_requests_total", "party, status", '{party=~"$party",status!~"2.."}'),
      "{{party}} {{status}}",
    ]),
    graph("Tokens asked about in real time", "cps", "By the partner's word, or why there was none.", [
      rate("ocpi_authorisations_total", "party, result", '{party=~"$party"}'),
      "{{party}} {{result}}",
    ]),
    graph("Pushes by result", "cps", "", [
      rate("ocpi_push_total", "party, module, result", '{party=~"$party"}'),
      "{{party}} {{module}} {{result}}",
    ]),
    graph("Oldest push that waits", "s", "Above 15 min a ticket.", [
      'max by (party) (ocpi_push_oldest_seconds{party=~"$party"})',
      "{{party}}",
    ]),
    graph("CDRs issued", "cps", "Of all parties.", ["sum(rate(ocpi_cdrs_issued_total[$__rate_interval]))", "CDRs"]),
  ],
};

const security: Dashboard = {
  id: "security",
  title: "Security",
  description: "Who was refused, and who behaves like somebody else.",
  variables: [],
  panels: [
    graph("Refused sign-ins by reason", "cps", "Stations, people, partners.", [
      rate("auth_failures_total", "reason"),
      "{{reason}}",
    ]),
    graph("Refused upgrades by result", "cps", "", [
      rate("ocpp_gateway_upgrades_total", "result", '{result!="accepted"}'),
      "{{result}}",
    ]),
    graph(
      "Connections by security profile",
      "short",
      "0: none, 1: basic authentication, 2: with TLS, 3: client certificate.",
      ["sum by (profile) (ocpp_gateway_connections)", "{{profile}}"],
    ),
    graph("Flapping", "short", "Takeovers of connections that were not a minute old, in ten minutes.", [
      "sum by (instance) (increase(ocpp_gateway_flaps_total[10m]))",
      "{{instance}}",
    ]),
    graph("Closed for misuse", "cps", "Too many messages, too large, not text, credentials changed.", [
      rate(
        "ocpp_gateway_closes_total",
        "reason",
        '{reason=~"tooMany.*|tooLarge|badFrame|credentialsChanged|rejected|removed"}',
      ),
      "{{reason}}",
    ]),
    graph("Old keys used", "cps", "A day after their replacement.", [
      "sum(rate(auth_old_keys_total[$__rate_interval]))",
      "old keys",
    ]),
    graph(
      "Certificates in use, time left",
      "s",
      "Of what is shown the first in its chain to end, of trusted authorities the last.",
      ["min by (use) (wattlog_certificate_expiry_timestamp_seconds) - time()", "{{use}}"],
    ),
    graph("Certificates renewed or refused", "short", "Those that changed while a process ran.", [
      "sum by (use, result) (increase(wattlog_certificate_renewals_total[$__rate_interval]))",
      "{{use}} {{result}}",
    ]),
    graph("Certificates signed", "cps", "Answers of the certificate authority.", [
      rate("wattlog_certificate_signings_total", "result"),
      "{{result}}",
    ]),
    graph("Unreadable messages", "short", "Put into quarantine by gateways.", [
      'sum by (instance) (increase(wattlog_quarantine_total{stage="gateway"}[$__rate_interval]))',
      "{{instance}}",
    ]),
  ],
};

const runtime: Dashboard = {
  id: "runtime",
  title: "Runtime",
  description: "Processes: event loops, memory, CPU, versions, clocks.",
  variables: [],
  panels: [
    graph("Event loop, p99", "s", "How late its turns are. Above 100 ms for five minutes a ticket.", [
      "max by (instance, thread) (nodejs_eventloop_lag_p99_seconds)",
      "{{instance}} {{thread}}",
    ]),
    graph("Event loop, now", "s", "At the scrape.", [
      "max by (instance, thread) (nodejs_eventloop_lag_seconds)",
      "{{instance}} {{thread}}",
    ]),
    graph("CPU", "short", "Cores.", [
      "sum by (instance) (rate(process_cpu_seconds_total[$__rate_interval]))",
      "{{instance}}",
    ]),
    graph("Memory", "bytes", "Resident, of the process.", [
      "sum by (instance) (process_resident_memory_bytes)",
      "{{instance}}",
    ]),
    graph("Heap used", "bytes", "By thread.", [
      "sum by (instance, thread) (nodejs_heap_size_used_bytes)",
      "{{instance}} {{thread}}",
    ]),
    graph("Garbage collection", "percentunit", "Share of a thread's time.", [
      "sum by (instance, thread) (rate(nodejs_gc_duration_seconds_sum[$__rate_interval]))",
      "{{instance}} {{thread}}",
    ]),
    graph("Ready", "short", "1 where all parts of a process are.", [
      "min by (role, instance) (wattlog_ready)",
      "{{role}} {{instance}}",
    ]),
    graph("Versions that run", "short", "Processes by version.", [
      "count by (version) (wattlog_build_info)",
      "{{version}}",
    ]),
    graph("Up for", "s", "Since the process began.", [
      "max by (instance) (time() - process_start_time_seconds)",
      "{{instance}}",
    ]),
    graph("Clock skew", "s", "In a cluster: how far a machine's clock is ahead of a server's.", [
      "max by (instance, against) (abs(wattlog_clock_skew_seconds))",
      "{{instance}} {{against}}",
    ]),
  ],
};

export const dashboards: readonly Dashboard[] = [
  fleet,
  ingest,
  commands,
  sessions,
  projections,
  ocpi,
  security,
  runtime,
];
