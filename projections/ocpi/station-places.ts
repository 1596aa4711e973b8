// At which locations the stations of a party are, looked up once for all of them; anew when a location changes.
import { trusted, type PartyId } from "../../core/ids/ids.ts";
import type { RegistryView } from "../../core/registry/view.ts";

type ByStation = ReadonlyMap<string, ReadonlySet<string>>;

export class StationPlaces {
  private readonly registry: RegistryView;
  private readonly parties = new Map<string, ByStation>();
  private readonly forget: () => void;

  constructor(registry: RegistryView) {
    this.registry = registry;
    this.forget = registry.onChange(({ party, entity }) => {
      if (entity === "location") this.parties.delete(party);
    });
  }

  close(): void {
    this.forget();
  }

  /** @returns ids of locations */
  of(party: PartyId, station: string): Iterable<string> {
    return this.byStation(party).get(station) ?? [];
  }

  /** Every station that is at a location. */
  *stations(): Generator<{ readonly party: PartyId; readonly station: string }> {
    for (const name of this.registry.parties()) {
      const party = trusted.party(name);
      for (const station of this.byStation(party).keys()) yield { party, station };
    }
  }

  private byStation(party: PartyId): ByStation {
    const found = this.parties.get(party);
    if (found) return found;
    const { registry } = this;
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
    this.parties.set(party, made);
    return made;
  }
}
