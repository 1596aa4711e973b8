// What a session costs by a tariff (OCPI 2.2.1 and 2.3.0, modules Tariffs and CDRs). Pure: session and tariff in, decimal
// text out; no clock, no registry.
import type { CdrLine } from "../records/domain-event.ts";
import {
  added,
  amountOf,
  costOf,
  limited,
  linesOf,
  noAmount,
  rounded,
  shownAmount,
  volumeOf,
  type ExactLine,
  type Limited,
  type Money,
  type Tax,
} from "./amounts.ts";
import { textOf } from "./fraction.ts";
import { zoneOf } from "./local-time.ts";
import { periodsOf, type Part, type Period } from "./periods.ts";
import { shownDecimals } from "./rounding.ts";
import type { Reservation, Session } from "./session.ts";
import { reservedSlices, slicesOf } from "./slices.ts";
import { applySteps, type Step } from "./steps.ts";
import type { ReadyTariff } from "./tariff.ts";

/** Exact: what every form of the result is made of. */
export interface Priced {
  readonly tariff: ReadyTariff;
  /** Reservation first, then the session; in order, without a gap within each. */
  readonly periods: readonly Period[];
  readonly steps: readonly Step[];
  readonly lines: readonly ExactLine[];
  /** Which limits changed the sum. */
  readonly limitedBy: readonly Limited[];
  readonly sum: Money;
  readonly total: Money;
  readonly taxes: readonly Tax[];
}

/** @throws RangeError the session's time zone is none. */
export function priceOf(tariff: ReadyTariff, session: Session): Priced {
  const zone = zoneOf(session.timeZone);
  if (!zone) throw new RangeError(`There is no time zone ${session.timeZone}.`);
  const periods: Period[] = [];
  const steps: Step[] = [];
  const add = (ofPart: Period[]): void => {
    steps.push(...applySteps(ofPart));
    periods.push(...ofPart);
  };
  const { reservation } = session;
  if (reservation) {
    const slices = reservedSlices(tariff, zone, reservation.start, reservation.end);
    add(periodsOf(partOf(reservation), slices, reservation.expired ? tariff.expired : tariff.reserved));
  }
  if (!reservation?.expired) add(periodsOf("session", slicesOf(tariff, zone, session), tariff.session));
  const lines = linesOf(periods);
  let sum = noAmount;
  for (const { component, volume } of lines) sum = added(sum, amountOf(component, volume, tariff.taxIncluded));
  // The limits are those of a charging session: a reservation that expired was none.
  const { amount, by } = reservation?.expired ? { amount: sum, by: [] } : limited(sum, tariff);
  const { total, taxes } = rounded(lines, amount, tariff);
  return { tariff, periods, steps, lines, limitedBy: by, sum: shownAmount(sum), total, taxes };
}

function partOf({ expired }: Reservation): Part {
  return expired ? "RESERVATION_EXPIRES" : "RESERVATION";
}

/** As CDRs and REST show it. Volumes and sums to six decimals; nothing is computed from what they show. */
export function shownLines({ lines, tariff }: Priced): CdrLine[] {
  return lines.map(({ part, component, volume }) => ({
    dimension: component.dimension,
    volume: textOf(volumeOf(component, volume), shownDecimals),
    unitPrice: component.priceText,
    vat: component.vatText,
    total: shownAmount(amountOf(component, volume, tariff.taxIncluded)),
    element: component.element,
    ...(part === "session" ? {} : { reservation: part }),
  }));
}

/** What a period costs, step_size included, limits not. The sum over all periods is the sum before limits. */
export function periodCost(period: Period, tariff: ReadyTariff): Money {
  return shownAmount(costOf(period, tariff));
}
