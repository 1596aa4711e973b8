import { describe, expect, test } from "vitest";
import { EXAMPLES } from "./examples.ts";
import { decimal, type Fraction, toDecimal } from "./fraction.ts";
import { explain } from "./reference.ts";

/** An exact amount with as many digits as the text prints; null where it prints none. */
function asPrinted(printed: string | undefined, amount: Fraction): Fraction | null {
  return printed === undefined ? null : decimal(toDecimal(amount, printed.split(".")[1]?.length ?? 0));
}

describe("the reference of the price agrees with the specification's examples to every printed digit", () => {
  test.each(EXAMPLES)("$name", ({ tariff, session, exclVat, inclVat }) => {
    const { exact } = explain(tariff, session);
    expect(asPrinted(exclVat, exact.excl)).toEqual(decimal(exclVat));
    expect(asPrinted(inclVat, exact.incl)).toEqual(inclVat === undefined ? null : decimal(inclVat));
  });
});
