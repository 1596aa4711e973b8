// Which station a request is for: the last path segment, whatever stands before it (OCPP-J 1.6 §3.1.1; ocpp.md).
import { parsePartyId, parseStationId, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import type { Changed } from "../../core/registry/fold.ts";
import type { RegistryView } from "../../core/registry/view.ts";

export interface Identity {
  readonly party: PartyId;
  readonly station: StationId;
}

/**
 * @param path raw, percent-encoded. Doubled and trailing slashes are tolerated; it is decoded once.
 * @param isParty whether a segment right before the identity names a party (rule I1).
 * @returns undefined where there is no identity that may be one.
 */
export function identityOf(
  path: string,
  defaultParty: PartyId,
  isParty: (party: PartyId) => boolean,
): Identity | undefined {
  const segments = path.split("/").filter((segment) => segment !== "");
  const station = parseStationId(decoded(segments.at(-1)) ?? "");
  if (station === undefined) return undefined;
  const before = parsePartyId(decoded(segments.at(-2)) ?? "");
  return { party: before && isParty(before) ? before : defaultParty, station };
}

function decoded(segment: string | undefined): string | undefined {
  try {
    return segment === undefined ? undefined : decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Follows the registry's parties and the letter case that stations are registered in. */
export class Directory {
  private readonly registry: RegistryView;
  private readonly byLowerCase = new Map<string, StationId>();
  private readonly known = new Set<string>();
  private readonly waiting = new Set<string>();
  private readonly unsubscribe: () => void;

  constructor(registry: RegistryView) {
    this.registry = registry;
    for (const party of registry.parties()) {
      this.known.add(party);
      for (const id of registry.ids(party as PartyId, "station")) {
        this.add(party, id);
        this.note(party, id, registry.find(party as PartyId, "station", id)?.doc);
      }
    }
    this.unsubscribe = registry.onChange((changed) => this.changed(changed));
  }

  stop(): void {
    this.unsubscribe();
  }

  /** Stations that wait for approval. */
  get pending(): number {
    return this.waiting.size;
  }

  isParty(party: PartyId): boolean {
    return this.known.has(party);
  }

  /** The registered spelling; the given one where the station is not registered. */
  spelled(party: PartyId, station: StationId): StationId {
    if (this.registry.find(party, "station", station)) return station;
    return this.byLowerCase.get(`${party}/${station.toLowerCase()}`) ?? station;
  }

  private changed({ party, entity, id, version }: Changed): void {
    this.known.add(party);
    if (entity !== "station") return;
    this.note(party, id, version.doc as StationDoc | null);
    if (version.doc) this.add(party, id);
    else this.byLowerCase.delete(`${party}/${id.toLowerCase()}`);
  }

  private note(party: string, id: string, doc: StationDoc | null | undefined): void {
    if (doc?.acceptance === "pending") this.waiting.add(`${party}/${id}`);
    else this.waiting.delete(`${party}/${id}`);
  }

  private add(party: string, id: string): void {
    const station = parseStationId(id);
    if (station) this.byLowerCase.set(`${party}/${id.toLowerCase()}`, station);
  }
}
