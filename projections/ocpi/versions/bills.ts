// Sessions and CDRs as each version has them, from those of 2.2.1: a price with its VAT, with its taxes, or without any; a location
// that is named, or there as a whole. Pure.
import type { CdrLine } from "../../../core/records/domain-event.ts";
import { isMembers, numberOf, words, type Members } from "../values.ts";
import type { OcpiVersion } from "./version.ts";

/** What 2.2.1 has no field for. */
export interface Beside {
  /** With the EVSE and the connector alone at which it was, as the version has it. */
  readonly location: Members;
  /** What a price came to, by VAT rate; empty where that is not known. */
  readonly lines: readonly CdrLine[];
}

type Shape = (object: Members, beside: Beside) => Members;

const asItIs = (object: Members): Members => object;

export const sessionIn: Readonly<Record<OcpiVersion, Shape>> = {
  "2.1.1": oldestSession,
  "2.2.1": asItIs,
  "2.3.0": withTaxes,
};

export const cdrIn: Readonly<Record<OcpiVersion, Shape>> = {
  "2.1.1": oldestCdr,
  "2.2.1": asItIs,
  "2.3.0": withTaxes,
};

/** 2.1.1 knows no credit: a CDR cannot be taken back, and a corrected one beside the first would be billed as well. */
export function isBilledIn(
  version: OcpiVersion,
  cdr: { readonly credits: string | null; readonly replaces?: string },
): boolean {
  return version !== "2.1.1" || (cdr.credits === null && cdr.replaces === undefined);
}

/** In 2.1.1 a PATCH replaces what it names, so charging periods cannot be added by one. */
export const appendsPeriods: Readonly<Record<OcpiVersion, boolean>> = { "2.1.1": false, "2.2.1": true, "2.3.0": true };

const dimensionsOf: Readonly<Record<string, (line: CdrLine) => boolean>> = {
  total_cost: () => true,
  total_fixed_cost: ({ dimension, reservation }) => dimension === "FLAT" && !reservation,
  total_energy_cost: ({ dimension, reservation }) => dimension === "ENERGY" && !reservation,
  total_time_cost: ({ dimension, reservation }) => dimension === "TIME" && !reservation,
  total_parking_cost: ({ dimension, reservation }) => dimension === "PARKING_TIME" && !reservation,
  total_reservation_cost: ({ reservation }) => reservation !== undefined,
};

/** Price of 2.3.0 in the place of that of 2.2.1. */
function withTaxes(object: Members, { lines }: Beside): Members {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      const isOf = dimensionsOf[name];
      return isOf && isMembers(value) ? [name, taxedPrice(value, lines.filter(isOf))] : [name, value];
    }),
  );
}

const decimals = 6;
const rounded = (amount: number) => Number(amount.toFixed(decimals));

/** By rate; the last one has what rounding and limits of the price leave, so that the taxes are their sum to the last digit. */
function taxedPrice(price: Members, lines: readonly CdrLine[]): Members {
  const before = numberOf(price["excl_vat"]) ?? 0;
  const after = numberOf(price["incl_vat"]);
  if (after === undefined) return { before_taxes: before };
  const whole = rounded(after - before);
  const byRate = [
    ...Map.groupBy(
      lines.filter(({ vat }) => vat !== null),
      ({ vat }) => vat!,
    ),
  ];
  if (byRate.length === 0)
    return { before_taxes: before, ...(whole === 0 ? {} : { taxes: [{ name, amount: whole }] }) };
  // Of a credit CDR the total is negative, and its lines are those of what it credits.
  const sign = before < 0 ? -1 : 1;
  let left = whole;
  const taxes = byRate.map(([vat, some], at) => {
    const share = rounded(
      sign * some.reduce((sum, { total }) => sum + Number(total.inclVat) - Number(total.exclVat), 0),
    );
    const amount = at === byRate.length - 1 ? rounded(left) : share;
    left -= amount;
    return { name, percentage: Number(vat), amount };
  });
  return { before_taxes: before, taxes };
}

/** The tax that a rate in a tariff of ours is one of. */
const name = "VAT";

const oldDimensions: ReadonlySet<unknown> = new Set(words("ENERGY FLAT MAX_CURRENT MIN_CURRENT PARKING_TIME TIME"));

function oldestPeriods(periods: unknown): Members {
  const told = (Array.isArray(periods) ? periods.filter(isMembers) : []).flatMap(({ start_date_time, dimensions }) => {
    const known = (Array.isArray(dimensions) ? dimensions.filter(isMembers) : []).filter(({ type }) =>
      oldDimensions.has(type),
    );
    return known.length === 0 ? [] : [{ start_date_time, dimensions: known }];
  });
  return told.length === 0 ? {} : { charging_periods: told };
}

/** Who: the contract. A command is an authentication request of the eMSP. */
function oldestAuthorisation({ cdr_token: token, auth_method: method }: Members): Members {
  const auth_id = isMembers(token) ? token["contract_id"] : undefined;
  return { auth_id, auth_method: method === "WHITELIST" ? method : "AUTH_REQUEST" };
}

function exclVat(price: unknown): number | undefined {
  return isMembers(price) ? numberOf(price["excl_vat"]) : undefined;
}

function oldestSession(session: Members, { location }: Beside): Members {
  const { id, start_date_time: start, end_date_time: end, kwh, currency, status, last_updated } = session;
  const cost = exclVat(session["total_cost"]);
  return {
    id,
    start_datetime: start,
    ...(end === undefined ? {} : { end_datetime: end }),
    kwh,
    ...oldestAuthorisation(session),
    location,
    currency,
    ...oldestPeriods(session["charging_periods"]),
    ...(cost === undefined ? {} : { total_cost: cost }),
    status,
    last_updated,
  };
}

function oldestCdr(cdr: Members, { location }: Beside): Members {
  const { id, start_date_time, end_date_time: stop, currency, tariffs, total_energy, total_time } = cdr;
  const { total_parking_time: parking, remark, last_updated } = cdr;
  return {
    id,
    start_date_time,
    stop_date_time: stop,
    ...oldestAuthorisation(cdr),
    location,
    currency,
    ...(tariffs === undefined ? {} : { tariffs }),
    ...oldestPeriods(cdr["charging_periods"]),
    total_cost: exclVat(cdr["total_cost"]) ?? 0,
    total_energy,
    total_time,
    ...(parking === undefined ? {} : { total_parking_time: parking }),
    ...(remark === undefined ? {} : { remark }),
    last_updated,
  };
}
