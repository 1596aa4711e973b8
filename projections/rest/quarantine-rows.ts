// Which quarantined records a list shows or a bulk redrive takes: one set of filters.
import { sql, type SelectQueryBuilder } from "kysely";

import type { Store } from "../../core/store/store.ts";
import type { QuarantineRow, Schema } from "../../core/store/tables.ts";

export interface QuarantineFilter {
  readonly station?: string;
  readonly stage?: string;
  /** Contained in the reason, in whatever case. */
  readonly reason?: string;
}

export const quarantineFilters = {
  station: { type: "string", maxLength: 48 },
  stage: { type: "string", maxLength: 40, description: "decode, gateway or fold" },
  reason: { type: "string", minLength: 1, maxLength: 200, description: "Contained in the reason, in whatever case" },
} as const;

type Rows = SelectQueryBuilder<Schema, "live_quarantine", QuarantineRow>;

export function quarantineOf(db: Store["reader"], party: string, { station, stage, reason }: QuarantineFilter): Rows {
  let rows: Rows = db.selectFrom("live_quarantine").selectAll().where("party", "=", party);
  if (station !== undefined) rows = rows.where("station", "=", station);
  if (stage !== undefined) rows = rows.where("stage", "=", stage);
  if (reason === undefined) return rows;
  // SQLite compares in any case, Postgres does not.
  const pattern = `%${reason.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return rows.where(sql<boolean>`lower(reason) like ${pattern} escape ${"\\"}`);
}

/** Later records that wait behind each of these (rule Q1), by its id. */
export async function parkedBehind(db: Store["reader"], ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom("live_parked")
    .select(({ fn }) => ["quarantine_id", fn.countAll<number | string>().as("count")])
    .where("quarantine_id", "in", ids)
    .groupBy("quarantine_id")
    .execute();
  return new Map(rows.map((row) => [row.quarantine_id, Number(row.count)]));
}
