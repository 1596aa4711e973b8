// What can be read of a station's documents (core/records/station-documents.ts): a row a collection. `properties` is the
// document as its field in processors/reports tells it.
import type { Collection } from "../../core/records/station-documents.ts";
import { nullableText, nullableTime } from "./schemas.ts";

export interface DocumentCollection {
  /** `/api/v1/stations/{id}/{path}`. */
  readonly path: string;
  readonly summary: string;
  readonly properties: Readonly<Record<string, object>>;
}

export const documentCollections: Readonly<Record<Collection, DocumentCollection>> = {
  securityEvents: {
    path: "security-events",
    summary: "Security events that the station reported, the newest first",
    properties: {
      type: { ...nullableText, description: "As OCPP names it, e.g. TamperDetectionActivated" },
      at: nullableTime,
      techInfo: nullableText,
    },
  },
};
