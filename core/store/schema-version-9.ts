// Schema version 9: what OCPI partners are pushed, and what they took. Told to others, so no rebuild makes it again.
import type { ColumnKind } from "./schema.ts";

const object = { party: "text", partner: "text", module: "text", object: "text" } as const;

export const tablesOfVersion9 = {
  ocpi_push: { ...object, due: "bigint", changed: "bigint" },
  ocpi_delivery: {
    ...object,
    attempts: "integer",
    body: "text?",
    told: "text?",
    proof: "text?",
    delivered_at: "bigint?",
  },
  ocpi_dead_letter: { ...object, due: "bigint", attempts: "integer", problem: "text", died_at: "bigint" },
  ocpi_evse_status: { party: "text", location: "text", evse: "text", status: "text" },
  ocpi_peer: {
    party: "text",
    partner: "text",
    failures: "integer",
    resume_at: "bigint",
    problem: "text?",
    delivered_at: "bigint?",
    resync: "text?",
    retry: "text?",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;

export const indexesOfVersion9 = {
  // The first that waits, whatever else does.
  ocpi_push: [["party", "partner", "due"]],
} as const;
