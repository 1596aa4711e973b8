// What of a party's locations is open to everybody: those marked `publish: true`, as roaming partners are told of them, with
// the price that holds without a contract. Nothing of how a station connects is in here.
import type { PartyId } from "../../core/ids/ids.ts";
import { connectorPowerW } from "../../core/registry/connector-power.ts";
import type { LocationDoc } from "../../core/registry/entities.ts";
import { knownLocation } from "../ocpi/location-object.ts";
import { showLocations } from "../ocpi/locations.ts";
import { isMembers, type Members } from "../ocpi/values.ts";
import type { ApiOptions } from "../rest/context.ts";
import { adHocTariff, type AdHocTariff } from "./ad-hoc-price.ts";

export interface OpenConnector {
  readonly id: string;
  /** OCPI 2.2.1, 8.4.4 ConnectorType, 8.4.3 ConnectorFormat, 8.4.14 PowerType. */
  readonly standard: string;
  readonly format: string;
  readonly powerType: string;
  readonly volts: number;
  readonly amperes: number;
  readonly watts: number;
}

/** An EVSE, which DATEX II calls a refill point. */
export interface OpenPoint {
  readonly uid: string;
  /** OCPI: as the eMI3 and ISO 15118 have it, e.g. `DE*WLG*E1`. */
  readonly evseId: string | undefined;
  /** OCPI 2.2.1, 8.4.22 Status; never REMOVED. */
  readonly status: string;
  /** RFC 3339. */
  readonly statusSince: string;
  readonly capabilities: readonly string[];
  readonly connectors: readonly OpenConnector[];
  /** One where all connectors cost the same; none: nobody said a price. */
  readonly tariffs: readonly AdHocTariff[];
}

export interface OpenSite {
  readonly id: string;
  /** Of the registry. */
  readonly version: number;
  /** Log time of that version, epoch ms: a status does not change it. */
  readonly changedAt: number;
  /** As OCPI has it, without what is ours alone. */
  readonly location: Members;
  readonly latitude: number;
  readonly longitude: number;
  readonly points: readonly OpenPoint[];
}

export type OpenContext = Pick<ApiOptions, "store" | "registry" | "clock" | "logger">;

/** In the order of the registry. */
export async function openSites(context: OpenContext, party: PartyId): Promise<readonly OpenSite[]> {
  const { registry } = context;
  const published = [...registry.ids(party, "location")].filter(
    (id) => registry.find(party, "location", id)?.doc["publish"] === true,
  );
  const shown = await showLocations({ context, party }, published);
  const now = context.clock.now();
  return published.flatMap((id) => {
    const found = registry.find(party, "location", id);
    const known = knownLocation(registry.versions(party, "location", id));
    const location = shown.get(id)?.object;
    if (!found || !known || !location) return [];
    const priced = new Map<string, AdHocTariff | undefined>();
    const tariffOf = (ids: readonly string[]): AdHocTariff | undefined => {
      const key = JSON.stringify(ids);
      if (!priced.has(key)) priced.set(key, adHocTariff(registry, party, ids, now));
      return priced.get(key);
    };
    const place = placeOf(known.doc);
    if (!place) return [];
    const points = membersOf(location["evses"]).flatMap((evse) => pointOf(evse, tariffOf) ?? []);
    return [{ id, version: found.version, changedAt: known.changedAt, location, ...place, points }];
  });
}

/** undefined: it is nowhere on earth. */
function placeOf({ coordinates }: LocationDoc): { readonly latitude: number; readonly longitude: number } | undefined {
  if (!isMembers(coordinates)) return undefined;
  const [latitude, longitude] = [Number(coordinates["latitude"]), Number(coordinates["longitude"])];
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : undefined;
}

function pointOf(evse: Members, tariffOf: (ids: readonly string[]) => AdHocTariff | undefined): OpenPoint | undefined {
  if (evse["status"] === "REMOVED") return undefined;
  const connectors = membersOf(evse["connectors"]);
  const tariffs = connectors.map((connector) => tariffOf(textsOf(connector["tariff_ids"])));
  return {
    uid: String(evse["uid"]),
    evseId: textOf(evse["evse_id"]),
    status: String(evse["status"]),
    statusSince: String(evse["last_updated"]),
    capabilities: textsOf(evse["capabilities"]),
    connectors: connectors.map(connectorOf),
    tariffs: [...new Set(tariffs)].filter((tariff) => tariff !== undefined),
  };
}

function connectorOf(connector: Members): OpenConnector {
  const powerType = String(connector["power_type"]);
  const [volts, amperes] = [amountOf(connector["max_voltage"]), amountOf(connector["max_amperage"])];
  return {
    id: String(connector["id"]),
    standard: String(connector["standard"]),
    format: String(connector["format"]),
    powerType,
    volts,
    amperes,
    watts: connectorPowerW(connector) ?? 0,
  };
}

function amountOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export function membersOf(list: unknown): readonly Members[] {
  return Array.isArray(list) ? list.filter(isMembers) : [];
}
