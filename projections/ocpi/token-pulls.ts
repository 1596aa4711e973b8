// What partners' lists of tokens become (2.2.1, Tokens, Sender interface): tokens of the registry, as pushed ones (decision 0029).
import { limits } from "../../core/config/limits.ts";
import { Problem } from "../rest/problems.ts";
import { OcpiError } from "./envelope.ts";
import { pagesOf } from "./list-pages.ts";
import type { PulledFrom, PulledList } from "./list-pulls.ts";
import { actsFor, type Partner } from "./partners.ts";
import type { PeerWay } from "./peer-way.ts";
import type { PushNeeds } from "./pushes/needs.ts";
import type { Turn } from "./pushes/partner-rounds.ts";
import { partyNameOf, tokensOf } from "./pushes/peers.ts";
import { parseToken } from "./token-object.ts";
import { ownerOf, readToken } from "./versions/tokens.ts";
import { versionWith } from "./versions/version.ts";
import { isStored, storeToken } from "./token-store.ts";

export class TokenPulls implements PulledList {
  readonly what = "tokens";
  readonly urlOf = tokensOf;
  private readonly needs: PushNeeds;

  constructor(needs: PushNeeds) {
    this.needs = needs;
  }

  async pull(way: PeerWay, at: PulledFrom, since: number | undefined, { isStopped }: Turn): Promise<boolean> {
    const { partner } = at;
    const count = { stored: 0, unchanged: 0, refused: 0 };
    for await (const page of pagesOf(way, at, since, way.partners.routingTo(partner))) {
      for (let from = 0; from < page.length; from += limits.ocpiTokenWrites) {
        if (isStopped()) return false;
        const some = page.slice(from, from + limits.ocpiTokenWrites);
        for (const result of await Promise.all(some.map((object) => this.store(partner, object)))) count[result]++;
      }
    }
    this.tell(partner, count);
    return true;
  }

  private async store(partner: Partner, object: unknown): Promise<"stored" | "unchanged" | "refused"> {
    try {
      const token = parseToken(readToken(versionWith(partner.doc), object, ownerOf(partner.doc)));
      if (!actsFor(this.needs.registry, partner, token.countryCode, token.partyId)) return "refused";
      if (isStored(this.needs, partner, token)) return "unchanged";
      await storeToken(this.needs, partner, token);
      return "stored";
    } catch (error) {
      // Somebody else's, or no Token object: said in sum, for a list may be full of them.
      if (error instanceof OcpiError) return "refused";
      // It was pushed at this moment: that one is as new.
      if (error instanceof Problem && error.kind === "version-conflict") return "unchanged";
      throw error;
    }
  }

  private tell({ doc }: Partner, count: Readonly<Record<"stored" | "unchanged" | "refused", number>>): void {
    const { metrics, logger } = this.needs;
    const party = partyNameOf(doc);
    for (const result of ["stored", "unchanged", "refused"] as const) {
      metrics.ocpiTokensPulled.inc({ party, result }, count[result]);
    }
    if (count.refused > 0)
      logger.warn({ partner: doc.id, ...count }, "not every token of a partner's list can be used");
  }
}
