// What a station of 2.1 says that its transaction cost (TransactionEventRequest.costDetails), by a tariff that it was given. It is
// shown and compared; billed is what our engine makes of the readings.
import type { Cdr } from "../../core/records/domain-event.ts";
import { fieldsOf, numberOf, textOf, type Fields } from "../payload.ts";
import type { SessionAnnotation } from "../transactions/annotations.ts";

/** With the message that ends a transaction; null: its costs could not be computed there. */
export interface LocalCost {
  readonly currency: string | null;
  readonly exclTax: number | null;
  readonly inclTax: number | null;
  readonly failed: boolean;
}

/** @returns null where the message says none. */
export function localCostIn(request: Fields): LocalCost | null {
  if (request["costDetails"] === undefined) return null;
  const details = fieldsOf(request["costDetails"]);
  const cost = fieldsOf(details["totalCost"]);
  const total = fieldsOf(cost["total"]);
  return {
    currency: textOf(cost["currency"]),
    exclTax: numberOf(total["exclTax"]),
    inclTax: numberOf(total["inclTax"]),
    failed: details["failureToCalculate"] === true,
  };
}

/** Stations round as they like; a hundredth of the currency's unit is nobody's dispute. */
const toleratedThousandths = 10;

/** How it stands to the CDR's total: with taxes where the station says that, else without. */
export function localCostWords(local: LocalCost | null, cdr: Cdr): readonly SessionAnnotation[] {
  if (local === null) return [];
  if (local.failed) return ["localCostFailed"];
  const said = local.inclTax ?? local.exclTax;
  if (cdr.total === null || said === null) return ["localCostUnlike"];
  const ours = Number(local.inclTax === null ? cdr.total.exclVat : cdr.total.inclVat);
  const isNear = Math.round(Math.abs(said - ours) * 1_000) <= toleratedThousandths;
  return isNear && local.currency?.toUpperCase() === cdr.currency ? [] : ["localCostUnlike"];
}
