// Uptime of one station's ports by two stated formulas. Pure: intervals, exclusions and a period in, whole milliseconds out.
//
// NEVI, 23 CFR 680.116(b)(3), with the period's minutes P for its 525,600 of a year:
//   uptime % = (P − (T_outage − T_excluded)) / P × 100
// Own: what was excluded is no time at all, and a connection that is away for less than the grace is no outage:
//   uptime % = (P − E − D) / (P − E) × 100
// P are the minutes of the period in which the port was known: those before its first report do not count.
import { limits } from "../../core/config/limits.ts";
import { offlineStatus, type StatusIntervalRow } from "../../core/store/status-interval.ts";
import { intersection, lengthOf, spansOf, union, without, type Span, type Spans } from "./spans.ts";

export type Interval = Pick<StatusIntervalRow, "evse_id" | "connector_id" | "status" | "from_at" | "to_at">;

export interface Excluded {
  readonly id: string;
  readonly span: Span;
  /** Whether 23 CFR 680.116(b)(3) names its cause. */
  readonly byNevi: boolean;
  /** Absent: every EVSE of the station. */
  readonly evseId?: number | undefined;
}

/** All in ms. */
export interface Uptime {
  /** How many ports it is the sum of. */
  readonly ports: number;
  readonly observed: number;
  readonly outage: number;
  /** Of the outage, by causes that NEVI names. */
  readonly neviExcluded: number;
  /** Of all observed time, by any cause. */
  readonly excluded: number;
  /** Outage beyond the grace that nobody excluded. */
  readonly down: number;
  /** Of the outage by status; of several connectors the first that was down. */
  readonly byStatus: Readonly<Record<DownStatus, number>>;
}

export interface PortUptime extends Uptime {
  readonly evseId: number;
  /** null: of the whole EVSE. */
  readonly connectorId: number | null;
  /** Exclusions that reach into its observed time. */
  readonly exclusions: readonly string[];
}

export const downStatuses = [offlineStatus, "Faulted", "Unavailable"] as const;
export type DownStatus = (typeof downStatuses)[number];

interface Timeline {
  readonly observed: Spans;
  readonly down: Readonly<Record<DownStatus, Spans>>;
  /** Offline for less than the grace, from its very beginning to its end, or the period's: what comes after that changes no answer. */
  readonly brief: Spans;
}

/**
 * @param intervals of one station, all that reach into the period
 * @param by `evse`: a port (23 CFR 680.104) charges one vehicle at a time and is up while one of its connectors is
 */
export function uptimesOf(
  intervals: readonly Interval[],
  exclusions: readonly Excluded[],
  period: Span,
  by: "evse" | "connector",
): PortUptime[] {
  const byConnector = Map.groupBy(intervals, (row) => `${row.evse_id}/${row.connector_id}`);
  const whole = timelineOf(byConnector.get("0/0") ?? [], period);
  byConnector.delete("0/0");
  const connectors = [...byConnector.values()].map((rows) => ({
    evseId: rows[0]!.evse_id,
    connectorId: rows[0]!.connector_id,
    line: withStation(timelineOf(rows, period), whole),
  }));
  const groups = Map.groupBy(connectors, ({ evseId, connectorId }) =>
    by === "evse" ? `${evseId}` : `${evseId}/${connectorId}`,
  );
  return [...groups.values()]
    .map((group) => {
      const { evseId, connectorId } = group[0]!;
      const own = exclusions.filter((one) => one.evseId === undefined || one.evseId === evseId);
      const lines = group.map(({ line }) => line);
      return { evseId, connectorId: by === "evse" ? null : connectorId, ...measured(portOf(lines), own) };
    })
    .filter(({ observed }) => observed > 0)
    .sort((a, b) => a.evseId - b.evseId || (a.connectorId ?? 0) - (b.connectorId ?? 0));
}

function timelineOf(rows: readonly Interval[], period: Span): Timeline {
  const within = (spans: Iterable<Span>) => intersection(spansOf(spans), [period]);
  const of = (status: string) => rows.filter((row) => row.status === status).map(spanOf);
  return {
    observed: within(rows.map(spanOf)),
    down: {
      Offline: within(of("Offline")),
      Faulted: within(of("Faulted")),
      Unavailable: within(of("Unavailable")),
    },
    brief: within(
      of(offlineStatus).filter(([from, to]) => Math.min(to, period[1]) - from < limits.healthOfflineGraceMs),
    ),
  };
}

