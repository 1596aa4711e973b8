// Tariff and session as their JSON has them. Only what the price depends on.

export const DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"] as const;
export type DayOfWeek = (typeof DAYS)[number];

export type Dimension = "FLAT" | "ENERGY" | "TIME" | "PARKING_TIME";

/** OCPI PriceComponent: price per kWh, per hour or per session; `vat` in percent; `step_size` in Wh or seconds. */
export interface PriceComponent {
  readonly type: Dimension;
  readonly price: number;
  readonly vat?: number;
  readonly step_size?: number;
}

/** OCPI TariffRestrictions: `HH:MM` and `YYYY-MM-DD` local, kWh, A over all phases, kW, seconds. */
export interface Restrictions {
  readonly start_time?: string;
  readonly end_time?: string;
  readonly start_date?: string;
  readonly end_date?: string;
  readonly min_kwh?: number;
  readonly max_kwh?: number;
  readonly min_current?: number;
  readonly max_current?: number;
  readonly min_power?: number;
  readonly max_power?: number;
  readonly min_duration?: number;
  readonly max_duration?: number;
  readonly day_of_week?: readonly DayOfWeek[];
  readonly reservation?: "RESERVATION" | "RESERVATION_EXPIRES";
}

export interface TariffElement {
  readonly price_components: readonly PriceComponent[];
  readonly restrictions?: Restrictions;
}

/** PriceLimit of 2.3.0 (`before_taxes`), or Price of 2.2.1 (`excl_vat`). */
export type Limit =
  | { readonly before_taxes: number; readonly after_taxes?: number }
  | { readonly excl_vat: number; readonly incl_vat?: number };

export interface Tariff {
  readonly country_code: string;
  readonly party_id: string;
  readonly id: string;
  readonly currency: string;
  readonly type?: "AD_HOC_PAYMENT" | "REGULAR";
  readonly elements: readonly TariffElement[];
  readonly min_price?: Limit;
  readonly max_price?: Limit;
  readonly tax_included?: "YES" | "NO" | "N/A";
  readonly last_updated: string;
}

export type State = "charging" | "suspended_ev" | "suspended_evse" | "idle";

export interface Sample {
  readonly time: string;
  /** The meter's reading, never falling. */
  readonly energyWh: number;
  /** Holds until the next sample, as current and power do. */
  readonly state: State;
  /** Sum over the phases. */
  readonly currentA?: number;
  readonly powerW?: number;
}

export interface Reservation {
  readonly start: string;
  /** When the driver came or the reservation expired; without it the session's start. */
  readonly end?: string;
  /** No charging session followed: only the reservation is priced. Without it: whether nothing was sampled. */
  readonly expired?: boolean;
}

export interface Session {
  /** IANA name, of the location. */
  readonly timeZone: string;
  readonly start: string;
  readonly end: string;
  readonly samples: readonly Sample[];
  readonly reservation?: Reservation;
}

/** Decimal strings in the tariff's currency. */
export interface Total {
  readonly exclVat: string;
  readonly inclVat: string;
}

/** Milliseconds since 1970. A time without a zone would silently be this machine's local time, so it is refused. */
export function instant(time: string): number {
  const ms = /[zZ]$/.test(time) ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(ms)) throw new RangeError(`not a time in UTC: ${time}`);
  return ms;
}

/** A copy without one of its optional fields. */
export function leaveOut<T extends object>(whole: T, key: keyof T): T {
  return Object.fromEntries(Object.entries(whole).filter(([name]) => name !== key)) as T;
}
