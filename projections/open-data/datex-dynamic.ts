// EnergyInfrastructureStatusPublication: whether a refill point is free, and what it costs without a contract right now.
import type { PartyId } from "../../core/ids/ids.ts";
import { utc } from "../ocpi/values.ts";
import { statuses } from "./datex-names.ts";
import { energyPrices, publication, rateId, stationId, tableId } from "./datex-parts.ts";
import type { OpenPoint, OpenSite } from "./sites.ts";
import { element, type Xml } from "./xml.ts";

export function dynamicPublication(party: PartyId, sites: readonly OpenSite[], publishedAt: number): string {
  const table = { id: tableId(party), version: "1", targetClass: "aegi:EnergyInfrastructureTable" };
  return publication("EnergyInfrastructureStatusPublication", party, publishedAt, [
    element("aegi:tableReference", table),
    ...sites.map(siteStatus),
  ]);
}

function siteStatus({ id, version, points }: OpenSite): Xml {
  return element(
    "aegi:energyInfrastructureSiteStatus",
    {},
    reference(id, version),
    element(
      "aegi:energyInfrastructureStationStatus",
      {},
      reference(stationId(id), version),
      element(
        "aegi:isAvailable",
        {},
        points.some(({ status }) => status === "AVAILABLE"),
      ),
      points.map((point) => pointStatus(point, version)),
    ),
  );
}

function reference(id: string, version: number): Xml {
  // The schema has this class alone, whatever is meant.
  return element("afac:reference", { id, version: String(version), targetClass: "afac:FacilityObject" });
}

function pointStatus(point: OpenPoint, version: number): Xml {
  return element(
    "aegi:refillPointStatus",
    { "xsi:type": "aegi:ElectricChargingPointStatus" },
    reference(point.uid, version),
    element("afac:lastUpdated", {}, point.statusSince),
    element("aegi:status", {}, statuses[point.status] ?? "unknown"),
    point.tariffs.map((tariff) =>
      element(
        "aegi:energyRateUpdate",
        {},
        element("aegi:lastUpdated", {}, utc(tariff.changedAt)),
        element("aegi:energyRateReference", { id: rateId(point, tariff), targetClass: "aegi:EnergyRate" }),
        energyPrices(tariff),
      ),
    ),
  );
}
