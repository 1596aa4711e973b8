// What a decider is given: payloads made from the schemas themselves, and a context without surprises.
import { schema } from "../../core/ocpp/validators.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { Context } from "../decide/decision.ts";
import type { Lookups } from "../decide/lookups.ts";

const now = Date.parse("2026-03-01T12:00:00Z");

const lookups: Lookups = {
  acceptance: "accepted",
  wasRefused: false,
  strict: false,
  heartbeatSeconds: 300,
  acceptUnknownTokens: true,
  costAtEnd: false,
  token: () => undefined,
  canAsk: () => false,
};

/** Of a station that is accepted and lenient, but for what is changed. */
export function context(protocol: Protocol, changed: Partial<Lookups> = {}, random = 0.5): Context {
  const known = { ...lookups, ...changed };
  return { protocol, lookups: known, isRefused: known.wasRefused, now, random, answers: undefined, costs: undefined };
}

/** A CALL's payload that the schema accepts. */
export function sample(protocol: Protocol, action: string): unknown {
  const root = schema(protocol, action, "req") as Schema;
  return sampleOf(root, root);
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const textOf: Readonly<Record<string, string>> = { "date-time": "2026-01-01T00:00:00Z", uri: "https://example.org/x" };

function sampleOf(of: Schema, root: Schema): unknown {
  if (of.$ref) return sampleOf(root.definitions![of.$ref.split("/").at(-1)!]!, root);
  if (of.enum) return of.enum[0];
  switch (of.type) {
    case "object":
      return Object.fromEntries((of.required ?? []).map((name) => [name, sampleOf(of.properties![name]!, root)]));
    case "array":
      return [sampleOf(of.items!, root)];
    case "integer":
    case "number":
      return of.minimum ?? 1;
    case "boolean":
      return true;
    default:
      return textOf[of.format ?? ""] ?? "x";
  }
}
