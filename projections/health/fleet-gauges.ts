// Stations online, offline and out of order by vendor, carrier and site group, for alerts: one dead SIM carrier is seen where the
// fleet as a whole hardly moves. What is told is bounded, whatever names stations and people invent.
import { trusted } from "../../core/ids/ids.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { groupStates, type GroupState, type Metrics } from "../../core/runtime/metrics.ts";
import { StationGroups, type HealthNeeds, type Member } from "./station-groups.ts";

const kinds = ["vendor", "carrier", "siteGroup"] as const;
/** The largest of each kind; the rest is told as `other`. */
const namesPerKind = 30;
/** As OCPP bounds a vendor's name. */
const nameLength = 50;
/** A station that was away for longer is not what happens now. */
const forgottenMs = 30 * 24 * 3_600_000;
/** It takes no more than this share of the time, however large the fleet. */
const restPerWork = 20;

export type Counts = Record<GroupState, number>;
/** By kind, then by name. */
export type CountsByGroup = ReadonlyMap<string, ReadonlyMap<string, Counts>>;

/** @param faulted stations with a connector that is out of order */
export function countGroups(members: Iterable<Member>, faulted: ReadonlySet<string>, since: number): CountsByGroup {
  const counts = new Map<string, Map<string, Counts>>(kinds.map((kind) => [kind, new Map<string, Counts>()]));
  for (const { station, member, online, lastSeen } of members) {
    if (!online && lastSeen < since) continue;
    const state: GroupState = !online ? "offline" : faulted.has(station) ? "faulted" : "online";
    for (const kind of kinds) {
      // Every station counts among vendors: what they add up to is the fleet.
      const name = member[kind] ?? (kind === "vendor" ? "unknown" : null);
      if (name === null) continue;
      const short = name.slice(0, nameLength);
      const names = counts.get(kind)!;
      const count = names.get(short) ?? { online: 0, offline: 0, faulted: 0 };
      count[state]++;
      names.set(short, count);
    }
  }
  return new Map([...counts].map(([kind, names]) => [kind, bounded(names)]));
}

function bounded(names: ReadonlyMap<string, Counts>): ReadonlyMap<string, Counts> {
  const total = (count: Counts) => count.online + count.offline + count.faulted;
  const bySize = [...names].sort(([a, one], [b, other]) => total(other) - total(one) || (a < b ? -1 : 1));
  const kept = new Map(bySize.slice(0, namesPerKind));
  const rest = bySize.slice(namesPerKind);
  if (rest.length === 0) return kept;
  const other = kept.get("other") ?? { online: 0, offline: 0, faulted: 0 };
  for (const [, count] of rest) for (const state of groupStates) other[state] += count[state];
  return kept.set("other", other);
}

export class FleetGauges {
  private readonly needs: HealthNeeds & { readonly clock: Clock; readonly metrics: Metrics };
  private notBefore = -Infinity;
  private ended = false;

  constructor(needs: HealthNeeds & { readonly clock: Clock; readonly metrics: Metrics }) {
    this.needs = needs;
  }

  /** Does nothing while the last time it did is too near for what it took. */
  async measure(): Promise<void> {
    const { clock, metrics } = this.needs;
    const began = clock.monotonic();
    if (began < this.notBefore) return;
    const members: Member[] = [];
    const faulted = new Set<string>();
    const parties = await this.needs.store.reader.selectFrom("live_station").select("party").distinct().execute();
    for (const { party } of parties) await this.read(party, members, faulted);
    const counts = countGroups(members, faulted, clock.now() - forgottenMs);
    this.notBefore = clock.monotonic() + restPerWork * (clock.monotonic() - began);
    if (this.ended) return;
    metrics.groupStations.reset();
    for (const [kind, names] of counts) {
      for (const [name, count] of names) {
        for (const state of groupStates) metrics.groupStations.set({ kind, name, state }, count[state]);
      }
    }
  }

  forget(): void {
    this.ended = true;
    this.needs.metrics.groupStations.reset();
  }

  private async read(name: string, members: Member[], faulted: Set<string>): Promise<void> {
    const { registry, store } = this.needs;
    const party = trusted.party(name);
    for await (const step of new StationGroups(this.needs, party).matching({})) {
      const stations = step.map(({ station }) => station);
      const rows = await store.reader
        .selectFrom("live_connector")
        .select("station")
        .where("party", "=", party)
        .where("station", "in", stations)
        .where("status", "=", "Faulted")
        .execute();
      // Two parties may have stations of one name.
      const known = new Set(rows.map(({ station }) => station));
      for (const member of step) {
        const isGone =
          registry.existed(party, "station", member.station) &&
          !registry.find(party, "station", trusted.station(member.station));
        if (isGone && !member.online) continue;
        const station = `${name}/${member.station}`;
        members.push({ ...member, station });
        if (known.has(member.station)) faulted.add(station);
      }
    }
  }
}
