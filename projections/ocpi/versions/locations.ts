// A Location as each version has it, from one that has everything the registry knows of it. Pure.
import { isMembers, numberOf, words, type Members } from "../values.ts";
import type { OcpiVersion } from "./version.ts";

type Shape = (location: Members) => Members;

export const locationIn: Readonly<Record<OcpiVersion, Shape>> = {
  "2.1.1": oldest,
  "2.2.1": (location) => withoutNewest(location),
  "2.3.0": (location) => location,
};

/** 2.1.1 has no `publish`: whatever it is told may be shown to every driver. Sessions and bills name their location all the same. */
export function isToldIn(version: OcpiVersion, location: Members): boolean {
  return version !== "2.1.1" || location["publish"] === true;
}

const oldStandards: ReadonlySet<unknown> = new Set(
  words(`CHADEMO DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F DOMESTIC_G DOMESTIC_H DOMESTIC_I
    DOMESTIC_J DOMESTIC_K DOMESTIC_L IEC_60309_2_single_16 IEC_60309_2_three_16 IEC_60309_2_three_32 IEC_60309_2_three_64
    IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C TESLA_R TESLA_S`),
);

/** A closed list in 2.1.1: a connector of another standard cannot be said, and neither what happened at it. */
export function hasStandard(version: OcpiVersion, { standard }: Members): boolean {
  return version !== "2.1.1" || oldStandards.has(standard);
}

const newestRestrictions: ReadonlySet<unknown> = new Set(["EMPLOYEES", "TAXIS", "TENANTS"]);

function withoutNewest({ help_phone: _phone, parking_places: _places, ...location }: Members): Members {
  const evses = membersIn(location["evses"]).map(
    ({ parking: _parking, accepted_service_providers: _providers, parking_restrictions: restrictions, ...evse }) => ({
      ...evse,
      ...among("parking_restrictions", restrictions, (one) => !newestRestrictions.has(one)),
      connectors: membersIn(evse["connectors"]).map(({ capabilities: _capabilities, ...connector }) => connector),
    }),
  );
  return evses.length === 0 ? location : { ...location, evses };
}

const locationTypes: ReadonlySet<unknown> = new Set(words("ON_STREET PARKING_GARAGE UNDERGROUND_GARAGE PARKING_LOT"));
const newFacilities: ReadonlySet<unknown> = new Set(words("BIKE_SHARING METRO_STATION PARKING_LOT TRAM_STOP"));
const oldCapabilities: ReadonlySet<unknown> = new Set(
  words(`CHARGING_PROFILE_CAPABLE CREDIT_CARD_PAYABLE REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER UNLOCK_CAPABLE`),
);
/** Required in 2.1.1 where later versions know that not every country has them. */
const noPostalCode = "-";

function oldest(location: Members): Members {
  const {
    country_code: _country,
    party_id: _party,
    publish: _publish,
    publish_allowed_to: _allowed,
    state: _state,
    parking_type: parking,
    facilities,
    energy_mix: mix,
    coordinates,
    related_locations: related,
    evses,
    last_updated,
    ...rest
  } = withoutNewest(location);
  const told = membersIn(evses).flatMap((evse) => oldestEvse(evse) ?? []);
  return {
    ...rest,
    type: parking === undefined ? "UNKNOWN" : locationTypes.has(parking) ? parking : "OTHER",
    postal_code: rest["postal_code"] ?? noPostalCode,
    coordinates: sixDecimals(coordinates),
    ...(Array.isArray(related) ? { related_locations: related.map(sixDecimals) } : {}),
    ...among("facilities", facilities, (one) => !newFacilities.has(one)),
    ...(isMembers(mix) ? { energy_mix: oldestMix(mix) } : {}),
    ...(told.length === 0 ? {} : { evses: told }),
    last_updated,
  };
}

function oldestEvse({ capabilities, coordinates, connectors, ...evse }: Members): Members | undefined {
  const told = membersIn(connectors).filter((connector) => hasStandard("2.1.1", connector));
  if (told.length === 0) return undefined;
  return {
    ...evse,
    ...among("capabilities", capabilities, (one) => oldCapabilities.has(one)),
    ...(coordinates === undefined ? {} : { coordinates: sixDecimals(coordinates) }),
    connectors: told.map(oldestConnector),
  };
}

function oldestConnector(connector: Members): Members {
  const {
    id,
    standard,
    format,
    power_type: power,
    max_voltage: voltage,
    max_amperage: amperage,
    max_electric_power: _power,
    tariff_ids: tariffs,
    ...rest
  } = connector;
  const tariff: unknown = Array.isArray(tariffs) ? tariffs[0] : undefined;
  return {
    id,
    standard,
    format,
    power_type: String(power).startsWith("AC_2_PHASE") ? "AC_1_PHASE" : power,
    voltage,
    amperage,
    ...(tariff === undefined ? {} : { tariff_id: tariff }),
    ...rest,
  };
}

const coordinateDecimals = 6;

function sixDecimals(place: unknown): unknown {
  if (!isMembers(place)) return place;
  const decimal = (name: string) => {
    const number = numberOf(place[name]);
    return number === undefined ? {} : { [name]: number.toFixed(coordinateDecimals) };
  };
  return { ...place, ...decimal("latitude"), ...decimal("longitude") };
}

/** EnvironmentalImpact names its `category` in `source`. */
export function oldestMix({ environ_impact: impacts, ...mix }: Members): Members {
  if (!Array.isArray(impacts)) return mix;
  const told = membersIn(impacts).map(({ category, ...impact }) => ({ source: category, ...impact }));
  return { ...mix, environ_impact: told };
}

function among(name: string, list: unknown, isKept: (one: unknown) => boolean): Members {
  const kept = Array.isArray(list) ? list.filter(isKept) : [];
  return kept.length === 0 ? {} : { [name]: kept };
}

function membersIn(list: unknown): Members[] {
  return Array.isArray(list) ? list.filter(isMembers) : [];
}
