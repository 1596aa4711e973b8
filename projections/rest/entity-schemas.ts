// What callers may put into the registry: tokens, OCPI tariffs and locations, settings.
import { limits } from "../../core/config/limits.ts";
import { settingDefaults, type SettingId } from "../../core/registry/entities.ts";
import { appliesToSchema, documentIdSchema, text } from "./applies-to.ts";

/** A JSON number, or decimal text where the caller wants every digit kept. */
const decimal = {
  anyOf: [{ type: "number" }, { type: "string", pattern: "^-?[0-9]{1,12}(\\.[0-9]{1,8})?$" }],
} as const;
const clockTime = { type: "string", pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$" } as const;
const day = { type: "string", format: "date" } as const;
const positive = { type: "number", minimum: 0 } as const;
const weekdays = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"] as const;

export const tokenSchema = {
  type: "object",
  required: ["uid", "type", "contractId", "valid", "whitelist"],
  additionalProperties: false,
  properties: {
    uid: text(36),
    type: { type: "string", enum: ["RFID", "APP_USER", "AD_HOC_USER", "OTHER", "EMAID"] },
    contractId: text(36),
    valid: { type: "boolean" },
    whitelist: { type: "string", enum: ["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"] },
    groupId: text(36),
    expiresAt: { type: "string", format: "date-time" },
    roaming: { type: "object", description: "Whose it is, where a roaming partner pushed it; kept as it is" },
  },
} as const;

/** Price of 2.2.1, or PriceLimit of 2.3.0: core/price says which of them is whole. */
const price = {
  type: "object",
  properties: { excl_vat: decimal, incl_vat: decimal, before_taxes: decimal, after_taxes: decimal },
} as const;

const restrictions = {
  type: "object",
  additionalProperties: false,
  properties: {
    start_time: clockTime,
    end_time: clockTime,
    start_date: day,
    end_date: day,
    min_kwh: positive,
    max_kwh: positive,
    min_current: positive,
    max_current: positive,
    min_power: positive,
    max_power: positive,
    min_duration: { type: "integer", minimum: 0 },
    max_duration: { type: "integer", minimum: 0 },
    day_of_week: { type: "array", items: { type: "string", enum: weekdays } },
    reservation: { type: "string", enum: ["RESERVATION", "RESERVATION_EXPIRES"] },
  },
} as const;

/** OCPI 2.2.1 or 2.3.0 Tariff, `validFrom` and `appliesTo`. Unknown fields are kept: later versions of OCPI have more. */
export const tariffSchema = {
  type: "object",
  required: ["id", "currency", "elements"],
  properties: {
    id: text(36),
    country_code: { type: "string", pattern: "^[A-Za-z]{2}$" },
    party_id: { type: "string", pattern: "^[A-Za-z0-9]{3}$" },
    currency: { type: "string", pattern: "^[A-Z]{3}$" },
    type: { type: "string", enum: ["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"] },
    tariff_alt_url: text(255),
    min_price: price,
    max_price: price,
    tax_included: { type: "string", enum: ["YES", "NO", "N/A"], description: "2.3.0; absent: NO" },
    appliesTo: {
      type: "object",
      additionalProperties: false,
      description: "Whom it is for, where it is not for everybody: the most specific tariff of a connector applies",
      properties: {
        tokens: { type: "array", maxItems: 1_000, items: text(36) },
        groups: { type: "array", maxItems: 1_000, items: text(36) },
        partners: { type: "array", maxItems: 1_000, items: text(5), description: "Country code and party id: DEABC" },
      },
    },
    start_date_time: { type: "string", format: "date-time" },
    end_date_time: { type: "string", format: "date-time" },
    validFrom: { type: "string", format: "date-time" },
    elements: {
      type: "array",
      minItems: 1,
      maxItems: 500,
      items: {
        type: "object",
        required: ["price_components"],
        properties: {
          price_components: {
            type: "array",
            minItems: 1,
            maxItems: 8,
            items: {
              type: "object",
              required: ["type", "price", "step_size"],
              properties: {
                type: { type: "string", enum: ["ENERGY", "FLAT", "PARKING_TIME", "TIME"] },
                price: decimal,
                vat: decimal,
                step_size: { type: "integer", minimum: 0 },
              },
            },
          },
          restrictions,
        },
      },
    },
  },
} as const;

const connector = {
  type: "object",
  required: ["id"],
  properties: {
    id: text(36),
    stationId: { type: "string", pattern: "^[A-Za-z0-9*+\\-_.@|=]{1,48}$" },
    evseId: { type: "integer", minimum: 0 },
    connectorId: { type: "integer", minimum: 0 },
    tariff_ids: { type: "array", maxItems: 50, items: text(36) },
  },
} as const;

/** OCPI 2.2.1 Location whose connectors name our stations. Unknown fields are kept. */
/** OCPI 2.2.1, 8.4.20 PublishTokenType: a token, a printed number of an issuer, or a group. */
const publishToken = {
  type: "object",
  anyOf: [{ required: ["uid", "type"] }, { required: ["visual_number", "issuer"] }, { required: ["group_id"] }],
  dependencies: { uid: ["type"], visual_number: ["issuer"] },
} as const;

export const locationSchema = {
  type: "object",
  required: ["id"],
  properties: {
    id: text(36),
    name: { type: "string", maxLength: 255 },
    address: { type: "string", maxLength: 45 },
    city: { type: "string", maxLength: 45 },
    postal_code: { type: "string", maxLength: 10 },
    country: { type: "string", pattern: "^[A-Z]{3}$" },
    country_code: { type: "string", pattern: "^[A-Za-z]{2}$" },
    party_id: { type: "string", pattern: "^[A-Za-z0-9]{3}$" },
    publish: { type: "boolean" },
    publish_allowed_to: { type: "array", items: publishToken },
    time_zone: text(255),
    coordinates: {
      type: "object",
      required: ["latitude", "longitude"],
      properties: {
        latitude: { type: "string", pattern: "^-?[0-9]{1,2}\\.[0-9]{5,7}$" },
        longitude: { type: "string", pattern: "^-?[0-9]{1,3}\\.[0-9]{5,7}$" },
      },
    },
    evses: {
      type: "array",
      maxItems: 500,
      items: {
        type: "object",
        required: ["uid"],
        properties: { uid: text(36), connectors: { type: "array", maxItems: 50, items: connector } },
      },
    },
  },
} as const;

export const localListSchema = {
  type: "object",
  required: ["id", "appliesTo"],
  additionalProperties: false,
  properties: {
    id: documentIdSchema,
    name: text(255),
    appliesTo: appliesToSchema,
    uids: {
      type: "array",
      maxItems: limits.localListEntries,
      items: text(36),
      description:
        "Tokens of the registry, letter case aside; absent: all of them. Those with whitelist NEVER stay out",
    },
    automatic: {
      type: "boolean",
      description:
        "Sent whenever a station has booted or the list has changed, also where it is absent; false: only when asked",
    },
  },
} as const;

/** Each setting's values; the table in entities.ts says which there are. */
export const settingSchemas = {
  runningCostSeconds: { type: "integer", minimum: 0, maximum: 86_400 },
  runningCostAtEnd: { type: "boolean" },
  settleAfterMs: { type: "integer", minimum: 0, maximum: 86_400_000 },
  recordFormat: { type: "integer", minimum: 1, maximum: 1 },
  unknownStations: { type: "string", enum: ["accept", "pending", "reject"] },
  unknownTokens: { type: "string", enum: ["accept", "reject"] },
  defaultTariffId: { type: "string", maxLength: 36 },
  heartbeatIntervalSeconds: { type: "integer", minimum: 10, maximum: 86_400 },
  validation: { type: "string", enum: ["lenient", "strict"] },
  strictModels: { type: "string", maxLength: 10_000 },
  strictRotation: { type: "boolean" },
  occupiedStatus: { type: "string", enum: ["BLOCKED", "CHARGING"] },
  cdrHoldPowerPercent: { type: "integer", minimum: 0, maximum: 10_000 },
  cdrHoldEnergyKwh: positive,
  cdrHoldHours: positive,
  cdrHoldCost: positive,
  cdrHoldWords: { type: "string", maxLength: 2_000, pattern: "^([A-Za-z]+(,[A-Za-z]+)*)?$" },
  cdrHoldUnsigned: { type: "boolean" },
  cdrNumbering: { type: "boolean" },
  smallSessions: { type: "string", enum: ["send", "zero", "suppress"] },
  lateCorrectionWh: { type: "integer", minimum: 0, maximum: 1_000_000 },
  lateCorrectionSeconds: { type: "integer", minimum: 0, maximum: 86_400 },
  idTokensShownTo: { type: "string", enum: ["viewer", "operator", "admin"] },
  openData: { type: "boolean" },
} as const satisfies Readonly<Record<SettingId, object>>;

export const settingIds = Object.keys(settingDefaults) as readonly SettingId[];
