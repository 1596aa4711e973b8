// The one policy of rounding: docs/decisions/0016. Sums are exact; each of the two totals is rounded once, at the end.
import type { TariffDoc } from "../registry/entities.ts";

export interface Rounding {
  readonly decimals: number;
  /** Shown even where they are zeros. */
  readonly atLeast: number;
  readonly policy: "thousandths" | "minorUnit";
}

/** ISO 4217: what is not here has two decimals. */
const minorUnits: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"]
      .concat(["XAF", "XOF", "XPF"])
      .map((code) => [code, 0]),
  ),
  ...Object.fromEntries(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"].map((code) => [code, 3])),
  CLF: 4,
  UYW: 4,
};
const usualMinorUnit = 2;

/** The specification's examples need three: 0.03125 is 0.031, 13.861 stays. */
const thousandths = { decimals: 3, atLeast: 2, policy: "thousandths" } as const;

/** Lines, periods and taxes show so many decimals; nothing is computed from what they show. */
export const shownDecimals = 6;

/**
 * Half away from zero, to a thousandth: what a CDR says is summed with others before anybody pays. What is paid at once, by
 * a card at the station (AD_HOC_PAYMENT), can only be paid in the currency's own unit.
 */
export function roundingOf({ type, currency }: Pick<TariffDoc, "currency"> & { readonly type?: unknown }): Rounding {
  if (type !== "AD_HOC_PAYMENT") return thousandths;
  const decimals = minorUnits[currency] ?? usualMinorUnit;
  return { decimals, atLeast: decimals, policy: "minorUnit" };
}
