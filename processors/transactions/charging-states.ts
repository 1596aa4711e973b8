// The charging states of both families of OCPP, kept among the readings (rule F4) so that they alone give the price.
import type { ChargingState } from "../../core/price/session.ts";
import type { Reading } from "../../core/records/domain-event.ts";

/** No measurand of OCPP: a state, kept beside what was measured. */
export const stateMeasurand = "wattlog.chargingState";

export function stateReading(state: string, at: number): Reading {
  const nothing = { phase: null, location: null, unit: null, energyMwh: null };
  return { at, context: stateMeasurand, measurand: stateMeasurand, value: state, ...nothing };
}

/** Of TransactionEvent (2.x) and StatusNotification (1.6). */
const states: Readonly<Record<string, ChargingState>> = {
  Charging: "charging",
  SuspendedEV: "suspended_ev",
  SuspendedEVSE: "suspended_evse",
  // A station that is out of order, or not to be used, keeps the vehicle waiting: that is no parking.
  Faulted: "suspended_evse",
  Unavailable: "suspended_evse",
  Finishing: "idle",
  EVConnected: "idle",
  Idle: "idle",
};
/** Connected and not yet served: the vehicle waits for the station, or the person for the cable. */
const beforeCharging = new Set(["Preparing", "EVConnected", "Idle"]);

/**
 * PARKING_TIME (OCPI 2.2.1, CdrDimensionType) is time in which the vehicle asks for no power, so only after charging began.
 * @param before the state before it; null: nothing was charged yet.
 */
export function chargingStateOf(state: string, before: ChargingState | null): ChargingState | null {
  if (before === null && beforeCharging.has(state)) return null;
  return states[state] ?? before;
}
