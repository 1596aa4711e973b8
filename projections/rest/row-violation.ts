// What a schema did not like about a row of an import: where, and what to do, for whoever has a spreadsheet in front of them.
import type { ErrorObject, ValidateFunction } from "ajv";

export interface Violation {
  /** JSON pointer into the row; empty: the row as a whole. */
  readonly path: string;
  /** What is wrong and what to do. It never repeats a value: it may be a password. */
  readonly reason: string;
}

type Params = Readonly<Record<string, unknown>>;

const typeWords: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

const sentences: Readonly<Record<string, (params: Params) => string>> = {
  required: () => "is missing: fill it in",
  additionalProperties: () => "is no field of this document: remove it",
  enum: ({ allowedValues }) => `is none of the known words: write ${listOf(allowedValues, (word) => String(word))}`,
  type: ({ type }) => `has the wrong type: write ${listOf(type, (word) => typeWords[String(word)] ?? "nothing")}`,
  minLength: ({ limit }) => `is too short: write at least ${String(limit)} characters`,
  maxLength: ({ limit }) => `is too long: write at most ${String(limit)} characters`,
  minimum: ({ limit }) => `is too small: write ${String(limit)} or more`,
  maximum: ({ limit }) => `is too large: write ${String(limit)} or less`,
  minItems: ({ limit }) => `has too few items: give at least ${String(limit)}`,
  maxItems: ({ limit }) => `has too many items: give at most ${String(limit)}`,
  pattern: ({ pattern }) => `has the wrong form: write what ${String(pattern)} matches`,
  // The one choice there is: a decimal, as a number or as text.
  anyOf: () => "has the wrong form: write a decimal number such as 0.30",
  format: ({ format }) => `is no ${String(format)}: write ${examples[String(format)] ?? `a ${String(format)}`}`,
};

const examples: Readonly<Record<string, string>> = {
  "date-time": "one such as 2026-01-31T12:00:00Z",
  date: "one such as 2026-01-31",
};

/** Call right after `valid` said no. */
export function violationOf(valid: ValidateFunction): Violation {
  // The last one is the outermost: of a choice it says more than the branch that failed last.
  const error = valid.errors?.at(-1);
  if (!error) return { path: "", reason: "It is not valid." };
  const path = pathOf(error);
  const name = path.split("/").at(-1) ?? "";
  const says = sentences[error.keyword]?.(error.params) ?? error.message ?? "is not valid";
  return { path, reason: `${name === "" ? "It" : name} ${says}.` };
}

function pathOf({ instancePath, params }: ErrorObject): string {
  const { missingProperty, additionalProperty } = params as Params;
  const field = missingProperty ?? additionalProperty;
  return typeof field === "string" ? `${instancePath}/${field}` : instancePath;
}

function listOf(value: unknown, word: (one: unknown) => string): string {
  return (Array.isArray(value) ? value : [value]).map(word).join(", ");
}
