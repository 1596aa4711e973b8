// step_size (OCPI 2.2.1, module CDRs, "step_size"): once per session for ENERGY, once for TIME and PARKING_TIME together. The
// session's total is rounded up by the step of the last component that priced any of it; what that adds is billed in the
// last period of that component. Where parking is priced, only parking is rounded. A reservation is rounded by itself.
import { isParking } from "./session.ts";
import type { Period } from "./periods.ts";
import type { Component } from "./tariff.ts";

export interface Step {
  readonly component: Component;
  /** mWh or ms. */
  readonly used: number;
  readonly billed: number;
}

/** Adds to `billedMwh` and `billedMs` of periods of one part. @returns what was rounded, whether it added anything or not. */
export function applySteps(periods: readonly Period[]): readonly Step[] {
  const steps: Step[] = [];
  const energy = roundUp(periods, "billedMwh", (p) => (p.billedMwh > 0 ? p.energy : null));
  if (energy) steps.push(energy);
  const time =
    roundUp(periods, "billedMs", (p) => (p.billedMs > 0 && isParking(p.state) ? p.time : null)) ??
    roundUp(periods, "billedMs", (p) => (p.billedMs > 0 ? p.time : null));
  if (time) steps.push(time);
  return steps;
}

function roundUp(
  periods: readonly Period[],
  volume: "billedMwh" | "billedMs",
  componentOf: (period: Period) => Component | null,
): Step | undefined {
  let used = 0;
  let last: Period | undefined;
  for (const period of periods) {
    if (!componentOf(period)) continue;
    used += period[volume];
    last = period;
  }
  if (!last) return undefined;
  const component = componentOf(last)!;
  const over = component.step === 0 ? 0 : used % component.step;
  const excess = over === 0 ? 0 : component.step - over;
  last[volume] += excess;
  return { component, used, billed: used + excess };
}
