// What was reserved, as a CDR has it.
import type { Cdr } from "../../core/records/domain-event.ts";
import type { Reserved } from "../transactions/transaction.ts";

/** For whoever prices it again; null: it was no reservation. */
export function reservedIn({ periods, annotations }: Pick<Cdr, "periods" | "annotations">): Reserved | null {
  const period = periods?.find(({ dimension }) => dimension === "RESERVATION_TIME");
  return period ? { since: period.startedAt, expired: annotations.includes("reservationExpired") } : null;
}
