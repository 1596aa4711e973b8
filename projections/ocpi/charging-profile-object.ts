// Charging profiles in OCPI's words and in those of each OCPP version (2.2.1, ChargingProfiles; OCPP 1.6 §5.5, §5.7, §5.16; 2.x K).
// Pure.
import { createHash } from "node:crypto";

import type { Protocol } from "../../core/records/frame-record.ts";
import type { StationCommand } from "./command-requests.ts";
import { invalid } from "./envelope.ts";
import type { ConnectorDoc } from "./places.ts";
import { isMembers, numberOf, parseUtc, timeIn, utc, type Members } from "./values.ts";

export interface ChargingProfile {
  /** Epoch ms; undefined: relative to the start of charging. */
  readonly startsAt: number | undefined;
  /** Seconds; undefined: until the end of the transaction. */
  readonly duration: number | undefined;
  readonly unit: "A" | "W";
  readonly minRate: number | undefined;
  readonly periods: readonly ProfilePeriod[];
}

interface ProfilePeriod {
  /** Seconds from the start of the profile. */
  readonly start: number;
  /** Watts in all, or amperes a phase; one decimal. */
  readonly limit: number;
  readonly phases: number | undefined;
}

/** The running transaction that a profile is for. */
export interface ChargingAt {
  readonly session: string;
  readonly transactionId: string;
  readonly evseId: number;
  /** Phases say nothing of direct current. */
  readonly isDc: boolean;
}

/** @throws OcpiError 2001 */
export function parseProfile(value: unknown): ChargingProfile {
  if (!isMembers(value)) throw invalid("charging_profile must be an object.");
  const { charging_rate_unit: unit, charging_profile_period: periods = [], start_date_time: startsAt } = value;
  if (unit !== "A" && unit !== "W") throw invalid("charging_rate_unit must be A or W.");
  if (!Array.isArray(periods)) throw invalid("charging_profile_period must be a list.");
  const parsed = periods.map(parsePeriod);
  if (parsed.some(({ start }, at) => start <= (parsed[at - 1]?.start ?? -1) || (at === 0 && start !== 0))) {
    throw invalid("charging_profile_period must begin at 0 and rise.");
  }
  return {
    startsAt: startsAt === undefined || startsAt === null ? undefined : timeIn(value, "start_date_time"),
    duration: optional(value, "duration", isSeconds, "a whole number of seconds"),
    unit,
    minRate: optional(value, "min_charging_rate", isRate, oneDecimal),
    periods: parsed,
  };
}

const oneDecimal = "a number of at most one decimal, 0 or more";

function parsePeriod(value: unknown): ProfilePeriod {
  if (!isMembers(value)) throw invalid("charging_profile_period must be a list of objects.");
  const { start_period: start, limit } = value;
  if (!isSeconds(start)) throw invalid("start_period must be a whole number of seconds.");
  if (!isRate(limit)) throw invalid(`limit must be ${oneDecimal}.`);
  return { start, limit, phases: optional(value, "number_phases", isPhases, "1, 2 or 3") };
}

function optional(
  members: Members,
  name: string,
  is: (value: unknown) => value is number,
  what: string,
): number | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (is(value)) return value;
  throw invalid(`${name} must be ${what}.`);
}

const largest = 0x7fff_ffff;

export function isSeconds(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largest;
}

function isRate(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= largest && Math.abs(value - tenths(value)) < 1e-9;
}

