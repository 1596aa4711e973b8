// What a station belongs to, and which stations a question is about. Pages of stations come in the order of their ids.
import { setImmediate as othersFirst } from "node:timers/promises";

import type { PartyId } from "../../core/ids/ids.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Store } from "../../core/store/store.ts";
import type { StationRow } from "../../core/store/tables.ts";

export interface HealthNeeds {
  readonly store: Pick<Store, "reader">;
  readonly registry: RegistryView;
}

export interface Membership {
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly locationId: string | null;
  /** Whose SIM it connects by. */
  readonly carrier: string | null;
  readonly siteGroup: string | null;
}

export const groupings = ["vendor", "model", "locationId", "carrier", "siteGroup"] as const;
export type Grouping = (typeof groupings)[number];

/** All that is given must hold. */
export type GroupFilter = { readonly [Name in Grouping]?: string } & { readonly station?: string };

export interface Member {
  readonly station: string;
  readonly member: Membership;
  readonly online: boolean;
  /** Epoch ms of log time. */
  readonly lastSeen: number;
}

type Said = Pick<StationRow, "station" | "vendor" | "model" | "firmware" | "online" | "last_seen">;

/** With a few hundred intervals each: some 10 ms of the thread, in which no other request of it is answered. */
const stationsPerStep = 50;

/** As the registry and the stations say it now: a station that moves takes its past along. */
export class StationGroups {
  private readonly needs: HealthNeeds;
  private readonly party: PartyId;
  private readonly placed: ReadonlyMap<string, string>;

  constructor(needs: HealthNeeds, party: PartyId) {
    this.needs = needs;
    this.party = party;
    this.placed = locationsByStation(needs.registry, party);
  }

  /** Every station that ever connected and fits, some at a time. @param from the first one that may come */
  async *matching(filter: GroupFilter, from = ""): AsyncGenerator<readonly Member[]> {
    let next: string | undefined = from;
    while (next !== undefined) {
      const rows = await this.read(filter.station, next);
      next = rows[stationsPerStep]?.station;
      const members = rows.slice(0, stationsPerStep).map((row) => ({
        station: row.station,
        member: this.of(row),
        online: row.online === 1,
        lastSeen: row.last_seen,
      }));
      const fitting = members.filter(({ member }) => fits(filter, member));
      if (fitting.length > 0) yield fitting;
      // SQLite answers at once: without it a large fleet would hold the thread from its first station to its last.
      await othersFirst();
    }
  }

  /** One more than a step has, where there are more. */
  private read(station: string | undefined, from: string): Promise<readonly Said[]> {
    const rows = this.needs.store.reader
      .selectFrom("live_station")
      .select(["station", "vendor", "model", "firmware", "online", "last_seen"])
      .where("party", "=", this.party)
      .where("station", ">=", from);
    const asked = station === undefined ? rows : rows.where("station", "=", station);
    return asked
      .orderBy("station")
      .limit(stationsPerStep + 1)
      .execute();
  }

  private of(row: Said): Membership {
    const doc = this.needs.registry.find(this.party, "station", trusted.station(row.station))?.doc;
    return {
      vendor: row.vendor,
      model: row.model,
      firmware: row.firmware,
      locationId: doc?.locationId ?? this.placed.get(row.station) ?? null,
      carrier: doc?.carrier ?? null,
      siteGroup: doc?.siteGroup ?? null,
    };
  }
}

function fits(filter: GroupFilter, member: Membership): boolean {
  return groupings.every((name) => filter[name] === undefined || filter[name] === member[name]);
}

/** By the connectors that locations name. */
function locationsByStation(registry: RegistryView, party: PartyId): Map<string, string> {
  const placed = new Map<string, string>();
  for (const id of registry.ids(party, "location")) {
    for (const { connectors } of registry.find(party, "location", id)?.doc.evses ?? []) {
      for (const { stationId } of connectors ?? []) if (stationId !== undefined) placed.set(stationId, id);
    }
  }
  return placed;
}
