import { readFileSync } from "node:fs";

import { Ajv } from "ajv";
import type { ValidateFunction } from "ajv";

import type { Protocol } from "./dialect.ts";

const files = { "1.6": "ocpp1_6", "2.0.1": "ocpp2_0_1", "2.1": "ocpp2_1" } as const;
const compiled = new Map<Protocol, Ajv>();

function load(protocol: Protocol): Ajv {
  const known = compiled.get(protocol);
  if (known !== undefined) return known;
  const url = new URL(`../../node_modules/ocpp-rpc/lib/schemas/${files[protocol]}.json`, import.meta.url);
  const schemas = JSON.parse(readFileSync(url, "utf8")) as Array<Record<string, unknown>>;
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  for (const { $id, $schema: _draft, ...schema } of schemas) {
    // The packaged ids are no URIs that ajv 8 resolves fragments against, and 2.1 spells them differently.
    const name = String($id)
      .replace(/^urn:/, "")
      .replace(/(\.req|Request)$/, ".req")
      .replace(/(\.conf|Response)$/, ".conf");
    ajv.addSchema(schema, name);
  }
  compiled.set(protocol, ajv);
  return ajv;
}

/** What the schema says against this payload; an empty list when it is valid, a sentence when there is no schema. */
export function schemaErrors(
  protocol: Protocol,
  action: string,
  direction: "req" | "conf",
  payload: unknown,
): string[] {
  const validate: ValidateFunction | undefined = load(protocol).getSchema(`${action}.${direction}`);
  if (validate === undefined) return [`${protocol} has no schema for ${action}.${direction}`];
  if (validate(payload)) return [];
  return (validate.errors ?? []).map((error) => `${action} ${error.instancePath} ${error.message ?? ""}`);
}
