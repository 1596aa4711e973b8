// What can be read of a station's documents (core/records/station-documents.ts): a row a collection. `properties` is the
// document as its field in processors/reports tells it.
import type { Collection } from "../../core/records/station-documents.ts";
import { nullableNumber, nullableText, nullableTime } from "./schemas.ts";

export interface DocumentCollection {
  /** `/api/v1/stations/{id}/{path}`. */
  readonly path: string;
  readonly summary: string;
  readonly properties: Readonly<Record<string, object>>;
}

export const documentCollections: Readonly<Record<Collection, DocumentCollection>> = {
  variables: {
    path: "configuration",
    summary: "Configuration in one view for all versions: 1.6 keys, 2.x variables, an attribute each",
    properties: {
      component: { ...nullableText, description: "null in 1.6" },
      componentInstance: nullableText,
      evseId: { type: ["integer", "null"] },
      connectorId: { type: ["integer", "null"] },
      variable: { type: "string", description: "1.6: the key" },
      variableInstance: nullableText,
      attribute: { type: "string", description: "Actual, Target, MinSet, MaxSet" },
      value: { ...nullableText, description: "As text; null: none, or a secret" },
      isSecret: { type: "boolean" },
      afterReboot: { type: "boolean", description: "Accepted, in force after the station's restart" },
      mutability: { type: "string" },
      persistent: { type: "boolean" },
      constant: { type: "boolean" },
      dataType: nullableText,
      unit: nullableText,
      minLimit: nullableNumber,
      maxLimit: nullableNumber,
      valuesList: nullableText,
      supportsMonitoring: { type: "boolean" },
    },
  },
  reports: {
    path: "reports",
    summary: "What the station sent in parts, and whether it is complete",
    properties: {
      kind: {
        type: "string",
        description: "variables, monitors, chargingProfiles, displayMessages, customerInformation",
      },
      requestId: { type: "string" },
      parts: { type: "integer" },
      lastPart: { type: ["integer", "null"], description: "seqNo of the last one; null: it has not come" },
      items: { type: "integer" },
      complete: { type: "boolean" },
      lastPartAt: nullableTime,
    },
  },
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
