// Sender interface of tariffs (2.2.1, Tariffs).
import type { PartyId } from "../../core/ids/ids.ts";
import type { TariffDoc } from "../../core/registry/entities.ts";
import type { OcpiHandler } from "./call.ts";
import { isWithin, pageAnswer, pageQuery } from "./paging.ts";
import { isMembers, numberOf, pick, utc, withoutNulls, words, type Members } from "./values.ts";

const fields = words("type tariff_alt_text tariff_alt_url start_date_time end_date_time energy_mix");

export const listTariffs: OcpiHandler = async (call) => {
  const page = pageQuery(call);
  const { registry } = call.context;
  const all = [...registry.ids(call.party, "tariff")].flatMap((id) => {
    const found = registry.find(call.party, "tariff", id);
    const last = registry.versions(call.party, "tariff", id).at(-1);
    return found && last && isWithin(page, last.logTime) ? [{ doc: found.doc, at: last.logTime }] : [];
  });
  const items = all.slice(page.offset, page.offset + page.limit);
  return pageAnswer(
    call,
    page,
    all.length,
    items.map(({ doc, at }) => showTariff(doc, call.party, at)),
  );
};

/** Prices may be texts in the registry, so that no digit is lost; OCPI has numbers. */
export function showTariff(doc: TariffDoc, party: PartyId, changedAt: number): Members {
  const min = priceOf(doc.min_price);
  const max = priceOf(doc.max_price);
  return {
    // Whatever the document says: they must be those of the address that it is pushed to.
    country_code: party.slice(0, 2),
    party_id: party.slice(2),
    id: doc.id,
    currency: doc.currency,
    ...pick(doc, fields),
    ...(min && { min_price: min }),
    ...(max && { max_price: max }),
    elements: doc.elements.map(({ price_components, restrictions }) => ({
      price_components: price_components.map(({ type, price, vat, step_size }) => {
        const percent = numberOf(vat);
        return { type, price: numberOf(price) ?? 0, ...(percent === undefined ? {} : { vat: percent }), step_size };
      }),
      ...(restrictions && Object.keys(restrictions).length > 0 ? { restrictions: withoutNulls(restrictions) } : {}),
    })),
    last_updated: utc(changedAt),
  };
}

function priceOf(price: unknown): Members | undefined {
  if (!isMembers(price)) return undefined;
  const [excl, incl] = [
    numberOf(price["excl_vat"] ?? price["before_taxes"]),
    numberOf(price["incl_vat"] ?? price["after_taxes"]),
  ];
  return excl === undefined ? undefined : { excl_vat: excl, ...(incl === undefined ? {} : { incl_vat: incl }) };
}
