// A session as people and programs write it: the input of `wattlog price` and POST /api/v1/price.
import { scaled } from "./decimal.ts";
import { isFields, type Fault, type Fields } from "./faults.ts";
import { zoneOf } from "./local-time.ts";
import { chargingStates, type ChargingState, type Reservation, type Sample, type Session } from "./session.ts";

export type ReadSession =
  | { readonly result: "session"; readonly session: Session }
  | { readonly result: "invalid"; readonly faults: readonly Fault[] };

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
const perThousand = 1_000;
/** More than a reading a second for a day. */
const mostSamples = 100_000;
/** A clock that is years off makes no session; each day costs a cut at every time of day that a tariff names. */
const longestMs = 366 * 86_400_000;
const mostFaults = 20;

/**
 * @param input `{timeZone, start, end, samples: [{time, energyWh, state, currentA?, powerW?}], reservation?}`; times RFC 3339,
 * amounts JSON numbers or decimal text. `reservation` is `{start, end?, expired?}`: it ends when charging starts, at `end` or
 * at the session's start; `expired` (where nothing was sampled: true) means that no charging followed.
 */
export function readSession(input: unknown): ReadSession {
  if (!isFields(input)) return { result: "invalid", faults: [{ path: "", reason: "is an object" }] };
  const faults: Fault[] = [];
  const start = timeAt(input, "start", "", faults);
  const end = timeAt(input, "end", "", faults);
  const { timeZone } = input;
  if (typeof timeZone !== "string" || !zoneOf(timeZone)) {
    faults.push({ path: "/timeZone", reason: "is an IANA time zone such as Europe/Berlin" });
  }
  if (end < start) faults.push({ path: "/end", reason: "is before start" });
  if (end - start > longestMs) faults.push({ path: "/end", reason: "is more than 366 days after start" });
  const samples = samplesOf(input["samples"], start, end, faults);
  const reservation = reservationOf(input["reservation"], start, samples.length === 0, faults);
  if (faults.length > 0) return { result: "invalid", faults: faults.slice(0, mostFaults) };
  const session = { timeZone: timeZone as string, start, end, samples };
  return { result: "session", session: reservation ? reserved(session, reservation) : session };
}

/** @returns NaN where it is no time; the fault is told. */
function timeAt(fields: Fields, name: string, path: string, faults: Fault[]): number {
  const value = fields[name];
  const at = typeof value === "string" && time.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) faults.push({ path: `${path}/${name}`, reason: "is a time such as 2026-01-31T12:00:00Z" });
  return at;
}

function samplesOf(input: unknown, start: number, end: number, faults: Fault[]): readonly Sample[] {
  if (!Array.isArray(input) || input.length > mostSamples) {
    faults.push({ path: "/samples", reason: `is a list of at most ${mostSamples} samples` });
    return [];
  }
  const samples: Sample[] = [];
  for (const [i, fields] of (input as unknown[]).entries()) {
    const path = `/samples/${i}`;
    const sample = isFields(fields) ? sampleOf(fields, path, faults) : undefined;
    if (!isFields(fields)) faults.push({ path, reason: "is an object with time, energyWh and state" });
    if (!sample) continue;
    const before = samples.at(-1);
    if (sample.at < start || sample.at > end)
      faults.push({ path: `${path}/time`, reason: "is outside of the session" });
    if (before && sample.at < before.at)
      faults.push({ path: `${path}/time`, reason: "is before the sample before it" });
    if (before && sample.energyMwh < before.energyMwh) {
      faults.push({ path: `${path}/energyWh`, reason: "is less than before: it is cumulative" });
    }
    samples.push(sample);
  }
  return samples;
}

function sampleOf(fields: Fields, path: string, faults: Fault[]): Sample | undefined {
  const at = timeAt(fields, "time", path, faults);
  const energyMwh = scaled(fields["energyWh"], perThousand);
  if (energyMwh === undefined || energyMwh < 0)
    faults.push({ path: `${path}/energyWh`, reason: "is a decimal from 0 on" });
  const state = fields["state"] as ChargingState;
  if (!chargingStates.includes(state))
    faults.push({ path: `${path}/state`, reason: `is one of ${chargingStates.join(", ")}` });
  const optional = (name: string): number | undefined => {
    if (fields[name] === undefined) return undefined;
    const value = scaled(fields[name], perThousand);
    if (value === undefined) faults.push({ path: `${path}/${name}`, reason: "is a decimal" });
    return value;
  };
  const currentMa = optional("currentA");
  const powerMw = optional("powerW");
  if (Number.isNaN(at) || energyMwh === undefined) return undefined;
  return {
    at,
    energyMwh,
    state,
    ...(currentMa === undefined ? {} : { currentMa }),
    ...(powerMw === undefined ? {} : { powerMw }),
  };
}

function reservationOf(
  input: unknown,
  sessionStart: number,
  isEmpty: boolean,
  faults: Fault[],
): Reservation | undefined {
  if (input === undefined || input === null) return undefined;
  if (!isFields(input)) {
    faults.push({ path: "/reservation", reason: "is an object with start, and end or expired" });
    return undefined;
  }
  const start = timeAt(input, "start", "/reservation", faults);
  const end = input["end"] === undefined ? Math.max(start, sessionStart) : timeAt(input, "end", "/reservation", faults);
  const { expired = isEmpty } = input;
  if (typeof expired !== "boolean") faults.push({ path: "/reservation/expired", reason: "is true or false" });
  if (end < start) faults.push({ path: "/reservation/end", reason: "is before start" });
  if (end - start > longestMs) faults.push({ path: "/reservation/end", reason: "is more than 366 days after start" });
  return { start, end, expired: expired === true };
}

/**
 * A session may be given from its first sample on, or from the reservation on as a CDR has it. A reservation ends when
 * charging starts, whatever was planned.
 */
function reserved(session: Session, reservation: Reservation): Session {
  if (reservation.expired) return { ...session, samples: [], reservation };
  const startsLater = session.start > reservation.start;
  const end = startsLater ? Math.min(reservation.end, session.start) : Math.min(reservation.end, session.end);
  const start = Math.max(session.start, end);
  const before = session.samples.findLast((s) => s.at < start);
  const samples = session.samples.filter((s) => s.at >= start);
  return {
    ...session,
    start,
    samples: before && samples[0]?.at !== start ? [{ ...before, at: start }, ...samples] : samples,
    reservation: { ...reservation, end },
  };
}
