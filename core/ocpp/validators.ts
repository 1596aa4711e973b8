// Validators and schemas of OCPP payloads, by version, action and direction.
//
// The code behind them is generated into build/ocpp by `tools/prepare.ts`, and a version's share is loaded at its first
// use (5 to 45 ms). Schemas say what is well formed, not what is answered: whether a violation is refused or only
// annotated is the gateway's decision, as is the reading of a null payload as {}.
import { createRequire } from "node:module";

export type OcppVersion = "ocpp1.6" | "ocpp2.0.1" | "ocpp2.1";

/** `req` is the payload of a CALL (or, in 2.1, of a SEND), `conf` that of a CALLRESULT. */
export type Direction = "req" | "conf";

/** The first thing that is wrong with a payload. */
export interface Violation {
  /** JSON pointer to the offending value, "" for the payload itself; for a missing or surplus field, to that field. */
  readonly path: string;
  /** The JSON schema keyword that failed; input of {@link errorCodeFor}. */
  readonly keyword: string;
  /** For people, without any part of the payload but field names. */
  readonly message: string;
}

export type Validator = (payload: unknown) => Violation | null;

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The CALLERROR codes that a schema violation can lead to; 1.6 spells two of them differently. */
export type SchemaErrorCode =
  | "FormationViolation"
  | "FormatViolation"
  | "OccurenceConstraintViolation"
  | "OccurrenceConstraintViolation"
  | "PropertyConstraintViolation"
  | "TypeConstraintViolation";

interface GeneratedError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface GeneratedValidator {
  (payload: unknown): boolean;
  errors?: readonly GeneratedError[] | null;
}

type ByDirection<T> = { [D in Direction]?: T };

const BUILD_FOLDER = "../../build/ocpp/";
const GENERATED_NAME = /^(req|conf)_(.+)$/;
const MAX_FIELD_NAME_CHARS = 64;

const load = createRequire(import.meta.url);
const validatorTables = new Map<OcppVersion, ReadonlyMap<string, ByDirection<Validator>>>();
const schemaTables = new Map<OcppVersion, ReadonlyMap<string, ByDirection<JsonSchema>>>();

/**
 * The validator of a payload, or undefined for an action that the version does not know in that direction. The function
 * returned is the same at every call, so it may be kept.
 */
export function validator(version: OcppVersion, action: string, direction: Direction): Validator | undefined {
  return validatorsOf(version).get(action)?.[direction];
}

/** The JSON schema (draft 7, `definitions` inside) that {@link validator} checks, as the OCA publishes it but for `$id`. */
export function schema(version: OcppVersion, action: string, direction: Direction): JsonSchema | undefined {
  let table = schemaTables.get(version);
  if (table === undefined) {
    const generated = loadGenerated(`${version}.json`) as Record<string, ByDirection<JsonSchema>>;
    table = new Map(Object.entries(generated));
    schemaTables.set(version, table);
  }
  return table.get(action)?.[direction];
}

/** Every action of a version, in alphabetical order, whichever side sends it. */
export function actionsOf(version: OcppVersion): readonly string[] {
  return [...validatorsOf(version).keys()].sort();
}

/**
 * The CALLERROR code for a violated schema keyword.
 *
 * OCPP-J 1.6 §4.2.3 and OCPP 2.0.1 part 4 §4.3 describe the codes in words only. A field that the message does not have
 * makes it "not conform the PDU structure"; too few or too many of something is an occurrence; a wrong JSON type, and a
 * string that is no date, is a data type; everything else is an invalid value of a field.
 */
export function errorCodeFor(version: OcppVersion, keyword: string): SchemaErrorCode {
  const is16 = version === "ocpp1.6";
  switch (keyword) {
    case "additionalProperties":
      return is16 ? "FormationViolation" : "FormatViolation";
    case "required":
    case "minItems":
    case "maxItems":
    case "additionalItems":
      return is16 ? "OccurenceConstraintViolation" : "OccurrenceConstraintViolation";
    case "type":
    case "format":
      return "TypeConstraintViolation";
    default:
      return "PropertyConstraintViolation";
  }
}

function validatorsOf(version: OcppVersion): ReadonlyMap<string, ByDirection<Validator>> {
  const known = validatorTables.get(version);
  if (known !== undefined) return known;
  const table = new Map<string, ByDirection<Validator>>();
  const generated = loadGenerated(`${version}.cjs`) as Record<string, GeneratedValidator>;
  for (const [name, check] of Object.entries(generated)) {
    const match = GENERATED_NAME.exec(name);
    const direction = match?.[1] as Direction | undefined;
    const action = match?.[2];
    if (direction === undefined || action === undefined) throw new Error(`unexpected generated validator ${name}`);
    const byDirection = table.get(action) ?? {};
    byDirection[direction] = (payload) => (check(payload) ? null : violationOf(check));
    table.set(action, byDirection);
  }
  validatorTables.set(version, table);
  return table;
}

function violationOf(check: GeneratedValidator): Violation {
  const error = check.errors?.[0];
  if (error === undefined) throw new Error("a generated validator refused a payload without saying why");
  const field = error.params["missingProperty"] ?? error.params["additionalProperty"];
  const path = typeof field === "string" ? `${error.instancePath}/${pointerSegment(field)}` : error.instancePath;
  const message = error.message ?? `violates ${error.keyword}`;
  return { path, keyword: error.keyword, message: error.keyword === "enum" ? enumMessage(error, message) : message };
}

function enumMessage(error: GeneratedError, message: string): string {
  const allowed = error.params["allowedValues"];
  return Array.isArray(allowed) ? `${message}: ${allowed.join(", ")}` : message;
}

/** RFC 6901; a surplus field's name comes from the station, so it is cut. */
function pointerSegment(field: string): string {
  return field.slice(0, MAX_FIELD_NAME_CHARS).replaceAll("~", "~0").replaceAll("/", "~1");
}

function loadGenerated(file: string): unknown {
  try {
    return load(BUILD_FOLDER + file);
  } catch (cause) {
    throw new Error(`build/ocpp/${file} is missing or unreadable; run \`npm install\` or \`node tools/prepare.ts\``, {
      cause,
    });
  }
}
