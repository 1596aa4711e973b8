// Makes a case on which two computations disagree as small as it gets: leave something out, or make a number rounder, as
// long as they still disagree.
import type { Priced } from "./compare.ts";
import {
  instant,
  leaveOut,
  type PriceComponent,
  type Restrictions,
  type Sample,
  type Session,
  type Tariff,
} from "./model.ts";

/** Each attempt prices the case twice. */
const MOST_ATTEMPTS = 20_000;

/** The smallest case found that still `disagrees`. A smaller case that no longer prices counts as one that agrees. */
export function shrink(found: Priced, disagrees: (smaller: Priced) => boolean): Priced {
  let best = found;
  let left = MOST_ATTEMPTS;
  const stillDisagrees = (smaller: Priced): boolean => {
    left--;
    try {
      return disagrees(smaller);
    } catch {
      return false;
    }
  };
  for (;;) {
    const smaller = candidates(best).find((candidate) => left > 0 && stillDisagrees(candidate));
    if (!smaller) return best;
    best = smaller;
  }
}

function candidates({ tariff, session }: Priced): Priced[] {
  return [
    ...smallerTariffs(tariff).map((smaller) => ({ tariff: smaller, session })),
    ...smallerSessions(session).map((smaller) => ({ tariff, session: smaller })),
  ];
}

function smallerTariffs(tariff: Tariff): Tariff[] {
  const { elements } = tariff;
  const withElement = (index: number, element: (typeof elements)[number]): Tariff => ({
    ...tariff,
    elements: elements.with(index, element),
  });
  return [
    ...(elements.length > 1 ? elements.map((_, index) => ({ ...tariff, elements: elements.toSpliced(index, 1) })) : []),
    ...(["min_price", "max_price", "tax_included"] as const).flatMap((key) => without(tariff, key)),
    ...elements.flatMap((element, index) => [
      ...without(element, "restrictions").map((smaller) => withElement(index, smaller)),
      ...smallerLists(element.price_components, smallerComponents, 1).map((price_components) =>
        withElement(index, { ...element, price_components }),
      ),
      ...smallerRestrictions(element.restrictions ?? {}).map((restrictions) =>
        withElement(index, { ...element, restrictions }),
      ),
    ]),
  ];
}

function smallerComponents(component: PriceComponent): PriceComponent[] {
  const { vat, step_size: step = 1 } = component;
  return [
    ...without(component, "vat"),
    ...(component.price === 1 ? [] : [{ ...component, price: 1 }]),
    ...(step === 1 ? [] : [{ ...component, step_size: 1 }]),
    ...(vat === undefined || vat === 10 ? [] : [{ ...component, vat: 10 }]),
  ];
}

function smallerRestrictions(restrictions: Restrictions): Restrictions[] {
  return Object.entries(restrictions).flatMap(([name, value]: [string, unknown]): Restrictions[] => [
    Object.fromEntries(Object.entries(restrictions).filter(([other]) => other !== name)),
    ...(typeof value === "number" ? rounder(value).map((number) => ({ ...restrictions, [name]: number })) : []),
  ]);
}

function smallerSessions(session: Session): Session[] {
  const { samples, reservation, start, end } = session;
  return [
    ...without(session, "reservation"),
    ...(reservation ? without(reservation, "end").map((smaller) => ({ ...session, reservation: smaller })) : []),
    ...(session.timeZone === "UTC" ? [] : [{ ...session, timeZone: "UTC" }]),
    ...smallerLists(samples, smallerSamples, 0).map((smaller) => ({ ...session, samples: smaller })),
    ...rounderTimes(start).map((time) => ({ ...session, start: time })),
    ...rounderTimes(end).map((time) => ({ ...session, end: time })),
    ...(start === end
      ? []
      : [
          { ...session, end: halfWay(start, end) },
          { ...session, start: halfWay(start, end) },
        ]),
  ];
}

function smallerSamples(sample: Sample): Sample[] {
  return [
    ...without(sample, "currentA"),
    ...without(sample, "powerW"),
    ...rounder(sample.energyWh).map((energyWh) => ({ ...sample, energyWh })),
    ...(sample.state === "charging" ? [] : [{ ...sample, state: "charging" as const }]),
    ...rounderTimes(sample.time).map((time) => ({ ...sample, time })),
  ];
}

/** Lists with one thing less, and lists in which one thing is smaller. */
function smallerLists<T>(list: readonly T[], smaller: (item: T) => T[], fewest: number): T[][] {
  return [
    ...(list.length > fewest ? list.map((_, index) => list.toSpliced(index, 1)) : []),
    ...list.flatMap((item, index) => smaller(item).map((each) => list.with(index, each))),
  ];
}

function without<T extends object>(whole: T, key: keyof T): T[] {
  return key in whole ? [leaveOut(whole, key)] : [];
}

/** 0, and the number with fewer digits. */
function rounder(value: number): number[] {
  const rounded = [0, 1_000, 100, 10, 1].map((grain) => (grain === 0 ? 0 : Math.round(value / grain) * grain));
  return [...new Set(rounded)].filter((each) => each !== value && String(each).length <= String(value).length);
}

function rounderTimes(time: string): string[] {
  const at = instant(time);
  const rounded = [3_600_000, 60_000, 1_000].map((grain) => Math.floor(at / grain) * grain);
  return [...new Set(rounded)].filter((each) => each !== at).map((each) => new Date(each).toISOString());
}

function halfWay(start: string, end: string): string {
  return new Date(Math.floor((instant(start) + instant(end)) / 2)).toISOString();
}
