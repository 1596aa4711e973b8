// Which EVSEs have another status now than partners were told: compared once for all of them, against what is kept in the
// store, so that a station that reconnects, or a wattlog that restarts, tells nobody what they know.
import type { PartyId } from "../../../core/ids/ids.ts";
import type { Change } from "../../../core/store/store.ts";
import type { OcpiEvseStatusRow } from "../../../core/store/tables.ts";
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
  /** JSON: what a PATCH of it has. */
  readonly body: string;
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

  /** @param due for what is to be told, epoch ms */
  async ofStations(party: PartyId, stations: Iterable<string>, due: number): Promise<StatusChanges> {
    const ids = new Set<string>();
    for (const station of stations) for (const id of this.places.of(party, station)) ids.add(id);
    return this.ofLocations(party, ids, due);
  }

  /** An EVSE that was never looked at is not told of: it comes with its location. */
  async ofLocations(party: PartyId, locations: Iterable<string>, due: number): Promise<StatusChanges> {
    const all = [...locations];
    const rows: OcpiEvseStatusRow[] = [];
    const changed: ChangedStatus[] = [];
    for (let at = 0; at < all.length; at += locationsAtOnce) {
      const ids = all.slice(at, at + locationsAtOnce);
      const told = await this.told(party, ids);
      const shown = await showLocations({ context: this.needs, party }, ids);
      for (const [location, { object }] of shown) {
        for (const { evse, status, body } of statusesIn(object)) {
          const before = told.get(evseObject(location, evse));
          if (before === status) continue;
          rows.push({ party, location, evse, status });
          if (before !== undefined) changed.push({ object: evseObject(location, evse), body });
        }
      }
    }
    return { rows: { act: "upsert", table: "ocpi_evse_status", rows }, marks: this.marksFor(party, changed, due) };
  }

  private marksFor(party: PartyId, changed: readonly ChangedStatus[], due: number): readonly Mark[] {
    const peers = [...pushPeersOf(this.needs.registry, party)].filter(({ doc }) => receiverOf(doc, "locations"));
    return peers.flatMap(({ doc }) =>
      changed.map((status) => ({ party, partner: doc.id, kind: "evses" as const, due, ...status })),
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
