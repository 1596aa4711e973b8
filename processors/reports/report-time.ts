import type { FoldContext } from "../engine/station-fold.ts";
import { isPlausible, parseStationTime } from "../station-time.ts";

/** A station's time as RFC 3339 UTC, where it can be true; else the record's log time. */
export function timeOf(value: unknown, context: FoldContext): string {
  const at = parseStationTime(value);
  return new Date(isPlausible(at, context.logTime) ? at : context.logTime).toISOString();
}
