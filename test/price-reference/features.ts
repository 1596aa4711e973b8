// What a case reached, judged from the tariff, the session and how the reference prices them, not from how the case was made.
import { compare, ZERO } from "./fraction.ts";
import { changesClock, wallMinute } from "./local-clock.ts";
import { type Dimension, instant, type Session, type Tariff } from "./model.ts";
import {
  chargingElements,
  type Explained,
  isExpired,
  type Placed,
  reservationElements,
  type Use,
} from "./reference.ts";
import { allHold, holds, namesOf } from "./restrictions.ts";
import type { Piece } from "./timeline.ts";
import type { Case } from "./generate.ts";
import { ZONES } from "./generate-session.ts";

const DAY_MS = 86_400_000;

/** Every feature that cases must reach. */
export const FEATURES = [
  ...["FLAT", "ENERGY", "TIME", "PARKING_TIME"].map((dimension) => `${dimension} is billed`),
  ...["start_time", "end_time", "start_date", "end_date", "day_of_week"].map((name) => `${name} changes within`),
  ...["min_kwh", "max_kwh", "min_current", "max_current"].map((name) => `${name} changes within`),
  ...["min_power", "max_power", "min_duration", "max_duration"].map((name) => `${name} changes within`),
  "a window wraps around midnight and changes within",
  "two restrictions of one element change within",
  "clocks put forward within, under a time of day",
  "clocks put back within, under a time of day",
  "midnight passes under a restriction of the clock",
  "several elements match for one dimension",
  "two elements price one dimension in turn",
  "a dimension has no component",
  "a component comes and goes",
  "step_size adds energy",
  "step_size adds time",
  "step_size adds parking time, and not to time",
  "step_size of the last element for several",
  "step_size 0",
  "a component active last without use",
  "vat differs between components",
  "vat is missing",
  "tax_included YES",
  "tax_included NO",
  "tax_included N/A",
  "tax_included is missing",
  "min_price before taxes",
  "min_price after taxes",
  "max_price before taxes",
  "max_price after taxes",
  "a limit in the words of 2.2.1",
  "a limit without an amount after taxes",
  "a reservation before a session",
  "a reservation's time is rounded",
  "a reservation's FLAT",
  "an expired reservation",
  "RESERVATION_EXPIRES before RESERVATION",
  "a session without length",
  "energy at one moment",
  "the meter rests while charging",
  "suspended by the EVSE",
  "suspended by the vehicle",
  "idle",
  "the first sample comes later",
  "no sample at the end",
  "no samples",
  "current is missing in a sample",
  "power is given",
  "power follows from the energy",
  "fractions of a second",
  "currents of 1 phase",
  "currents of 2 phases",
  "currents of 3 phases",
  ...ZONES.map((zone) => `in ${zone}`),
] as const;

/** The features that a case reached, each once. */
export function featuresOf({ tariff, session, phases }: Case, explained: Explained): Set<string> {
  const reached = new Set<string>([`in ${session.timeZone}`]);
  const note = (feature: string, is: boolean): void => {
    if (is) reached.add(feature);
  };
  noteSession(session, explained, phases, note);
  noteRestrictions(tariff, session, explained, note);
  noteClock(tariff, session, note);
  noteUses(tariff, explained, note);
  noteTaxes(tariff, explained, note);
  noteReservation(session, explained, tariff, note);
  return reached;
}

type Note = (feature: string, is: boolean) => void;

