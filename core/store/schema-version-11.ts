// Schema version 11: what is sent for a status stands with its mark, so that a thousand changes a second need no look at a
// thousand locations for each partner.
import { tablesOfVersion9 } from "./schema-version-9.ts";
import type { ColumnKind } from "./schema.ts";

export const tablesOfVersion11 = {
  ocpi_push: { ...tablesOfVersion9.ocpi_push, body: "text?" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;
