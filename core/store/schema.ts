// The newest schema: what every version before it left, checked against the row types of tables.ts.
import { tablesOfVersion1 } from "./schema-version-1.ts";
import { tablesOfVersion2 } from "./schema-version-2.ts";
import { tablesOfVersion3 } from "./schema-version-3.ts";
import { tablesOfVersion5 } from "./schema-version-5.ts";
import { tablesOfVersion6 } from "./schema-version-6.ts";
import { tablesOfVersion8 } from "./schema-version-8.ts";
import { tablesOfVersion9 } from "./schema-version-9.ts";
import { tablesOfVersion10 } from "./schema-version-10.ts";
import { tablesOfVersion11 } from "./schema-version-11.ts";
import type { TableName, Tables } from "./tables.ts";

/** A question mark: may be null. */
export type ColumnKind = "text" | "text?" | "integer" | "integer?" | "bigint" | "bigint?" | "blob";

const columns = {
  ...tablesOfVersion1,
  ...tablesOfVersion2,
  ...tablesOfVersion3,
  ...tablesOfVersion5,
  ...tablesOfVersion6,
  ...tablesOfVersion8,
  ...tablesOfVersion9,
  ...tablesOfVersion10,
  ...tablesOfVersion11,
} as const satisfies {
  readonly [Name in TableName]: { readonly [Column in keyof Tables[Name]]: ColumnKind };
};

/** What bulk writes go by. */
export function columnsOf(table: TableName): Readonly<Record<string, ColumnKind>> {
  return columns[table];
}
