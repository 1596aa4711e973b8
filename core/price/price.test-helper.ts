// Sessions and tariffs as the tests of prices state them.
import type { TariffDoc } from "../registry/entities.ts";
import { priceOf, type Priced } from "./price.ts";
import type { ChargingState, Reservation, Sample, Session } from "./session.ts";
import { readyTariff, type ReadyTariff } from "./tariff.ts";

export const minute = 60_000;
export const kWh = 1_000_000;
export const berlin = "Europe/Berlin";

type Elements = TariffDoc["elements"];
export type ComponentDoc = Elements[number]["price_components"][number];

export function tariffOf(elements: Elements, more: Partial<TariffDoc> = {}): TariffDoc {
  return { id: "t", currency: "EUR", elements, ...more };
}

export function component(type: ComponentDoc["type"], price: number, vat?: number, step_size = 1): ComponentDoc {
  return { type, price, step_size, ...(vat === undefined ? {} : { vat }) };
}

export function ready(doc: TariffDoc): ReadyTariff {
  const readied = readyTariff(doc);
  if (readied.result === "invalid") throw new Error(readied.why);
  return readied.tariff;
}

export interface Leg {
  readonly minutes: number;
  /** Used in this leg. */
  readonly kwh?: number;
  readonly state?: ChargingState;
  readonly amperes?: number;
  readonly kw?: number;
}

/** @param start local wall clock in Berlin's winter, or a whole RFC 3339 time. */
export function sessionOf(start: string, legs: readonly Leg[], reservation?: Reservation): Session {
  const begin = Date.parse(start);
  const samples: Sample[] = [];
  let at = begin;
  let energyMwh = 0;
  for (const { minutes, kwh = 0, state = "charging", amperes, kw } of legs) {
    samples.push({
      at,
      energyMwh,
      state,
      ...(amperes === undefined ? {} : { currentMa: amperes * 1_000 }),
      ...(kw === undefined ? {} : { powerMw: kw * 1_000_000 }),
    });
    at += Math.round(minutes * minute);
    energyMwh += Math.round(kwh * kWh);
  }
  samples.push({ at, energyMwh, state: legs.at(-1)?.state ?? "charging" });
  return { timeZone: berlin, start: begin, end: at, samples, ...(reservation ? { reservation } : {}) };
}

export function priced(doc: TariffDoc, session: Session): Priced {
  return priceOf(ready(doc), session);
}

/** "excl / incl" */
export function totals(doc: TariffDoc, session: Session): string {
  const { total } = priced(doc, session);
  return `${total.exclVat} / ${total.inclVat}`;
}
