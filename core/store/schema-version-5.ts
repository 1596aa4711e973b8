// Schema version 5: events wait in the outbox by the batch. One row an event was written, indexed and deleted for each.
import type { ColumnKind } from "./schema.ts";

export const tablesOfVersion5 = {
  outbox: { table_set: "integer", partition: "integer", sequence: "bigint", count: "integer", events: "blob" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;
