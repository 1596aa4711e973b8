// What stands at each position of a record, looked at before a cast is believed: bytes that nobody here wrote must end
// as CorruptRecordError, never as a TypeError in the middle of a fold.

const isText = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
const isBytes = (value: unknown): boolean => value instanceof Uint8Array;
const isMap = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

const fieldChecks = {
  text: isText,
  textOrNull: (value: unknown) => value === null || isText(value),
  number: isNumber,
  numberOrNull: (value: unknown) => value === null || isNumber(value),
  bytes: isBytes,
  bytesOrNull: (value: unknown) => value === null || isBytes(value),
  map: isMap,
  mapOrNull: (value: unknown) => value === null || isMap(value),
  texts: (value: unknown) => Array.isArray(value) && value.every(isText),
  numbers: (value: unknown) => Array.isArray(value) && value.every(isNumber),
  twoTexts: (value: unknown) => Array.isArray(value) && value.length === 2 && value.every(isText),
  twoNumbers: (value: unknown) => Array.isArray(value) && value.length === 2 && value.every(isNumber),
} as const;

export type Field = keyof typeof fieldChecks;

/** @returns what is wrong, or undefined when `fields` from `start` on are exactly of `shape`. */
export function misfit(fields: readonly unknown[], start: number, shape: readonly Field[]): string | undefined {
  if (fields.length !== start + shape.length) return `has ${fields.length} fields instead of ${start + shape.length}`;
  for (const [at, field] of shape.entries()) {
    if (!fieldChecks[field](fields[start + at])) return `has no ${field} at position ${start + at}`;
  }
  return undefined;
}

/** Versions and kinds are small whole numbers: one that is not known here may be a newer writer's, anything else is junk. */
export function isTag(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536;
}
