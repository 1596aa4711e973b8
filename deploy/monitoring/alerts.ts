// Every alert, once. `npm run monitoring` makes the chart's rules of it; docs/runbooks.md has a section for each, and
// test/monitoring shows each firing and not firing. What a metric means stands in docs/metrics.md.

export interface Alert {
  /** Also the title of its section in docs/runbooks.md. */
  readonly name: string;
  /** `page`: chargers, money or stored data suffer now; `ticket`: somebody looks at it in working hours. */
  readonly severity: "page" | "ticket";
  readonly expr: string;
  readonly for?: string;
  readonly summary: string;
}

const page: readonly Omit<Alert, "severity">[] = [
  {
    name: "WattlogLogNotWritable",
    expr: "max(ocpp_oldest_unanswered_seconds) > 10 or max(ocpp_log_partitions_refusing) > 0",
    for: "15s",
    summary: "The log cannot be written: chargers wait for their answers, or are sent away.",
  },
  {
    name: "WattlogLogAnomaly",
    expr: 'sum by (kind) (increase(ocpp_log_anomalies_total{kind!="unknownRecord"}[10m])) > 0',
    summary: "Something happened in the log that must not: {{ $labels.kind }}.",
  },
  {
    name: "WattlogUnknownRecordVersion",
    expr: 'sum by (instance) (increase(ocpp_log_anomalies_total{kind="unknownRecord"}[10m])) > 0',
    summary: "A fold stands in front of a record that only a newer version can read.",
  },
  {
    name: "WattlogStationsOnlineDropped",
    expr: "sum(ocpp_stations_online) < 0.9 * sum(ocpp_stations_online offset 5m) and sum(ocpp_stations_online offset 5m) >= 10",
    summary: "More than a tenth of the stations that were online five minutes ago are not.",
  },
  {
    name: "WattlogGroupOffline",
    expr: farAboveTheRest("offline"),
    for: "5m",
    summary: "Stations of {{ $labels.kind }} {{ $labels.name }} are offline far beyond the rest of the fleet.",
  },
  {
    name: "WattlogSessionsWithoutCdr",
    expr: 'sum(ocpp_sessions_without_cdr{reason="overdue"}) > 0',
    for: "10m",
    summary: "Sessions have ended, have no CDR, and nothing says why.",
  },
  {
    name: "WattlogCdrEnergyDiffers",
    expr: "sum(increase(ocpi_cdr_energy_mismatches_total[15m])) > 0",
    summary: "A CDR was issued with another energy than its session had.",
  },
  {
    name: "WattlogProjectionLag",
    expr: "max by (partition) (wattlog_projection_lag_seconds) > 120",
    for: "1m",
    summary: "What is read is more than two minutes old in partition {{ $labels.partition }}.",
  },
  {
    name: "WattlogFoldLag",
    expr: "max by (partition) (wattlog_fold_lag_seconds) > 120",
    for: "1m",
    summary: "Frames of partition {{ $labels.partition }} have waited for more than two minutes to be folded.",
  },
  {
    name: "WattlogPartitionWithoutOwner",
    expr: "max by (role) (wattlog_partitions_without_owner) > 0",
    for: "2m",
    summary: "Partitions that no living {{ $labels.role }} has.",
  },
  {
    name: "WattlogCertificateEnds",
    expr: "min by (use) (wattlog_certificate_expiry_timestamp_seconds) - time() < 172800",
    summary: "A certificate ({{ $labels.use }}) ends within two days, or has ended.",
  },
  {
    name: "WattlogNoReadyGateway",
    expr: '(sum(wattlog_ready{role=~"gateway|all"}) or vector(0)) == 0',
    for: "1m",
    summary: "No gateway is ready: no charger can connect.",
  },
];

/** A fifth more of a group's stations than of all others, and at least five. */
function farAboveTheRest(state: "offline" | "faulted"): string {
  const group = `sum by (kind, name) (ocpp_group_stations{state="${state}"})`;
  const groupAll = "sum by (kind, name) (ocpp_group_stations)";
  // Every station has a vendor, or is counted as one of `unknown`.
  const fleet = `scalar(sum(ocpp_group_stations{kind="vendor",state="${state}"}))`;
  const fleetAll = 'scalar(sum(ocpp_group_stations{kind="vendor"}))';
  return `${group} / ${groupAll} - (${fleet} - ${group}) / (${fleetAll} - ${groupAll}) > 0.2 and ${group} >= 5`;
}

