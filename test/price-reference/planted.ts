// Faults that an engine could have, as changes of what it is given: comparing must find each.
import type { Engine } from "./compare.ts";
import { leaveOut, type PriceComponent, type Restrictions, type Sample, type Session, type Tariff } from "./model.ts";
import { isExpired } from "./reference.ts";

const HOUR_MS = 3_600_000;

/** Names of faults, and how an engine with that fault would see a tariff and a session. */
const FAULTS: Readonly<Record<string, (tariff: Tariff, session: Session) => [Tariff, Session]>> = {
  "step_size is ignored": (tariff, session) => [withComponents(tariff, (each) => ({ ...each, step_size: 1 })), session],
  "vat is ignored": (tariff, session) => [withComponents(tariff, (each) => leaveOut(each, "vat")), session],
  "prices with taxes are taken for prices without": (tariff, session) => [{ ...tariff, tax_included: "NO" }, session],
  "limits are ignored": (tariff, session) => [leaveOut(leaveOut(tariff, "min_price"), "max_price"), session],
  "the last matching element wins": (tariff, session) => [
    { ...tariff, elements: tariff.elements.toReversed() },
    session,
  ],
  "local time is UTC": (tariff, session) => [tariff, { ...session, timeZone: "UTC" }],
  "clocks never change": (tariff, session) => [tariff, { ...session, timeZone: withoutChanges(session.timeZone) }],
  "suspended by the EVSE is parking": (tariff, session) => [
    tariff,
    withSamples(session, ({ state, ...each }) => ({ ...each, state: state === "suspended_evse" ? "idle" : state })),
  ],
  "the minimum of energy is exclusive": (tariff, session) => [
    withRestrictions(tariff, (each) => (each.min_kwh === undefined ? each : { ...each, min_kwh: each.min_kwh + 1e-6 })),
    session,
  ],
  "current is ignored": (tariff, session) => [tariff, withSamples(session, (each) => leaveOut(each, "currentA"))],
  "measured power is ignored": (tariff, session) => [tariff, withSamples(session, (each) => leaveOut(each, "powerW"))],
  "windows do not wrap": (tariff, session) => [withRestrictions(tariff, unwrapped), session],
  "an expired reservation is a used one": (tariff, session) => [
    withRestrictions(tariff, (each) =>
      each.reservation && isExpired(session) ? { ...each, reservation: "RESERVATION" } : each,
    ),
    session,
  ],
  "the session lasts an hour too long": (tariff, session) => [
    tariff,
    { ...session, end: new Date(Date.parse(session.end) + HOUR_MS).toISOString() },
  ],
};

export const FAULT_NAMES = Object.keys(FAULTS);

/** An engine with one of the faults. */
export function planted(fault: string, engine: Engine): Engine {
  const change = FAULTS[fault];
  if (!change) throw new RangeError(`no such fault: ${fault}`);
  return (tariff, session) => engine(...change(tariff, session));
}

function withComponents(tariff: Tariff, change: (component: PriceComponent) => PriceComponent): Tariff {
  const elements = tariff.elements.map((each) => ({ ...each, price_components: each.price_components.map(change) }));
  return { ...tariff, elements };
}

function withRestrictions(tariff: Tariff, change: (restrictions: Restrictions) => Restrictions): Tariff {
  const elements = tariff.elements.map((each) =>
    each.restrictions ? { ...each, restrictions: change(each.restrictions) } : each,
  );
  return { ...tariff, elements };
}

function withSamples(session: Session, change: (sample: Sample) => Sample): Session {
  return { ...session, samples: session.samples.map(change) };
}

/** A zone of the same offset as in January, as far as there is one. */
function withoutChanges(zone: string): string {
  const january = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "longOffset" });
  const name = january.formatToParts(Date.UTC(2025, 0, 15)).find(({ type }) => type === "timeZoneName")?.value ?? "";
  return name.replace("GMT", "") || "UTC";
}

function unwrapped(restrictions: Restrictions): Restrictions {
  const { start_time: start = "", end_time: end = "24:00" } = restrictions;
  return end < start && end !== "00:00" ? { ...restrictions, end_time: start } : restrictions;
}
