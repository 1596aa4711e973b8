// What both publications of DATEX II v3.7 (CEN/TS 16157-10 with the AFIR extension) share: envelope, texts, periods, prices.
import type { PartyId } from "../../core/ids/ids.ts";
import { decimalOf } from "../../core/price/decimal.ts";
import { utc, type Members } from "../ocpi/values.ts";
import type { AdHocTariff, OpenPrice } from "./ad-hoc-price.ts";
import { days } from "./datex-names.ts";
import type { OpenPoint } from "./sites.ts";
import { element, optional, xmlDocument, type Xml } from "./xml.ts";

const namespaces = {
  "xmlns:d2": "http://datex2.eu/schema/3/d2Payload",
  "xmlns:com": "http://datex2.eu/schema/3/common",
  "xmlns:loc": "http://datex2.eu/schema/3/locationReferencing",
  "xmlns:locx": "http://datex2.eu/schema/3/locationExtension",
  "xmlns:afac": "http://datex2.eu/schema/3/afirFacilities",
  "xmlns:aegi": "http://datex2.eu/schema/3/afirEnergyInfrastructure",
  "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
} as const;

/** The schema's com:String and MultilingualStringValue. */
const longestText = 1_024;

/** @param publishedAt epoch ms: since when the content is as it is */
export function publication(type: string, party: PartyId, publishedAt: number, content: readonly Xml[]): string {
  const attributes = { ...namespaces, "xsi:type": `aegi:${type}`, lang: "en", modelBaseVersion: "3" };
  return xmlDocument(
    element(
      "d2:payload",
      attributes,
      element("com:publicationTime", {}, utc(publishedAt)),
      element(
        "com:publicationCreator",
        {},
        element("com:country", {}, party.slice(0, 2)),
        element("com:nationalIdentifier", {}, party),
      ),
      content,
    ),
  );
}

export const tableId = (party: PartyId): string => `${party}-locations`;

/** A station is no level of OCPI: the EVSEs of a location are those of one. */
export const stationId = (siteId: string): string => `${siteId}-station`;

/** Each refill point has its own rates; an update of the dynamic publication names them. */
export const rateId = (point: OpenPoint, tariff: AdHocTariff): string => `${point.uid}-${tariff.id}`;

export function short(text: string): string {
  // Half a surrogate pair at the end is no character; the writer leaves it out.
  return text.slice(0, longestText);
}

/** Nobody stated a language, so none is told. @returns undefined where there is no text */
export function multilingual(name: string, text: unknown): Xml | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  return element(name, {}, element("com:values", {}, element("com:value", {}, short(text))));
}

export interface Recurring {
  /** `HH:MM`; 00:00 as an end is the end of the day. */
  readonly start: string | undefined;
  readonly end: string | undefined;
  /** OCPI's DayOfWeek; none: every day. */
  readonly days: readonly string[];
}

/** Local times without an offset are those of the location. */
export function overallPeriod(
  name: string,
  start: string,
  end: string | undefined,
  recurring: readonly Recurring[],
): Xml {
  return element(
    name,
    {},
    element("com:overallStartTime", {}, start),
    optional("com:overallEndTime", end),
    recurring.map((one) =>
      element(
        "com:validPeriod",
        {},
        element(
          "com:recurringTimePeriodOfDay",
          {},
          element("com:startTimeOfPeriod", {}, `${one.start ?? "00:00"}:00`),
          element(
            "com:endTimeOfPeriod",
            {},
            one.end === undefined || one.end === "00:00" ? "24:00:00" : `${one.end}:00`,
          ),
        ),
        one.days.length === 0 ? undefined : element("com:recurringDayWeekMonthPeriod", {}, one.days.map(applicableDay)),
      ),
    ),
  );
}

function applicableDay(day: string): Xml {
  return element("com:applicableDay", {}, days.find((known) => known === day.toLowerCase()) ?? "_extended");
}

const priceTypes = {
  perKwh: "pricePerKWh",
  perMinute: "pricePerMinute",
  perMinuteParked: "other",
  perSession: "basePrice",
} as const;

