// What a session that goes on costs so far: as if it ended with the last thing that its readings say.
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { Transaction } from "../transactions/transaction.ts";
import { priceSession, type PriceContext, type PricedCdr } from "./tariff.ts";

/** @throws ReadingsNeeded. */
export function priceSoFar(
  record: Pick<FrameRecord, "party" | "station">,
  t: Transaction,
  context: PriceContext,
): PricedCdr & { readonly endedAt: number } {
  let endedAt = t.endedAt ?? t.startedAt;
  if (t.endedAt === null) {
    for (const row of context.readingsOf(t.sessionId)) {
      for (const reading of row) if (reading.at !== null && reading.at > endedAt) endedAt = reading.at;
    }
  }
  return { ...priceSession(record, { ...t, endedAt }, context), endedAt };
}
