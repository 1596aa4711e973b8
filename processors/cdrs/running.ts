// What a session that goes on costs so far: as if it ended with the last thing that its readings say.
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { Transaction } from "../transactions/transaction.ts";
import { priceSession } from "./tariff.ts";

/**
 * @param at epoch ms: what the session had cost then; absent: the time of its last reading.
 * @throws ReadingsNeeded.
 */
export function priceSoFar(
  record: Pick<FrameRecord, "party" | "station">,
  t: Transaction,
  context: FoldContext,
  at?: number,
): ReturnType<typeof priceSession> {
  let endedAt = Math.max(t.startedAt, at ?? 0);
  if (at === undefined) {
    for (const row of context.readingsOf(t.sessionId)) {
      for (const reading of row) if (reading.at !== null && reading.at > endedAt) endedAt = reading.at;
    }
  }
  return priceSession(record, { ...t, endedAt }, context);
}