/** At least one: a tariff that prices nothing is free (OCPI 2.2.1, 11.4.6). */
export function energyPrices(tariff: AdHocTariff): readonly Xml[] {
  if (tariff.prices.every(({ value }) => Number(value) === 0)) {
    return [
      element(
        "aegi:energyPrice",
        {},
        element("aegi:priceGroupIndex", {}, 0),
        element("aegi:priceType", {}, "free"),
        element("aegi:value", {}, 0),
      ),
    ];
  }
  return tariff.prices.map((price) => energyPrice(price, tariff));
}

/** The schema has two decimals, which is less than many a price for a kWh or a minute has. @returns undefined where there is none */
export function money(decimal: string): string;
export function money(decimal: string | undefined): string | undefined;
export function money(decimal: string | undefined): string | undefined {
  return decimal === undefined ? undefined : decimalOf(decimal)!.toDecimalPlaces(2).toFixed();
}

function energyPrice(price: OpenPrice, tariff: AdHocTariff): Xml {
  const { restrictions: when } = price;
  const rest = unsaid(when);
  const value = money(price.value);
  const notes = [
    ...(Number(value) === Number(price.value) ? [] : [`exactly ${price.value}`]),
    ...(price.kind === "perMinuteParked" ? ["per minute connected without charging"] : []),
    ...rest.map((name) => `${name} ${String(when[name])}`),
  ];
  return element(
    "aegi:energyPrice",
    {},
    element("aegi:priceGroupIndex", {}, price.element),
    element("aegi:priceType", {}, priceTypes[price.kind]),
    element("aegi:value", {}, value),
    optional("aegi:taxIncluded", price.taxIncluded),
    optional("aegi:taxRate", price.taxRate),
    multilingual("aegi:additionalInformation", notes.join(", ")),
    clockOf(when, tariff),
    applicability("aegi:timeBasedApplicability", "aegi:fromMinute", "aegi:toMinute", [
      minutes(when["min_duration"]),
      minutes(when["max_duration"]),
    ]),
    applicability("aegi:energyBasedApplicability", "aegi:fromKWh", "aegi:toKWh", [
      whole(when["min_kwh"]),
      whole(when["max_kwh"]),
    ]),
  );
}

function clockOf(when: Members, tariff: AdHocTariff): Xml | undefined {
  const text = (name: string) => (typeof when[name] === "string" ? when[name] : undefined);
  const named = Array.isArray(when["day_of_week"]) ? (when["day_of_week"] as unknown[]).map(String) : [];
  const recurring = { start: text("start_time"), end: text("end_time"), days: named };
  const [from, until] = [text("start_date"), text("end_date")];
  const recurs = recurring.start !== undefined || recurring.end !== undefined || named.length > 0;
  if (!recurs && from === undefined && until === undefined) return undefined;
  const start = from === undefined ? utc(tariff.validFrom) : `${from}T00:00:00`;
  const end = until === undefined ? undefined : `${until}T00:00:00`;
  return overallPeriod("aegi:overallPeriod", start, end, recurs ? [recurring] : []);
}

function applicability(
  name: string,
  fromName: string,
  toName: string,
  [from, to]: readonly [number | undefined, number | undefined],
): Xml | undefined {
  if (from === undefined && to === undefined) return undefined;
  return element(name, {}, optional(fromName, from), optional(toName, to));
}

const secondsPerMinute = 60;

function minutes(seconds: unknown): number | undefined {
  const number = Number(seconds);
  return seconds !== undefined && number % secondsPerMinute === 0 ? number / secondsPerMinute : undefined;
}

/** The schema has whole numbers there. */
function whole(value: unknown): number | undefined {
  const number = Number(value);
  return value !== undefined && Number.isInteger(number) ? number : undefined;
}

const onClock = new Set(["start_time", "end_time", "start_date", "end_date", "day_of_week"]);

/** Restrictions for which the schema has no place; whoever reads the price must still see them. */
function unsaid(when: Members): readonly string[] {
  return Object.keys(when).filter((name) => {
    if (when[name] === undefined || when[name] === null || onClock.has(name)) return false;
    if (name.endsWith("_duration")) return minutes(when[name]) === undefined;
    return !(name.endsWith("_kwh") && whole(when[name]) !== undefined);
  });
}
