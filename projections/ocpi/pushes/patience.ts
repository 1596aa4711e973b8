// When a partner that does not take pushes is tried again: exponential, with jitter, and from some failures on with nothing but
// one try at a time (the circuit breaker: every try goes to the first that waits, nothing else is asked of it). Pure.
import { limits } from "../../../core/config/limits.ts";

/** So many in a row, and a partner counts as away. */
export const openAfter = 5;

/**
 * @param failures in a row, 1 or more
 * @param random 0 to 1
 * @returns ms until the next try: between half and the whole of what doubles
 */
export function pauseAfter(failures: number, random: number): number {
  const { ocpiPushFirstRetryMs: first, ocpiPushLongestRetryMs: longest } = limits;
  const whole = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
  return Math.round(whole * (0.5 + random / 2));
}
