// Generates the OCPP validators and schemas into build/ocpp from the schema files of the package ocpp-rpc.
//
// Compiling the 387 schemas at start takes more than half a second; as generated code they load lazily in well under a
// tenth of that for the version that is used. core/ocpp/validators.ts is the only reader of what is written here.
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Schema = { $id: string; $schema?: string } & Record<string, unknown>;
type SchemaPair = { req?: Schema; conf?: Schema };

const VERSIONS = [
  { version: "ocpp1.6", file: "ocpp1_6.json" },
  { version: "ocpp2.0.1", file: "ocpp2_0_1.json" },
  { version: "ocpp2.1", file: "ocpp2_1.json" },
] as const;

/** 1.6 has fields with multipleOf 0.1; in binary floating point 0.3 is no multiple of it, so compare to 6 decimals. */
const MULTIPLE_OF_DECIMALS = 6;

const schemaFolder = (root: string): string => join(root, "node_modules", "ocpp-rpc", "lib", "schemas");
const outputFolder = (root: string): string => join(root, "build", "ocpp");

/** What the generated files depend on; their content decides whether they are made again. */
export function validatorInputs(root: string): string[] {
  return [
    ...VERSIONS.map(({ file }) => join(schemaFolder(root), file)),
    join(root, "node_modules", "ajv", "package.json"),
    join(root, "node_modules", "ajv-formats", "package.json"),
    join(root, "tools", "prepare-validators.ts"),
  ];
}

export function validatorOutputs(root: string): string[] {
  return VERSIONS.flatMap(({ version }) => [
    join(outputFolder(root), `${version}.cjs`),
    join(outputFolder(root), `${version}.json`),
  ]);
}

export async function prepareValidators(root: string): Promise<string> {
  const { Ajv } = await import("ajv");
  const { default: standalone } = await import("ajv/dist/standalone/index.js");
  const { default: formats } = await import("ajv-formats");
  mkdirSync(outputFolder(root), { recursive: true });
  let count = 0;
  for (const { version, file } of VERSIONS) {
    const source = JSON.parse(readFileSync(join(schemaFolder(root), file), "utf8")) as Schema[];
    const byAction = groupByAction(source, version);
    const ajv = new Ajv({
      allErrors: false,
      strict: false, // the official schemas carry "javaType" and "comment"
      multipleOfPrecision: MULTIPLE_OF_DECIMALS,
      code: { source: true, lines: false },
    });
    formats.default(ajv, { mode: "fast" });
    const exported: Record<string, string> = {};
    for (const [action, pair] of Object.entries(byAction)) {
      for (const [direction, schema] of Object.entries(pair)) {
        ajv.addSchema(schema);
        exported[`${direction}_${action}`] = schema.$id;
        count++;
      }
    }
    // CommonJS on purpose: it is loaded lazily and synchronously, and its own require() needs no createRequire.
    writeWhole(join(outputFolder(root), `${version}.cjs`), standalone.default(ajv, exported));
    writeWhole(join(outputFolder(root), `${version}.json`), JSON.stringify(byAction));
  }
  return `generated ${count} OCPP validators`;
}

/**
 * The package names its schemas `urn:X.req`, `urn:X.conf` (1.6, 2.0.1) and `urn:XRequest`, `urn:XResponse` (2.1), and a
 * SEND, which has no answer, plainly `urn:X`. `urn:X.req` is not a valid URN and newer ajv trips over it, so every
 * `$id` is rewritten to one form that names version, action and direction.
 */
function groupByAction(source: readonly Schema[], version: string): Record<string, SchemaPair> {
  const byAction: Record<string, SchemaPair> = {};
  for (const schema of source) {
    const match = /^urn:([A-Za-z0-9]+?)(\.req|\.conf|Request|Response)?$/.exec(schema.$id);
    const action = match?.[1];
    if (action === undefined) throw new Error(`${version}: cannot tell the action of schema ${schema.$id}`);
    const direction = match?.[2] === ".conf" || match?.[2] === "Response" ? "conf" : "req";
    const pair = (byAction[action] ??= {});
    if (pair[direction] !== undefined) throw new Error(`${version}: two schemas for ${action} ${direction}`);
    pair[direction] = { ...schema, $id: `urn:wattlog:${version}:${action}:${direction}` };
  }
  return byAction;
}

function writeWhole(file: string, text: string): void {
  const temporary = `${file}.${randomUUID()}`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}
