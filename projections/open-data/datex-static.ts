// EnergyInfrastructureTablePublication: what stands where, and what it costs without a contract.
import type { PartyId } from "../../core/ids/ids.ts";
import { isMembers, utc, type Members } from "../ocpi/values.ts";
import type { AdHocTariff } from "./ad-hoc-price.ts";
import { connectorTypes, countryCode, identifications } from "./datex-names.ts";
import {
  energyPrices,
  money,
  multilingual,
  overallPeriod,
  publication,
  rateId,
  short,
  stationId,
  tableId,
  type Recurring,
} from "./datex-parts.ts";
import { membersOf, textOf, type OpenConnector, type OpenPoint, type OpenSite } from "./sites.ts";
import { element, optional, type Xml } from "./xml.ts";

export interface Publisher {
  readonly party: PartyId;
  /** Who operates what names no operator. */
  readonly name: string;
}

/** @param sites one at least: the schema has no empty table */
export function staticPublication({ party, name }: Publisher, sites: readonly OpenSite[], publishedAt: number): string {
  const table = element(
    "aegi:energyInfrastructureTable",
    { id: tableId(party), version: "1" },
    element("aegi:tableName", {}, tableId(party)),
    sites.map((site) => siteOf(site, name)),
  );
  return publication("EnergyInfrastructureTablePublication", party, publishedAt, [table]);
}

function siteOf(site: OpenSite, publisher: string): Xml {
  const { id, location } = site;
  return element(
    "aegi:energyInfrastructureSite",
    { id, version: String(site.version) },
    multilingual("afac:name", location["name"] ?? location["address"]),
    element("afac:lastUpdated", {}, utc(site.changedAt)),
    operatingHours(site),
    locationReference(site),
    organisation("afac:owner", location["owner"]),
    organisation("afac:operator", location["operator"]) ?? organisation("afac:operator", { name: publisher }),
    stationOf(site),
  );
}

function organisation(name: string, details: unknown): Xml | undefined {
  const said = isMembers(details) ? multilingual("afac:name", details["name"]) : undefined;
  if (!said) return undefined;
  const website = isMembers(details) ? textOf(details["website"]) : undefined;
  const link = website !== undefined && URL.canParse(website) ? new URL(website).href : undefined;
  return element(name, { "xsi:type": "afac:AnOrganisation" }, said, optional("afac:linkToGeneralInformation", link));
}

const weekdays = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"] as const;
const timeOfDay = /^([01]\d|2[0-3]):[0-5]\d$/;

function operatingHours({ id, version, changedAt, location }: OpenSite): Xml | undefined {
  const hours = location["opening_times"];
  if (!isMembers(hours)) return undefined;
  if (hours["twentyfourseven"] === true) return element("afac:operatingHours", { "xsi:type": "afac:OpenAllHours" });
  const regular = membersOf(hours["regular_hours"]).flatMap(regularOf);
  if (regular.length === 0) return undefined;
  return element(
    "afac:operatingHours",
    { "xsi:type": "afac:OperatingHoursSpecification", id: `${id}-hours`, version: String(version) },
    overallPeriod("afac:overallPeriod", utc(changedAt), undefined, regular),
  );
}

function regularOf({ weekday, period_begin: start, period_end: end }: Members): Recurring[] {
  const day = weekdays[Number(weekday) - 1];
  if (day === undefined || typeof start !== "string" || !timeOfDay.test(start)) return [];
  const until = end === "24:00" ? "00:00" : end;
  return typeof until === "string" && timeOfDay.test(until) ? [{ start, end: until, days: [day] }] : [];
}

function locationReference({ location, latitude, longitude }: OpenSite): Xml {
  const address = element(
    "afac:address",
    {},
    optional("locx:postcode", textOf(location["postal_code"])),
    multilingual("locx:city", location["city"]),
    optional("locx:countryCode", countryCode(location["country"])),
    addressLine(location["address"]),
  );
  return element(
    "afac:locationReference",
    { "xsi:type": "loc:PointLocation" },
    element("loc:_locationExtension", {}, element("loc:afirFacilityLocation", {}, address)),
    element(
      "loc:pointByCoordinates",
      {},
      element(
        "loc:pointCoordinates",
        {},
        element("loc:latitude", {}, latitude),
        element("loc:longitude", {}, longitude),
      ),
    ),
  );
}