function isPhases(value: unknown): value is number {
  return value === 1 || value === 2 || value === 3;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** 2.2.1, ChargingRateUnit: where nobody says how many. */
const phasesMeant = 3;
/** A partner's own is the lowest: an operator's of the same purpose goes before it. */
const stackLevel = 0;

/** Of a session always the same, so that a new profile takes the place of the one before; never 0. */
export function profileNumber(session: string): number {
  return createHash("sha256").update(`charging profile ${session}`).digest().readUInt32BE(0) & largest || 1;
}

/** TxProfile of the running transaction. @param profile of one period or more */
export function setProfileCommand(protocol: Protocol, at: ChargingAt, profile: ChargingProfile): StationCommand {
  const { duration, unit, minRate, periods, startsAt } = profile;
  const schedule = {
    ...(duration === undefined ? {} : { duration }),
    ...(startsAt === undefined ? {} : { startSchedule: utc(startsAt) }),
    chargingRateUnit: unit,
    chargingSchedulePeriod: periods.map(({ start, limit, phases = phasesMeant }) => ({
      startPeriod: start,
      limit: tenths(limit),
      ...(at.isDc ? {} : { numberPhases: phases }),
    })),
    ...(minRate === undefined ? {} : { minChargingRate: tenths(minRate) }),
  };
  const id = profileNumber(at.session);
  const kind = startsAt === undefined ? "Relative" : "Absolute";
  const common = { stackLevel, chargingProfilePurpose: "TxProfile", chargingProfileKind: kind };
  const action = "SetChargingProfile";
  if (protocol === "ocpp1.6") {
    const transactionId = Number(at.transactionId);
    const csChargingProfiles = { chargingProfileId: id, transactionId, ...common, chargingSchedule: schedule };
    return { action, payload: { connectorId: at.evseId, csChargingProfiles } };
  }
  const { transactionId } = at;
  const chargingProfile = { id, ...common, transactionId, chargingSchedule: [{ id: 1, ...schedule }] };
  return { action, payload: { evseId: at.evseId, chargingProfile } };
}

export function clearProfileCommand(protocol: Protocol, session: string): StationCommand {
  const id = profileNumber(session);
  return { action: "ClearChargingProfile", payload: protocol === "ocpp1.6" ? { id } : { chargingProfileId: id } };
}

/** @param duration seconds */
export function compositeCommand(protocol: Protocol, evseId: number, duration: number): StationCommand {
  const place = protocol === "ocpp1.6" ? { connectorId: evseId } : { evseId };
  return { action: "GetCompositeSchedule", payload: { ...place, duration } };
}

/** What each kind of request is told by. */
export const profileReplies = ["ActiveChargingProfile", "ChargingProfile", "ClearProfile"] as const;
export type ProfileReply = (typeof profileReplies)[number];

/** @returns undefined where nobody knows: the partner goes by its timeout, no result would be true */
export function profileResultType(
  outcome: string | null,
  answer: Members,
): "ACCEPTED" | "REJECTED" | "UNKNOWN" | undefined {
  if (outcome === "accepted") return "ACCEPTED";
  if (outcome === "timeout" || outcome === "unknown" || outcome === null) return undefined;
  return outcome === "rejected" && answer["status"] === "Unknown" ? "UNKNOWN" : "REJECTED";
}

/**
 * ActiveChargingProfile of a station's composite schedule.
 * @param answer of GetCompositeSchedule
 * @param now epoch ms, for stations that do not say when they calculated it
 * @returns undefined: there is no schedule in it
 */
export function activeProfile(answer: Members, now: number): Members | undefined {
  const schedule = answer["schedule"] ?? answer["chargingSchedule"];
  if (!isMembers(schedule)) return undefined;
  const { chargingRateUnit: unit, duration, minChargingRate, chargingSchedulePeriod: list } = schedule;
  const periods = (Array.isArray(list) ? list : []).filter(isMembers).flatMap(({ startPeriod, limit }) => {
    const [start, most] = [numberOf(startPeriod), numberOf(limit)];
    return start === undefined || most === undefined ? [] : [{ start_period: start, limit: tenths(most) }];
  });
  if ((unit !== "A" && unit !== "W") || periods.length === 0) return undefined;
  const stated = [schedule["scheduleStart"], answer["scheduleStart"], schedule["startSchedule"]];
  const at = utc(stated.map(parseStated).find((ms) => ms !== undefined) ?? now);
  const minRate = numberOf(minChargingRate);
  return {
    start_date_time: at,
    charging_profile: {
      start_date_time: at,
      ...(isSeconds(duration) ? { duration } : {}),
      charging_rate_unit: unit,
      ...(minRate === undefined ? {} : { min_charging_rate: tenths(minRate) }),
      charging_profile_period: periods,
    },
  };
}

/** Stations may have an offset. */
function parseStated(text: unknown): number | undefined {
  const ms = typeof text === "string" ? (parseUtc(text) ?? Date.parse(text)) : NaN;
  return Number.isFinite(ms) ? ms : undefined;
}

/** Nothing limits it: what the connector can (2.2.1, PUT of ActiveChargingProfile). @param duration seconds */
export function wholeCapacity(connector: ConnectorDoc, now: number, duration: number): Members | undefined {
  const [watts, amperes] = [numberOf(connector["max_electric_power"]), numberOf(connector["max_amperage"])];
  const limit = watts ?? amperes;
  if (limit === undefined) return undefined;
  return {
    start_date_time: utc(now),
    charging_profile: {
      start_date_time: utc(now),
      duration,
      charging_rate_unit: watts === undefined ? "A" : "W",
      charging_profile_period: [{ start_period: 0, limit: tenths(limit) }],
    },
  };
}
