// Schema version 3: to which cluster and log a database belongs, and which processes have which names.
import type { ColumnKind } from "./schema.ts";

export const tablesOfVersion3 = {
  fact: { name: "text", value: "text" },
  name_hold: { role: "text", name: "text", holder: "text", beat: "bigint" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;
