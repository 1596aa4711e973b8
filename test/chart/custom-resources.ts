// Objects that Kubernetes learns from their operators: checked against the operators' own definitions, strictly, as an API
// server that prunes nothing would. Their rules in CEL are not evaluated.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";

import type { Manifest } from "./rendered.ts";

type Schema = Readonly<Record<string, unknown>>;

interface Definition {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

export class CustomResources {
  private readonly ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  private readonly schemas = new Map<string, Schema>();
  private readonly checks = new Map<string, ValidateFunction>();

  /** @param folder of CustomResourceDefinitions */
  constructor(folder: string) {
    for (const file of readdirSync(folder)) {
      const { spec } = parse(readFileSync(join(folder, file), "utf8")) as Definition;
      for (const { name, schema } of spec.versions) {
        this.schemas.set(`${spec.group}/${name} ${spec.names.kind}`, schema.openAPIV3Schema);
      }
    }
  }

  knows({ apiVersion, kind }: Manifest): boolean {
    return this.schemas.has(`${apiVersion} ${kind}`);
  }

  /** What is wrong, with its place; empty: nothing. */
  problems(manifest: Manifest): readonly string[] {
    const check = this.checkOf(`${manifest.apiVersion} ${manifest.kind}`);
    if (check(manifest)) return [];
    return (check.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  /** Compiled when it is asked for: most of them never are. */
  private checkOf(name: string): ValidateFunction {
    const known = this.checks.get(name);
    if (known) return known;
    const schema = this.schemas.get(name);
    if (!schema) throw new Error(`there is no definition of ${name}`);
    const check = this.ajv.compile(strict(schema));
    this.checks.set(name, check);
    return check;
  }
}

/** Fields that the definition does not name are refused; what Kubernetes says in words of its own is said in JSON Schema's. */
function strict(schema: Schema, isTop = true): Schema {
  if (schema["x-kubernetes-int-or-string"] === true) return { type: ["integer", "string"] };
  const properties = schema["properties"] as Readonly<Record<string, Schema>> | undefined;
  const items = schema["items"] as Schema | undefined;
  const more = schema["additionalProperties"];
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const pattern = schema["pattern"] as string | undefined;
  return {
    ...schema,
    // Go's way to say that case does not count; JavaScript has a group for it.
    ...(pattern ? { pattern: pattern.replace(/\(\?i\)(.*?)(\$?)$/, "(?i:$1)$2") } : {}),
    ...(properties
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, one]) => [
              name,
              isTop && name === "metadata" ? {} : strict(one, false),
            ]),
          ),
        }
      : {}),
    ...(items ? { items: strict(items, false) } : {}),
    ...(typeof more === "object" && more !== null ? { additionalProperties: strict(more as Schema, false) } : {}),
    ...(properties && more === undefined && !open ? { additionalProperties: false } : {}),
  };
}
