// Payloads that a schema accepts, drawn by chance: optional fields come and go, lists differ in length, texts reach their
// longest. What names something of the station (a connector, a token, a transaction) is drawn from few values, so that
// frames meet each other: a stop finds its start, a reading its session.
import type { Rng } from "../../bench/fleet/rng.ts";
import { transactionIdOf } from "../../core/ocpp/transaction-id.ts";
import type { JsonSchema } from "../../core/ocpp/validators.ts";

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const optionalShare = 0.45;
/** Below it optional objects are left out: some schemas nest eight deep. */
const deepest = 7;
const mostItems = 3;
const longestText = 60;
const firstMoment = Date.parse("2026-02-01T00:00:00Z");
const monthMs = 30 * 86_400_000;

const transactions = 12;
const tokens = ["TAG-1", "TAG-2", "tag-2", "TAG-3", "DEABC0000017", "0123456789ABCDEF0123"] as const;
const numbersOfText = ["0", "1.5", "230.1", "16", "12345", "12345.678", "-3", "0.000"] as const;
const configurationKeys = ["HeartbeatInterval", "MeterValueSampleInterval", "ConnectionTimeOut", "Vendor.Key"] as const;

/** The members by which a 1.6 station's transaction is known (rule I5): stops and readings name its id. */
function startOf(n: number) {
  const timestamp = new Date(firstMoment + n * 3_600_000).toISOString();
  return { connectorId: 1 + (n % 3), idTag: tokens[n % 3]!, timestamp, meterStart: 1000 * n };
}

/** @returns a payload for this schema; a test holds sampler and validators together. */
export function payloadOf(schema: JsonSchema, action: string, rng: Rng): unknown {
  const root = schema as Schema;
  const payload = sampleOf(root, root, "", 0, rng);
  if (action !== "StartTransaction" || !isObject(payload) || !("meterStart" in payload)) return payload;
  return { ...payload, ...startOf(rng.int(0, transactions - 1)) };
}

function sampleOf(of: Schema, root: Schema, name: string, depth: number, rng: Rng): unknown {
  if (of.$ref) return sampleOf(root.definitions![of.$ref.split("/").at(-1)!]!, root, name, depth, rng);
  if (of.enum) return rng.pick(of.enum);
  switch (typeof of.type === "string" ? of.type : of.type?.[0]) {
    case "object":
      return objectOf(of, root, depth, rng);
    case "array": {
      const least = of.minItems ?? 0;
      const most = Math.max(least, Math.min(of.maxItems ?? mostItems, mostItems));
      const length = rng.int(depth < deepest ? Math.min(1, most) : least, most);
      return Array.from({ length: Math.max(least, length) }, () => sampleOf(of.items!, root, name, depth + 1, rng));
    }
    case "integer":
      return integerOf(of, name, rng);
    case "number":
      return numberOf(of, rng);
    case "boolean":
      return rng.chance(0.5);
    default:
      return textOf(of, name, rng);
  }
}

function objectOf(of: Schema, root: Schema, depth: number, rng: Rng): object {
  const required = new Set(of.required);
  const fields = Object.entries(of.properties ?? {}).filter(
    ([name]) => required.has(name) || (depth < deepest && name !== "customData" && rng.chance(optionalShare)),
  );
  return Object.fromEntries(fields.map(([name, field]) => [name, sampleOf(field, root, name, depth + 1, rng)]));
}

function integerOf(of: Schema, name: string, rng: Rng): number {
  const least = Math.max(of.minimum ?? 0, -1_000_000);
  const most = Math.min(of.maximum ?? 2_000_000_000, 2_000_000_000);
  if (name === "transactionId") return transactionIdOf(startOf(rng.int(0, transactions - 1)));
  if (name === "connectorId" || name === "evseId" || name === "id") return rng.int(least, Math.min(most, 3));
  if (name === "seqNo" || name === "requestId") return rng.int(least, Math.min(most, 20));
  return rng.chance(0.2) ? rng.pick([least, most]) : rng.int(least, Math.min(most, 100_000));
}

/** multipleOf is 0.1 wherever 1.6 has it; one decimal is right everywhere. */
function numberOf(of: Schema, rng: Rng): number {
  const least = of.minimum ?? 0;
  return Number(rng.int(least, Math.min(of.maximum ?? 1e6, 1e6)).toFixed(1));
}

function textOf(of: Schema, name: string, rng: Rng): string {
  if (of.format === "date-time") return new Date(firstMoment + rng.int(0, monthMs)).toISOString();
  if (of.format === "uri") return "https://csms.example/upload";
  const most = of.maxLength ?? longestText;
  return wordFor(name, most, rng).slice(0, most);
}

function wordFor(name: string, most: number, rng: Rng): string {
  switch (name) {
    case "transactionId":
      return `tx-${rng.int(0, transactions - 1)}`;
    case "idTag":
    case "idToken":
    case "parentIdTag":
      return rng.pick(tokens);
    case "value":
      return rng.pick(numbersOfText);
    case "key":
      return rng.pick(configurationKeys);
    default:
      return rng.chance(0.05) ? letters(most, rng) : letters(rng.int(1, Math.min(most, 12)), rng);
  }
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .-_:/+=<>&'äß€漢";

function letters(length: number, rng: Rng): string {
  let text = "";
  for (let i = 0; i < Math.min(length, 2_500); i++) text += alphabet[rng.int(0, alphabet.length - 1)]!;
  return text;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
