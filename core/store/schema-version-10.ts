// Schema version 10: what every connector was, from when to when. Made by the projection from its first event after the
// migration on; a rebuild makes what was before.
import type { ColumnKind } from "./schema.ts";

export const tablesOfVersion10 = {
  status_interval: {
    table_set: "integer",
    partition: "integer",
    party: "text",
    station: "text",
    evse_id: "integer",
    connector_id: "integer",
    sequence: "bigint",
    status: "text",
    reported: "text",
    cause: "text",
    fault_code: "text?",
    vendor: "text?",
    model: "text?",
    firmware: "text?",
    from_at: "bigint",
    to_at: "bigint",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;

export const indexesOfVersion10 = {
  // The open ones of a station, and those that reach into a period.
  status_interval: [["party", "station", "to_at"]],
} as const;

/** Few of all intervals tell of a fault. */
export const intervalsOfFaults =
  "create index if not exists status_interval_faults on status_interval (party, from_at) where fault_code is not null";