function noteSession(session: Session, { charging }: Explained, phases: number, note: Note): void {
  if (isExpired(session)) return;
  const { samples } = session;
  const [start, end] = [instant(session.start), instant(session.end)];
  const times = samples.map(({ time }) => instant(time));
  const isPriced = charging.length > 0;
  note("a session without length", start === end);
  note(
    "energy at one moment",
    charging.some((piece) => compare(piece.seconds, ZERO) === 0 && compare(piece.energyWh, ZERO) > 0),
  );
  note(
    "the meter rests while charging",
    charging.some(
      (piece) => piece.state === "charging" && compare(piece.energyWh, ZERO) === 0 && compare(piece.seconds, ZERO) > 0,
    ),
  );
  for (const [state, name] of [
    ["suspended_evse", "suspended by the EVSE"],
    ["suspended_ev", "suspended by the vehicle"],
    ["idle", "idle"],
  ] as const) {
    note(
      name,
      charging.some((piece) => piece.state === state && compare(piece.seconds, ZERO) > 0),
    );
  }
  note("the first sample comes later", times.length > 0 && times[0]! > start);
  note("no sample at the end", times.length > 0 && times.at(-1)! < end);
  note("no samples", samples.length === 0 && isPriced);
  note(
    "current is missing in a sample",
    samples.some(({ currentA }) => currentA !== undefined) && samples.some(({ currentA }) => currentA === undefined),
  );
  note(
    "fractions of a second",
    [start, end, ...times].some((time) => time % 1_000 !== 0),
  );
  if (samples.some(({ currentA = 0 }) => currentA > 0))
    note(`currents of ${phases} phase${phases > 1 ? "s" : ""}`, true);
}

/** A restriction counts where it holds in one piece and not in another. */
function noteRestrictions(tariff: Tariff, session: Session, { charging }: Explained, note: Note): void {
  for (const { element } of chargingElements(tariff)) {
    const restrictions = element.restrictions ?? {};
    const changing = namesOf(restrictions).filter((name) => {
      const first = charging[0] && holds(name, restrictions, charging[0].middle);
      return charging.some((piece) => holds(name, restrictions, piece.middle) !== first);
    });
    for (const name of changing) note(`${name} changes within`, true);
    const windows = changing.filter((name) => name === "start_time" || name === "end_time").length;
    const { start_time: start = "", end_time: end = "", min_power: min, max_power: max } = restrictions;
    note("a window wraps around midnight and changes within", windows === 2 && end < start && end !== "00:00");
    note("two restrictions of one element change within", changing.length - Math.max(0, windows - 1) > 1);
    if (min === undefined && max === undefined) continue;
    note(
      "power is given",
      session.samples.some(({ powerW }) => powerW !== undefined),
    );
    note(
      "power follows from the energy",
      charging.length > 0 && session.samples.some(({ powerW }) => powerW === undefined),
    );
  }
}

function noteClock(tariff: Tariff, session: Session, note: Note): void {
  const elements = isExpired(session) ? [] : chargingElements(tariff);
  const has = (...names: string[]): boolean =>
    elements.some(({ element }) => namesOf(element.restrictions ?? {}).some((name) => names.includes(name)));
  const [start, end] = [instant(session.start), instant(session.end)];
  const first = wallMinute(session.timeZone, Math.floor(start / 60_000));
  const last = wallMinute(session.timeZone, Math.floor(end / 60_000));
  const shown = (last.day - first.day) * 1_440 + last.minuteOfDay - first.minuteOfDay;
  const passed = Math.floor(end / 60_000) - Math.floor(start / 60_000);
  const underTime = has("start_time", "end_time");
  note("clocks put forward within, under a time of day", underTime && shown > passed);
  note("clocks put back within, under a time of day", underTime && shown < passed && changesNear(session));
  note(
    "midnight passes under a restriction of the clock",
    has("start_time", "end_time", "start_date", "end_date", "day_of_week") && last.day > first.day,
  );
}

function changesNear({ timeZone, start, end }: Session): boolean {
  return [start, end].some((time) => changesClock(timeZone, Math.floor(instant(time) / DAY_MS)));
}

