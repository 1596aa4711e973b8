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

const anyObject = { type: "object", additionalProperties: true } as const;

const place = {
  component: { ...nullableText, description: "null in 1.6" },
  componentInstance: nullableText,
  evseId: { type: ["integer", "null"] },
  connectorId: { type: ["integer", "null"] },
  variable: { type: "string", description: "1.6: the key" },
  variableInstance: nullableText,
} as const;

const job = {
  requestId: nullableText,
  commandId: { ...nullableText, description: "null: the station does it by itself" },
  phase: { type: "string" },
  status: { ...nullableText, description: "The station's last word" },
  startedAt: nullableTime,
  history: {
    type: "array",
    items: { type: "object", properties: { status: { type: "string" }, at: nullableTime } },
  },
} as const;

export const documentCollections: Readonly<Record<Collection, DocumentCollection>> = {
  variables: {
    path: "configuration",
    summary: "Configuration in one view for all versions: 1.6 keys, 2.x variables, an attribute each",
    properties: {
      ...place,
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
  monitors: {
    path: "monitors",
    summary: "Variable monitors (2.x)",
    properties: {
      monitorId: { type: "string" },
      ...place,
      type: nullableText,
      value: nullableNumber,
      severity: nullableNumber,
      transaction: { type: "boolean" },
    },
  },
  events: {
    path: "events",
    summary: "What the station's monitors reported (2.x), the newest first",
    properties: {
      eventId: { type: "integer" },
      at: nullableTime,
      ...place,
      trigger: nullableText,
      actualValue: nullableText,
      notificationType: nullableText,
      monitorId: nullableText,
      cause: nullableText,
      cleared: { type: "boolean" },
      techCode: nullableText,
      techInfo: nullableText,
      transactionId: nullableText,
    },
  },
  firmwareUpdates: {
    path: "firmware-updates",
    summary: "Firmware updates and how far they are",
    properties: {
      ...job,
      phase: {
        type: "string",
        description:
          "accepted, downloading, downloaded, installing, installed, failed, cancelled; requested: by the station itself",
      },
      location: nullableText,
      retrieveAt: nullableText,
      installAt: nullableText,
      versionAfter: { type: "string", description: "Firmware version of the last boot since it was being installed" },
    },
  },
  publishedFirmware: {
    path: "published-firmware",
    summary: "Firmware that a local controller offers (2.x)",
    properties: {
      ...job,
      phase: { type: "string", description: "accepted, downloading, downloaded, published, failed" },
      location: nullableText,
      checksum: nullableText,
      publishedAt: { ...nullableText, description: "Addresses, by the station" },
    },
  },
  uploads: {
    path: "uploads",
    summary: "Logs and diagnostics that the station was asked to upload",
    properties: {
      ...job,
      phase: { type: "string", description: "accepted, uploading, uploaded, failed, cancelled" },
      logType: nullableText,
      location: nullableText,
      fileName: nullableText,
    },
  },
  reservations: {
    path: "reservations",
    summary: "Reservations",
    properties: {
      reservationId: { type: "string" },
      evseId: { type: "integer", description: "0: any" },
      connectorType: nullableText,
      idToken: nullableText,
      groupId: nullableText,
      status: { type: "string", enum: ["active", "used", "cancelled", "expired", "removed"] },
      transactionId: nullableText,
      sessionId: { ...nullableText, description: "That used it; null: none did, or the station had told of it before" },
      reservedAt: nullableTime,
      expiresAt: nullableTime,
    },
  },
  localList: {
    path: "local-list",
    summary: "The local authorisation list: which version the station has",
    properties: {
      version: { type: ["integer", "null"] },
      commandId: { ...nullableText, description: "The command that brought it; null: none of ours" },
      lastUpdate: { ...nullableText, description: "Full or Differential" },
      lastStatus: nullableText,
      lastEntries: { type: ["integer", "null"] },
    },
  },
  chargingProfiles: {
    path: "charging-profiles",
    summary: "Charging profiles in the station",
    properties: {
      profileId: { type: "string" },
      evseId: { type: "integer" },
      purpose: nullableText,
      stackLevel: nullableNumber,
      source: nullableText,
      profile: anyObject,
    },
  },
  chargingNeeds: {
    path: "charging-needs",
    summary: "What electric vehicles asked for (ISO 15118)",
    properties: {
      evseId: { type: "integer" },
      maxScheduleTuples: nullableNumber,
      needs: anyObject,
      answered: nullableText,
    },
  },
  chargingSchedules: {
    path: "charging-schedules",
    summary: "Charging schedules: an electric vehicle's own, and composite ones that were asked for",
    properties: {
      evseId: { type: "integer" },
      kind: { type: "string", enum: ["ev", "composite"] },
      timeBase: nullableTime,
      schedule: anyObject,
    },
  },
  chargingLimits: {
    path: "charging-limits",
    summary: "Limits that others than this CSMS set",
    properties: {
      evseId: { type: "integer" },
      source: { type: "string" },
      isGridCritical: { type: "boolean" },
      schedules: { type: "array", items: anyObject },
    },
  },
  displayMessages: {
    path: "display-messages",
    summary: "Messages on the station's display",
    properties: {
      messageId: nullableNumber,
      priority: nullableText,
      state: nullableText,
      startAt: nullableText,
      endAt: nullableText,
      transactionId: nullableText,
      message: anyObject,
    },
  },
  customerInformation: {
    path: "customer-information",
    summary: "Customer information that was asked for, in the order of its parts",
    properties: { requestId: { type: "string" }, seqNo: { type: "integer" }, data: { type: "string" } },
  },
  certificates: {
    path: "certificates",
    summary: "Certificates that are installed in the station",
    properties: {
      type: nullableText,
      hashAlgorithm: nullableText,
      issuerNameHash: nullableText,
      issuerKeyHash: nullableText,
      serialNumber: nullableText,
      children: { type: "array", items: anyObject },
    },
  },
  certificateRequests: {
    path: "certificate-requests",
    summary: "Certificate signing requests of the station, the newest first",
    properties: {
      type: { type: "string" },
      csr: { type: "string", description: "PEM" },
      digest: { type: "string", description: "SHA-256 of it" },
      answered: nullableText,
    },
  },
  certificatesSent: {
    path: "certificates-sent",
    summary: "Certificates that the station was sent, to use or to trust, the newest first",
    properties: { type: nullableText, certificate: { ...nullableText, description: "PEM" }, answered: nullableText },
  },
  commandEffects: {
    path: "command-effects",
    summary: "Whether remote starts that the station accepted led to a session",
    properties: {
      effect: { type: "string", enum: ["started", "not_started"] },
      sessionId: nullableText,
      at: nullableTime,
    },
  },
  authorisations: {
    path: "authorisations",
    summary: "How roaming partners authorised sessions when they were asked in real time",
    properties: {
      method: { type: "string", enum: ["AUTH_REQUEST"] },
      reference: { ...nullableText, description: "OCPI's authorization_reference" },
    },
  },
  localCosts: {
    path: "local-costs",
    summary: "What a station of 2.1 says that its transactions cost: costDetails as it sent them, by session",
    properties: {
      totalCost: anyObject,
      totalUsage: anyObject,
      chargingPeriods: { type: "array", items: anyObject },
      failureToCalculate: { type: "boolean" },
      failureReason: { type: "string" },
    },
  },
  derControls: {
    path: "der-controls",
    summary: "Rules of the grid in the station (2.1), and which of them is in force",
    properties: {
      controlId: { type: "string" },
      type: nullableText,
      isDefault: { type: "boolean" },
      isSuperseded: { type: "boolean" },
      started: { type: "boolean", description: "Absent: the station has not told" },
      changedAt: nullableTime,
      control: anyObject,
    },
  },
  derAlarms: {
    path: "der-alarms",
    summary: "Alarms of the grid's rules (2.1), the newest first",
    properties: {
      type: nullableText,
      fault: nullableText,
      ended: { type: "boolean" },
      at: nullableTime,
      extraInfo: nullableText,
    },
  },
  eventStreams: {
    path: "event-streams",
    summary: "Periodic event streams (2.1), each with the values of its last message",
    properties: {
      streamId: { type: "string" },
      monitorId: nullableText,
      intervalSeconds: nullableNumber,
      valuesAtOnce: nullableNumber,
      baseTime: nullableTime,
      pending: nullableNumber,
      latest: {
        type: "array",
        items: { type: "object", properties: { secondsAfter: nullableNumber, value: nullableText } },
      },
    },
  },
  stationTariffs: {
    path: "station-tariffs",
    summary: "Tariffs that the station knows (2.1)",
    properties: {
      tariffId: { type: "string" },
      kind: nullableText,
      evseIds: { type: "array", items: nullableNumber },
      validFrom: nullableText,
      tariff: { ...anyObject, description: "As we sent it" },
    },
  },
  batterySwaps: {
    path: "battery-swaps",
    summary: "Batteries that were put in or taken out (2.1), the newest first",
    properties: {
      requestId: nullableText,
      event: nullableText,
      idToken: nullableText,
      at: nullableTime,
      batteries: { type: "array", items: anyObject },
    },
  },
  settlements: {
    path: "settlements",
    summary: "What payment terminals settled (2.1), the newest first",
    properties: {
      transactionId: nullableText,
      reference: { ...nullableText, description: "The payment provider's" },
      status: nullableText,
      statusInfo: nullableText,
      amount: nullableNumber,
      at: nullableTime,
      receiptId: nullableText,
      receiptUrl: nullableText,
      vatNumber: nullableText,
      vatCompany: anyObject,
    },
  },
  priorityCharging: {
    path: "priority-charging",
    summary: "Transactions that charge with priority (2.1)",
    properties: { transactionId: { type: "string" }, activated: { type: "boolean" }, at: nullableTime },
  },
  dataTransfers: {
    path: "data-transfers",
    summary: "DataTransfer in either direction, the newest first",
    properties: {
      direction: { type: "string", enum: ["fromStation", "toStation"] },
      vendorId: nullableText,
      messageId: nullableText,
      data: {},
      status: nullableText,
      answerData: {},
    },
  },
};
