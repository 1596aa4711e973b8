// Where a station is, in OCPI's words (2.2.1, Tokens, LocationReferences): asked for while a driver waits, so it is not searched.
import type { PartyId, StationId } from "../../../core/ids/ids.ts";
import type { RegistryView } from "../../../core/registry/view.ts";
import { missingFields } from "../location-object.ts";

export interface LocationReferences {
  readonly location_id: string;
  readonly evse_uids?: readonly string[];
}

export class Whereabouts {
  private readonly registry: RegistryView;
  /** Location by station; made when first asked for after a location changed. */
  private readonly byParty = new Map<PartyId, ReadonlyMap<string, string>>();
  private readonly unsubscribe: () => void;

  constructor(registry: RegistryView) {
    this.registry = registry;
    this.unsubscribe = registry.onChange(({ entity }) => {
      if (entity === "location") this.byParty.clear();
    });
  }

  stop(): void {
    this.unsubscribe();
  }

  /** undefined: nowhere that partners are told of. */
  of(party: PartyId, station: StationId, evseId: number | undefined): LocationReferences | undefined {
    const named = this.registry.find(party, "station", station)?.doc.locationId;
    const id = named ?? this.stationsOf(party).get(station);
    const location = id === undefined ? undefined : this.registry.find(party, "location", id)?.doc;
    if (location === undefined || missingFields(location).length > 0) return undefined;
    const evses = (location.evses ?? []).filter(({ connectors = [] }) =>
      connectors.some((connector) => connector.stationId === station && connector.evseId === evseId),
    );
    const uids = evses.map(({ uid }) => uid);
    return { location_id: location.id, ...(uids.length > 0 && { evse_uids: uids }) };
  }

  private stationsOf(party: PartyId): ReadonlyMap<string, string> {
    const known = this.byParty.get(party);
    if (known) return known;
    const made = new Map<string, string>();
    for (const id of this.registry.ids(party, "location")) {
      const doc = this.registry.find(party, "location", id)?.doc;
      for (const { stationId } of (doc?.evses ?? []).flatMap(({ connectors = [] }) => connectors)) {
        if (stationId !== undefined && !made.has(stationId)) made.set(stationId, id);
      }
    }
    this.byParty.set(party, made);
    return made;
  }
}
