// A price as a person reads it, from its periods to its totals.
import type { ShownPrice } from "../../core/price/explain.ts";
import { chargeLines, periodLines, totalLines } from "../../projections/rest/explain-lines.ts";

export function priceLines(price: ShownPrice): string[] {
  return [
    `Tariff ${price.tariffId}, ${price.currency}`,
    ...price.periods.flatMap(periodLines),
    "Lines",
    ...chargeLines(price).map((line) => `  ${line}`),
    ...totalLines(price),
  ];
}
