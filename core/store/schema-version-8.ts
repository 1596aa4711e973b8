// Schema version 8: CDRs that are held, and what people decided about these and about issued ones; sessions by their end.
import type { ColumnKind } from "./schema.ts";

export const tablesOfVersion8 = {
  cdr_review: {
    table_set: "integer",
    partition: "integer",
    id: "text",
    session_id: "text",
    party: "text",
    station: "text",
    state: "text",
    reasons: "text",
    document: "text?",
    decisions: "text",
    held_at: "bigint?",
    last_updated: "bigint",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;

export const indexesOfVersion8 = {
  cdr_review: [["party", "state", "last_updated"]],
} as const;

/** Changes once in a session, so that its row is rewritten in place as before. */
export const sessionsByEnd = "create index if not exists session_by_party_ended_at on session (party, ended_at)";
