// A hub's list of who is connected to it (2.2.1, HubClientInfo, Sender interface). The whole list says also who is gone.
import { writeEntity } from "../rest/registry-writer.ts";
import { OcpiError } from "./envelope.ts";
import { parseClient, storeClient } from "./hub-clients.ts";
import { clientIds, isHub } from "./hub-parties.ts";
import { pagesOf } from "./list-pages.ts";
import type { PulledFrom, PulledList } from "./list-pulls.ts";
import { principalOf, type Partner } from "./partners.ts";
import type { PeerWay } from "./peer-way.ts";
import type { PushNeeds } from "./pushes/needs.ts";
import type { Turn } from "./pushes/partner-rounds.ts";
import { hubClientsOf } from "./pushes/peers.ts";

export class HubClientPulls implements PulledList {
  readonly what = "parties of a hub";
  readonly urlOf = hubClientsOf;
  private readonly needs: PushNeeds;

  constructor(needs: PushNeeds) {
    this.needs = needs;
  }

  async pull(way: PeerWay, at: PulledFrom, since: number | undefined, { isStopped }: Turn): Promise<boolean> {
    const { partner } = at;
    if (!isHub(partner)) return true;
    const listed = new Set<string>();
    // Of the configuration modules: not routed.
    for await (const page of pagesOf(way, at, since, {})) {
      for (const object of page) {
        if (isStopped()) return false;
        const id = await this.store(partner, object);
        if (id !== undefined) listed.add(id);
      }
    }
    if (since === undefined) await this.forget(partner, listed);
    return true;
  }

  /** @returns its id; undefined: it is no ClientInfo, and told in our log */
  private async store(partner: Partner, object: unknown): Promise<string | undefined> {
    try {
      const client = parseClient(partner, object);
      // It was pushed after this page was made.
      const known = this.needs.registry.find(partner.party, "hubClient", client.id)?.doc;
      if (!known || known.updatedAt < client.updatedAt) await storeClient(this.needs, partner, client);
      return client.id;
    } catch (error) {
      if (!(error instanceof OcpiError)) throw error;
      this.needs.logger.warn({ partner: partner.doc.id, why: error.message }, "a party in a hub's list cannot be used");
      return undefined;
    }
  }

  /** What a whole list does not name is not valid any more. */
  private async forget(partner: Partner, listed: ReadonlySet<string>): Promise<void> {
    for (const id of clientIds(this.needs.registry, partner.party, partner.doc.id)) {
      if (!listed.has(id)) await writeEntity(this.needs, principalOf(partner), "hubClient", id, null, null);
    }
  }
}
