// Decimals as a tariff or a session states them. decimal.js is named here only; what is computed for each session runs on
// integers.
import { Decimal } from "decimal.js";

import type { Fraction } from "./fraction.ts";

const Exact = Decimal.clone({ precision: 60 });
/** Digits that a stated amount may have: anything longer is a mistake, and would make every sum slow. */
const mostDigits = 30;
const decimalText = /^-?\d+(\.\d+)?([eE][+-]?\d{1,2})?$/;

/** @returns undefined where it is no finite decimal of at most 30 digits. A number stands for its shortest text. */
export function decimalOf(value: unknown): Decimal | undefined {
  const isText = typeof value === "string" && value.length <= 2 * mostDigits && decimalText.test(value);
  if (!isText && !(typeof value === "number" && Number.isFinite(value))) return undefined;
  const decimal = new Exact(value);
  return decimal.precision(true) <= mostDigits && decimal.decimalPlaces() <= mostDigits ? decimal : undefined;
}

export function fractionOf(decimal: Decimal): Fraction {
  const places = decimal.decimalPlaces();
  return { n: BigInt(decimal.times(new Exact(10).pow(places)).toFixed()), d: 10n ** BigInt(places) };
}

/**
 * The value in units of 1/scale, rounded half up to an integer.
 * @returns undefined where it is no decimal, or too large for an exact integer.
 */
export function scaled(value: unknown, scale: number): number | undefined {
  const units = decimalOf(value)?.times(scale).round().toNumber();
  return units !== undefined && Number.isSafeInteger(units) ? units : undefined;
}
