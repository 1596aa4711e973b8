// Uptime over a period: of each port or connector, of a station, or of a group of stations.
import type { PartyId } from "../../core/ids/ids.ts";
import { Exclusions } from "./exclusions.ts";
import { StationGroups, type GroupFilter, type Grouping, type HealthNeeds, type Member } from "./station-groups.ts";
import { added, noUptime, uptimesOf, type Interval, type PortUptime, type Uptime } from "./uptime.ts";

export interface Period {
  /** Epoch ms of log time. */
  readonly from: number;
  /** Exclusive. Not after what the tables know: an interval that lasts is counted up to here. */
  readonly to: number;
}

export interface Question {
  readonly party: PartyId;
  readonly period: Period;
  readonly filter: GroupFilter;
}

export interface StationUptime extends Member {
  readonly ports: readonly PortUptime[];
}

/** In the order of their ids; stations of which nothing is known in the period are left out. */
export async function* uptimesByStation(
  needs: HealthNeeds,
  { party, period, filter }: Question,
  by: "evse" | "connector",
  fromStation?: string,
): AsyncGenerator<StationUptime> {
  const exclusions = new Exclusions(needs.registry, party, period.from, period.to);
  for await (const members of new StationGroups(needs, party).matching(filter, fromStation)) {
    const stations = members.map(({ station }) => station);
    const intervals = await intervalsOf(needs, party, stations, period);
    for (const each of members) {
      const { station, member } = each;
      const own = intervals.get(station) ?? [];
      const ports = uptimesOf(own, exclusions.of(station, member), [period.from, period.to], by);
      if (ports.length > 0) yield { ...each, ports };
    }
  }
}

/** Of one group after the other; `null`: stations of which nobody said it. */
export async function uptimesByGroup(
  needs: HealthNeeds,
  question: Question,
  by: Grouping | "fleet",
): Promise<ReadonlyMap<string | null, Uptime>> {
  const sums = new Map<string | null, Uptime>();
  for await (const { member, ports } of uptimesByStation(needs, question, "evse")) {
    const name = by === "fleet" ? null : member[by];
    sums.set(name, ports.reduce<Uptime>(added, sums.get(name) ?? noUptime));
  }
  return sums;
}

async function intervalsOf(
  { store }: HealthNeeds,
  party: PartyId,
  stations: readonly string[],
  { from, to }: Period,
): Promise<Map<string, (Interval & { readonly station: string })[]>> {
  const rows = await store.reader
    .selectFrom("live_status_interval")
    .select(["station", "evse_id", "connector_id", "status", "from_at", "to_at"])
    .where("party", "=", party)
    .where("station", "in", stations)
    .where("to_at", ">", from)
    .where("from_at", "<", to)
    .execute();
  return Map.groupBy(rows, ({ station }) => station);
}
