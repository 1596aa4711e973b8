// Exact amounts: a numerator and a denominator above 0. A third of an hour at any price stays exact until it is rounded.

export interface Fraction {
  readonly n: bigint;
  readonly d: bigint;
}

export const zero: Fraction = { n: 0n, d: 1n };

export function plus(a: Fraction, b: Fraction): Fraction {
  if (a.d === b.d) return { n: a.n + b.n, d: a.d };
  return { n: a.n * b.d + b.n * a.d, d: a.d * b.d };
}

export function minus(a: Fraction, b: Fraction): Fraction {
  return plus(a, { n: -b.n, d: b.d });
}

export function times(a: Fraction, b: Fraction): Fraction {
  return { n: a.n * b.n, d: a.d * b.d };
}

/** @param b not 0. */
export function dividedBy(a: Fraction, b: Fraction): Fraction {
  return b.n > 0n ? { n: a.n * b.d, d: a.d * b.n } : { n: -a.n * b.d, d: -a.d * b.n };
}

/** Below 0, 0, above 0 as a is less than, equal to, more than b. */
export function compare(a: Fraction, b: Fraction): number {
  const left = a.n * b.d;
  const right = b.n * a.d;
  return left < right ? -1 : left > right ? 1 : 0;
}

const powersOfTen = Array.from({ length: 16 }, (_, exponent) => 10n ** BigInt(exponent));

function powerOfTen(exponent: number): bigint {
  return powersOfTen[exponent] ?? 10n ** BigInt(exponent);
}

/** @returns the amount in units of 10^-decimals, half away from 0. */
export function inUnits({ n, d }: Fraction, decimals: number): bigint {
  const doubled = 2n * n * powerOfTen(decimals);
  return doubled >= 0n ? (doubled + d) / (2n * d) : -((d - doubled) / (2n * d));
}

/** Decimal text of units of 10^-decimals, without zeros at the end beyond `atLeast` decimals. */
export function textOfUnits(units: bigint, decimals: number, atLeast = 0): string {
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  let part = digits.slice(digits.length - decimals);
  let end = part.length;
  while (end > atLeast && part.charCodeAt(end - 1) === 48) end -= 1;
  part = part.slice(0, end).padEnd(atLeast, "0");
  return `${units < 0n ? "-" : ""}${whole}${part === "" ? "" : `.${part}`}`;
}

/** Rounded half away from 0. */
export function textOf(amount: Fraction, decimals: number, atLeast = 0): string {
  return textOfUnits(inUnits(amount, decimals), decimals, atLeast);
}
