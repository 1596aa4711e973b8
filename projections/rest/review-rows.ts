// CDRs that are held or were decided about, as REST and the command line show them.
import type { SelectQueryBuilder } from "kysely";

import type { Cdr } from "../../core/records/domain-event.ts";
import type { Store } from "../../core/store/store.ts";
import type { CdrReviewRow, Schema } from "../../core/store/tables.ts";
import { money, time, wattHours } from "./format.ts";
import { nullableNumber, nullableText, nullableTime, money as moneySchema } from "./schemas.ts";

interface Decision {
  readonly of: string;
  readonly action: string;
  readonly actor: string;
  readonly why: string;
  readonly at: number;
}

export const reviewStates = ["held", "released", "corrected", "voided"] as const;

export const reviewSchema = {
  type: "object",
  properties: {
    id: { type: "string", description: "Of the CDR; a held one keeps it when it is issued" },
    sessionId: { type: "string" },
    stationId: { type: "string" },
    state: { type: "string", enum: reviewStates },
    reasons: { type: "array", items: { type: "string" }, description: "Why it is or was held" },
    startedAt: nullableTime,
    endedAt: nullableTime,
    energyWh: nullableNumber,
    idToken: nullableText,
    tariffId: nullableText,
    total: { ...moneySchema, description: "Including VAT" },
    totalExclVat: moneySchema,
    annotations: { type: "array", items: { type: "string" } },
    heldAt: nullableTime,
    decisions: {
      type: "array",
      items: {
        type: "object",
        properties: {
          of: { type: "string", enum: ["held", "issued"] },
          action: { type: "string", enum: ["release", "correct", "void"] },
          actor: { type: "string" },
          why: { type: "string" },
          at: nullableTime,
        },
      },
    },
    lastUpdated: nullableTime,
  },
} as const;

/** @returns what it is about is null where it was never held: the CDR itself says it. */
export function showReview(row: CdrReviewRow) {
  const cdr = row.document === null ? null : (JSON.parse(row.document) as Cdr);
  return {
    id: row.id,
    sessionId: row.session_id,
    stationId: row.station,
    state: row.state,
    reasons: JSON.parse(row.reasons) as string[],
    startedAt: time(cdr?.startedAt ?? null),
    endedAt: time(cdr?.endedAt ?? null),
    energyWh: wattHours(cdr?.energyMwh ?? null),
    idToken: cdr?.idToken ?? null,
    tariffId: cdr?.tariffId ?? null,
    total: money(cdr?.total?.inclVat ?? null, cdr?.currency ?? null),
    totalExclVat: money(cdr?.total?.exclVat ?? null, cdr?.currency ?? null),
    annotations: cdr?.annotations ?? [],
    heldAt: time(row.held_at),
    decisions: (JSON.parse(row.decisions) as Decision[]).map((one) => ({ ...one, at: time(one.at) })),
    lastUpdated: time(row.last_updated),
  };
}

export function reviewsOf(
  db: Store["reader"],
  party: string,
  state?: string,
): SelectQueryBuilder<Schema, "live_cdr_review", CdrReviewRow> {
  const rows = db.selectFrom("live_cdr_review").selectAll().where("party", "=", party);
  return state === undefined ? rows : rows.where("state", "=", state);
}
