// Schema version 2: the documents of stations.
import type { ColumnKind } from "./schema.ts";

export const tablesOfVersion2 = {
  station_document: {
    table_set: "integer",
    partition: "integer",
    party: "text",
    station: "text",
    collection: "text",
    key: "text",
    document: "text?",
    last_updated: "bigint",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;

/** Notices of all stations, in their order. */
export const indexesOfVersion2 = { station_document: [["party", "collection", "key", "station"]] } as const;
