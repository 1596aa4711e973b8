// Where on our locations a station's connector is, and the other way round. The registry maps them; 1.6 knows connectors only,
// which wattlog calls EVSE n, connector 1.
import type { PartyId } from "../../core/ids/ids.ts";
import type { LocationDoc } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { SessionRow } from "../../core/store/tables.ts";

export type EvseDoc = NonNullable<LocationDoc["evses"]>[number];
export type ConnectorDoc = NonNullable<EvseDoc["connectors"]>[number];

export interface Place {
  readonly location: LocationDoc;
  readonly evse: EvseDoc;
  readonly connector: ConnectorDoc;
}

export interface StationConnector {
  readonly station: string;
  readonly evseId: number;
  readonly connectorId: number;
}

/** Which version of a document counts: see `asOf…`. */
type Choose = (kind: "location" | "station", id: string) => object | undefined;

/** @param at position of the registry (rule R2): what held then, whatever was changed since. */
export function placeAtPosition(
  registry: RegistryView,
  party: PartyId,
  of: StationConnector,
  at: { readonly generation: number; readonly offset: number },
): Place | undefined {
  return placeOf(registry, party, of, (kind, id) => registry.find(party, kind, id, at)?.doc);
}

/** @param ms log time. What was registered only later counts as well: a session that began before has no other place. */
export function placeAtTime(registry: RegistryView, party: PartyId, of: StationConnector, ms: number) {
  return placeOf(registry, party, of, (kind, id) => docAtTime(registry, party, kind, id, ms));
}

type SessionAt = Pick<SessionRow, "station" | "evse_id" | "connector_id" | "started_at" | "last_updated">;

/** A station's clock may be wrong by years: a session began when the log says at the latest. */
export function placeOfSession(registry: RegistryView, party: PartyId, row: SessionAt): Place | undefined {
  const of = { station: row.station, evseId: row.evse_id, connectorId: row.connector_id };
  return placeAtTime(registry, party, of, Math.min(row.started_at, row.last_updated));
}

export function docAtTime(
  registry: RegistryView,
  party: PartyId,
  kind: "location" | "station" | "token",
  id: string,
  ms: number,
): object | undefined {
  const versions = registry.versions(party, kind, id);
  const inForce = versions.findLast(({ logTime }) => logTime <= ms)?.doc;
  return inForce ?? versions.find(({ doc }) => doc !== null)?.doc ?? undefined;
}

function placeOf(registry: RegistryView, party: PartyId, of: StationConnector, choose: Choose): Place | undefined {
  const station: { readonly locationId?: string } | undefined = choose("station", of.station);
  const named = station?.locationId;
  for (const id of named === undefined ? registry.ids(party, "location") : [named]) {
    const location = choose("location", id) as LocationDoc | undefined;
    const found = location && placeIn(location, of);
    if (found) return found;
  }
  return undefined;
}

function placeIn(location: LocationDoc, of: StationConnector): Place | undefined {
  for (const evse of location.evses ?? []) {
    for (const connector of evse.connectors ?? []) {
      if (connector.stationId !== of.station || connector.evseId !== of.evseId) continue;
      // 2.x may leave the connector open until the cable is in: then the EVSE's first one speaks for it.
      if (of.connectorId !== 0 && (connector.connectorId ?? 1) !== of.connectorId) continue;
      return { location, evse, connector };
    }
  }
  return undefined;
}

export function connectorKey(connector: ConnectorDoc): StationConnector | undefined {
  const { stationId, evseId, connectorId = 1 } = connector;
  if (stationId === undefined || evseId === undefined) return undefined;
  return { station: stationId, evseId, connectorId };
}
