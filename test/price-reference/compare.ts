// One case priced by two computations.
import { compare as compareNumbers, decimal } from "./fraction.ts";
import type { Session, Tariff, Total } from "./model.ts";
import { price } from "./reference.ts";

/** What computes a price: the product's engine, or one with a planted fault. */
export type Engine = (tariff: Tariff, session: Session) => Total;

export interface Priced {
  readonly tariff: Tariff;
  readonly session: Session;
}

export interface Disagreement {
  readonly reference: Total;
  readonly engine: Total | { readonly error: string };
}

/** null where both say the same amounts, however they write them (`5.00`, `5`). Throws where the reference refuses the case. */
export function disagreement(
  engine: Engine,
  { tariff, session }: Priced,
  reference = price(tariff, session),
): Disagreement | null {
  const given = attempt(() => engine(tariff, session));
  if ("error" in given) return { reference, engine: given };
  const isSame = isEqual(reference.exclVat, given.exclVat) && isEqual(reference.inclVat, given.inclVat);
  return isSame ? null : { reference, engine: given };
}

function attempt(work: () => Total): Total | { readonly error: string } {
  try {
    return work();
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function isEqual(a: string, b: string): boolean {
  return compareNumbers(decimal(a), decimal(b)) === 0;
}
