// What keeps a tariff from being one: where it breaks the schema of OCPI 2.2.1 / 2.3.0 (module Tariffs, 5.3 and 5.4) or
// contradicts itself so that it cannot mean what its author thinks.
import type { Decimal } from "decimal.js";

import { decimalOf } from "./decimal.ts";
import { isFields, type Fault, type Fields } from "./faults.ts";
import { reservationKinds, restrictionFaults } from "./restriction-faults.ts";

/** Faults that are worth telling; a document of a thousand faults needs no list of them all. */
const mostFaults = 20;
const mostElements = 500;
const tariffTypes = ["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"];
const dimensions = ["ENERGY", "FLAT", "PARKING_TIME", "TIME"];
const utcTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$/;

/** @returns nothing where the document is a tariff that can be priced. */
export function tariffFaults(doc: unknown): readonly Fault[] {
  if (!isFields(doc)) return [{ path: "", reason: "a tariff is an object" }];
  return [
    ...headFaults(doc),
    ...limitFaults(doc),
    ...validityFaults(doc),
    ...elementsFaults(doc["elements"], doc["tax_included"]),
  ].slice(0, mostFaults);
}

function headFaults({ id, currency, type, tax_included: taxes }: Fields): Fault[] {
  const faults: Fault[] = [];
  if (typeof id !== "string" || id.length < 1 || id.length > 36) {
    faults.push({ path: "/id", reason: "is a text of 1 to 36 characters" });
  }
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) {
    faults.push({ path: "/currency", reason: "is an ISO 4217 code of three capital letters" });
  }
  if (type !== undefined && !tariffTypes.includes(type as string)) {
    faults.push({ path: "/type", reason: `is one of ${tariffTypes.join(", ")}` });
  }
  if (taxes !== undefined && taxes !== "YES" && taxes !== "NO" && taxes !== "N/A") {
    faults.push({ path: "/tax_included", reason: "is YES, NO or N/A" });
  }
  return faults;
}

// --- min_price, max_price: Price of 2.2.1 or PriceLimit of 2.3.0 ---

function limitFaults(doc: Fields): Fault[] {
  const faults: Fault[] = [];
  const read = (name: string): { excl: Decimal | undefined; incl: Decimal | undefined } => {
    const limit = doc[name];
    if (limit === undefined) return { excl: undefined, incl: undefined };
    if (!isFields(limit)) {
      faults.push({ path: `/${name}`, reason: "is an object with excl_vat (2.2.1) or before_taxes (2.3.0)" });
      return { excl: undefined, incl: undefined };
    }
    const [exclName, inclName] =
      limit["before_taxes"] === undefined ? ["excl_vat", "incl_vat"] : ["before_taxes", "after_taxes"];
    const excl = decimalOf(limit[exclName]);
    const inclValue = limit[inclName];
    const incl = inclValue === undefined ? undefined : decimalOf(inclValue);
    if (!excl) faults.push({ path: `/${name}/${exclName}`, reason: "is a decimal" });
    if (inclValue !== undefined && !incl) faults.push({ path: `/${name}/${inclName}`, reason: "is a decimal" });
    if (excl && incl?.lt(excl)) {
      faults.push({ path: `/${name}/${inclName}`, reason: "is less than the same price without taxes" });
    }
    return { excl, incl };
  };
  const [min, max] = [read("min_price"), read("max_price")];
  if ((min.excl && max.excl?.lt(min.excl)) || (min.incl && max.incl?.lt(min.incl))) {
    faults.push({ path: "/max_price", reason: "is below min_price: no price can keep both" });
  }
  return faults;
}

function validityFaults(doc: Fields): Fault[] {
  const faults: Fault[] = [];
  const read = (name: string): number | undefined => {
    const value = doc[name];
    if (value === undefined) return undefined;
    const at = typeof value === "string" && utcTime.test(value) ? timeOf(value) : Number.NaN;
    if (Number.isNaN(at)) faults.push({ path: `/${name}`, reason: "is a time such as 2026-01-31T12:00:00Z" });
    return at;
  };
  const start = read("start_date_time");
  const end = read("end_date_time");
  read("validFrom");
  if (start !== undefined && end !== undefined && end <= start) {
    faults.push({ path: "/end_date_time", reason: "is not after start_date_time: the tariff is never valid" });
  }
  return faults;
}

/** OCPI 2.2.1, types: a DateTime without a zone is UTC. */
export function timeOf(text: string): number {
  return Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
}

// --- elements ---

function elementsFaults(elements: unknown, taxes: unknown): Fault[] {
  if (!Array.isArray(elements) || elements.length === 0 || elements.length > mostElements) {
    return [{ path: "/elements", reason: `is a list of 1 to ${mostElements} elements` }];
  }
  return elements.flatMap((element: unknown, at): readonly Fault[] => {
    const path = `/elements/${at}`;
    if (!isFields(element)) return [{ path, reason: "is an object with price_components" }];
    const { price_components: components, restrictions } = element;
    if (!Array.isArray(components) || components.length === 0) {
      return [{ path: `${path}/price_components`, reason: "is a list of at least one component" }];
    }
    return [
      ...components.flatMap((c: unknown, i) => componentFaults(c, `${path}/price_components/${i}`, taxes)),
      ...repeatedDimensions(components, path),
      ...(restrictions === undefined ? [] : restrictionFaults(restrictions, `${path}/restrictions`)),
      ...reservationFaults(restrictions, components, path),
    ];
  });
}

function componentFaults(component: unknown, path: string, taxes: unknown): Fault[] {
  if (!isFields(component)) return [{ path, reason: "is an object with type, price and step_size" }];
  const { type, price, vat, step_size: step } = component;
  const faults: Fault[] = [];
  if (!dimensions.includes(type as string)) {
    faults.push({ path: `${path}/type`, reason: `is one of ${dimensions.join(", ")}` });
  }
  if (!decimalOf(price)) faults.push({ path: `${path}/price`, reason: "is a decimal" });
  if (vat !== undefined) {
    const percent = decimalOf(vat);
    if (!percent || percent.lt(0)) faults.push({ path: `${path}/vat`, reason: "is a percentage from 0 on" });
    else if (taxes === "N/A" && percent.gt(0)) {
      faults.push({ path: `${path}/vat`, reason: "names a tax while tax_included says that there is none (N/A)" });
    }
  }
  if (!Number.isSafeInteger(step) || (step as number) < 0 || (step as number) > 1e9) {
    faults.push({ path: `${path}/step_size`, reason: "is an integer from 0 to 1000000000" });
  }
  return faults;
}

/** Only one component of a dimension can be active at any time: a second one in the element would never be. */
function repeatedDimensions(components: readonly unknown[], path: string): Fault[] {
  const types = components.map((c) => (isFields(c) ? c["type"] : undefined));
  const at = types.findIndex((type, i) => type !== undefined && types.indexOf(type) < i);
  if (at < 0) return [];
  return [{ path: `${path}/price_components/${at}/type`, reason: `repeats ${String(types[at])} within one element` }];
}

/** OCPI 2.2.1, TariffRestrictions.reservation. */
function reservationFaults(restrictions: unknown, components: readonly unknown[], path: string): Fault[] {
  if (!isFields(restrictions) || !reservationKinds.includes(restrictions["reservation"] as string)) return [];
  const at = components.findIndex((c) => isFields(c) && c["type"] !== "FLAT" && c["type"] !== "TIME");
  if (at < 0) return [];
  return [{ path: `${path}/price_components/${at}/type`, reason: "a reservation is priced by FLAT and TIME only" }];
}
