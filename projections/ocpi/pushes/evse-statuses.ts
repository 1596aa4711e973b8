// Which EVSEs have another status now than partners were told: compared once for all of them, against what is kept in the
// store, so that a station that reconnects, or a wattlog that restarts, tells nobody what they know.
import { trusted, type PartyId } from "../../../core/ids/ids.ts";
import type { Change } from "../../../core/store/store.ts";
import type { OcpiEvseStatusRow } from "../../../core/store/tables.ts";
import { showLocations } from "../locations.ts";
import { isMembers } from "../values.ts";
import { evseObject, type Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";
import { pushPeersOf, receiverOf } from "./peers.ts";

/** Locations that are shown at once. */
const locationsAtOnce = 100;

type Needs = Pick<PushNeeds, "store" | "registry" | "clock" | "logger">;

export interface StatusChanges {
  readonly rows: Change;
  readonly marks: readonly Mark[];
}

export class EvseStatuses {
  private readonly needs: Needs;
  /** Stations of a party to its locations; gone when one of them changes. */
  private readonly places = new Map<string, ReadonlyMap<string, ReadonlySet<string>>>();
  private readonly forget: () => void;

  constructor(needs: Needs) {
    this.needs = needs;
    this.forget = needs.registry.onChange(({ party, entity }) => {
      if (entity === "location") this.places.delete(party);
    });
  }

  close(): void {
    this.forget();
  }

  /** Every station that is at a location. */
  *stations(): Generator<{ readonly party: PartyId; readonly station: string }> {
    for (const name of this.needs.registry.parties()) {
      const party = trusted.party(name);
      for (const station of this.placesOf(party).keys()) yield { party, station };
    }
  }

  /** @param due for what is to be told, epoch ms */
  async ofStations(party: PartyId, stations: Iterable<string>, due: number): Promise<StatusChanges> {
    const places = this.placesOf(party);
    const ids = new Set<string>();
    for (const station of stations) for (const id of places.get(station) ?? []) ids.add(id);
    return this.ofLocations(party, ids, due);
  }

  /** An EVSE that was never looked at is not told of: it comes with its location. */
  async ofLocations(party: PartyId, locations: Iterable<string>, due: number): Promise<StatusChanges> {
    const all = [...locations];
    const rows: OcpiEvseStatusRow[] = [];
    const changed: string[] = [];
    for (let at = 0; at < all.length; at += locationsAtOnce) {
      const ids = all.slice(at, at + locationsAtOnce);
      const told = await this.told(party, ids);
      const shown = await showLocations({ context: this.needs, party }, ids);
      for (const [location, { object }] of shown) {
        for (const { evse, status } of statusesIn(object)) {
          const before = told.get(evseObject(location, evse));
          if (before === status) continue;
          rows.push({ party, location, evse, status });
          if (before !== undefined) changed.push(evseObject(location, evse));
        }
      }
    }
    return { rows: { act: "upsert", table: "ocpi_evse_status", rows }, marks: this.marksFor(party, changed, due) };
  }

  private marksFor(party: PartyId, objects: readonly string[], due: number): readonly Mark[] {
    const peers = [...pushPeersOf(this.needs.registry, party)].filter(({ doc }) => receiverOf(doc, "locations"));
    return peers.flatMap(({ doc }) =>
      objects.map((object) => ({ party, partner: doc.id, kind: "evses" as const, object, due })),
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

  private placesOf(party: PartyId): ReadonlyMap<string, ReadonlySet<string>> {
    const found = this.places.get(party);
    if (found) return found;
    const { registry } = this.needs;
    const made = new Map<string, Set<string>>();
    for (const id of registry.ids(party, "location")) {
      const evses = registry.find(party, "location", id)?.doc.evses ?? [];
      for (const { stationId } of evses.flatMap(({ connectors }) => connectors ?? [])) {
        if (stationId === undefined) continue;
        const ids = made.get(stationId);
        if (ids) ids.add(id);
        else made.set(stationId, new Set([id]));
      }
    }
    this.places.set(party, made);
    return made;
  }
}

function statusesIn(location: Readonly<Record<string, unknown>>): { evse: string; status: string }[] {
  const evses = Array.isArray(location["evses"]) ? location["evses"].filter(isMembers) : [];
  return evses.map(({ uid, status }) => ({ evse: String(uid), status: String(status) }));
}
