// A price as a person reads it, from its periods to its totals.
import type { ShownDimension, ShownPeriod, ShownPrice } from "../../core/price/explain.ts";

const units = { FLAT: "", ENERGY: " kWh", TIME: " h", PARKING_TIME: " h" } as const;

export function priceLines(price: ShownPrice): string[] {
  const { currency, total, taxes, periods, lines, steps, sum, limitedBy, rounding } = price;
  return [
    `Tariff ${price.tariffId}, ${currency}`,
    ...periods.flatMap(periodLines),
    "Lines",
    ...lines.map(({ dimension, volume, unitPrice, vat, total: cost, element, reservation }) => {
      const what = `${dimension}${reservation ? ` (${reservation})` : ""}`;
      const by = `${volume}${units[dimension]} at ${unitPrice}, VAT ${vat === null ? "none" : `${vat} %`}`;
      return `  ${what} by element ${element}: ${by} = ${cost.exclVat} / ${cost.inclVat}`;
    }),
    ...steps
      .filter(({ used, billed }) => used !== billed)
      .map(
        ({ dimension, element, stepSize, used, billed }) =>
          `step_size ${stepSize} of element ${element}: ${dimension} ${used} -> ${billed}${units[dimension]}`,
      ),
    `Sum ${sum.exclVat} / ${sum.inclVat}`,
    ...(limitedBy.length > 0 ? [`Limited by ${limitedBy.join(" and ")}`] : []),
    `Rounded once, half away from 0, to ${rounding.decimals} decimals (${roundingWords[rounding.policy]})`,
    ...taxes.map(({ name, percentage, amount }) => `${name} ${percentage} %: ${amount}`),
    `Total ${total.exclVat} excl. VAT, ${total.inclVat} incl. VAT ${currency}`,
  ];
}

const roundingWords = {
  thousandths: "thousandths",
  minorUnit: "the currency's own unit, as it is paid at once",
} as const;

function periodLines({ start, end, state, reservation, dimensions, cost }: ShownPeriod): string[] {
  return [
    `${start} - ${end} ${reservation ?? state}: ${cost.exclVat} / ${cost.inclVat}`,
    ...dimensions.flatMap(dimensionLines),
  ];
}

function dimensionLines({ dimension, volume, billed, element, unitPrice, skipped }: ShownDimension): string[] {
  const amount = volume === billed || element === null ? volume : `${volume}, billed ${billed}`;
  const free = skipped.length === 0 ? "free: no element prices it" : "free: no element matches";
  const by = element === null ? free : `element ${element} at ${unitPrice}`;
  return [
    `  ${dimension} ${amount}${units[dimension]}: ${by}`,
    ...skipped.map(
      (not) => `    not element ${not.element}: ${not.restriction} is ${not.limit}, and it was ${not.actual}`,
    ),
  ];
}
