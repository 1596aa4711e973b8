// What the register of meters' public keys takes.
import { publicKeyOf } from "../../core/metering/public-key.ts";
import type { MeterKeysDoc } from "../../core/registry/entities.ts";
import { documentIdSchema, text } from "./applies-to.ts";
import { Problem } from "./problems.ts";

export const meterKeysSchema = {
  type: "object",
  required: ["id", "keys"],
  additionalProperties: false,
  properties: {
    id: { ...documentIdSchema, maxLength: 48, description: "The station" },
    calibrated: {
      type: "boolean",
      description: "Its CDRs go by the signed values at the start and the end alone, or are held. Absent: false",
    },
    keys: {
      type: "array",
      maxItems: 200,
      items: {
        type: "object",
        required: ["publicKey"],
        additionalProperties: false,
        properties: {
          publicKey: { ...text(2_000), description: "SubjectPublicKeyInfo or the bare point, as hex, Base64 or PEM" },
          evseId: { type: "integer", minimum: 1, description: "Absent: every EVSE" },
          meter: { ...text(64), description: "Serial number as the meter signs it; absent: any" },
          validFrom: { type: "string", format: "date-time", description: "Of the value, by the station's clock" },
          validUntil: { type: "string", format: "date-time", description: "Exclusive: when the meter was swapped" },
        },
      },
    },
  },
} as const;

/** @throws Problem a key that nothing could ever be checked by, or one that is valid never. */
export function checkMeterKeys({ keys }: MeterKeysDoc): void {
  for (const [at, { publicKey, validFrom, validUntil }] of keys.entries()) {
    const key = publicKeyOf(publicKey);
    if (key?.asymmetricKeyType !== "ec") {
      const what = "publicKey is no public key of an elliptic curve that is known here: give it as hex, Base64 or PEM.";
      throw new Problem("invalid", what, { path: `/keys/${at}/publicKey` });
    }
    if (validFrom !== undefined && validUntil !== undefined && Date.parse(validUntil) <= Date.parse(validFrom)) {
      throw new Problem("invalid", "validUntil must be after validFrom.", { path: `/keys/${at}/validUntil` });
    }
  }
}
