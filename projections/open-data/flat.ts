// The same as GeoJSON (RFC 7946) and as CSV (RFC 4180): a row and a feature for each EVSE, in OCPI's words.
import { utc, type Members } from "../ocpi/values.ts";
import { csvLine, plainText } from "../rest/csv.ts";
import type { AdHocTariff } from "./ad-hoc-price.ts";
import { textOf, type OpenPoint, type OpenSite } from "./sites.ts";

export function geoJson(sites: readonly OpenSite[]): string {
  const features = sites.flatMap((site) => site.points.map((point) => featureOf(site, point)));
  return JSON.stringify({ type: "FeatureCollection", features });
}

function featureOf(site: OpenSite, point: OpenPoint): object {
  const { id, location, latitude, longitude, changedAt } = site;
  const { name, address, city, postal_code, country, time_zone, opening_times } = location;
  return {
    type: "Feature",
    id: `${id}/${point.uid}`,
    geometry: { type: "Point", coordinates: [longitude, latitude] },
    properties: {
      locationId: id,
      evseUid: point.uid,
      evseId: point.evseId,
      name,
      address,
      city,
      postalCode: postal_code,
      country,
      timeZone: time_zone,
      operator: operatorOf(location),
      openingTimes: opening_times,
      status: point.status,
      statusSince: point.statusSince,
      locationChanged: utc(changedAt),
      capabilities: point.capabilities,
      connectors: point.connectors,
      // An empty list says that nobody knows a price, not that charging is free.
      adHocPrices: point.tariffs.map(tariffOf),
    },
  };
}

function operatorOf({ operator }: Members): string | undefined {
  return typeof operator === "object" && operator !== null && "name" in operator ? textOf(operator.name) : undefined;
}

function tariffOf({ id, currency, prices, min, max }: AdHocTariff): object {
  return { tariffId: id, currency, prices, minPerSession: min, maxPerSession: max };
}

const columns: Readonly<Record<string, (site: OpenSite, point: OpenPoint) => string | number | null>> = {
  locationId: ({ id }) => plainText(id),
  evseUid: (_, { uid }) => plainText(uid),
  evseId: (_, { evseId }) => plainText(evseId ?? null),
  name: ({ location }) => plainText(textOf(location["name"]) ?? null),
  address: ({ location }) => plainText(textOf(location["address"]) ?? null),
  postalCode: ({ location }) => plainText(textOf(location["postal_code"]) ?? null),
  city: ({ location }) => plainText(textOf(location["city"]) ?? null),
  country: ({ location }) => plainText(textOf(location["country"]) ?? null),
  latitude: ({ latitude }) => latitude,
  longitude: ({ longitude }) => longitude,
  operator: ({ location }) => plainText(operatorOf(location) ?? null),
  status: (_, { status }) => status,
  statusSince: (_, { statusSince }) => statusSince,
  connectors: (_, { connectors }) => plainText(connectors.map(({ standard }) => standard).join(" ")),
  maxPowerW: (_, { connectors }) => Math.max(0, ...connectors.map(({ watts }) => watts)),
  adHocCurrency: (_, { tariffs }) => tariffs.map(({ currency }) => currency).join(" | "),
  adHocPrice: (_, { tariffs }) => (tariffs.length === 0 ? "not published" : tariffs.map(priceText).join(" | ")),
};

const units = {
  perKwh: "per kWh",
  perMinute: "per minute",
  perMinuteParked: "per minute connected without charging",
  perSession: "per session",
} as const;

function priceText({ prices }: AdHocTariff): string {
  if (prices.length === 0) return "free";
  return prices
    .map(({ value, kind, taxIncluded, restrictions }) => {
      const when = Object.entries(restrictions).map(([name, limit]) => `${name} ${String(limit)}`);
      const tax = taxIncluded ? " incl. tax" : "";
      return `${value} ${units[kind]}${tax}${when.length === 0 ? "" : ` (${when.join(", ")})`}`;
    })
    .join("; ");
}

export function csv(sites: readonly OpenSite[]): string {
  const rows = sites.flatMap((site) =>
    site.points.map((point) => csvLine(Object.values(columns).map((cellOf) => cellOf(site, point)))),
  );
  return [csvLine(Object.keys(columns)), ...rows].join("");
}
