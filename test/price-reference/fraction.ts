/** An exact rational number in lowest terms; the denominator is positive. */
export interface Fraction {
  readonly n: bigint;
  readonly d: bigint;
}

export const ZERO: Fraction = { n: 0n, d: 1n };
export const ONE: Fraction = { n: 1n, d: 1n };

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a < 0n ? -a : a;
}

export function fraction(n: bigint, d = 1n): Fraction {
  if (d === 0n) throw new RangeError("division by zero");
  const common = greatestCommonDivisor(n, d) * (d < 0n ? -1n : 1n);
  return { n: n / common, d: d / common };
}

/** The number that a decimal says, as JSON or a price writes it: `0.25`, `-3`, `1e-7`. */
export function decimal(text: string | number): Fraction {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(String(text));
  if (!match) throw new RangeError(`not a decimal number: ${text}`);
  const [, sign, whole = "", part = "", exponent = "0"] = match;
  const digits = BigInt(`${sign}${whole}${part}`);
  const scale = Number(exponent) - part.length;
  return scale < 0 ? fraction(digits, 10n ** BigInt(-scale)) : fraction(digits * 10n ** BigInt(scale));
}

export function plus(a: Fraction, b: Fraction): Fraction {
  if (a.d === 1n && b.d === 1n) return { n: a.n + b.n, d: 1n };
  return fraction(a.n * b.d + b.n * a.d, a.d * b.d);
}

export function minus(a: Fraction, b: Fraction): Fraction {
  return plus(a, { n: -b.n, d: b.d });
}

export function times(a: Fraction, b: Fraction): Fraction {
  return fraction(a.n * b.n, a.d * b.d);
}

export function over(a: Fraction, b: Fraction): Fraction {
  return fraction(a.n * b.d, a.d * b.n);
}

/** Negative, zero or positive as `a` is smaller than, equal to or larger than `b`. */
export function compare(a: Fraction, b: Fraction): number {
  const left = a.n * b.d;
  const right = b.n * a.d;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

export function smaller(a: Fraction, b: Fraction): Fraction {
  return compare(a, b) <= 0 ? a : b;
}

export function larger(a: Fraction, b: Fraction): Fraction {
  return compare(a, b) >= 0 ? a : b;
}

export function sum(numbers: readonly Fraction[]): Fraction {
  return numbers.reduce(plus, ZERO);
}

/** The smallest multiple of `step` that is not below `amount`; both not negative. */
export function roundUpTo(step: bigint, amount: Fraction): Fraction {
  const block = amount.d * step;
  return fraction(((amount.n + block - 1n) / block) * step);
}

/** The nearest multiple of `grain`, half up; neither is negative. */
export function nearest(grain: Fraction, value: Fraction): Fraction {
  const count = over(value, grain);
  return times(grain, fraction((2n * count.n + count.d) / (2n * count.d)));
}

/** Half up (away from zero), as a decimal without needless zeros but with at least two places: `5.00`, `13.861`. */
export function toDecimal(value: Fraction, places: number): string {
  const scale = 10n ** BigInt(places);
  const positive = value.n < 0n ? -value.n : value.n;
  const scaled = (2n * positive * scale + value.d) / (2n * value.d);
  const digits = scaled.toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  let part = digits.slice(digits.length - places);
  while (part.length > 2 && part.endsWith("0")) part = part.slice(0, -1);
  const sign = value.n < 0n && scaled > 0n ? "-" : "";
  return part === "" ? `${sign}${whole}` : `${sign}${whole}.${part}`;
}

export function toText(value: Fraction): string {
  return value.d === 1n ? value.n.toString() : `${value.n}/${value.d}`;
}
