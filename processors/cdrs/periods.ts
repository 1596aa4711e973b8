// Charging periods as a CDR lists them.
import type { Period } from "../../core/price/periods.ts";
import { isParking } from "../../core/price/session.ts";
import type { CdrPeriod } from "../../core/records/domain-event.ts";

/** @param most more than that: what follows is told with the last ones of their dimension. */
export function cdrPeriods(periods: readonly Period[], most: number): readonly CdrPeriod[] {
  const all = periods.map(({ part, start, end, state, energyMwh }): CdrPeriod => ({
    startedAt: start,
    dimension: part === "session" ? (isParking(state) ? "PARKING_TIME" : "TIME") : "RESERVATION_TIME",
    durationMs: end - start,
    energyMwh,
  }));
  if (all.length <= most) return all;
  const kept = all.slice(0, most - 2);
  const rest = Map.groupBy(all.slice(most - 2), (period) => period.dimension);
  for (const [dimension, some] of rest) {
    const durationMs = some.reduce((sum, period) => sum + period.durationMs, 0);
    const energyMwh = some.reduce((sum, period) => sum + period.energyMwh, 0);
    kept.push({ startedAt: some[0]!.startedAt, dimension, durationMs, energyMwh });
  }
  return kept;
}