const ticket: readonly Omit<Alert, "severity">[] = [
  {
    name: "WattlogQuarantineHeld",
    expr: "sum by (stage) (wattlog_quarantine_held) > 0",
    for: "5m",
    summary: "Records wait in quarantine (stage {{ $labels.stage }}).",
  },
  {
    name: "WattlogReconciliationDiffers",
    expr: 'max(wattlog_reconciliation_unexplained_sessions{day="last"}) > 0',
    for: "15m",
    summary: "Yesterday's report has sessions that differ from their CDR or meter, and nothing says why.",
  },
  {
    name: "WattlogStationsFlapping",
    expr: "sum(increase(ocpp_gateway_flaps_total[10m])) > 10",
    summary:
      "Connections are taken over soon after they were made: two callers use one identity, or a link comes and goes.",
  },
  {
    name: "WattlogGroupFaulted",
    expr: farAboveTheRest("faulted"),
    for: "15m",
    summary: "Stations of {{ $labels.kind }} {{ $labels.name }} are out of order far beyond the rest of the fleet.",
  },
  {
    name: "WattlogAuthFailureBurst",
    expr: "sum by (reason) (rate(auth_failures_total[5m])) > 1",
    for: "5m",
    summary: "More than one refused sign-in a second ({{ $labels.reason }}).",
  },
  {
    name: "WattlogCommandTimeouts",
    expr:
      'sum(increase(ocpp_commands_total{outcome=~"timeout|expired"}[15m])) / sum(increase(ocpp_commands_total[15m])) > 0.2 ' +
      "and sum(increase(ocpp_commands_total[15m])) > 10",
    for: "5m",
    summary: "More than a fifth of the commands had no answer in time.",
  },
  {
    name: "WattlogOcpiPushOld",
    expr: "max by (party) (ocpi_push_oldest_seconds) > 900",
    for: "1m",
    summary: "A push to {{ $labels.party }} has been due for more than 15 minutes.",
  },
  {
    name: "WattlogEventLoopSlow",
    expr: "max by (instance, thread) (nodejs_eventloop_lag_p99_seconds) > 0.1",
    for: "5m",
    summary: "The event loop of {{ $labels.thread }} on {{ $labels.instance }} is late by more than 100 ms.",
  },
  {
    name: "WattlogDrainOverdue",
    expr: "max by (instance) (ocpp_gateway_draining_seconds - ocpp_gateway_drain_grace_seconds) > 5",
    summary: "The gateway {{ $labels.instance }} drains for longer than it may.",
  },
  {
    name: "WattlogPartNotReady",
    expr: "min by (instance, part) (wattlog_part_ready) == 0",
    for: "5m",
    summary: "{{ $labels.part }} is not ready on {{ $labels.instance }}.",
  },
  {
    name: "WattlogCertificateEndsSoon",
    expr: "min by (use) (wattlog_certificate_expiry_timestamp_seconds) - time() < 1209600 and min by (use) (wattlog_certificate_expiry_timestamp_seconds) - time() >= 172800",
    for: "15m",
    summary: "A certificate ({{ $labels.use }}) ends within two weeks.",
  },
  {
    name: "WattlogCertificateOutdated",
    expr: "max by (instance, use) (wattlog_certificate_outdated) > 0",
    for: "2m",
    summary: "{{ $labels.instance }} uses another certificate ({{ $labels.use }}) than lies in its file.",
  },
  {
    name: "WattlogArchiveBehind",
    expr: "max by (topic, partition) (wattlog_archive_oldest_seconds) > 10800",
    for: "5m",
    summary: "{{ $labels.topic }}/{{ $labels.partition }} has records of more than three hours that are not archived.",
  },
  {
    name: "WattlogArchiveFailing",
    expr: "sum(increase(wattlog_archive_failures_total[30m])) > 3",
    summary: "The archiver fails again and again.",
  },
  {
    name: "WattlogRetentionBlocked",
    expr: "max by (topic, partition) (wattlog_log_retention_overdue_seconds) > 86400",
    for: "5m",
    summary: "{{ $labels.topic }}/{{ $labels.partition }} keeps for a day what it should have given up: the log grows.",
  },
  {
    name: "WattlogClockSkew",
    expr: "max by (instance, against) (abs(wattlog_clock_skew_seconds)) > 5",
    for: "5m",
    summary: "The clock of {{ $labels.instance }} differs from that of {{ $labels.against }} by more than 5 s.",
  },
];

export const alerts: readonly Alert[] = [
  ...page.map((alert) => ({ ...alert, severity: "page" as const })),
  ...ticket.map((alert) => ({ ...alert, severity: "ticket" as const })),
];

/** For Prometheus, and under `spec:` of a PrometheusRule. JSON's strings are YAML's. */
export function rulesYaml(of: readonly Alert[] = alerts): string {
  const lines = [
    "# Made by `npm run monitoring` from deploy/monitoring/alerts.ts; a test says when it is stale.",
    "groups:",
  ];
  for (const severity of ["page", "ticket"] as const) {
    lines.push(`  - name: wattlog-${severity}`, "    rules:");
    for (const alert of of.filter((each) => each.severity === severity)) lines.push(...ruleLines(alert));
  }
  return `${lines.join("\n")}\n`;
}

function ruleLines({ name, severity, expr, for: pending, summary }: Alert): string[] {
  return [
    `      - alert: ${name}`,
    `        expr: ${JSON.stringify(expr)}`,
    ...(pending === undefined ? [] : [`        for: ${pending}`]),
    "        labels:",
    `          severity: ${severity}`,
    "        annotations:",
    `          summary: ${JSON.stringify(summary)}`,
    `          runbook_url: ${JSON.stringify(`docs/runbooks.md#${name.toLowerCase()}`)}`,
  ];
}
