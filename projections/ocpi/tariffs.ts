// Sender interface of tariffs (Tariffs).
import type { OcpiHandler } from "./call.ts";
import { isWithin, pageAnswer, pageQuery } from "./paging.ts";
import { tariffIn } from "./versions/tariffs.ts";

export const listTariffs: OcpiHandler = async (call) => {
  const page = pageQuery(call);
  const { registry } = call.context;
  const all = [...registry.ids(call.party, "tariff")].flatMap((id) => {
    const found = registry.find(call.party, "tariff", id);
    const last = registry.versions(call.party, "tariff", id).at(-1);
    if (!found || !last || !isWithin(page, last.logTime)) return [];
    return tariffIn[call.version]({ doc: found.doc, party: call.party, changedAt: last.logTime }) ?? [];
  });
  return pageAnswer(call, page, all.length, all.slice(page.offset, page.offset + page.limit));
};