const spanOf = ({ from_at, to_at }: Interval): Span => [from_at, to_at];

/** Connector 0 of 1.6 speaks for all of them where it is out of order; that it is offline they say themselves. */
function withStation(line: Timeline, whole: Timeline): Timeline {
  const { observed, down, brief } = line;
  const also = (status: "Faulted" | "Unavailable") =>
    union(down[status], without(intersection(observed, whole.down[status]), down.Offline));
  return { observed, down: { ...down, Faulted: also("Faulted"), Unavailable: also("Unavailable") }, brief };
}

/** Down where each connector is; observed as soon as one is. A connector that is not known yet serves nobody. */
function portOf(lines: readonly Timeline[]): Timeline {
  const observed = union(...lines.map((line) => line.observed));
  const downOf = ({ down }: Timeline) => union(...downStatuses.map((status) => down[status]));
  const serving = union(...lines.map((line) => without(line.observed, downOf(line))));
  const out = without(observed, serving);
  const downBy = (status: DownStatus) => intersection(out, union(...lines.map((line) => line.down[status])));
  const Offline = downBy("Offline");
  const Faulted = without(downBy("Faulted"), Offline);
  const Unavailable = without(out, union(Offline, Faulted));
  // Nothing but brief absences: a connector that is down for another reason is not, so nobody could charge there.
  const long = lines.map((line) => without(downOf(line), line.brief));
  const allLong = long.reduce((common, spans) => intersection(common, spans), out);
  return { observed, down: { Offline, Faulted, Unavailable }, brief: without(out, allLong) };
}

function measured({ observed, down, brief }: Timeline, exclusions: readonly Excluded[]) {
  const outage = union(...downStatuses.map((status) => down[status]));
  const spansBy = (chosen: readonly Excluded[]) => intersection(observed, spansOf(chosen.map(({ span }) => span)));
  const excluded = spansBy(exclusions);
  const nevi = spansBy(exclusions.filter(({ byNevi }) => byNevi));
  const reaching = exclusions.filter(({ span }) => lengthOf(intersection(observed, [span])) > 0);
  return {
    ports: 1,
    observed: lengthOf(observed),
    outage: lengthOf(outage),
    neviExcluded: lengthOf(intersection(outage, nevi)),
    excluded: lengthOf(excluded),
    down: lengthOf(without(without(outage, brief), excluded)),
    byStatus: {
      Offline: lengthOf(down.Offline),
      Faulted: lengthOf(down.Faulted),
      Unavailable: lengthOf(down.Unavailable),
    },
    exclusions: reaching.map(({ id }) => id).sort(),
  };
}

export const noUptime: Uptime = {
  ports: 0,
  observed: 0,
  outage: 0,
  neviExcluded: 0,
  excluded: 0,
  down: 0,
  byStatus: { Offline: 0, Faulted: 0, Unavailable: 0 },
};

/** Of a station or a group: minutes are added up, so that a port counts as long as it was there. */
export function added(a: Uptime, b: Uptime): Uptime {
  return {
    ports: a.ports + b.ports,
    observed: a.observed + b.observed,
    outage: a.outage + b.outage,
    neviExcluded: a.neviExcluded + b.neviExcluded,
    excluded: a.excluded + b.excluded,
    down: a.down + b.down,
    byStatus: {
      Offline: a.byStatus.Offline + b.byStatus.Offline,
      Faulted: a.byStatus.Faulted + b.byStatus.Faulted,
      Unavailable: a.byStatus.Unavailable + b.byStatus.Unavailable,
    },
  };
}

/** @returns percent with three decimals, never rounded up: 96.9999 is not 97; null: nothing was observed */
export function neviPercent({ observed, outage, neviExcluded }: Uptime): number | null {
  return percent(observed - (outage - neviExcluded), observed);
}

/** @returns as above; null also where all of it was excluded */
export function ownPercent({ observed, excluded, down }: Uptime): number | null {
  return percent(observed - excluded - down, observed - excluded);
}

/** With three decimals, never rounded up. @returns null: there is no whole */
export function percent(part: number, whole: number): number | null {
  return whole <= 0 ? null : Math.floor((part * 100_000) / whole) / 1_000;
}
