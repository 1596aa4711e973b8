// Reports that a station sends in parts: NotifyReport, NotifyMonitoringReport, ReportChargingProfiles, NotifyDisplayMessages,
// NotifyCustomerInformation. Each part is told as it comes; this says which are there (2.0.1 B07.FR.07, `seqNo` and `tbc`).
import { limits } from "../../core/config/limits.ts";
import { indexOf, textOf, type Fields } from "../payload.ts";
import type { FoldContext } from "../engine/station-fold.ts";

/** One report as far as it came. Plain, for it is packed as it is. */
export interface Assembly {
  readonly requestId: string;
  /** Sequence numbers that came. */
  readonly seen: readonly number[];
  /** That of the part which said that it is the last; null: not yet. */
  readonly last: number | null;
  /** Items in those parts. */
  readonly items: number;
}

/**
 * @param request with `requestId`, `seqNo` (absent where the message has none: then every part is the next) and `tbc`
 * @param items in this part; a repeated one is not counted again
 */
export function addPart(
  assemblies: readonly Assembly[],
  request: Fields,
  items: number,
): { readonly assemblies: readonly Assembly[]; readonly assembly: Assembly } {
  const requestId = textOf(request["requestId"]) ?? "";
  const known = assemblies.find((a) => a.requestId === requestId);
  const seqNo = request["seqNo"] === undefined ? (known?.seen.length ?? 0) : indexOf(request["seqNo"]);
  // A finished report's number is used again: another report.
  const goesOn = known && !(isComplete(known) && seqNo === 0);
  const before: Assembly = goesOn ? known : { requestId, seen: [], last: null, items: 0 };
  const isRepeat = before.seen.includes(seqNo);
  const assembly: Assembly = {
    requestId,
    seen: isRepeat || before.seen.length >= limits.reportPartsMax ? before.seen : [...before.seen, seqNo],
    last: request["tbc"] === true ? before.last : seqNo,
    items: before.items + (isRepeat ? 0 : items),
  };
  const others = assemblies.filter((a) => a.requestId !== requestId);
  return { assemblies: [...others, assembly].slice(-limits.reportsRemembered), assembly };
}

export function isComplete({ seen, last }: Assembly): boolean {
  return last !== null && new Set(seen).size > last;
}

/** As a document of the collection `reports`. */
export function reportOf(kind: string, assembly: Assembly, context: FoldContext): [string, object] {
  const { requestId, seen, last, items } = assembly;
  const lastPartAt = new Date(context.logTime).toISOString();
  const complete = isComplete(assembly);
  return [`${kind}/${requestId}`, { kind, requestId, parts: seen.length, lastPart: last, items, complete, lastPartAt }];
}
