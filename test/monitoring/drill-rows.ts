// The rows of the drill: those of the fault matrix, and a run without faults. For each, the alerts that must fire, those that may
// beside them, and why.
import type { Row, Size } from "../faults/row.ts";
import { rows } from "../faults/rows.ts";
import { sleep } from "../harness/wait.ts";

export interface DrillRow {
  readonly row: Row;
  /** As long as it takes to be worth an alert. */
  readonly size: Size;
  readonly must: readonly string[];
  readonly may: readonly string[];
  readonly why: string;
}

export const quietRow = "no fault";
const quietMs = 60_000;

const quiet: Row = {
  name: quietRow,
  async inject({ injected, heals }) {
    await sleep(quietMs);
    injected("nothing");
    heals();
  },
};

/** What a machine says on which fourteen processes, three brokers and other work share two processors. */
const ofBusyMachine = ["WattlogEventLoopSlow", "WattlogFoldLag", "WattlogProjectionLag"];
/** A log that stands still for a minute of life and more. */
const ofLog = ["WattlogLogNotWritable", "WattlogStationsOnlineDropped", "WattlogNoReadyGateway", ...ofBusyMachine];

type Wanted = Partial<Omit<DrillRow, "row">> & { readonly why: string };

const wanted: Readonly<Record<string, Wanted>> = {
  [quietRow]: { why: "nothing happens, so that nothing may fire." },
  "gateway kill -9 at random points, also between log receipt and answer": {
    may: ["WattlogStationsOnlineDropped", "WattlogLogAnomaly", ...ofBusyMachine],
    why: "its stations are back within seconds and nothing that was answered is lost: nobody need be called. Whoever runs processes tells of one that dies again and again.",
  },
  "gateway SIGSTOP 5-60 s": {
    size: "full",
    must: ["WattlogStationsOnlineDropped"],
    may: ["WattlogLogAnomaly", ...ofBusyMachine],
    why: "half of the stations are gone until they give up their links. The one that wakes counts the appends that it had in hand as anomalies.",
  },
  "broker kill -9 / leader change (3 brokers, RF 3, min.insync 2)": {
    must: ["WattlogLogAnomaly"],
    may: ofLog,
    why: "failed appends are counted, their frames were not answered. The others fire where the change of leaders takes longer than stations wait.",
  },
  "one partition without enough replicas (needs three brokers: Kafka 4.4 acknowledges RF 1 with min.insync 2)": {
    must: ["WattlogLogAnomaly", "WattlogLogNotWritable"],
    may: ofLog,
    why: "the partition refuses its stations until its replica is back.",
  },
  "broker SIGSTOP, gateway cut off from Kafka (both ways, one way)": {
    must: ["WattlogLogAnomaly", "WattlogStationsOnlineDropped"],
    may: ofLog,
    why: "half of the fleet is sent away by the gateway that cannot write. It is cut off for hardly longer than it holds answers, so that WattlogLogNotWritable is not sure to fire.",
  },
  "half-open charger link": {
    may: ["WattlogStationsOnlineDropped", "WattlogStationsFlapping", ...ofBusyMachine],
    why: "the new sockets take over, by themselves. Links that fall silent for good end by the idle timeout: WattlogStationsOnlineDropped, or WattlogGroupOffline of a carrier.",
  },
  "station that does not read": {
    may: ["WattlogStationsOnlineDropped", "WattlogQuarantineHeld", ...ofBusyMachine],
    why: "one station is closed and harms nobody: it is counted (closes by reason), not alerted.",
  },
  "reconnect storm (all stations at once)": {
    must: ["WattlogStationsOnlineDropped"],
    may: ofBusyMachine,
    why: "all stations were gone at one moment; it is over when they are back.",
  },
  "Redis killed, flushed, failed over with lost writes": {
    may: ["WattlogPartNotReady", "WattlogCommandTimeouts", ...ofBusyMachine],
    why: "chargers do not notice, and another takes over within seconds. A Redis that stays away: WattlogPartNotReady (bus) after five minutes, and WattlogCommandTimeouts.",
  },
  "Postgres killed, paused, disk full": {
    size: "full",
    must: ["WattlogPartNotReady", "WattlogFoldLag", "WattlogProjectionLag"],
    may: ["WattlogEventLoopSlow", "WattlogLogAnomaly", "WattlogPartitionWithoutOwner"],
    why: "chargers do not notice; what is folded and read waits.",
  },
  "duplicate delivery, offsets rewound, rebalance storm, zombie consumer": {
    must: ["WattlogLogAnomaly"],
    may: ["WattlogStationsOnlineDropped", "WattlogPartitionWithoutOwner", ...ofBusyMachine],
    why: "the store lost commits (`storeRewound`). Repeats and rebalances are no faults of their own.",
  },
  "poison frame at each stage": {
    must: ["WattlogQuarantineHeld"],
    may: ["WattlogStationsOnlineDropped", ...ofBusyMachine],
    why: "records wait for somebody; the drill releases them, as the runbook says.",
  },
  "clock ±1 h, DST, station clock at 1970": {
    size: "full",
    must: ["WattlogClockSkew"],
    may: [
      "WattlogStationsOnlineDropped",
      "WattlogPartitionWithoutOwner",
      "WattlogSessionsWithoutCdr",
      ...ofBusyMachine,
    ],
    why: "machines' clocks are an hour off; stations' clocks are theirs and no alert. WattlogSessionsWithoutCdr came with them on a machine under much other load and went by itself, every session had its CDR in the end; why it came has not been found out.",
  },
  "rolling update under load (SIGTERM loop)": {
    may: ["WattlogStationsOnlineDropped", ...ofBusyMachine],
    why: "it is what every release does: were it to alert, nobody would look. A drain that does not end: WattlogDrainOverdue.",
  },
};

export const drillRows: readonly DrillRow[] = [quiet, ...rows].map((row) => {
  const { size = "quick", must = [], may = [], why = "" } = wanted[row.name] ?? {};
  return { row, size, must, may, why };
});

/** Rows of the matrix that the drill does not inject, each with its reason. */
export const notInjected: Readonly<Record<string, string>> = {
  "partitions grown under load; failover to a mirrored cluster; log restored to an earlier hour":
    "not injected: operators do it by hand, all processes stopped (WattlogNoReadyGateway meanwhile); commits that the log has lost count as an anomaly (`storeRewound`).",
  "log retention passed half of the topic":
    "not injected: it is the usual course of things and must not be noticed. What stands in its way: WattlogArchiveBehind, WattlogArchiveFailing, WattlogRetentionBlocked.",
};
