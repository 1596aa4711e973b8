// A Tariff as each version has it: what its prices include, and what it can say of restrictions. Pure.
import type { TariffDoc } from "../../../core/registry/entities.ts";
import { isMembers, numberOf, pick, utc, withoutNulls, words, type Members } from "../values.ts";
import { oldestMix } from "./locations.ts";
import type { OcpiVersion } from "./version.ts";

export interface TariffFacts {
  readonly doc: TariffDoc;
  /** Ours, country code and party id: they must be those of the address that it is pushed to, whatever the document says. */
  readonly party: string;
  /** Epoch ms. */
  readonly changedAt: number;
}

/** undefined: the version cannot say it, and what it could say would be another price. */
type Shape = (facts: TariffFacts) => Members | undefined;

export const tariffIn: Readonly<Record<OcpiVersion, Shape>> = {
  "2.1.1": oldest,
  "2.2.1": (facts) => ({
    ...headOf(facts),
    ...limitsOf(facts.doc, "excl_vat", "incl_vat"),
    ...bodyOf(facts, (component) => withoutTax(component, facts.doc)),
  }),
  "2.3.0": (facts) => ({
    ...headOf(facts),
    ...limitsOf(facts.doc, "before_taxes", "after_taxes"),
    ...bodyOf(facts, ({ price }) => numberOf(price) ?? 0),
    tax_included: facts.doc["tax_included"] ?? "NO",
  }),
};

type Component = TariffDoc["elements"][number]["price_components"][number];

const fields = words("type tariff_alt_text tariff_alt_url start_date_time end_date_time energy_mix");

function headOf({ doc, party }: TariffFacts): Members {
  const owner = { country_code: party.slice(0, 2), party_id: party.slice(2) };
  return { ...owner, id: doc.id, currency: doc.currency, ...pick(doc, fields) };
}

/** Prices may be texts in the registry, so that no digit is lost; OCPI has numbers. */
function bodyOf({ doc, changedAt }: TariffFacts, priceOf: (component: Component) => number): Members {
  return {
    elements: doc.elements.map(({ price_components, restrictions }) => ({
      price_components: price_components.map((component) => {
        const percent = numberOf(component.vat);
        const { type, step_size } = component;
        return { type, price: priceOf(component), ...(percent === undefined ? {} : { vat: percent }), step_size };
      }),
      ...(restrictions && Object.keys(restrictions).length > 0 ? { restrictions: withoutNulls(restrictions) } : {}),
    })),
    last_updated: utc(changedAt),
  };
}

const priceDecimals = 6;

/** Before 2.3.0 prices are without tax. Where no rate is stated nobody can say what of a price is tax: it stays. */
function withoutTax({ price, vat }: Component, doc: TariffDoc): number {
  const [stated, percent] = [numberOf(price) ?? 0, numberOf(vat)];
  if (doc["tax_included"] !== "YES" || percent === undefined) return stated;
  return Number((stated / (1 + percent / 100)).toFixed(priceDecimals));
}

/** The registry has them in the words of 2.2.1 or of 2.3.0. */
function limitsOf(doc: TariffDoc, before: string, after: string): Members {
  const told = (["min_price", "max_price"] as const).flatMap((name) => {
    const limit: unknown = doc[name];
    if (!isMembers(limit)) return [];
    const excl = numberOf(limit["excl_vat"] ?? limit["before_taxes"]);
    const incl = numberOf(limit["incl_vat"] ?? limit["after_taxes"]);
    if (excl === undefined) return [];
    return [[name, { [before]: excl, ...(incl === undefined ? {} : { [after]: incl }) }]];
  });
  return Object.fromEntries(told) as Members;
}

const unsayable = ["min_current", "max_current"] as const;

/** No reservation: such an element is left out. By the current: the tariff is, for without that it would be another price. */
function oldest(facts: TariffFacts): Members | undefined {
  const { doc, changedAt } = facts;
  const elements = doc.elements.filter(({ restrictions = {} }) => restrictions["reservation"] === undefined);
  const isBeyond = elements.some(({ restrictions = {} }) => unsayable.some((name) => restrictions[name] !== undefined));
  if (isBeyond || elements.length === 0) return undefined;
  const { tariff_alt_text: text, tariff_alt_url: url, energy_mix: mix } = pick(doc, fields);
  const { elements: shown } = bodyOf({ ...facts, doc: { ...doc, elements } }, (component) =>
    withoutTax(component, doc),
  );
  const components = (shown as { price_components: Members[] }[]).map(({ price_components, ...element }) => ({
    price_components: price_components.map(({ vat: _vat, ...component }) => component),
    ...element,
  }));
  return {
    id: doc.id,
    currency: doc.currency,
    ...(text === undefined ? {} : { tariff_alt_text: text }),
    ...(url === undefined ? {} : { tariff_alt_url: url }),
    elements: components,
    ...(isMembers(mix) ? { energy_mix: oldestMix(mix) } : {}),
    last_updated: utc(changedAt),
  };
}
