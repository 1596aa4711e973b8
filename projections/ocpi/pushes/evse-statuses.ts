// Which EVSEs have another status now than partners were told: compared once for all of them, against what is kept in the
// store, so that a station that reconnects, or a wattlog that restarts, tells nobody what they know.
import type { PartyId } from "../../../core/ids/ids.ts";
import type { Change } from "../../../core/store/store.ts";
import type { OcpiEvseStatusRow } from "../../../core/store/tables.ts";
import { siblingsOf } from "../location-object.ts";
import { showLocations } from "../locations.ts";
import { StationPlaces } from "../station-places.ts";
import { isMembers, type Members } from "../values.ts";
import { statusBody } from "./content.ts";
import { evseObject, type Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";
import { pushPeersOf, receiverOf } from "./peers.ts";

/** Locations that are shown at once. */
const locationsAtOnce = 100;

type Needs = Pick<PushNeeds, "store" | "registry" | "clock" | "logger">;

interface ChangedStatus {
  readonly object: string;
  /** JSON: what a PATCH of it has; undefined: what is true when it is sent. */
  readonly body: string | undefined;
}

export interface StatusChanges {
  readonly rows: Change;
  readonly marks: readonly Mark[];
}

export class EvseStatuses {
  private readonly needs: Needs;
  private readonly places: StationPlaces;

  constructor(needs: Needs) {
    this.needs = needs;
    this.places = new StationPlaces(needs.registry);
  }

  close(): void {
    this.places.close();
  }

  /** Every station that is at a location. */
  stations(): Iterable<{ readonly party: PartyId; readonly station: string }> {
    return this.places.stations();
  }

  /**
   * Of those stations' own EVSEs alone: others at the same location may be followed by another feed, which knows more of them.
   * @param due for what is to be told, epoch ms
   */
  async ofStations(party: PartyId, stations: Iterable<string>, due: number): Promise<StatusChanges> {
    const some = new Set(stations);
    const ids = new Set<string>();
    for (const station of some) for (const id of this.places.of(party, station)) ids.add(id);
    return this.changesIn(party, ids, due, (location) => this.evsesOf(party, location, some));
  }

  /** An EVSE that was never looked at is not told of: it comes with its location. */
  ofLocations(party: PartyId, locations: Iterable<string>, due: number): Promise<StatusChanges> {
    return this.changesIn(party, locations, due, () => undefined);
  }

  /** @param ownIn uids that are looked at, and whether nobody else looks at them; undefined: all of the location */
  private async changesIn(
    party: PartyId,
    locations: Iterable<string>,
    due: number,
    ownIn: (location: string) => ReadonlyMap<string, boolean> | undefined,
  ): Promise<StatusChanges> {
    const all = [...locations];
    const rows: OcpiEvseStatusRow[] = [];
    const changed: ChangedStatus[] = [];
    for (let at = 0; at < all.length; at += locationsAtOnce) {
      const ids = all.slice(at, at + locationsAtOnce);
      const told = await this.told(party, ids);
      const shown = await showLocations({ context: this.needs, party }, ids);
      for (const [location, { object }] of shown) {
        const own = ownIn(location);
        for (const { evse, status, body } of statusesIn(object)) {
          const name = evseObject(location, evse);
          const before = told.get(name);
          if (before === status || (own && !own.has(evse))) continue;
          rows.push({ party, location, evse, status });
          if (before !== undefined) changed.push({ object: name, body: own?.get(evse) ? body : undefined });
        }
      }
    }
    return { rows: { act: "upsert", table: "ocpi_evse_status", rows }, marks: this.marksFor(party, changed, due) };
  }

  /** EVSEs whose status hangs on one of the stations, its bay's others included, and whether it hangs on that one alone. */
  private evsesOf(party: PartyId, location: string, stations: ReadonlySet<string>): ReadonlyMap<string, boolean> {
    const evses = this.needs.registry.find(party, "location", location)?.doc.evses ?? [];
    const stationsOf = new Map(
      evses.map(({ uid, connectors }) => [uid, (connectors ?? []).flatMap(({ stationId }) => stationId ?? [])]),
    );
    const found = new Map<string, boolean>();
    for (const evse of evses) {
      const bay = [evse.uid, ...siblingsOf(evse)].flatMap((uid) => stationsOf.get(uid) ?? []);
      if (bay.some((station) => stations.has(station))) found.set(evse.uid, new Set(bay).size === 1);
    }
    return found;
  }

  private marksFor(party: PartyId, changed: readonly ChangedStatus[], due: number): readonly Mark[] {
    const peers = [...pushPeersOf(this.needs.registry, party)].filter(({ doc }) => receiverOf(doc, "locations"));
    return peers.flatMap(({ doc }) =>
      changed.map(({ object, body }) => {
        const mark = { party, partner: doc.id, kind: "evses", object, due } as const;
        return body === undefined ? mark : { ...mark, body };
      }),
    );
  }

  private async told(party: PartyId, locations: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.needs.store.reader
      .selectFrom("ocpi_evse_status")
      .selectAll()
      .where("party", "=", party)
      .where("location", "in", locations)
      .execute();
    return new Map(rows.map(({ location, evse, status }) => [evseObject(location, evse), status]));
  }
}

function statusesIn(location: Members): { evse: string; status: string; body: string }[] {
  const evses = Array.isArray(location["evses"]) ? location["evses"].filter(isMembers) : [];
  return evses.map((evse) => ({ evse: String(evse["uid"]), status: String(evse["status"]), body: statusBody(evse) }));
}
