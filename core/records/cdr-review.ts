// What a person decides about a CDR: one that is held because its rules doubt it, or one that was issued and is wrong.
import { derivedId } from "../ids/ids.ts";

/** The one credit CDR that a CDR can have. */
export function creditIdOf(cdrId: string): string {
  return derivedId("credit", cdrId);
}

/**
 * `held`: a draft that no partner has seen. `issued`: an immutable CDR, which is corrected by a credit CDR and a new one.
 * `void` of an issued one is the credit CDR alone; `release` is for held ones.
 */
export type CdrReviewOf = "held" | "issued";
export type CdrReviewAction = "release" | "correct" | "void";

/** What a correction says instead of the CDR; what is absent stays. */
export interface CdrValues {
  /** Epoch ms. */
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly energyMwh?: number;
  /** Money as decimal text in the CDR's currency; absent: by the tariff that the CDR was priced by. */
  readonly total?: { readonly exclVat: string; readonly inclVat: string };
}
