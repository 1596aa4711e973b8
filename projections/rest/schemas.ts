// JSON schemas that several routes share; the OpenAPI document is made from them.
import { pageQuery } from "./paging.ts";

export const stationIdParam = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", minLength: 1, maxLength: 48, description: "Charging station identity" } },
} as const;

export const idParam = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", minLength: 1, maxLength: 255 } },
} as const;

export function listQuery(filters: Readonly<Record<string, object>>) {
  return { type: "object", properties: { ...pageQuery, ...filters }, additionalProperties: false } as const;
}

export const timeFilter = { type: "string", format: "date-time", description: "RFC 3339" } as const;

const nullable = (type: string) => ({ type: [type, "null"] }) as const;
export const nullableText = nullable("string");
export const nullableNumber = nullable("number");
export const nullableTime = { type: ["string", "null"], format: "date-time" } as const;

export const money = {
  type: ["object", "null"],
  properties: { amount: { type: "string", examples: ["12.34"] }, currency: { type: "string", examples: ["EUR"] } },
} as const;

export const problem = {
  description: "Problem document (RFC 9457); `detail` says what to do",
  type: "object",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    path: { type: "string", description: "JSON pointer of the offending value" },
  },
} as const;

export function pageSchema(item: object) {
  return {
    description: "One page",
    type: "object",
    required: ["items"],
    properties: { items: { type: "array", items: item }, nextCursor: { type: "string" } },
  } as const;
}

/** The answers of a route: its own and the problems that it can have. */
export function answers(own: Readonly<Record<number, object>>, ...problems: readonly number[]) {
  const all: Record<string, object> = {};
  for (const [status, schema] of Object.entries(own)) all[status] = { description: "Done", ...schema };
  for (const status of [401, 403, ...problems]) all[String(status)] = problem;
  return all;
}

export const connectorSchema = {
  type: "object",
  properties: {
    evseId: { type: "integer" },
    connectorId: { type: "integer" },
    status: { type: "string" },
    errorCode: nullableText,
    since: nullableTime,
  },
} as const;

export const stationSchema = {
  type: "object",
  properties: {
    id: { type: "string" },
    protocol: { ...nullableText, description: "ocpp1.6, ocpp2.0.1 or ocpp2.1; null: it never connected" },
    vendor: nullableText,
    model: nullableText,
    serial: { ...nullableText, description: "As it said at its last boot" },
    firmware: nullableText,
    online: { type: "boolean" },
    lastSeen: nullableTime,
    bootedAt: nullableTime,
    connectors: { type: "array", items: connectorSchema },
    securityProfile: { type: ["integer", "null"] },
    acceptance: { type: "string", enum: ["accepted", "pending", "rejected"] },
    validation: nullableText,
    locationId: nullableText,
    serialNumber: { ...nullableText, description: "Registered: what its certificate must name; null: its id" },
    carrier: { ...nullableText, description: "Whose SIM it connects by" },
    siteGroup: nullableText,
    hasPassword: { type: "boolean" },
    registered: { type: "boolean", description: "false: it connects, but the registry does not know it" },
    firstSeenAt: nullableTime,
    version: { type: ["integer", "null"], description: "The ETag's number" },
  },
} as const;

export const sessionSchema = {
  type: "object",
  properties: {
    id: { type: "string", format: "uuid" },
    stationId: { type: "string" },
    evseId: { type: "integer" },
    connectorId: { type: "integer" },
    transactionId: { type: "string" },
    idToken: nullableText,
    status: { type: "string", enum: ["active", "completed"] },
    state: nullableText,
    startedAt: nullableTime,
    endedAt: nullableTime,
    energyWh: { type: "number" },
    meterStartWh: nullableNumber,
    meterStopWh: nullableNumber,
    stopReason: nullableText,
    cdrId: nullableText,
    cdrReason: { ...nullableText, description: "Why there is no CDR (yet)" },
    cost: { ...money, description: "Including VAT" },
    costExclVat: money,
    annotations: { type: "array", items: { type: "string" } },
    lastUpdated: nullableTime,
  },
} as const;

export const cdrSchema = {
  type: "object",
  properties: {
    id: { type: "string" },
    sessionId: { type: "string" },
    stationId: { type: "string" },
    evseId: { type: "integer" },
    connectorId: { type: "integer" },
    idToken: nullableText,
    credits: {
      ...nullableText,
      description: "The CDR that this one takes back: of a credit CDR the total alone is negative",
    },
    number: {
      type: ["integer", "null"],
      description: "Without gaps, where the setting cdrNumbering is on; in no list",
    },
    replaces: { ...nullableText, description: "The CDR that was taken back for this one" },
    why: { ...nullableText, description: "Of a credit CDR and of a correction" },
    startedAt: nullableTime,
    endedAt: nullableTime,
    durationSeconds: { type: "integer" },
    energyWh: { type: "number" },
    tariffId: nullableText,
    currency: nullableText,
    total: { ...money, description: "Including VAT; null: no tariff applied" },
    totalExclVat: money,
    lines: { type: "array", items: { type: "object" } },
    periods: {
      description: "Charging periods (OCPI): each lasts until the next one; what was used in it, not what is billed",
      type: "array",
      items: {
        type: "object",
        properties: {
          startedAt: nullableTime,
          dimension: { type: "string", enum: ["TIME", "PARKING_TIME", "RESERVATION_TIME"] },
          durationSeconds: { type: "integer" },
          energyWh: { type: "number" },
        },
      },
    },
    annotations: { type: "array", items: { type: "string" } },
    lastUpdated: nullableTime,
  },
} as const;

export const commandSchema = {
  type: "object",
  properties: {
    id: { type: "string", format: "uuid" },
    stationId: { type: "string" },
    action: { type: "string" },
    payload: { type: "object", additionalProperties: true },
    status: { type: "string", enum: ["requested", "sent", "done"] },
    outcome: {
      enum: ["accepted", "rejected", "error", "timeout", "expired", "not_connected", "unknown", null],
    },
    response: { ...nullableText, description: "The station's frame, verbatim" },
    lateResponse: nullableText,
    effect: {
      enum: ["started", "not_started", null],
      description:
        "Of an accepted remote start: whether a session began within the station's connection time-out; null: not known (yet)",
    },
    sessionId: { ...nullableText, description: "The session that it started" },
    requestedAt: nullableTime,
    sentAt: nullableTime,
    endedAt: nullableTime,
    deadline: nullableTime,
    origin: { type: "object", additionalProperties: true },
    lastUpdated: nullableTime,
  },
} as const;