function addressLine(text: unknown): Xml | undefined {
  const said = multilingual("locx:text", text);
  return said && element("locx:addressLine", { order: "1" }, element("locx:type", {}, "generalTextLine"), said);
}

function stationOf({ id, version, changedAt, location, points }: OpenSite): Xml {
  const abilities = points.flatMap(({ capabilities }) => capabilities);
  const methods = new Set(abilities.flatMap((ability) => identifications[ability] ?? []));
  const mix = location["energy_mix"];
  const isGreen = isMembers(mix) && typeof mix["is_green_energy"] === "boolean" ? mix["is_green_energy"] : undefined;
  return element(
    "aegi:energyInfrastructureStation",
    { id: stationId(id), version: String(version) },
    element("afac:lastUpdated", {}, utc(changedAt)),
    [...methods].map((method) => element("aegi:authenticationAndIdentificationMethods", {}, method)),
    element("aegi:numberOfRefillPoints", {}, points.length),
    optional("aegi:renewableSources", isGreen),
    points.map((point) => pointOf(point, { version, changedAt, isGreen })),
  );
}

interface OfSite {
  readonly version: number;
  readonly changedAt: number;
  readonly isGreen: boolean | undefined;
}

function pointOf(point: OpenPoint, { version, changedAt, isGreen }: OfSite): Xml {
  const { uid, evseId, connectors, tariffs } = point;
  const isDirect = connectors.some(({ powerType }) => powerType === "DC");
  return element(
    "aegi:refillPoint",
    { "xsi:type": "aegi:ElectricChargingPoint", id: uid, version: String(version) },
    element("afac:lastUpdated", {}, utc(changedAt)),
    tariffs.length === 0
      ? multilingual("afac:additionalInformation", "No ad-hoc price is published for this refill point.")
      : undefined,
    evseId === undefined ? undefined : evseIdentifier(evseId),
    element("aegi:deliveryUnit", {}, "kWh"),
    tariffs.length === 0 && isGreen === undefined ? undefined : energyProduct(point, isGreen),
    element("aegi:currentType", {}, isDirect ? "dc" : "ac"),
    element("aegi:numberOfConnectors", {}, connectors.length),
    element("aegi:availableChargingPower", {}, Math.max(0, ...connectors.map(({ watts }) => watts))),
    connectors.map(connectorOf),
  );
}

function evseIdentifier(evseId: string): Xml {
  return element(
    "afac:externalIdentifier",
    {},
    element("afac:identifier", {}, short(evseId)),
    element("afac:typeOfIdentifier", { _extendedValue: "evseId" }, "_extended"),
  );
}

function energyProduct(point: OpenPoint, isGreen: boolean | undefined): Xml {
  return element(
    "aegi:energyProduct",
    { "xsi:type": "aegi:ElectricEnergy" },
    optional("aegi:isGreenEnergy", isGreen),
    point.tariffs.map((tariff) => energyRate(rateId(point, tariff), tariff)),
  );
}

function energyRate(id: string, tariff: AdHocTariff): Xml {
  return element(
    "aegi:energyRate",
    { id },
    element("aegi:ratePolicy", {}, "adHoc"),
    element("aegi:lastUpdated", {}, utc(tariff.changedAt)),
    element("aegi:applicableCurrency", {}, tariff.currency),
    optional("aegi:maximumDeliveryFee", money(tariff.max)),
    optional("aegi:minimumDeliveryFee", money(tariff.min)),
    energyPrices(tariff),
  );
}

function connectorOf({ standard, format, powerType, watts, volts, amperes }: OpenConnector): Xml {
  const type = connectorTypes[standard];
  const cable = powerType === "DC" ? "otherCable" : "cableMode3";
  return element(
    "aegi:connector",
    {},
    element("aegi:connectorType", {}, type ?? "other"),
    type === undefined ? optional("aegi:otherConnector", short(standard)) : undefined,
    element("aegi:connectorFormat", {}, format === "CABLE" ? cable : "socket"),
    element("aegi:maxPowerAtSocket", {}, watts),
    optional("aegi:voltage", volts || undefined),
    optional("aegi:maximumCurrent", amperes || undefined),
  );
}
