// What somebody without a contract pays at a connector: the tariff that the price engine would take for that, and its prices
// as they are shown to a driver, with taxes.
import type { PartyId } from "../../core/ids/ids.ts";
import { chooseTariff, isValidAt } from "../../core/price/choose.ts";
import { decimalOf } from "../../core/price/decimal.ts";
import { readyTariff } from "../../core/price/tariff.ts";
import type { PriceComponentDoc, TariffDoc } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { isMembers, type Members } from "../ocpi/values.ts";

export interface OpenPrice {
  /** Number of the tariff's element, from 0: for each kind the first one that applies counts. */
  readonly element: number;
  readonly kind: "perKwh" | "perMinute" | "perMinuteParked" | "perSession";
  /** Decimal text. */
  readonly value: string;
  /** Taxes are in `value`; undefined: nobody stated any. */
  readonly taxIncluded: true | undefined;
  /** Percent, as stated. */
  readonly taxRate: string | undefined;
  /** OCPI's restrictions, as stated; all must hold. */
  readonly restrictions: Members;
}

export interface AdHocTariff {
  readonly id: string;
  /** ISO 4217. */
  readonly currency: string;
  /** Log time of the version, epoch ms. */
  readonly changedAt: number;
  /** Epoch ms; when this version began to hold. */
  readonly validFrom: number;
  readonly prices: readonly OpenPrice[];
  /** Of a whole session, decimal text, with taxes where both are stated. */
  readonly min: string | undefined;
  readonly max: string | undefined;
}

const minutesPerHour = 60;
/** Enough for a price a minute that is stated by the hour. */
const decimals = 6;
const mostMoney = 999_999;

/**
 * OCPI 2.2.1, 5.4.7: AD_HOC_PAYMENT goes before a tariff without a type; those of another type, or for named tokens, groups
 * or partners, are not for everybody.
 * @param ids of the connector, in its order
 * @returns undefined: nobody could say what it costs
 */
export function adHocTariff(
  registry: RegistryView,
  party: PartyId,
  ids: readonly string[],
  at: number,
): AdHocTariff | undefined {
  const fallback = registry.setting(party, "defaultTariffId");
  const chosen =
    choose(registry, party, ids, at) ??
    (typeof fallback === "string" && fallback !== "" ? choose(registry, party, [fallback], at) : undefined);
  // A tariff that the engine refuses prices nothing.
  if (!chosen || readyTariff(chosen.doc).result === "invalid") return undefined;
  const { doc, changedAt } = chosen;
  const prices = doc.elements.flatMap(({ price_components, restrictions }, element) => {
    const when = isMembers(restrictions) ? restrictions : {};
    // What a reservation costs is no price of charging.
    if (when["reservation"] !== undefined && when["reservation"] !== null) return [];
    return price_components.map((component) => priceOf(component, element, when, doc["tax_included"]));
  });
  const [min, max] = [limitOf(doc.min_price), limitOf(doc.max_price)];
  const amounts = [...prices.map(({ value }) => value), min ?? "0", max ?? "0"];
  // Eight digits are all that DATEX II has; more is a mistake of who wrote the tariff.
  if (amounts.some((amount) => Math.abs(Number(amount)) >= mostMoney)) return undefined;
  return { id: doc.id, currency: doc.currency, changedAt, validFrom: beginOf(doc) ?? changedAt, prices, min, max };
}

interface Version {
  readonly doc: TariffDoc;
  readonly changedAt: number;
}

function choose(registry: RegistryView, party: PartyId, ids: readonly string[], at: number): Version | undefined {
  const versions = ids.flatMap((id) => versionAt(registry, party, id, at) ?? []);
  const doc = chooseTariff(
    versions.map((version) => version.doc),
    { at, tokenType: "AD_HOC_USER" },
  );
  return versions.find((version) => version.doc === doc);
}

/** The newest that holds already: a price of next week is announced before it counts. A tariff that was taken away has none. */
function versionAt(registry: RegistryView, party: PartyId, id: string, at: number): Version | undefined {
  const found = registry.versions(party, "tariff", id).toReversed();
  const end = found.findIndex(({ doc }) => doc === null);
  const kept = end < 0 ? found : found.slice(0, end);
  const version = kept.find(({ doc }) => isValidAt(doc as TariffDoc, at));
  return version && { doc: version.doc as TariffDoc, changedAt: version.logTime };
}

function beginOf({ validFrom, start_date_time: start }: TariffDoc): number | undefined {
  const begins = [validFrom, start].flatMap((text) => (typeof text === "string" ? Date.parse(text) : []));
  const known = begins.filter((ms) => Number.isFinite(ms));
  return known.length === 0 ? undefined : Math.max(...known);
}

const kinds = { ENERGY: "perKwh", TIME: "perMinute", PARKING_TIME: "perMinuteParked", FLAT: "perSession" } as const;

function priceOf(
  component: PriceComponentDoc,
  element: number,
  restrictions: Members,
  taxIncluded: unknown,
): OpenPrice {
  const kind = kinds[component.type];
  const stated = decimalOf(component.price)!;
  const rate = component.vat === undefined || component.vat === null ? undefined : decimalOf(component.vat);
  const withTax = rate && taxIncluded !== "YES" && taxIncluded !== "N/A" ? stated.times(rate.div(100).plus(1)) : stated;
  const isByHour = kind === "perMinute" || kind === "perMinuteParked";
  const value = (isByHour ? withTax.div(minutesPerHour) : withTax).toDecimalPlaces(decimals).toFixed();
  const hasTax = taxIncluded !== "N/A" && (rate !== undefined || taxIncluded === "YES");
  return {
    element,
    kind,
    value,
    taxIncluded: hasTax ? true : undefined,
    taxRate: hasTax ? rate?.toFixed() : undefined,
    restrictions,
  };
}

function limitOf(limit: unknown): string | undefined {
  if (!isMembers(limit)) return undefined;
  const stated = limit["incl_vat"] ?? limit["after_taxes"] ?? limit["excl_vat"] ?? limit["before_taxes"];
  return decimalOf(stated)?.toFixed();
}
