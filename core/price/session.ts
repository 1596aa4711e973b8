// What is priced: a session as the engine sees it. Times are epoch ms, energy integer milliwatt-hours.

/** OCPI 2.2.1, CdrDimensionType: in `suspended_ev` and `idle` the vehicle asks for no power, which is PARKING_TIME. */
export type ChargingState = "charging" | "suspended_ev" | "suspended_evse" | "idle";

export const chargingStates: readonly ChargingState[] = ["charging", "suspended_ev", "suspended_evse", "idle"];

/** State, current and power hold until the next sample; energy runs evenly from one to the next. */
export interface Sample {
  readonly at: number;
  /** Cumulative; never falls. */
  readonly energyMwh: number;
  readonly state: ChargingState;
  /** Milliamperes, summed over the phases. Absent: as before, and 0 while nothing is charged. */
  readonly currentMa?: number;
  /** Milliwatts. Absent: as before, 0 while nothing is charged; never given: what the energy says. */
  readonly powerMw?: number;
}

/** OCPI 2.2.1, TariffRestrictions.reservation: until charging starts or the reservation expires. */
export interface Reservation {
  readonly start: number;
  readonly end: number;
  /** No charging session followed: only the reservation is priced. */
  readonly expired: boolean;
}

export interface Session {
  /** IANA name, of the location. */
  readonly timeZone: string;
  readonly start: number;
  readonly end: number;
  /** In the order of time, within the session. Energy counts from the first one at `start`, else from 0. */
  readonly samples: readonly Sample[];
  readonly reservation?: Reservation;
}

export function isParking(state: ChargingState | "reserved"): boolean {
  return state === "suspended_ev" || state === "idle";
}