function noteUses(tariff: Tariff, explained: Explained, note: Note): void {
  const { uses, charging } = explained;
  const elements = chargingElements(tariff);
  const inCharge = uses.filter(({ phase }) => phase === "charging");
  const grew = (dimension: Dimension): boolean =>
    inCharge.some((use) => use.dimension === dimension && compare(use.excess, ZERO) > 0);
  for (const { dimension, component } of inCharge) note(`${dimension} is billed`, component.price > 0);
  note("step_size adds energy", grew("ENERGY"));
  note("step_size adds time", grew("TIME"));
  note(
    "step_size adds parking time, and not to time",
    grew("PARKING_TIME") && inCharge.some(({ dimension }) => dimension === "TIME"),
  );
  note(
    "step_size 0",
    inCharge.some(({ dimension, component }) => dimension !== "FLAT" && component.step_size === 0),
  );
  for (const dimension of ["ENERGY", "TIME", "PARKING_TIME"] as const) {
    const used = inCharge.filter((use) => use.dimension === dimension);
    const has = elements.filter(({ element }) => element.price_components.some(({ type }) => type === dimension));
    note("two elements price one dimension in turn", new Set(used.map(({ element }) => element)).size > 1);
    note(
      "step_size of the last element for several",
      new Set(used.map(({ element }) => element)).size > 1 && grew(dimension),
    );
    note(
      "several elements match for one dimension",
      charging.some((piece) => matching(has, piece).length > 1),
    );
    note("a dimension has no component", charging.length > 0 && has.length === 0);
    const covered = charging.map((piece) => matching(has, piece).length > 0);
    note("a component comes and goes", covered.includes(true) && covered.includes(false));
    noteUnused(used, has, charging, note);
  }
}

function matching(elements: readonly Placed[], piece: Piece): Placed[] {
  return elements.filter(({ element }) => allHold(element.restrictions ?? {}, piece.middle));
}

/** The last component of a dimension to be active was not the last to be used, and has another step. */
function noteUnused(used: readonly Use[], has: readonly Placed[], charging: readonly Piece[], note: Note): void {
  const dimension = used[0]?.dimension;
  const lastActive = charging.map((piece) => matching(has, piece)[0]).findLast((element) => element !== undefined);
  const component = lastActive?.element.price_components.find(({ type }) => type === dimension);
  note(
    "a component active last without use",
    component !== undefined && used.length > 0 && component.step_size !== used.at(-1)!.component.step_size,
  );
}

function noteTaxes(tariff: Tariff, { uses, exact, beforeLimits, charging }: Explained, note: Note): void {
  const billed = uses.filter(({ component }) => component.price > 0);
  note("vat differs between components", new Set(billed.map(({ component }) => component.vat ?? 0)).size > 1);
  note(
    "vat is missing",
    billed.some(({ component }) => component.vat === undefined),
  );
  if (billed.length > 0) note(`tax_included ${tariff.tax_included ?? "is missing"}`, true);
  note("min_price before taxes", tariff.min_price !== undefined && compare(exact.excl, beforeLimits.excl) > 0);
  note("min_price after taxes", tariff.min_price !== undefined && compare(exact.incl, beforeLimits.incl) > 0);
  note("max_price before taxes", tariff.max_price !== undefined && compare(exact.excl, beforeLimits.excl) < 0);
  note("max_price after taxes", tariff.max_price !== undefined && compare(exact.incl, beforeLimits.incl) < 0);
  if (charging.length === 0) return;
  for (const limit of [tariff.min_price, tariff.max_price]) {
    if (!limit) continue;
    note("a limit in the words of 2.2.1", "excl_vat" in limit);
    note("a limit without an amount after taxes", !("incl_vat" in limit) && !("after_taxes" in limit));
  }
}

function noteReservation(session: Session, { uses, reservation }: Explained, tariff: Tariff, note: Note): void {
  if (!session.reservation) return;
  const expired = isExpired(session);
  const reserved = uses.filter(({ phase }) => phase === "reservation");
  note("a reservation before a session", !expired && reserved.length > 0);
  note("an expired reservation", expired && reserved.length > 0);
  note(
    "a reservation's time is rounded",
    reserved.some(({ excess }) => compare(excess, ZERO) > 0),
  );
  note(
    "a reservation's FLAT",
    reserved.some(({ dimension }) => dimension === "FLAT"),
  );
  const kinds = reservationElements(tariff, expired).filter(({ element }) =>
    reservation.some((piece) => allHold(element.restrictions ?? {}, piece.middle)),
  );
  note(
    "RESERVATION_EXPIRES before RESERVATION",
    new Set(kinds.map(({ element }) => element.restrictions?.reservation)).size === 2,
  );
}
