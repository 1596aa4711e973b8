// For each alert a history in which it fires, and one like it in which it does not; a sample a minute, in promtool's notation. What
// counts is what it says after half an hour.

export type Series = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly fires: Series;
  readonly silent: Series;
}

const steady = (value: number): string => `${value}x60`;
const rising = (by: number): string => `0+${by}x60`;
/** `before` up to minute 27, `after` from then on. */
const step = (before: number, after: number): string => `${before}x27 ${after}x33`;

function ofGroup(kind: string, name: string, states: Series): Series {
  const series = Object.entries(states).map(([state, values]) => [
    `ocpp_group_stations{kind="${kind}",name="${name}",state="${state}"}`,
    values,
  ]);
  return Object.fromEntries(series) as Series;
}

export const alertCases: Readonly<Record<string, AlertCase>> = {
  WattlogLogNotWritable: {
    fires: { ocpp_oldest_unanswered_seconds: steady(11), ocpp_log_partitions_refusing: steady(0) },
    silent: { ocpp_oldest_unanswered_seconds: steady(9), ocpp_log_partitions_refusing: steady(0) },
  },
  WattlogLogAnomaly: {
    fires: { 'ocpp_log_anomalies_total{kind="rejected"}': step(0, 1) },
    silent: { 'ocpp_log_anomalies_total{kind="rejected"}': steady(7) },
  },
  WattlogUnknownRecordVersion: {
    fires: { 'ocpp_log_anomalies_total{kind="unknownRecord",instance="a"}': step(0, 1) },
    silent: { 'ocpp_log_anomalies_total{kind="unknownRecord",instance="a"}': steady(1) },
  },
  WattlogStationsOnlineDropped: {
    fires: { 'ocpp_stations_online{instance="a"}': step(1000, 890), 'ocpp_stations_online{instance="b"}': steady(0) },
    silent: { 'ocpp_stations_online{instance="a"}': step(1000, 910), 'ocpp_stations_online{instance="b"}': steady(0) },
  },
  // One SIM carrier of two is dead; the whole fleet is a fifth down, each carrier alike.
  WattlogGroupOffline: {
    fires: {
      ...ofGroup("vendor", "Alfen", { offline: "2x20 10x60", online: "98x20 90x60" }),
      ...ofGroup("carrier", "SIM-ONE", { offline: steady(2), online: steady(88) }),
      ...ofGroup("carrier", "SIM-TWO", { offline: "0x20 8x60", online: "10x20 2x60" }),
    },
    silent: {
      ...ofGroup("vendor", "Alfen", { offline: steady(40), online: steady(60) }),
      ...ofGroup("carrier", "SIM-ONE", { offline: steady(36), online: steady(54) }),
      ...ofGroup("carrier", "SIM-TWO", { offline: steady(5), online: steady(5) }),
    },
  },
  // A vendor's new firmware breaks its stations; the same share of a vendor of four is too few to tell.
  WattlogGroupFaulted: {
    fires: {
      ...ofGroup("vendor", "Alfen", { faulted: steady(1), online: steady(99) }),
      ...ofGroup("vendor", "Wallbe", { faulted: "0x10 6x60", online: "20x10 14x60" }),
    },
    silent: {
      ...ofGroup("vendor", "Alfen", { faulted: steady(1), online: steady(99) }),
      ...ofGroup("vendor", "Wallbe", { faulted: steady(4), online: steady(0) }),
    },
  },
  WattlogSessionsWithoutCdr: {
    fires: { 'ocpp_sessions_without_cdr{reason="overdue"}': "0x18 1x60" },
    silent: {
      'ocpp_sessions_without_cdr{reason="overdue"}': "0x22 1x60",
      'ocpp_sessions_without_cdr{reason="settling"}': steady(900),
    },
  },
  WattlogCdrEnergyDiffers: {
    fires: { ocpi_cdr_energy_mismatches_total: step(0, 1) },
    silent: { ocpi_cdr_energy_mismatches_total: steady(1) },
  },
  WattlogProjectionLag: {
    fires: { 'wattlog_projection_lag_seconds{partition="3"}': steady(121) },
    silent: { 'wattlog_projection_lag_seconds{partition="3"}': steady(119) },
  },
  WattlogFoldLag: {
    fires: { 'wattlog_fold_lag_seconds{partition="3"}': steady(121) },
    silent: { 'wattlog_fold_lag_seconds{partition="3"}': steady(119) },
  },
  WattlogPartitionWithoutOwner: {
    fires: { 'wattlog_partitions_without_owner{role="processor"}': step(0, 1) },
    silent: { 'wattlog_partitions_without_owner{role="processor"}': "0x28 1x1 0x60" },
  },
  // promtool's clock begins at 0: half an hour later 172 000 s are less than two days away, and 180 000 s are not.
  WattlogCertificateEnds: {
    fires: {
      'wattlog_certificate_expiry_timestamp_seconds{use="ocpp",instance="a"}': steady(172_000),
      'wattlog_certificate_expiry_timestamp_seconds{use="ocpp",instance="b"}': steady(9_000_000),
    },
    silent: { 'wattlog_certificate_expiry_timestamp_seconds{use="ocpp"}': steady(9_000_000) },
  },
  WattlogCertificateEndsSoon: {
    fires: { 'wattlog_certificate_expiry_timestamp_seconds{use="kafka"}': steady(1_200_000) },
    silent: { 'wattlog_certificate_expiry_timestamp_seconds{use="kafka"}': steady(1_220_000) },
  },
  WattlogCertificateOutdated: {
    fires: { 'wattlog_certificate_outdated{use="https",instance="a"}': step(0, 1) },
    silent: { 'wattlog_certificate_outdated{use="https",instance="a"}': "0x10 1x2 0x60" },
  },
  WattlogNoReadyGateway: {
    fires: { 'wattlog_ready{role="processor"}': steady(1), 'wattlog_ready{role="gateway"}': steady(0) },
    silent: {
      'wattlog_ready{role="gateway",instance="a"}': steady(0),
      'wattlog_ready{role="gateway",instance="b"}': steady(1),
    },
  },
  WattlogQuarantineHeld: {
    fires: { 'wattlog_quarantine_held{stage="fold"}': steady(1) },
    silent: { 'wattlog_quarantine_held{stage="fold"}': steady(0) },
  },
  // Of today too much may still come; what went wrong on the last whole day stays so.
  WattlogReconciliationDiffers: {
    fires: { 'wattlog_reconciliation_unexplained_sessions{day="last"}': "0x10 1x60" },
    silent: {
      'wattlog_reconciliation_unexplained_sessions{day="last"}': "0x20 1x60",
      'wattlog_reconciliation_unexplained_sessions{day="today"}': steady(1),
    },
  },
  WattlogStationsFlapping: {
    fires: { ocpp_gateway_flaps_total: rising(2) },
    silent: { ocpp_gateway_flaps_total: "0x25 4x60" },
  },
  WattlogAuthFailureBurst: {
    fires: { 'auth_failures_total{reason="wrong"}': rising(90) },
    silent: { 'auth_failures_total{reason="wrong"}': rising(30) },
  },
  WattlogCommandTimeouts: {
    fires: {
      'ocpp_commands_total{action="Reset",outcome="timeout"}': rising(3),
      'ocpp_commands_total{action="Reset",outcome="accepted"}': rising(9),
    },
    silent: {
      'ocpp_commands_total{action="Reset",outcome="timeout"}': rising(1),
      'ocpp_commands_total{action="Reset",outcome="accepted"}': rising(9),
    },
  },
  WattlogOcpiPushOld: {
    fires: { 'ocpi_push_oldest_seconds{party="NLEMS"}': "0+60x60" },
    silent: { 'ocpi_push_oldest_seconds{party="NLEMS"}': steady(890) },
  },
  WattlogEventLoopSlow: {
    fires: { 'nodejs_eventloop_lag_p99_seconds{instance="a",thread="gateway"}': steady(0.11) },
    silent: { 'nodejs_eventloop_lag_p99_seconds{instance="a",thread="gateway"}': "0.02x27 0.2 0.02x60" },
  },
  WattlogDrainOverdue: {
    fires: {
      'ocpp_gateway_draining_seconds{instance="a"}': steady(31),
      'ocpp_gateway_drain_grace_seconds{instance="a"}': steady(25),
    },
    silent: {
      'ocpp_gateway_draining_seconds{instance="a"}': steady(24),
      'ocpp_gateway_drain_grace_seconds{instance="a"}': steady(25),
    },
  },
  WattlogPartNotReady: {
    fires: { 'wattlog_part_ready{instance="a",part="fold of partition 3"}': steady(0) },
    silent: { 'wattlog_part_ready{instance="a",part="fold of partition 3"}': "1x27 0x1 1x60" },
  },
  WattlogArchiveBehind: {
    fires: { 'wattlog_archive_oldest_seconds{topic="ocpp.frames.g1",partition="0"}': steady(11_000) },
    silent: { 'wattlog_archive_oldest_seconds{topic="ocpp.frames.g1",partition="0"}': steady(3_700) },
  },
  WattlogArchiveFailing: {
    fires: { wattlog_archive_failures_total: rising(1) },
    silent: { wattlog_archive_failures_total: "0x20 1x60" },
  },
  WattlogRetentionBlocked: {
    fires: { 'wattlog_log_retention_overdue_seconds{topic="ocpp.frames.g1",partition="0"}': steady(90_000) },
    silent: { 'wattlog_log_retention_overdue_seconds{topic="ocpp.frames.g1",partition="0"}': steady(80_000) },
  },
  WattlogClockSkew: {
    fires: { 'wattlog_clock_skew_seconds{instance="a",against="kafka"}': steady(-6) },
    silent: { 'wattlog_clock_skew_seconds{instance="a",against="kafka"}': steady(0.2) },
  },
};
