// A JSON schema as a table that plain-call.ts walks while it reads bytes. It is only ever stricter than the schema: what
// has no place in the table, a keyword or a value, is left to the parser and the validator.
import type { JsonSchema } from "./validators.ts";

export const kinds = { object: 0, list: 1, text: 2, word: 3, time: 4, integer: 5, number: 6, boolean: 7 } as const;

/** One class for all kinds, so that the reader sees one form of object. */
export class Shape {
  readonly kind: number;
  /** Of an object: names of its fields, each with the quote behind it. Of a word: its values, likewise. */
  readonly words: readonly Uint8Array[];
  /** Of an object: its fields, as `words`. Of a list: its items' shape alone. */
  readonly shapes: readonly Shape[];
  /** Of an object: a bit for each field that it must have. */
  readonly required: number;
  /** Fewest and most items, most characters, lowest and highest number. */
  readonly least: number;
  readonly most: number;

  constructor(kind: number, parts: Partial<Omit<Shape, "kind">> = {}) {
    this.kind = kind;
    this.words = parts.words ?? [];
    this.shapes = parts.shapes ?? [];
    this.required = parts.required ?? 0;
    this.least = parts.least ?? Number.NEGATIVE_INFINITY;
    this.most = parts.most ?? Number.POSITIVE_INFINITY;
  }
}

/** A bit a field. */
const mostFields = 31;
/** Below limits.jsonMaxDepth, the message's own array counted. */
const deepest = 16;

/** They say nothing of a value, or nothing that the reader does not refuse anyhow: it takes no field that has no name. */
const silentKeywords: readonly string[] =
  "$id $schema additionalItems additionalProperties comment default definitions description javaType title".split(" ");
const keywordsOf: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required"],
  array: ["items", "minItems", "maxItems"],
  string: ["maxLength", "enum", "format"],
  integer: ["minimum", "maximum"],
  number: [],
  boolean: [],
};

/** @returns undefined where the schema says something that the table cannot. */
export function shapeOf(schema: JsonSchema, root: JsonSchema = schema, depth = 0): Shape | undefined {
  if (depth > deepest) return undefined;
  const { $ref, type } = schema;
  if (typeof $ref === "string") return shapeOfReference(schema, $ref, root, depth);
  const known = typeof type === "string" ? keywordsOf[type] : undefined;
  if (known === undefined) return undefined;
  for (const keyword in schema) {
    if (keyword !== "type" && !known.includes(keyword) && !silentKeywords.includes(keyword)) return undefined;
  }
  switch (type) {
    case "object":
      return shapeOfObject(schema, root, depth);
    case "array":
      return shapeOfList(schema, root, depth);
    case "string":
      return shapeOfText(schema);
    case "integer":
      return new Shape(kinds.integer, bounds(schema["minimum"], schema["maximum"]));
    case "number":
      return new Shape(kinds.number);
    default:
      return new Shape(kinds.boolean);
  }
}

function shapeOfReference(schema: JsonSchema, to: string, root: JsonSchema, depth: number): Shape | undefined {
  const definitions = root["definitions"] as Readonly<Record<string, JsonSchema>> | undefined;
  const target = to.startsWith("#/definitions/") ? definitions?.[to.slice("#/definitions/".length)] : undefined;
  const alone = Object.keys(schema).every((keyword) => keyword === "$ref" || silentKeywords.includes(keyword));
  return target && alone ? shapeOf(target, root, depth + 1) : undefined;
}

/** A field that has no shape is left out: a message that has it goes to the parser. */
function shapeOfObject(schema: JsonSchema, root: JsonSchema, depth: number): Shape | undefined {
  const properties = Object.entries((schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>);
  const words: Uint8Array[] = [];
  const shapes: Shape[] = [];
  const names: string[] = [];
  for (const [name, property] of properties) {
    const shape = shapeOf(property, root, depth + 1);
    if (shape === undefined || !isPlain(name) || words.length === mostFields) continue;
    words.push(quoted(name));
    shapes.push(shape);
    names.push(name);
  }
  let required = 0;
  for (const name of (schema["required"] ?? []) as readonly string[]) {
    const at = names.indexOf(name);
    if (at < 0) return undefined;
    required |= 1 << at;
  }
  return new Shape(kinds.object, { words, shapes, required });
}

function shapeOfList(schema: JsonSchema, root: JsonSchema, depth: number): Shape | undefined {
  const { items } = schema;
  if (typeof items !== "object" || items === null || Array.isArray(items)) return undefined;
  const item = shapeOf(items as JsonSchema, root, depth + 1);
  return item && new Shape(kinds.list, { shapes: [item], ...bounds(schema["minItems"], schema["maxItems"]) });
}

function shapeOfText(schema: JsonSchema): Shape | undefined {
  const { format, maxLength } = schema;
  const values = schema["enum"] as readonly unknown[] | undefined;
  if (format !== undefined) {
    // A length besides would be one more thing to check, and no schema has both.
    return format === "date-time" && maxLength === undefined && !values ? new Shape(kinds.time) : undefined;
  }
  if (values === undefined) return new Shape(kinds.text, bounds(undefined, maxLength));
  const texts = values.filter((value) => typeof value === "string" && isPlain(value)) as string[];
  return maxLength === undefined ? new Shape(kinds.word, { words: texts.map(quoted) }) : undefined;
}

function bounds(least: unknown, most: unknown): Pick<Shape, "least" | "most"> {
  return {
    least: typeof least === "number" ? least : Number.NEGATIVE_INFINITY,
    most: typeof most === "number" ? most : Number.POSITIVE_INFINITY,
  };
}

/** Stands in JSON as it is. */
function isPlain(text: string): boolean {
  return /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(text);
}

export function quoted(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${text}"`));
}
